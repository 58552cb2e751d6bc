/*
 * target: what is probed, from a URL:
 *
 *     tcp://HOST:PORT  tls://HOST:PORT  udp://HOST:PORT
 *     unix:PATH  unix:@NAME
 *
 * HOST is a name, an IPv4 address, or an IPv6 address in brackets (RFC 3986,
 * 3.2.2), perhaps with a zone: [fe80::1%eth0] (RFC 4007, 11).
 *
 * One thread.
 */
#ifndef ECHOD_PROBE_TARGET_H
#define ECHOD_PROBE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum target_scheme {
	TARGET_TCP,
	TARGET_TLS,
	TARGET_UDP,
	TARGET_UNIX,
};

struct target_address {
	socklen_t length;
	union {
		struct sockaddr sa;
		struct sockaddr_storage storage;
		struct sockaddr_un un;
	};
};

struct target {
	enum target_scheme scheme;
	char *name; /* the URL, or with one address of several: that */
	char *host; /* without brackets and zone; "" for unix: */
	struct target_address *addresses; /* one or more */
	size_t address_count;
	size_t index; /* in the list, and in the tally */
};

struct target_list {
	struct target *items;
	size_t count;
};

#define TARGET_REASON_SIZE 256

/*
 * Checks the form of a URL and the zone in it, and resolves nothing.  Returns
 * NULL, or the reason, which is `reason`.
 */
const char *target_check(const char *url, char reason[TARGET_REASON_SIZE]);

/* Of a URL that target_check() has accepted. */
enum target_scheme target_scheme_of(const char *url);

/*
 * Resolves all URLs and adds them to `list`.  `family`: AF_UNSPEC, AF_INET or
 * AF_INET6.  `each_address`: each address of a name becomes a target.  Waits
 * for the resolver.  Returns NULL, or the reason why one cannot be resolved.
 */
const char *target_list_add(struct target_list *list, const char *url,
			    int family, bool each_address,
			    char reason[TARGET_REASON_SIZE]);
void target_list_free(struct target_list *list);

/* True for a stream: not UDP. */
bool target_is_stream(const struct target *target);

/* The text of an address, "192.0.2.1:7" or "unix:/run/x"; returns `text`. */
#define TARGET_ADDRESS_SIZE 128
const char *target_format(const struct target_address *address,
			  char text[TARGET_ADDRESS_SIZE]);

#endif
