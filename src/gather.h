/*
 * gather: lets the segments of streams in bulk come together.
 *
 * A stream arrives in segments.  To be woken for each costs a sleep, a wake-up
 * and a call, and a dispute with those that still come in about the lock of the
 * socket.  Where nothing but bulk is there, the thread rests for a moment after
 * it has served it, and finds many segments, of many streams, at once.  (Network
 * drivers moderate their interrupts for the same reason.)  Whoever comes in that
 * moment waits for its end.
 */
#ifndef ECHOD_GATHER_H
#define ECHOD_GATHER_H

/* Less than a segment of 64 KiB takes at 10 Gbit/s. */
#define GATHER_US 40

struct event_base;
struct gather;

/* For the thread of `base`.  NULL where memory is out. */
struct gather *gather_new(struct event_base *base);
void gather_free(struct gather *gather); /* NULL is fine */

/*
 * Everybody whose event is here is served, and then the thread rests, once.  To
 * be called by the thread of the base, from a callback of it.
 */
void gather_rest(struct gather *gather);

#endif
