#include "tcp/delay_buffer.h"

#include <event2/buffer.h>

#include "base/timers.h"
#include "echo/fault.h"
#include "support/loop.h"

#define PIECE 1000
#define PIECES 10

struct held {
	struct event_base *base;
	struct timers *timers;
	struct delay_buffer *delay;
	struct evbuffer *output;
};

/* In milliseconds. */
static int64_t now = 1000;

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	*time = (struct timespec){ now / 1000, now % 1000 * 1000000 };
	return 0;
}

static void
on_expired(struct wheel_timer *timer, int64_t late)
{
	(void)timer;
	(void)late;
}

/* In separate pieces of memory, as when it was written in pieces. */
static void
add_zeros(struct delay_buffer *delay)
{
	static const char zeros[PIECE];

	for (int i = 0; i < PIECES; i++) {
		struct evbuffer *piece = evbuffer_new();

		evbuffer_add(piece, zeros, PIECE);
		evbuffer_add_buffer(delay_buffer_buffer(delay), piece);
		evbuffer_free(piece);
	}
	delay_buffer_add(delay, (size_t)PIECE * PIECES);
}

static void
hold(struct held *held, const struct fault_params *params)
{
	held->base = event_base_new();
	held->timers = timers_new(held->base, on_expired);
	held->delay = delay_buffer_new(held->timers, params, NULL);
	held->output = evbuffer_new();
	add_zeros(held->delay);
}

static void
drop(struct held *held)
{
	delay_buffer_free(held->delay);
	evbuffer_free(held->output);
	timers_free(held->timers);
	event_base_free(held->base);
}

static ssize_t
release_at(int64_t at, struct held *held)
{
	now = at;
	return delay_buffer_release(held->delay, held->output, SIZE_MAX);
}

/* What a late release sends counts as a whole, in however many pieces it is. */
START_TEST(test_a_late_loop_does_not_exceed_the_rate)
{
	struct fault_params params = { .every = 1, .rate = 15000 };
	struct held held;

	hold(&held, &params);
	ck_assert_int_eq(release_at(1000, &held), 0);
	ck_assert_int_eq(release_at(1250, &held), 1501);
	ck_assert_int_eq(release_at(1250, &held), 0);
	ck_assert_int_eq(release_at(1260, &held), 150);
	ck_assert_int_eq(release_at(1261, &held), 15);
	drop(&held);
}
END_TEST

START_TEST(test_corruption_counts_across_pieces)
{
	struct fault_params params = { .every = 1, .corrupt_every = 1500 };
	struct held held;
	const unsigned char *bytes;

	hold(&held, &params);
	ck_assert_int_eq(release_at(1000, &held), PIECE * PIECES);
	bytes = evbuffer_pullup(held.output, -1);
	for (int i = 0; i < PIECE * PIECES; i++)
		ck_assert_msg((bytes[i] != 0) == (i % 1500 == 1499),
			      "byte %d is 0x%02x", i, bytes[i]);
	drop(&held);
}
END_TEST

SUITE(test_a_late_loop_does_not_exceed_the_rate,
      test_corruption_counts_across_pieces)
