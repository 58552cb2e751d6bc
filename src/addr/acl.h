/*
 * acl: lists of networks, and whether an address is in one of them.  Pure.
 *
 * A rule in text form is an IPv4 or IPv6 address, alone or with the length of a
 * prefix: 192.0.2.7, 10.0.0.0/8, 2001:db8::/32.  Bits past the prefix have to be
 * zero.  IPv4 peers are matched by IPv4 rules alone, and IPv4-mapped IPv6
 * addresses (RFC 4291, 2.5.5.2) are IPv4.
 */
#ifndef ECHOD_ADDR_ACL_H
#define ECHOD_ADDR_ACL_H

#include <stdbool.h>
#include <stddef.h>

#include "addr/address.h"

/* Enough for "IPv6/128" and the final NUL. */
#define ACL_TEXT_SIZE 56

struct acl_rule {
	int family;
	unsigned length; /* of the prefix, in bits */
	unsigned char network[16];
};

/* All zero is an empty list. */
struct acl {
	struct acl_rule *rules;
	size_t count;
};

/*
 * Reads the text form.  Returns NULL, or the reason why not, in `reason`
 * (which is of `size` bytes).
 */
const char *acl_parse(const char *text, struct acl_rule *rule, char *reason,
		      size_t size);

/* Writes the text form, an address alone without its length; returns `text`. */
const char *acl_format(const struct acl_rule *rule, char text[ACL_TEXT_SIZE]);

/* Makes room for so many rules, all zero; false where memory is out. */
bool acl_new(struct acl *acl, size_t count);
bool acl_copy(struct acl *acl, const struct acl *from);
void acl_free(struct acl *acl); /* leaves an empty list */

/* True where a rule has the address of `peer`; ports do not matter. */
bool acl_match(const struct acl *acl, const struct address *peer);

/*
 * True where nothing in `deny` matches and, unless `allow` is empty, something
 * in `allow` does.  Peers without an IP address are none of its business.
 */
bool acl_admits(const struct acl *allow, const struct acl *deny,
		const struct address *peer);

#endif
