/*
 * acl: access lists of networks.  Pure.
 *
 * The text form of a rule is an IPv4 or IPv6 address, or a network in CIDR
 * notation: 192.0.2.7, 10.0.0.0/8, 2001:db8::/32.  Bits after the prefix must
 * be zero.
 *
 * IPv4 peers match IPv4 rules only.  A peer with an IPv4-mapped IPv6 address
 * (RFC 4291, 2.5.5.2) is an IPv4 peer; a rule cannot have such an address.
 */
#ifndef ECHOD_ADDR_ACL_H
#define ECHOD_ADDR_ACL_H

#include <stdbool.h>
#include <stddef.h>

#include "addr/address.h"

/* Holds "IPv6/128" and the final NUL. */
#define ACL_TEXT_SIZE 56

struct acl_rule {
	int family;
	unsigned length; /* of the prefix, in bits */
	unsigned char network[16];
};

/* All zero: an empty list. */
struct acl {
	struct acl_rule *rules;
	size_t count;
};

/*
 * Parses the text form.  Returns NULL, or the reason for the failure, which is
 * `reason` (of `size` bytes).
 */
const char *acl_parse(const char *text, struct acl_rule *rule, char *reason,
		      size_t size);

/* Writes the text form, an address alone without its length; returns `text`. */
const char *acl_format(const struct acl_rule *rule, char text[ACL_TEXT_SIZE]);

/*
 * Sets `acl` to `count` rules, all zero; frees no rules that it had.  False if
 * memory is out: the list is empty.
 */
bool acl_new(struct acl *acl, size_t count);

/* Sets `acl` to a copy of `from`, like acl_new(). */
bool acl_copy(struct acl *acl, const struct acl *from);

/* Frees the rules; the list is empty afterwards. */
void acl_free(struct acl *acl);

/* True if a rule contains the address of `peer`, with any port. */
bool acl_match(const struct acl *acl, const struct address *peer);

/*
 * True if no rule of `deny` matches and `allow` is empty or has a rule that
 * matches.  A peer without an IP address is always admitted.
 */
bool acl_admits(const struct acl *allow, const struct acl *deny,
		const struct address *peer);

#endif
