/*
 * place: where to listen, as a value: a transport and an address of it.  Pure,
 * but for the names of network interfaces (address.h).
 *
 * Text form: [tcp:]HOST:PORT, udp:HOST:PORT with HOST and PORT as address.h has
 * them, unix:/PATH for a socket in the file system or unix:@NAME for one in
 * Linux's abstract namespace (unix(7)).
 */
#ifndef ECHOD_PLACE_H
#define ECHOD_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#include "address.h"

enum transport { TRANSPORT_TCP, TRANSPORT_UDP, TRANSPORT_UNIX };

/* A path is followed by a NUL, an abstract name preceded by one. */
#define PLACE_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* Enough for "unix:", the longest path and the final NUL. */
#define PLACE_TEXT_SIZE 128

struct place {
	enum transport transport;
	struct address address; /* of TCP and UDP; `*` is AF_UNSPEC */
	char path[PLACE_PATH_MAX +
		  1]; /* of a unix socket: "/PATH" or "@NAME" */
};

/*
 * Reads the text form.  Returns NULL, or the reason why not, in `reason`
 * (which is of `size` bytes).
 */
const char *place_parse(const char *text, struct place *place, char *reason,
			size_t size);

/*
 * What a socket of this type (SOCK_STREAM, SOCK_DGRAM) with this sockaddr is
 * bound to; false where it is no place, or one without a name.
 */
bool place_from_sockaddr(const struct sockaddr *sa, socklen_t length, int type,
			 struct place *place);

/* Writes "tcp:HOST:PORT", "unix:/PATH" and so on; returns `text`. */
const char *place_format(const struct place *place, char text[PLACE_TEXT_SIZE]);

/* Without "tcp:", as people write it. */
const char *place_format_short(const struct place *place,
			       char text[PLACE_TEXT_SIZE]);

/* `*` becomes 0.0.0.0 and [::]; any other stays alone.  Returns how many. */
size_t place_expand(const struct place *place, struct place out[2]);

/* True where it has port 0, which stands for any that is free. */
bool place_takes_any_port(const struct place *place);

bool place_is_abstract(const struct place *place);

/* What bind(2) and connect(2) take for a unix socket; returns the length. */
socklen_t place_sockaddr(const struct place *place, struct sockaddr_un *un);

bool place_equal(const struct place *a, const struct place *b);

/*
 * True where a socket for each could not both be had, or could both receive
 * the same: one transport, and addresses that overlap or equal paths.
 */
bool place_overlaps(const struct place *a, const struct place *b);

#endif
