/*
 * coalesce: lets the segments of streams in bulk come together.
 *
 * A stream arrives in segments.  To be woken for each costs a sleep, a wake-up
 * and a call, and a dispute with those that still come in about the lock of the
 * socket.  Where nothing but bulk is there, the thread rests for a moment after
 * it has served it, and finds many segments, of many streams, at once.  (Network
 * drivers moderate their interrupts for the same reason.)  Whoever comes in that
 * moment waits for its end.
 */
#ifndef ECHOD_TCP_COALESCE_H
#define ECHOD_TCP_COALESCE_H

/* Less than a segment of 64 KiB takes at 10 Gbit/s. */
#define COALESCE_US 40

struct event_base;
struct coalesce;

/* For the thread of `base`.  NULL where memory is out. */
struct coalesce *coalesce_new(struct event_base *base);
void coalesce_free(struct coalesce *coalesce); /* NULL is fine */

/*
 * Everybody whose event is here is served, and then the thread rests, once.  To
 * be called by the thread of the base, from a callback of it.
 */
void coalesce_rest(struct coalesce *coalesce);

#endif
