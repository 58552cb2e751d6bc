#include "turns.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct turns {
	struct event next_pass;
	struct event alarm;
	int alarm_fd; /* timerfd; libevent's own timers are too coarse */
	bool alarm_set;
	void (*called)(struct turn *turn);
	struct turn_queue waiting;
	struct turn_queue resting;
};

static bool
set_alarm(struct turns *turns)
{
	struct itimerspec once = {
		.it_value.tv_nsec = TURNS_REST_US * 1000,
	};

	if (!turns->alarm_set)
		turns->alarm_set =
			timerfd_settime(turns->alarm_fd, 0, &once, NULL) == 0;
	return turns->alarm_set;
}

/* A timer that is due is looked at after all descriptors have been. */
static bool
set_next_pass(struct turns *turns)
{
	static const struct timeval now = { 0 };

	return event_pending(&turns->next_pass, EV_TIMEOUT, NULL) ||
	       event_add(&turns->next_pass, &now) == 0;
}

static void
enqueue(struct turn_queue *queue, struct turn *turn)
{
	TAILQ_INSERT_TAIL(queue, turn, link);
	turn->queue = queue;
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

static void
on_alarm(evutil_socket_t fd, short what, void *argument)
{
	struct turns *turns = argument;
	struct turn *turn;

	(void)fd;
	(void)what;
	turns->alarm_set = false;
	while ((turn = TAILQ_FIRST(&turns->resting))) {
		turns_cancel(turn);
		enqueue(&turns->waiting, turn);
	}
	call(turns);
}

/* Without an alarm nobody rests, and that is all. */
static void
open_alarm(struct turns *turns, struct event_base *base)
{
	turns->alarm_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (turns->alarm_fd < 0)
		return;
	/* Edge-triggered, so that nobody has to read the timer to quiet it. */
	event_assign(&turns->alarm, base, turns->alarm_fd,
		     EV_READ | EV_PERSIST | EV_ET, on_alarm, turns);
	if (event_add(&turns->alarm, NULL) == 0)
		return;
	close(turns->alarm_fd);
	turns->alarm_fd = -1;
}

struct turns *
turns_new(struct event_base *base, void (*called)(struct turn *turn))
{
	struct turns *turns = calloc(1, sizeof(*turns));

	if (!turns)
		return NULL;
	TAILQ_INIT(&turns->waiting);
	TAILQ_INIT(&turns->resting);
	turns->called = called;
	event_assign(&turns->next_pass, base, -1, 0, on_next_pass, turns);
	open_alarm(turns, base);
	return turns;
}

void
turns_free(struct turns *turns)
{
	if (!turns)
		return;
	event_del(&turns->next_pass);
	if (turns->alarm_fd >= 0) {
		event_del(&turns->alarm);
		close(turns->alarm_fd);
	}
	free(turns);
}

bool
turns_wait(struct turns *turns, struct turn *turn)
{
	if (!set_next_pass(turns))
		return false;
	enqueue(&turns->waiting, turn);
	return true;
}

bool
turns_rest(struct turns *turns, struct turn *turn)
{
	/* The turns of others are rest enough. */
	if (!TAILQ_EMPTY(&turns->waiting))
		return turns_wait(turns, turn);
	if (turns->alarm_fd < 0 || !set_alarm(turns))
		return false;
	enqueue(&turns->resting, turn);
	return true;
}
