#include "turns.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

struct turns {
	struct event next_pass;
	void (*called)(struct turn *turn);
	struct turn_queue waiting;
};

/* A timer that is due is looked at after all descriptors have been. */
static bool
set_next_pass(struct turns *turns)
{
	static const struct timeval now = { 0 };

	return event_pending(&turns->next_pass, EV_TIMEOUT, NULL) ||
	       event_add(&turns->next_pass, &now) == 0;
}

void
turns_cancel(struct turn *turn)
{
	if (!turn->queue)
		return;
	TAILQ_REMOVE(turn->queue, turn, link);
	turn->queue = NULL;
}

/*
 * Calls one, and others in passes to come: but all of them now where memory is
 * out for that.
 */
static void
call(struct turns *turns)
{
	struct turn *turn;
	bool later = false;

	while (!later && (turn = TAILQ_FIRST(&turns->waiting))) {
		turns_cancel(turn);
		later = TAILQ_EMPTY(&turns->waiting) || set_next_pass(turns);
		turns->called(turn);
	}
}

static void
on_next_pass(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	call(argument);
}

struct turns *
turns_new(struct event_base *base, void (*called)(struct turn *turn))
{
	struct turns *turns = calloc(1, sizeof(*turns));

	if (!turns)
		return NULL;
	TAILQ_INIT(&turns->waiting);
	turns->called = called;
	event_assign(&turns->next_pass, base, -1, 0, on_next_pass, turns);
	return turns;
}

void
turns_free(struct turns *turns)
{
	if (!turns)
		return;
	event_del(&turns->next_pass);
	free(turns);
}

bool
turns_wait(struct turns *turns, struct turn *turn)
{
	if (!set_next_pass(turns))
		return false;
	TAILQ_INSERT_TAIL(&turns->waiting, turn, link);
	turn->queue = &turns->waiting;
	return true;
}
