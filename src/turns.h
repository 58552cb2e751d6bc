/*
 * turns: sessions that move much take turns, one in each pass of the loop, and
 * everybody else who has something to do is served in between: a small message
 * waits for one turn of one of them, however many there are.
 *
 * Who has found all that had come rests before the next turn.  A stream
 * arrives in segments; to wake up for each costs a sleep, a wake-up and a turn,
 * and a dispute with those that still come in about the lock of the socket.
 * After a moment there are many.  (Network drivers moderate their interrupts
 * for the same reason.)  All that rest at a time share one alarm.
 *
 * Who finds nothing in its turn should wait for an event instead: a stream that
 * does not flow is not worth looking after.
 */
#ifndef ECHOD_TURNS_H
#define ECHOD_TURNS_H

#include <stdbool.h>
#include <sys/queue.h>

/* Less than a segment of 64 KiB takes at 10 Gbit/s. */
#define TURNS_REST_US 40

struct event_base;
struct turns;

TAILQ_HEAD(turn_queue, turn);

/* Zeroed, it is one that does not wait. */
struct turn {
	TAILQ_ENTRY(turn) link;
	struct turn_queue *queue; /* NULL: none */
};

/*
 * Turns of one thread, that of `base`.  `called` is told of each whose turn it
 * is: it does not wait any more, and may be freed, wait again, or cancel others.
 * NULL where memory is out.
 */
struct turns *turns_new(struct event_base *base,
			void (*called)(struct turn *turn));
void turns_free(struct turns *turns); /* NULL is fine */

/*
 * Waits for the next turn, or rests before it where nobody else waits for one.
 * False where that cannot be: memory is out, or the system has no alarm.
 */
bool turns_wait(struct turns *turns, struct turn *turn);
bool turns_rest(struct turns *turns, struct turn *turn);

/* One that does not wait is fine. */
void turns_cancel(struct turn *turn);

#endif
