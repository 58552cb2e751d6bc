/*
 * prefix: the bytes before each chunk or line of a connection, or before a
 * datagram, expanded from the listener's template.
 *
 * If the template is constant, all connections share the listener's frame.
 * Otherwise each connection has a frame of its own.  Only %{time} changes
 * during a connection; its bytes are replaced in place.  Pure.
 */
#ifndef ECHOD_ECHO_PREFIX_H
#define ECHOD_ECHO_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "echo/template.h"

struct address;
struct frame;
struct timespec;

/* The values of one connection or datagram; all of them are borrowed. */
struct prefix_values {
	const struct address *peer;
	const char *local; /* NULL unless prefix_needs_local() */
	uint64_t number;   /* of the connection or datagram */
	const char *time; /* of prefix_format_time(); NULL for prefix_frame() */
	/* Fields of a received IP header; negative: unknown, written as "-". */
	int ttl;
	int tos; /* the whole byte: DSCP and ECN */
	/* NULL: no TLS */
	const char *tls_version;
	const char *tls_sni;
	const char *tls_cn;
};

/* True if the expansion contains the local address. */
bool prefix_needs_local(const struct template *template);

/* True if the expansion contains fields of the IP header. */
bool prefix_needs_header(const struct template *template);

bool prefix_needs_time(const struct template *template);

/* UTC, as in RFC 3339; the year is 1970 to 9999. */
void prefix_format_time(const struct timespec *time,
			char text[TEMPLATE_TIME_LENGTH + 1]);

/* Writes the expansion, at most TEMPLATE_MAX bytes; returns its length. */
size_t prefix_write(const struct template *template,
		    const struct prefix_values *values, char out[TEMPLATE_MAX]);

/*
 * The frame of a connection.  If the template is constant, this is `shared`,
 * the listener's frame; otherwise a new one, a copy of `shared` with the
 * expansion.  The caller releases it before `shared` is freed.  NULL: out of
 * memory.
 */
const struct frame *prefix_frame(const struct frame *shared,
				 const struct template *template,
				 const struct prefix_values *values);

/*
 * Sets %{time} in the prefix of a frame that prefix_frame() has returned; call
 * it before the prefix is used if `frame->times` is not 0.
 */
void prefix_set_time(const struct frame *frame, const struct timespec *time);

void prefix_release(const struct frame *shared,
		    const struct frame *frame); /* NULL is allowed */

#endif
