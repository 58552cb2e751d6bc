/*
 * address: an address of a peer or of a socket, as a value.  Pure, except for
 * names of network interfaces, which it looks up in the kernel.  It resolves
 * no host names.
 *
 * The text form is HOST:PORT.  HOST is `*` (every IPv4 and IPv6 address), an
 * IPv4 address in dotted form, or an IPv6 address in brackets (RFC 3986,
 * 3.2.2).  A link-local IPv6 address must have a %ZONE (RFC 4007, 11).  An
 * IPv4-mapped one must be written as IPv4.
 *
 * The peer of a unix socket is the process that connected.  Its text form,
 * "unix:pid=PID,uid=UID", cannot be parsed.
 */
#ifndef ECHOD_ADDR_ADDRESS_H
#define ECHOD_ADDR_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Holds "[IPv6%zone]:65535" and the final NUL. */
#define ADDRESS_TEXT_SIZE 96

/* Begins with the family, like every sockaddr. */
struct address_process {
	sa_family_t family; /* AF_UNIX */
	pid_t pid;	    /* 0: in another PID namespace */
	uid_t uid;
};

/* Part of every session, so it must be small. */
struct address {
	socklen_t length; /* of the sockaddr below */
	union {
		struct sockaddr sa; /* AF_UNSPEC: `*` */
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct address_process process;
	};
};

_Static_assert(sizeof(struct address) <= 32, "an address is 32 bytes at most");

/*
 * Parses the text form.  Returns NULL, or the reason for the failure, which is
 * `reason` (of `size` bytes).
 */
const char *address_parse(const char *text, struct address *address,
			  char *reason, size_t size);

/* The peer of a unix socket. */
struct address address_of_process(pid_t pid, uid_t uid);

/*
 * An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) becomes IPv4.  The sockaddr
 * of a unix socket does not name the peer; it becomes process 0.
 */
struct address address_from_sockaddr(const struct sockaddr *sa,
				     socklen_t length);

/* `*` becomes 0.0.0.0 and [::], any other address itself; returns the count. */
size_t address_expand(const struct address *address, struct address out[2]);

/* Writes the text form; returns `text`. */
const char *address_format(const struct address *address,
			   char text[ADDRESS_TEXT_SIZE]);

/* AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC for `*`. */
int address_family(const struct address *address);

/* 0 for the peer of a unix socket, which has no port to set. */
uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);

/* True for 0.0.0.0 and [::], with any port.  Only for IP addresses. */
bool address_is_wildcard(const struct address *address);

bool address_equal(const struct address *a, const struct address *b);

/*
 * True if a socket for `a` and one for `b` could receive the same connection:
 * their ports are equal and not 0, and their hosts are equal or one is a
 * wildcard.
 */
bool address_overlaps(const struct address *a, const struct address *b);

#endif
