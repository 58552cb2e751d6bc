#include "detour.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <time.h>

#include "fault.h"
#include "timers.h"

/* Pieces of memory that are looked at together. */
#define SPANS 16

struct detour {
	struct fault fault;
	struct wheel_timer timer;
	struct timers *timers;
	struct evbuffer *held;
	void *owner;
};

/*
 * timers_now() may lag behind by some milliseconds.  A timer is never too early
 * for that, but the time from which it counts would be, as it would if that were
 * rounded down.
 */
static int64_t
exact_now(bool rounded_up)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 +
	       (now.tv_nsec + (rounded_up ? 999999 : 0)) / 1000000;
}

struct detour *
detour_new(struct timers *timers, const struct fault_terms *terms, void *owner)
{
	struct detour *detour = calloc(1, sizeof(*detour));

	if (!detour)
		return NULL;
	detour->held = evbuffer_new();
	if (!detour->held) {
		free(detour);
		return NULL;
	}
	fault_init(&detour->fault, terms);
	detour->timers = timers;
	detour->owner = owner;
	return detour;
}

void
detour_free(struct detour *detour)
{
	if (!detour)
		return;
	timers_cancel(detour->timers, &detour->timer);
	evbuffer_free(detour->held);
	free(detour);
}

void *
detour_owner(struct wheel_timer *timer)
{
	return ((struct detour *)((char *)timer -
				  offsetof(struct detour, timer)))
		->owner;
}

struct evbuffer *
detour_buffer(struct detour *detour)
{
	return detour->held;
}

void
detour_come(struct detour *detour, size_t bytes)
{
	const struct fault_terms *terms = detour->fault.terms;
	bool timed = terms->delay > 0 || terms->rate > 0;
	int64_t now = exact_now(false);

	fault_come(&detour->fault, now, exact_now(timed), bytes);
}

/* In place: these bytes are copies already, and nobody else's. */
static void
corrupt(struct detour *detour, struct evbuffer_iovec *spans, int count)
{
	size_t from = 0;

	for (int i = 0; i < count; i++) {
		fault_corrupt(&detour->fault, from, spans[i].iov_base,
			      spans[i].iov_len);
		from += spans[i].iov_len;
	}
}

/* Cuts the spans off behind so many bytes, and returns how many it takes. */
static int
cut(struct evbuffer_iovec *spans, int count, size_t *bytes)
{
	size_t left = *bytes;
	int used = 0;

	while (used < count && left > 0) {
		if (spans[used].iov_len > left)
			spans[used].iov_len = left;
		left -= spans[used++].iov_len;
	}
	*bytes -= left;
	return used;
}

/* Moves some of so many bytes; 0 where memory is out. */
static size_t
pass_some(struct detour *detour, struct evbuffer *output, size_t bytes)
{
	struct evbuffer_iovec spans[SPANS];
	int count =
		evbuffer_peek(detour->held, (ssize_t)bytes, NULL, spans, SPANS);

	count = cut(spans, count < SPANS ? count : SPANS, &bytes);
	corrupt(detour, spans, count);
	if (evbuffer_add_iovec(output, spans, count) < bytes)
		return 0;
	evbuffer_drain(detour->held, bytes);
	return bytes;
}

static void
set_timer(struct detour *detour)
{
	int64_t at;

	if (fault_next(&detour->fault, &at))
		timers_set(detour->timers, &detour->timer, at);
	else
		timers_cancel(detour->timers, &detour->timer);
}

ssize_t
detour_release(struct detour *detour, struct evbuffer *output, size_t room)
{
	int64_t now = exact_now(false);
	uint64_t allowed = fault_allowed(&detour->fault, now);
	size_t wanted = allowed < room ? (size_t)allowed : room;
	size_t done = 0;

	while (done < wanted) {
		size_t passed = pass_some(detour, output, wanted - done);

		if (passed == 0)
			return -1;
		fault_go(&detour->fault, now, passed);
		done += passed;
	}
	if (detour_is_over(detour))
		evbuffer_drain(detour->held, detour_held(detour));
	if (wanted < allowed)
		/* It is for want of room that more is held. */
		timers_cancel(detour->timers, &detour->timer);
	else
		set_timer(detour);
	return (ssize_t)done;
}

size_t
detour_held(const struct detour *detour)
{
	return evbuffer_get_length(detour->held);
}

bool
detour_waits(const struct detour *detour)
{
	return wheel_is_set(&detour->timer);
}

bool
detour_is_over(const struct detour *detour)
{
	return fault_is_over(&detour->fault);
}

void
detour_wake(struct detour *detour)
{
	timers_set(detour->timers, &detour->timer, timers_now());
}
