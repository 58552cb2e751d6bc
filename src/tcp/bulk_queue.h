/*
 * bulk_queue: sessions that move much take turns, one in each pass of the loop, and
 * everybody else who has something to do is served in between: a small message
 * waits for one turn of one of them, however many there are.
 */
#ifndef ECHOD_TCP_BULK_QUEUE_H
#define ECHOD_TCP_BULK_QUEUE_H

#include <stdbool.h>
#include <sys/queue.h>

struct event_base;
struct bulk_queue;

TAILQ_HEAD(bulk_queue_list, bulk_queue_entry);

/* Zeroed, it is one that does not wait. */
struct bulk_queue_entry {
	TAILQ_ENTRY(bulk_queue_entry) link;
	struct bulk_queue_list *queue; /* NULL: none */
};

/*
 * Turns of one thread, that of `base`.  `called` is told of each whose turn it
 * is: it does not wait any more, and may be freed, wait again, or cancel others.
 * NULL where memory is out.
 */
struct bulk_queue *
bulk_queue_new(struct event_base *base,
	       void (*called)(struct bulk_queue_entry *entry));
void bulk_queue_free(struct bulk_queue *bulk_queue); /* NULL is fine */

/* Waits for the next turn.  False where memory is out. */
bool bulk_queue_wait(struct bulk_queue *bulk_queue,
		     struct bulk_queue_entry *entry);

/* One that does not wait is fine. */
void bulk_queue_cancel(struct bulk_queue_entry *entry);

#endif
