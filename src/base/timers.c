#include "base/timers.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <time.h>

struct timers {
	struct event wake_up;
	uint64_t wake_at; /* tick of the event; 0: not set */
	void (*expired)(struct wheel_timer *timer, int64_t late);
	struct timer_wheel wheel;
};

int64_t
timers_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
timers_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t
current_tick(void)
{
	return (uint64_t)timers_now() / TIMERS_TICK_MS;
}

void
timers_add_event(struct event *event, const struct timeval *timeout)
{
	if (event_add(event, timeout) == 0)
		return;
	event_active(event, EV_TIMEOUT, 0);
	/* Otherwise the loop would call it repeatedly before other events. */
	event_base_loopcontinue(event_get_base(event));
}

void
timers_pause(struct event *resume)
{
	static const struct timeval pause = { .tv_usec =
						      TIMERS_PAUSE_MS * 1000 };

	timers_add_event(resume, &pause);
}

/* Sets the event, unless it is early enough already. */
static void
arm(struct timers *timers)
{
	uint64_t next;

	if (!timer_wheel_next(&timers->wheel, &next) ||
	    (timers->wake_at != 0 && timers->wake_at <= next))
		return;

	int64_t wait = (int64_t)next * TIMERS_TICK_MS - timers_now();
	if (wait < 1)
		wait = 1;
	struct timeval timeout = { wait / 1000, wait % 1000 * 1000 };
	timers->wake_at = next;
	timers_add_event(&timers->wake_up, &timeout);
}

static void
on_wake_up(evutil_socket_t fd, short what, void *argument)
{
	struct timers *timers = argument;
	uint64_t now = current_tick();
	struct wheel_timer *timer;

	(void)fd;
	(void)what;
	/* A callback can only set timers for later ticks: the loop ends. */
	while ((timer = timer_wheel_pop(&timers->wheel, now)))
		timers->expired(timer,
				(int64_t)(now - timer->due) * TIMERS_TICK_MS);
	timers->wake_at = 0;
	arm(timers);
}

struct timers *
timers_new(struct event_base *base,
	   void (*expired)(struct wheel_timer *timer, int64_t late))
{
	struct timers *timers = calloc(1, sizeof(*timers));

	if (!timers)
		return NULL;
	timers->expired = expired;
	event_assign(&timers->wake_up, base, -1, 0, on_wake_up, timers);
	return timers;
}

void
timers_free(struct timers *timers)
{
	if (!timers)
		return;
	event_del(&timers->wake_up);
	free(timers);
}

void
timers_set(struct timers *timers, struct wheel_timer *timer, int64_t at)
{
	/* Rounded up: never too early. */
	uint64_t due = ((uint64_t)at + TIMERS_TICK_MS - 1) / TIMERS_TICK_MS;

	timer_wheel_set(&timers->wheel, timer, due, current_tick());
	arm(timers);
}

void
timers_cancel(struct timers *timers, struct wheel_timer *timer)
{
	timer_wheel_cancel(&timers->wheel, timer);
}
