/*
 * stream: one connection of a target after the other, over TCP, TLS or a unix
 * socket, and the messages that go through it.
 *
 * A message begins on the open connection, or on a new one.  After a failure
 * the connection is closed; after a failed attempt to connect, the next one
 * begins STREAM_RETRY_MS later.
 *
 * If the server closes a connection in good order and has echoed no byte of the
 * last message, this message is sent again on a new connection and counted as
 * OUTCOME_RETRIED: the server may have closed before it got there (compare RFC
 * 9112, 9.3.1).  This needs an earlier echo on the same connection, and is done
 * once for a message.
 *
 * If a connection ends when all of its messages have been echoed, none has
 * failed: OUTCOME_CLOSED, however it ended; a FIN that answers ours is nothing
 * to tell.
 *
 * Each failure is the end of a message that has begun.  If bytes come, or the
 * FIN does not, although all has been echoed, the next message fails, or if
 * there is none, the last one: it was not echoed after all.
 */
#ifndef ECHOD_PROBE_STREAM_H
#define ECHOD_PROBE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

struct load;
struct run;
struct stream;
struct target;

/* Pause after a failed attempt to connect, in milliseconds. */
#define STREAM_RETRY_MS 100

/*
 * Number `index` of the target.  Everything is borrowed.  NULL: out of memory.
 */
struct stream *stream_new(struct run *run, struct target *target,
			  const struct load *load, unsigned index);
void stream_free(struct stream *stream); /* NULL is allowed */

/* Connects and sends a message, which is the first or one that is due. */
void stream_open(struct stream *stream);

/* The run begins: what it has sent and received before does not count. */
void stream_begin(struct stream *stream);

/* True if a connection is open. */
bool stream_is_open(const struct stream *stream);

/* It may have begun `due` messages in all; begins what it can. */
void stream_due(struct stream *stream, uint64_t due);

/* Looks for time-outs. */
void stream_tick(struct stream *stream, int64_t now);

/* Messages that have begun and not ended. */
uint64_t stream_awaited(const struct stream *stream);

/* Messages that were echoed. */
uint64_t stream_echoed(const struct stream *stream);

/*
 * Ends the connection in good order, FIN, and nothing but a FIN may come back:
 * then stream_is_closed().  If a message is under way, closes it at once.
 */
void stream_close(struct stream *stream);
bool stream_is_closed(const struct stream *stream);

#endif
