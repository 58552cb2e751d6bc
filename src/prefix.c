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

/* NULL where the kernel does not tell. */
static const char *
format_local(const struct prefix_subject *subject, char text[PLACE_TEXT_SIZE])
{
	struct place ours;

	if (subject->local)
		return address_format(subject->local, text);
	if (socket_get_place(subject->fd, &ours) < 0)
		return NULL;
	return place_format_short(&ours, text);
}

#define VALUE(member) offsetof(struct template_values, member)

/* Texts of values; what is not needed is neither asked for nor formatted. */
struct texts {
	char peer[ADDRESS_TEXT_SIZE];
	char local[PLACE_TEXT_SIZE];
	char conn[24];
};

static void
format_peer(const struct template *template, const struct address *peer,
	    uint64_t number, struct texts *texts,
	    struct template_values *values)
{
	if (template_uses(template, VALUE(peer)))
		values->peer = address_format(peer, texts->peer);
	if (!template_uses(template, VALUE(conn)))
		return;
	snprintf(texts->conn, sizeof(texts->conn), "%" PRIu64, number);
	values->conn = texts->conn;
}

static size_t
expand(const struct template *template, const struct prefix_subject *subject,
       char out[TEMPLATE_MAX])
{
	struct template_values values = {
		.tls_version = subject->tls_version,
		.tls_sni = subject->tls_sni,
		.tls_cn = subject->tls_cn,
	};
	struct texts texts;

	format_peer(template, subject->peer, subject->number, &texts, &values);
	if (template_uses(template, VALUE(local)))
		values.local = format_local(subject, texts.local);
	return template_expand(template, &values, out);
}

size_t
prefix_write(const struct config_listener *listener,
	     const struct prefix_datagram *datagram, char out[TEMPLATE_MAX])
{
	const struct template *template = listener->template;
	struct template_values values = { 0 };
	struct texts texts;

	format_peer(template, datagram->peer, datagram->number, &texts,
		    &values);
	if (template_uses(template, VALUE(local)))
		values.local = address_format(datagram->local, texts.local);
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
