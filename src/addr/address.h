/*
 * address: addresses of peers, and of what is listened on, as values.  Pure, but
 * for the names of network interfaces, which the kernel is asked for; no host
 * name is resolved.
 *
 * Text form: HOST:PORT where HOST is `*` (every IPv4 and IPv6 address), an IPv4
 * address in dotted form, or an IPv6 address in brackets (RFC 3986, 3.2.2), with
 * %ZONE (RFC 4007, 11) where it is link-local.  The peer of a unix socket is the
 * process that connected it, "unix:pid=PID,uid=UID"; that is written only.
 */
#ifndef ECHOD_ADDR_ADDRESS_H
#define ECHOD_ADDR_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Enough for "[IPv6%zone]:65535" and the final NUL. */
#define ADDRESS_TEXT_SIZE 96

/* Begins as every sockaddr does. */
struct address_process {
	sa_family_t family; /* AF_UNIX */
	pid_t pid;	    /* 0 where it is of another namespace */
	uid_t uid;
};

/* In every session: mind the size. */
struct address {
	socklen_t length; /* of what is below */
	union {
		struct sockaddr sa; /* AF_UNSPEC stands for `*` */
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct address_process process;
	};
};

_Static_assert(sizeof(struct address) <= 32, "an address is 32 bytes at most");

/*
 * Reads the text form.  Returns NULL, or the reason why not, in `reason`
 * (which is of `size` bytes).
 */
const char *address_parse(const char *text, struct address *address,
			  char *reason, size_t size);

/* The peer of a unix socket. */
struct address address_of_process(pid_t pid, uid_t uid);

/*
 * IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2) become IPv4, and the sockaddr of
 * a unix socket, which does not tell of its peer, a process 0.
 */
struct address address_from_sockaddr(const struct sockaddr *sa,
				     socklen_t length);

/* `*` becomes 0.0.0.0 and [::]; any other stays alone.  Returns how many. */
size_t address_expand(const struct address *address, struct address out[2]);

/* Writes the text form; returns `text`. */
const char *address_format(const struct address *address,
			   char text[ADDRESS_TEXT_SIZE]);

int address_family(const struct address *address);

/* 0 where there is none. */
uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);

/* 0.0.0.0 or [::], whatever the port. */
bool address_is_wildcard(const struct address *address);

bool address_equal(const struct address *a, const struct address *b);

/*
 * True where one socket for each could receive the same connection: the same
 * port (other than 0) and the same address, or a wildcard beside it.
 */
bool address_overlaps(const struct address *a, const struct address *b);

#endif
