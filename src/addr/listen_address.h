/*
 * listen_address: a protocol and an address to listen on, as a value.  Pure,
 * except for names of network interfaces (addr/address.h).
 *
 * The text form is [tcp:]HOST:PORT or udp:HOST:PORT, with HOST and PORT as in
 * addr/address.h; unix:/PATH for a socket in the file system; or unix:@NAME for
 * one in Linux's abstract namespace (unix(7)).
 */
#ifndef ECHOD_ADDR_LISTEN_ADDRESS_H
#define ECHOD_ADDR_LISTEN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#include "addr/address.h"

enum protocol { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_UNIX };

/* A NUL follows a path and precedes an abstract name. */
#define LISTEN_ADDRESS_PATH_MAX \
	(sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* Holds "unix:", the longest path and the final NUL. */
#define LISTEN_ADDRESS_TEXT_SIZE 128

struct listen_address {
	enum protocol protocol;
	struct address address; /* of TCP and UDP; `*` is AF_UNSPEC */
	char path[LISTEN_ADDRESS_PATH_MAX + 1]; /* of UNIX: "/PATH", "@NAME" */
};

/*
 * Parses the text form.  Returns NULL, or the reason for the failure, which is
 * `reason` (of `size` bytes).
 */
const char *listen_address_parse(const char *text,
				 struct listen_address *listen, char *reason,
				 size_t size);

/*
 * The address that a socket of `type` (SOCK_STREAM, SOCK_DGRAM) is bound to.
 * False if a listener cannot have that type or family, or if the address has no
 * text form.
 */
bool listen_address_from_sockaddr(const struct sockaddr *sa, socklen_t length,
				  int type, struct listen_address *listen);

/* Writes "tcp:HOST:PORT", "unix:/PATH" and so on; returns `text`. */
const char *listen_address_format(const struct listen_address *listen,
				  char text[LISTEN_ADDRESS_TEXT_SIZE]);

/* The same without "tcp:". */
const char *listen_address_format_short(const struct listen_address *listen,
					char text[LISTEN_ADDRESS_TEXT_SIZE]);

/* `*` becomes 0.0.0.0 and [::], any other address itself; returns the count. */
size_t listen_address_expand(const struct listen_address *listen,
			     struct listen_address out[2]);

/* True for port 0: the kernel chooses a free port. */
bool listen_address_takes_any_port(const struct listen_address *listen);

bool listen_address_is_abstract(const struct listen_address *listen);

/* The sockaddr of a unix socket; returns its length. */
socklen_t listen_address_sockaddr(const struct listen_address *listen,
				  struct sockaddr_un *un);

bool listen_address_equal(const struct listen_address *a,
			  const struct listen_address *b);

/*
 * True if the protocols are equal, and the addresses overlap or the paths are
 * equal.  Two such sockets could receive the same connection, or only one of
 * them can be opened.
 */
bool listen_address_overlaps(const struct listen_address *a,
			     const struct listen_address *b);

#endif
