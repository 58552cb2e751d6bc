/*
 * bulk_queue: first-in, first-out queue of the bulk sessions of one thread.
 * Each pass of the event loop serves one of them.  All other sessions are
 * served between two turns, so a small message waits for one turn at most.
 *
 * Thread of the event base only.
 */
#ifndef ECHOD_TCP_BULK_QUEUE_H
#define ECHOD_TCP_BULK_QUEUE_H

#include <stdbool.h>
#include <sys/queue.h>

struct event_base;
struct bulk_queue;

/* Embedded in the caller's structure.  Zeroed: not queued. */
struct bulk_queue_entry {
	TAILQ_ENTRY(bulk_queue_entry) link;
};

/*
 * The queue for the thread of `base`.  `called` runs for each entry whose turn
 * it is; the entry is not queued then.  `called` can free or queue the entry,
 * and cancel other entries.  The entries stay the caller's.  NULL: out of
 * memory.
 */
struct bulk_queue *
bulk_queue_new(struct event_base *base,
	       void (*called)(struct bulk_queue_entry *entry));
void bulk_queue_free(struct bulk_queue *bulk_queue); /* NULL is fine */

/* Queues an entry that is not queued.  False: out of memory. */
bool bulk_queue_wait(struct bulk_queue *bulk_queue,
		     struct bulk_queue_entry *entry);

bool bulk_queue_is_waiting(const struct bulk_queue_entry *entry);

/* Removes an entry; one that is not queued is fine. */
void bulk_queue_cancel(struct bulk_queue *bulk_queue,
		       struct bulk_queue_entry *entry);

#endif
