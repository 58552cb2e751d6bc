#include "addr/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool
parse_port(const char *text, uint16_t *port)
{
	/* 65535 has five digits; more digits could wrap around. */
	if (!is_digits(text) || strlen(text) > 5)
		return false;

	unsigned long value = strtoul(text, NULL, 10);
	if (value > UINT16_MAX)
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool
parse_ipv4(const char *host, struct address *address)
{
	address->length = sizeof(address->in);
	address->in.sin_family = AF_INET;
	return inet_pton(AF_INET, host, &address->in.sin_addr) == 1;
}

/*
 * The zone is the name or index of an interface; link-local addresses need it.
 */
static const char *
parse_zone(const char *zone, struct address *address)
{
	if (!zone)
		return IN6_IS_ADDR_LINKLOCAL(&address->in6.sin6_addr) ?
			       "a link-local address needs its %zone" :
			       NULL;

	unsigned index = if_nametoindex(zone);
	if (index == 0 && is_digits(zone) && strlen(zone) < 10)
		index = (unsigned)strtoul(zone, NULL, 10);
	if (index == 0)
		return "no such network interface";
	address->in6.sin6_scope_id = index;
	return NULL;
}

static const char *
parse_ipv6(char *host, struct address *address)
{
	char *zone = strchr(host, '%');

	if (zone)
		*zone++ = '\0';
	address->length = sizeof(address->in6);
	address->in6.sin6_family = AF_INET6;
	if (inet_pton(AF_INET6, host, &address->in6.sin6_addr) != 1)
		return "not an IPv6 address";
	if (IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
		return "an IPv4-mapped address: write it as IPv4";
	return parse_zone(zone, address);
}

/* Cuts "HOST:PORT" in place; an IPv6 host loses its brackets. */
static bool
split(char *text, char **host, char **port, bool *bracketed)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return false;
	*bracketed = text[0] == '[' && colon > text && colon[-1] == ']';
	if (!*bracketed && strchr(text, ':') != colon)
		return false;
	*colon = '\0';
	*host = text;
	*port = colon + 1;
	if (*bracketed) {
		colon[-1] = '\0';
		*host = text + 1;
	}
	return true;
}

static const char *
parse_host(char *host, bool bracketed, struct address *address)
{
	if (bracketed)
		return parse_ipv6(host, address);
	if (strcmp(host, "*") == 0) {
		address->length = sizeof(address->in);
		address->sa.sa_family = AF_UNSPEC;
		return NULL;
	}
	if (parse_ipv4(host, address))
		return NULL;
	return "not an IP address (host names are not looked up; "
	       "write *, an IPv4 address or [an IPv6 address])";
}

const char *
address_parse(const char *text, struct address *address, char *reason,
	      size_t size)
{
	char copy[ADDRESS_TEXT_SIZE];
	char *host, *port;
	bool bracketed;
	uint16_t number;

	memset(address, 0, sizeof(*address));
	if (strlen(text) >= sizeof(copy)) {
		snprintf(reason, size, "\"%.40s...\" is too long", text);
		return reason;
	}
	strcpy(copy, text);
	if (!split(copy, &host, &port, &bracketed)) {
		snprintf(reason, size,
			 "\"%s\" is not of the form ADDRESS:PORT "
			 "(write an IPv6 address in brackets)",
			 text);
		return reason;
	}
	if (!parse_port(port, &number)) {
		snprintf(reason, size,
			 "port \"%s\" is not in 1-65535 "
			 "(or 0 for any free port)",
			 port);
		return reason;
	}

	char host_text[ADDRESS_TEXT_SIZE];
	strcpy(host_text, host);
	const char *why = parse_host(host, bracketed, address);
	if (why) {
		snprintf(reason, size, "\"%s\": %s", host_text, why);
		return reason;
	}
	address_set_port(address, number);
	return NULL;
}

struct address
address_of_process(pid_t pid, uid_t uid)
{
	return (struct address){
		.length = sizeof(((struct address *)0)->process),
		.process = { AF_UNIX, pid, uid },
	};
}

struct address
address_from_sockaddr(const struct sockaddr *sa, socklen_t length)
{
	if (sa->sa_family == AF_UNIX)
		return address_of_process(0, 0);

	struct address address = { .length = length };

	if (length > sizeof(address.in6))
		address.length = length = sizeof(address.in6);
	memcpy(&address.sa, sa, length);
	if (sa->sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&address.in6.sin6_addr))
		return address;

	struct address mapped = { .length = sizeof(mapped.in) };
	mapped.in.sin_family = AF_INET;
	mapped.in.sin_port = address.in6.sin6_port;
	memcpy(&mapped.in.sin_addr, &address.in6.sin6_addr.s6_addr[12], 4);
	return mapped;
}

