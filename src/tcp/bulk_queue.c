#include "tcp/bulk_queue.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

struct bulk_queue {
	struct event next_pass;
	void (*called)(struct bulk_queue_entry *entry);
	TAILQ_HEAD(, bulk_queue_entry) waiting;
};

/* libevent handles expired timers after all ready descriptors. */
static bool
set_next_pass(struct bulk_queue *bulk_queue)
{
	static const struct timeval now = { 0 };

	return event_pending(&bulk_queue->next_pass, EV_TIMEOUT, NULL) ||
	       event_add(&bulk_queue->next_pass, &now) == 0;
}

bool
bulk_queue_is_waiting(const struct bulk_queue_entry *entry)
{
	return entry->link.tqe_prev != NULL;
}

void
bulk_queue_cancel(struct bulk_queue *bulk_queue, struct bulk_queue_entry *entry)
{
	if (!bulk_queue_is_waiting(entry))
		return;
	TAILQ_REMOVE(&bulk_queue->waiting, entry, link);
	entry->link.tqe_prev = NULL;
}

/*
 * Calls the first entry, and leaves the others to later passes.  Without memory
 * for that, calls all of them now.
 */
static void
call(struct bulk_queue *bulk_queue)
{
	struct bulk_queue_entry *entry;
	bool later = false;

	while (!later && (entry = TAILQ_FIRST(&bulk_queue->waiting))) {
		bulk_queue_cancel(bulk_queue, entry);
		later = TAILQ_EMPTY(&bulk_queue->waiting) ||
			set_next_pass(bulk_queue);
		bulk_queue->called(entry);
	}
}

static void
on_next_pass(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	call(argument);
}

struct bulk_queue *
bulk_queue_new(struct event_base *base,
	       void (*called)(struct bulk_queue_entry *entry))
{
	struct bulk_queue *bulk_queue = calloc(1, sizeof(*bulk_queue));

	if (!bulk_queue)
		return NULL;
	TAILQ_INIT(&bulk_queue->waiting);
	bulk_queue->called = called;
	event_assign(&bulk_queue->next_pass, base, -1, 0, on_next_pass,
		     bulk_queue);
	return bulk_queue;
}

void
bulk_queue_free(struct bulk_queue *bulk_queue)
{
	if (!bulk_queue)
		return;
	event_del(&bulk_queue->next_pass);
	free(bulk_queue);
}

bool
bulk_queue_wait(struct bulk_queue *bulk_queue, struct bulk_queue_entry *entry)
{
	if (!set_next_pass(bulk_queue))
		return false;
	TAILQ_INSERT_TAIL(&bulk_queue->waiting, entry, link);
	return true;
}
