/*
 * stream_failures: counts what fails on a stream, and ends its connection.
 */
#ifndef ECHOD_PROBE_STREAM_FAILURES_H
#define ECHOD_PROBE_STREAM_FAILURES_H

#include "probe/outcome.h"
#include "probe/stream_private.h"

/* Its first connection has echoed a message, or failed. */
void stream_establish(struct stream *stream);

/* Sets `backend` as soon as the prefix is known. */
void stream_find_backend(struct stream *stream);

/* Counts an observation, or the failure of a message. */
void stream_count(struct stream *stream, enum outcome outcome,
		  const char *detail);

/* Closes the connection at once. */
void stream_shut(struct stream *stream);

/*
 * All messages that are awaited fail, and the connection is closed.  The next
 * messages begin if they are due.  If none is awaited, one fails; see stream.h.
 */
void stream_fail_and_go_on(struct stream *stream, enum outcome outcome,
			   const char *detail);

/* The same, with the place of the wrong byte as the detail. */
void stream_fail_at_byte(struct stream *stream, const struct verdict *verdict);

/* The same, with `reason` and how much has come back as the detail. */
void stream_fail_incomplete(struct stream *stream, enum outcome outcome,
			    const char *reason);

/* The same, right after CONNECTION_FAILED. */
void stream_fail_of_connection(struct stream *stream);

#endif
