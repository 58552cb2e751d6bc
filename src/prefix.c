#include "prefix.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "place.h"
#include "schema.h"
#include "socket.h"
#include "template.h"

_Static_assert(ADDRESS_TEXT_SIZE <= PLACE_TEXT_SIZE &&
		       PLACE_TEXT_SIZE <= TEMPLATE_ADDRESS_MAX + 1,
	       "an address would be cut");

/* A frame and its prefix. */
struct own_frame {
	struct frame frame;
	char prefix[];
};

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
	struct place ours;

	if (template_uses(template, VALUE(peer)))
		values.peer = address_format(subject->peer, peer);
	if (template_uses(template, VALUE(local)) &&
	    socket_get_place(subject->fd, &ours) == 0)
		values.local = place_format_short(&ours, local);
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
