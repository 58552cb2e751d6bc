/*
 * coalesce: a pause between two reads of bulk streams, so that one read finds
 * several segments.
 *
 * Reading each segment by itself costs a sleep, a wake-up and a system call,
 * and competes with arriving segments for the lock of the socket.  While all
 * sessions of a thread are bulk, the thread sleeps for a moment after it has
 * served them.  (Network drivers moderate interrupts for the same reason.)
 * Data that arrives during the pause waits for its end.
 */
#ifndef ECHOD_TCP_COALESCE_H
#define ECHOD_TCP_COALESCE_H

/* Less than a segment of 64 KiB takes at 10 Gbit/s. */
#define COALESCE_US 40

struct event_base;
struct coalesce;

/* For the thread of `base`.  NULL: out of memory. */
struct coalesce *coalesce_new(struct event_base *base);
void coalesce_free(struct coalesce *coalesce); /* NULL is fine */

/*
 * The thread pauses after all events that are active now; more calls until then
 * have no effect.  Call it from a callback of the base.
 */
void coalesce_rest(struct coalesce *coalesce);

#endif
