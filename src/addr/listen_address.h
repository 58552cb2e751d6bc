/*
 * listen_address: where to listen, as a value: a transport and an address of it.  Pure,
 * but for the names of network interfaces (addr/address.h).
 *
 * Text form: [tcp:]HOST:PORT, udp:HOST:PORT with HOST and PORT as addr/address.h has
 * them, unix:/PATH for a socket in the file system or unix:@NAME for one in
 * Linux's abstract namespace (unix(7)).
 */
#ifndef ECHOD_ADDR_LISTEN_ADDRESS_H
#define ECHOD_ADDR_LISTEN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#include "addr/address.h"

enum protocol { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_UNIX };

/* A path is followed by a NUL, an abstract name preceded by one. */
#define LISTEN_ADDRESS_PATH_MAX \
	(sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* Enough for "unix:", the longest path and the final NUL. */
#define LISTEN_ADDRESS_TEXT_SIZE 128

struct listen_address {
	enum protocol protocol;
	struct address address; /* of TCP and UDP; `*` is AF_UNSPEC */
	char path[LISTEN_ADDRESS_PATH_MAX +
		  1]; /* of a unix socket: "/PATH" or "@NAME" */
};

/*
 * Reads the text form.  Returns NULL, or the reason why not, in `reason`
 * (which is of `size` bytes).
 */
const char *listen_address_parse(const char *text,
				 struct listen_address *listen_address,
				 char *reason, size_t size);

/*
 * What a socket of this type (SOCK_STREAM, SOCK_DGRAM) with this sockaddr is
 * bound to; false where it is no place, or one without a name.
 */
bool listen_address_from_sockaddr(const struct sockaddr *sa, socklen_t length,
				  int type,
				  struct listen_address *listen_address);

/* Writes "tcp:HOST:PORT", "unix:/PATH" and so on; returns `text`. */
const char *listen_address_format(const struct listen_address *listen_address,
				  char text[LISTEN_ADDRESS_TEXT_SIZE]);

/* Without "tcp:", as people write it. */
const char *
listen_address_format_short(const struct listen_address *listen_address,
			    char text[LISTEN_ADDRESS_TEXT_SIZE]);

/* `*` becomes 0.0.0.0 and [::]; any other stays alone.  Returns how many. */
size_t listen_address_expand(const struct listen_address *listen_address,
			     struct listen_address out[2]);

/* True where it has port 0, which stands for any that is free. */
bool listen_address_takes_any_port(const struct listen_address *listen_address);

bool listen_address_is_abstract(const struct listen_address *listen_address);

/* What bind(2) and connect(2) take for a unix socket; returns the length. */
socklen_t listen_address_sockaddr(const struct listen_address *listen_address,
				  struct sockaddr_un *un);

bool listen_address_equal(const struct listen_address *a,
			  const struct listen_address *b);

/*
 * True where a socket for each could not both be had, or could both receive
 * the same: one transport, and addresses that overlap or equal paths.
 */
bool listen_address_overlaps(const struct listen_address *a,
			     const struct listen_address *b);

#endif
