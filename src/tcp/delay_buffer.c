#include "tcp/delay_buffer.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <time.h>

#include "base/container_of.h"
#include "base/timers.h"
#include "echo/fault.h"

struct delay_buffer {
	struct fault fault;
	struct wheel_timer timer;
	struct timers *timers;
	struct evbuffer *bytes;
	void *owner;
};

/*
 * The time in milliseconds.  timers_now() can lag behind by some milliseconds:
 * a delay that counts from it would be too short.  A start that is rounded down
 * would have the same effect.
 */
static int64_t
exact_now(bool rounded_up)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 +
	       (now.tv_nsec + (rounded_up ? 999999 : 0)) / 1000000;
}

struct delay_buffer *
delay_buffer_new(struct timers *timers, const struct fault_params *params,
		 void *owner)
{
	struct delay_buffer *delay = calloc(1, sizeof(*delay));

	if (!delay)
		return NULL;
	delay->bytes = evbuffer_new();
	if (!delay->bytes) {
		free(delay);
		return NULL;
	}
	fault_init(&delay->fault, params);
	delay->timers = timers;
	delay->owner = owner;
	return delay;
}

void
delay_buffer_free(struct delay_buffer *delay)
{
	if (!delay)
		return;
	timers_cancel(delay->timers, &delay->timer);
	evbuffer_free(delay->bytes);
	free(delay);
}

void *
delay_buffer_owner(struct wheel_timer *timer)
{
	return container_of(timer, struct delay_buffer, timer)->owner;
}

struct evbuffer *
delay_buffer_buffer(struct delay_buffer *delay)
{
	return delay->bytes;
}

void
delay_buffer_add(struct delay_buffer *delay, size_t bytes)
{
	const struct fault_params *params = delay->fault.params;
	bool timed = params->delay > 0 || params->rate > 0;
	int64_t now = exact_now(false);

	fault_come(&delay->fault, now, exact_now(timed), bytes);
}

static void
set_timer(struct delay_buffer *delay)
{
	int64_t at;

	if (fault_next(&delay->fault, &at))
		timers_set(delay->timers, &delay->timer, at);
	else
		timers_cancel(delay->timers, &delay->timer);
}

ssize_t
delay_buffer_release(struct delay_buffer *delay, struct evbuffer *output,
		     size_t room)
{
	int64_t now = exact_now(false);
	uint64_t allowed = fault_allowed(&delay->fault, now);
	size_t wanted = allowed < room ? (size_t)allowed : room;
	size_t done = 0;

	while (done < wanted) {
		struct evbuffer_iovec span;

		evbuffer_peek(delay->bytes, -1, NULL, &span, 1);
		if (span.iov_len > wanted - done)
			span.iov_len = wanted - done;
		/* In place: the buffer owns these copies. */
		fault_corrupt(&delay->fault, done, span.iov_base, span.iov_len);
		if (evbuffer_add(output, span.iov_base, span.iov_len) < 0)
			return -1;
		evbuffer_drain(delay->bytes, span.iov_len);
		done += span.iov_len;
	}
	fault_go(&delay->fault, now, done);
	if (delay_buffer_is_over(delay))
		evbuffer_drain(delay->bytes, delay_buffer_length(delay));
	if (wanted < allowed)
		/* The rest waits for room, not for time. */
		timers_cancel(delay->timers, &delay->timer);
	else
		set_timer(delay);
	return (ssize_t)done;
}

size_t
delay_buffer_length(const struct delay_buffer *delay)
{
	return evbuffer_get_length(delay->bytes);
}

bool
delay_buffer_is_timed(const struct delay_buffer *delay)
{
	return timer_wheel_is_set(&delay->timer);
}

bool
delay_buffer_is_over(const struct delay_buffer *delay)
{
	return fault_is_over(&delay->fault);
}

void
delay_buffer_expire(struct delay_buffer *delay)
{
	timers_set(delay->timers, &delay->timer, timers_now());
}
