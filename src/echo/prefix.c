#include "echo/prefix.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr/address.h"
#include "echo/frame.h"

_Static_assert(ADDRESS_TEXT_SIZE <= TEMPLATE_ADDRESS_MAX + 1,
	       "an address would be cut");

/* A frame and its prefix. */
struct own_frame {
	struct frame frame;
	char prefix[];
};

#define VALUE(member) offsetof(struct template_values, member)

bool
prefix_needs_local(const struct template *template)
{
	return template_uses(template, VALUE(local));
}

/* Formats only what the template uses: this runs once for each datagram. */
size_t
prefix_write(const struct template *template,
	     const struct prefix_values *values, char out[TEMPLATE_MAX])
{
	char peer[ADDRESS_TEXT_SIZE], number[24];
	struct template_values texts = {
		.local = values->local,
		.tls_version = values->tls_version,
		.tls_sni = values->tls_sni,
		.tls_cn = values->tls_cn,
	};

	if (template_uses(template, VALUE(peer)))
		texts.peer = address_format(values->peer, peer);
	if (template_uses(template, VALUE(conn))) {
		snprintf(number, sizeof(number), "%" PRIu64, values->number);
		texts.conn = number;
	}
	return template_expand(template, &texts, out);
}

const struct frame *
prefix_frame(const struct frame *shared, const struct template *template,
	     const struct prefix_values *values)
{
	char prefix[TEMPLATE_MAX];
	struct own_frame *own;
	size_t length;

	if (shared->prefix)
		return shared;
	length = prefix_write(template, values, prefix);
	own = malloc(sizeof(*own) + length);
	if (!own)
		return NULL;
	own->frame = *shared;
	own->frame.prefix = memcpy(own->prefix, prefix, length);
	own->frame.prefix_length = length;
	return &own->frame;
}

void
prefix_release(const struct frame *shared, const struct frame *frame)
{
	/* The first member of own_frame: freeing it frees both. */
	if (frame != shared)
		free((struct frame *)frame);
}