size_t
address_expand(const struct address *address, struct address out[2])
{
	if (address->sa.sa_family != AF_UNSPEC) {
		out[0] = *address;
		return 1;
	}

	memset(out, 0, 2 * sizeof(*out));
	out[0].length = sizeof(out[0].in);
	out[0].in.sin_family = AF_INET;
	out[0].in.sin_port = address->in.sin_port;
	out[1].length = sizeof(out[1].in6);
	out[1].in6.sin6_family = AF_INET6;
	out[1].in6.sin6_port = address->in.sin_port;
	return 2;
}

const char *
address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "*";
	char zone[IF_NAMESIZE + 1] = "";
	unsigned port = address_port(address);

	if (address->sa.sa_family == AF_UNIX) {
		snprintf(text, ADDRESS_TEXT_SIZE, "unix:pid=%lld,uid=%llu",
			 (long long)address->process.pid,
			 (unsigned long long)address->process.uid);
		return text;
	}
	if (address->sa.sa_family != AF_INET6) {
		if (address->sa.sa_family == AF_INET)
			inet_ntop(AF_INET, &address->in.sin_addr, host,
				  sizeof(host));
		snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host, port);
		return text;
	}

	inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof(host));
	if (address->in6.sin6_scope_id) {
		char name[IF_NAMESIZE];
		if (if_indextoname(address->in6.sin6_scope_id, name))
			snprintf(zone, sizeof(zone), "%%%s", name);
		else
			snprintf(zone, sizeof(zone), "%%%u",
				 address->in6.sin6_scope_id);
	}
	snprintf(text, ADDRESS_TEXT_SIZE, "[%s%s]:%u", host, zone, port);
	return text;
}

int
address_family(const struct address *address)
{
	return address->sa.sa_family;
}

uint16_t
address_port(const struct address *address)
{
	if (address->sa.sa_family == AF_UNIX)
		return 0;
	return ntohs(address->sa.sa_family == AF_INET6 ?
			     address->in6.sin6_port :
			     address->in.sin_port);
}

void
address_set_port(struct address *address, uint16_t port)
{
	if (address->sa.sa_family == AF_INET6)
		address->in6.sin6_port = htons(port);
	else
		address->in.sin_port = htons(port);
}

static bool
same_host(const struct address *a, const struct address *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	if (a->sa.sa_family == AF_INET6)
		return a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
		       IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
	if (a->sa.sa_family == AF_UNIX)
		return a->process.pid == b->process.pid &&
		       a->process.uid == b->process.uid;
	return true;
}

bool
address_equal(const struct address *a, const struct address *b)
{
	return same_host(a, b) && address_port(a) == address_port(b);
}

bool
address_is_wildcard(const struct address *address)
{
	if (address->sa.sa_family == AF_INET)
		return address->in.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&address->in6.sin6_addr);
}

bool
address_overlaps(const struct address *a, const struct address *b)
{
	struct address left[2], right[2];
	size_t lefts = address_expand(a, left);
	size_t rights = address_expand(b, right);

	if (address_port(a) != address_port(b) || address_port(a) == 0)
		return false;
	for (size_t i = 0; i < lefts; i++)
		for (size_t j = 0; j < rights; j++)
			if (address_family(&left[i]) ==
				    address_family(&right[j]) &&
			    (same_host(&left[i], &right[j]) ||
			     address_is_wildcard(&left[i]) ||
			     address_is_wildcard(&right[j])))
				return true;
	return false;
}
