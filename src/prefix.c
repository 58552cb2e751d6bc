#include "prefix.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "place.h"
#include "schema.h"
#include "template.h"

_Static_assert(ADDRESS_TEXT_SIZE <= PLACE_TEXT_SIZE &&
		       PLACE_TEXT_SIZE <= TEMPLATE_ADDRESS_MAX + 1,
	       "an address would be cut");

/* A frame and its prefix. */
struct own_frame {
	struct frame frame;
	char prefix[];
};

/* A unix socket is told by its path or, after an '@', by its name (unix(7)). */
static const char *
format_unix(const struct sockaddr_un *un, socklen_t length,
	    char text[PLACE_TEXT_SIZE])
{
	size_t size = length - offsetof(struct sockaddr_un, sun_path);
	struct place place = { .transport = TRANSPORT_UNIX };

	memcpy(place.path, un->sun_path,
	       size < sizeof(place.path) ? size : sizeof(place.path) - 1);
	if (place.path[0] == '\0')
		place.path[0] = '@';
	return place_format(&place, text);
}

/* NULL where the kernel does not tell. */
static const char *
format_local(int fd, char text[PLACE_TEXT_SIZE])
{
	union {
		struct sockaddr sa;
		struct sockaddr_un un;
		struct sockaddr_in6 in6;
	} name;
	socklen_t length = sizeof(name);
	struct address address;

	if (getsockname(fd, &name.sa, &length) < 0)
		return NULL;
	if (name.sa.sa_family == AF_UNIX)
		return format_unix(&name.un, length, text);
	address = address_from_sockaddr(&name.sa, length);
	return address_format(&address, text);
}

#define VALUE(member) offsetof(struct template_values, member)

/* Nothing is asked or formatted that is not needed. */
static size_t
expand(const struct template *template, const struct prefix_subject *subject,
       char out[TEMPLATE_MAX])
{
	struct template_values values = {
		.tls_version = subject->tls_version,
		.tls_sni = subject->tls_sni,
		.tls_cn = subject->tls_cn,
	};
	char peer[ADDRESS_TEXT_SIZE], local[PLACE_TEXT_SIZE], conn[24];

	if (template_uses(template, VALUE(peer)))
		values.peer = address_format(subject->peer, peer);
	if (template_uses(template, VALUE(local)))
		values.local = format_local(subject->fd, local);
	if (template_uses(template, VALUE(conn))) {
		snprintf(conn, sizeof(conn), "%" PRIu64, subject->number);
		values.conn = conn;
	}
	return template_expand(template, &values, out);
}

const struct frame *
prefix_frame(const struct config_listener *listener,
	     const struct prefix_subject *subject)
{
	char prefix[TEMPLATE_MAX];
	struct own_frame *own;
	size_t length;

	if (listener->frame.prefix)
		return &listener->frame;
	length = expand(listener->template, subject, prefix);
	own = malloc(sizeof(*own) + length);
	if (!own)
		return NULL;
	own->frame = listener->frame;
	own->frame.prefix = memcpy(own->prefix, prefix, length);
	own->frame.prefix_length = length;
	return &own->frame;
}

void
prefix_release(const struct config_listener *listener,
	       const struct frame *frame)
{
	/* The first member: to free it is to free all. */
	if (frame != &listener->frame)
		free((struct frame *)frame);
}
