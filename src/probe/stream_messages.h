/*
 * stream_messages: sends the messages of a stream and receives their echo.
 */
#ifndef ECHOD_PROBE_STREAM_MESSAGES_H
#define ECHOD_PROBE_STREAM_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/stream_private.h"

bool stream_is_awaiting(const struct stream *stream);
bool stream_may_begin(const struct stream *stream);

/* Begins a message.  `now`: 0 if it is not known yet. */
void stream_begin_message(struct stream *stream, int64_t now);

/* The message that has begun goes to the connection, which is open. */
void stream_put_message(struct stream *stream);

/* Does both, and sends. */
void stream_begin_next(struct stream *stream, int64_t now);

/* Sends what the socket accepts. */
void stream_push(struct stream *stream);

/* Sends FIN; that of the server is awaited. */
void stream_finish(struct stream *stream);

/* The first message that is awaited was echoed. */
void stream_count_echo(struct stream *stream, int64_t round_trip, int64_t now);

/* Begins what may begin, on the open connection or on a new one. */
void stream_continue(struct stream *stream);

/* A message has ended: the next one begins, with --pause a little later. */
void stream_go_on(struct stream *stream, int64_t now);

/* `length` bytes are in run->buffer. */
void stream_on_bytes(struct stream *stream, size_t length);

/* The callback of struct connection. */
void stream_on_writable(struct stream *stream);

#endif
