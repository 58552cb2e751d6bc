#include "echo/prefix.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "addr/address.h"
#include "echo/frame.h"

_Static_assert(ADDRESS_TEXT_SIZE <= TEMPLATE_ADDRESS_MAX + 1,
	       "an address would be cut");

/* A frame, the offsets of %{time} in its prefix, and then the prefix. */
struct own_frame {
	struct frame frame;
	uint16_t times[];
};

_Static_assert(TEMPLATE_MAX <= UINT16_MAX, "an offset does not fit");

#define VALUE(member) offsetof(struct template_values, member)

#define NUMBER_SIZE 24

bool
prefix_needs_local(const struct template *template)
{
	return template_uses(template, VALUE(local));
}

bool
prefix_needs_header(const struct template *template)
{
	return template_uses(template, VALUE(ttl)) ||
	       template_uses(template, VALUE(dscp)) ||
	       template_uses(template, VALUE(ecn));
}

bool
prefix_needs_time(const struct template *template)
{
	return template_uses(template, VALUE(time));
}

void
prefix_format_time(const struct timespec *time,
		   char text[TEMPLATE_TIME_LENGTH + 1])
{
	const size_t size = TEMPLATE_TIME_LENGTH + 1;
	struct tm utc;
	size_t used;

	gmtime_r(&time->tv_sec, &utc);
	used = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + used, size - used, ".%03uZ",
		 (unsigned)(time->tv_nsec / 1000000));
}

static const char *
format_number(uint64_t number, char text[NUMBER_SIZE])
{
	snprintf(text, NUMBER_SIZE, "%" PRIu64, number);
	return text;
}

/* RFC 3168, 5. */
static const char *
ecn_name(int tos)
{
	static const char *const names[] = { "not-ect", "ect1", "ect0", "ce" };

	return names[tos & 3];
}

/* The fields of the IP header; the texts of the numbers are in the buffers. */
static void
format_header(const struct prefix_values *values, struct template_values *texts,
	      char ttl[NUMBER_SIZE], char dscp[NUMBER_SIZE])
{
	texts->ttl = texts->dscp = texts->ecn = "-";
	if (values->ttl >= 0)
		texts->ttl = format_number((uint64_t)values->ttl, ttl);
	if (values->tos < 0)
		return;
	texts->dscp = format_number((uint64_t)values->tos >> 2, dscp);
	texts->ecn = ecn_name(values->tos);
}

/* Formats only what the template uses: this runs once for each datagram. */
size_t
prefix_write(const struct template *template,
	     const struct prefix_values *values, char out[TEMPLATE_MAX])
{
	char peer[ADDRESS_TEXT_SIZE];
	char number[NUMBER_SIZE], ttl[NUMBER_SIZE], dscp[NUMBER_SIZE];
	struct template_values texts = {
		.local = values->local,
		.time = values->time,
		.tls_version = values->tls_version,
		.tls_sni = values->tls_sni,
		.tls_cn = values->tls_cn,
	};

	if (template_uses(template, VALUE(peer)))
		texts.peer = address_format(values->peer, peer);
	if (template_uses(template, VALUE(conn)))
		texts.conn = format_number(values->number, number);
	if (prefix_needs_header(template))
		format_header(values, &texts, ttl, dscp);
	return template_expand(template, &texts, out);
}

/* Sets the offsets of NULs, which only %{time} has; returns their number. */
static unsigned
find_times(const char *prefix, size_t length,
	   uint16_t at[TEMPLATE_MAX / TEMPLATE_TIME_LENGTH])
{
	const char *end = prefix + length;
	const char *time = memchr(prefix, '\0', length);
	unsigned count = 0;

	while (time) {
		at[count++] = (uint16_t)(time - prefix);
		time += TEMPLATE_TIME_LENGTH;
		time = memchr(time, '\0', (size_t)(end - time));
	}
	return count;
}

const struct frame *
prefix_frame(const struct frame *shared, const struct template *template,
	     const struct prefix_values *values)
{
	char prefix[TEMPLATE_MAX];
	uint16_t times[TEMPLATE_MAX / TEMPLATE_TIME_LENGTH];
	struct own_frame *own;
	size_t length;
	unsigned count;

	if (shared->prefix)
		return shared;
	length = prefix_write(template, values, prefix);
	count = find_times(prefix, length, times);
	own = malloc(sizeof(*own) + count * sizeof(*times) + length);
	if (!own)
		return NULL;
	own->frame = *shared;
	own->frame.prefix = memcpy(&own->times[count], prefix, length);
	own->frame.prefix_length = length;
	own->frame.times = count;
	memcpy(own->times, times, count * sizeof(*times));
	return &own->frame;
}

void
prefix_set_time(const struct frame *frame, const struct timespec *time)
{
	/* The first member of own_frame, if it has a time. */
	const struct own_frame *own = (const struct own_frame *)frame;
	char text[TEMPLATE_TIME_LENGTH + 1];

	prefix_format_time(time, text);
	for (unsigned i = 0; i < frame->times; i++)
		memcpy((char *)frame->prefix + own->times[i], text,
		       TEMPLATE_TIME_LENGTH);
}

void
prefix_release(const struct frame *shared, const struct frame *frame)
{
	/* The first member of own_frame: freeing it frees both. */
	if (frame != shared)
		free((struct frame *)frame);
}
