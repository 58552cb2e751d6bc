/*
 * turns: sessions that move much take turns, one in each pass of the loop, and
 * everybody else who has something to do is served in between: a small message
 * waits for one turn of one of them, however many there are.
 */
#ifndef ECHOD_TURNS_H
#define ECHOD_TURNS_H

#include <stdbool.h>
#include <sys/queue.h>

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

/* Waits for the next turn.  False where memory is out. */
bool turns_wait(struct turns *turns, struct turn *turn);

/* One that does not wait is fine. */
void turns_cancel(struct turn *turn);

#endif
