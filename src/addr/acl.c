#include "addr/acl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned
family_bits(int family)
{
	return family == AF_INET ? 32 : 128;
}

/* The bits of byte `at` that belong to a prefix of `length` bits. */
static unsigned char
mask_of(unsigned length, unsigned at)
{
	unsigned before = at * 8;

	if (length <= before)
		return 0;
	if (length >= before + 8)
		return 0xff;
	return (unsigned char)(0xff << (8 - (length - before)));
}

/* Clears the bits after the prefix; true if any were set. */
static bool
clear_rest(struct acl_rule *rule)
{
	unsigned char cleared = 0;

	for (unsigned i = 0; i < sizeof(rule->network); i++) {
		unsigned char mask = mask_of(rule->length, i);

		cleared |= rule->network[i] & (unsigned char)~mask;
		rule->network[i] &= mask;
	}
	return cleared;
}

/* At most three digits, enough for 128, without leading zeros. */
static bool
is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits <= 3 && text[digits] == '\0' &&
	       (text[0] != '0' || digits == 1);
}

static const char *
parse_length(const char *text, struct acl_rule *rule)
{
	unsigned length;

	if (!text) {
		rule->length = family_bits(rule->family);
		return NULL;
	}
	if (is_number(text)) {
		length = (unsigned)strtoul(text, NULL, 10);
		if (length <= family_bits(rule->family)) {
			rule->length = length;
			return NULL;
		}
	}
	return rule->family == AF_INET ? "the prefix length is not in 0-32" :
					 "the prefix length is not in 0-128";
}

static const char *
parse_host(const char *host, struct acl_rule *rule)
{
	struct in6_addr in6;

	if (inet_pton(AF_INET, host, rule->network) == 1) {
		rule->family = AF_INET;
		return NULL;
	}
	if (inet_pton(AF_INET6, host, &in6) != 1)
		return strchr(host, '%') ?
			       "a network has no %zone" :
			       "not an IPv4 or IPv6 address or network "
			       "(host names are not looked up)";
	if (IN6_IS_ADDR_V4MAPPED(&in6))
		return "an IPv4-mapped address: write it as IPv4";
	rule->family = AF_INET6;
	memcpy(rule->network, &in6, sizeof(in6));
	return NULL;
}

const char *
acl_parse(const char *text, struct acl_rule *rule, char *reason, size_t size)
{
	char host[ACL_TEXT_SIZE], right[ACL_TEXT_SIZE];
	const char *slash = strchrnul(text, '/');
	size_t length = (size_t)(slash - text);
	const char *why;

	memset(rule, 0, sizeof(*rule));
	if (strlen(text) >= sizeof(host)) {
		snprintf(reason, size, "\"%.40s...\" is too long", text);
		return reason;
	}
	memcpy(host, text, length);
	host[length] = '\0';
	why = parse_host(host, rule);
	if (!why)
		why = parse_length(*slash ? slash + 1 : NULL, rule);
	if (why) {
		snprintf(reason, size, "\"%s\": %s", text, why);
		return reason;
	}
	if (!clear_rest(rule))
		return NULL;
	snprintf(reason, size,
		 "\"%s\" has bits past its prefix: write %s for the network, "
		 "or %s for the address",
		 text, acl_format(rule, right), host);
	return reason;
}

const char *
acl_format(const struct acl_rule *rule, char text[ACL_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "";

	inet_ntop(rule->family, rule->network, host, sizeof(host));
	if (rule->length == family_bits(rule->family))
		snprintf(text, ACL_TEXT_SIZE, "%s", host);
	else
		snprintf(text, ACL_TEXT_SIZE, "%s/%u", host, rule->length);
	return text;
}

bool
acl_new(struct acl *acl, size_t count)
{
	*acl = (struct acl){ .count = count };
	if (count > 0)
		acl->rules = calloc(count, sizeof(*acl->rules));
	if (acl->rules || count == 0)
		return true;
	acl->count = 0;
	return false;
}

bool
acl_copy(struct acl *acl, const struct acl *from)
{
	if (!acl_new(acl, from->count))
		return false;
	for (size_t i = 0; i < acl->count; i++)
		acl->rules[i] = from->rules[i];
	return true;
}

void
acl_free(struct acl *acl)
{
	free(acl->rules);
	*acl = (struct acl){ 0 };
}

/* The bytes and the family of an IP address; NULL for any other. */
static const unsigned char *
bytes_of(const struct address *peer, int *family)
{
	*family = address_family(peer);
	if (*family == AF_INET)
		return (const unsigned char *)&peer->in.sin_addr;
	if (*family != AF_INET6)
		return NULL;
	if (!IN6_IS_ADDR_V4MAPPED(&peer->in6.sin6_addr))
		return peer->in6.sin6_addr.s6_addr;
	*family = AF_INET;
	return peer->in6.sin6_addr.s6_addr + 12;
}

static bool
contains(const struct acl_rule *rule, const unsigned char *bytes)
{
	unsigned whole = rule->length / 8;

	if (memcmp(rule->network, bytes, whole) != 0)
		return false;
	return rule->length % 8 == 0 ||
	       (bytes[whole] & mask_of(rule->length, whole)) ==
		       rule->network[whole];
}

bool
acl_match(const struct acl *acl, const struct address *peer)
{
	int family;
	const unsigned char *bytes = bytes_of(peer, &family);

	for (size_t i = 0; bytes && i < acl->count; i++)
		if (acl->rules[i].family == family &&
		    contains(&acl->rules[i], bytes))
			return true;
	return false;
}

bool
acl_admits(const struct acl *allow, const struct acl *deny,
	   const struct address *peer)
{
	int family;

	if (!bytes_of(peer, &family))
		return true;
	return !acl_match(deny, peer) &&
	       (allow->count == 0 || acl_match(allow, peer));
}
