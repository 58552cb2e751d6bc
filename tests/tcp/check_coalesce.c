#include "tcp/coalesce.h"

#include "support/loop.h"

/* An event that records whether the loop has paused before it. */
struct guest {
	struct coalesce *coalesce;
	int fds[2];
	struct event *event;
	unsigned served;
	int64_t at; /* the last time, in ns */
};

static unsigned rests;

int __real_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

int
__wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	rests++;
	return __real_nanosleep(time, left);
}

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
on_guest(evutil_socket_t fd, short what, void *argument)
{
	struct guest *guest = argument;

	(void)fd;
	(void)what;
	guest->served++;
	guest->at = now_ns();
	coalesce_rest(guest->coalesce);
}

static void
invite(struct guest *guest, struct event_base *base, struct coalesce *coalesce)
{
	*guest = (struct guest){ .coalesce = coalesce };
	ck_assert_int_eq(pipe(guest->fds), 0);
	ck_assert_int_eq(write(guest->fds[1], "x", 1), 1);
	guest->event = event_new(base, guest->fds[0], EV_READ | EV_PERSIST,
				 on_guest, guest);
	event_add(guest->event, NULL);
}

static void
bid_farewell(struct guest *guest)
{
	event_free(guest->event);
	close(guest->fds[0]);
	close(guest->fds[1]);
}

/* All are served, all of them ask for a rest, and there is one. */
START_TEST(test_it_rests_after_everybody)
{
	enum { GUESTS = 5, PASSES = 50 };
	struct event_base *base = event_base_new();
	struct coalesce *coalesce = coalesce_new(base);
	struct guest guests[GUESTS];
	int64_t end = 0;

	for (int i = 0; i < GUESTS; i++)
		invite(&guests[i], base, coalesce);
	for (unsigned pass = 1; pass <= PASSES; pass++) {
		int64_t first = INT64_MAX;

		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_eq(rests, pass);
		for (int i = 0; i < GUESTS; i++) {
			ck_assert_uint_eq(guests[i].served, pass);
			ck_assert_int_gt(guests[i].at, end);
			if (guests[i].at < first)
				first = guests[i].at;
		}
		end = now_ns();
		ck_assert_int_ge(end - first, COALESCE_US * 1000);
	}
	for (int i = 0; i < GUESTS; i++)
		bid_farewell(&guests[i]);
	coalesce_free(coalesce);
	event_base_free(base);
}
END_TEST

/* Without a request there is no pause. */
START_TEST(test_it_rests_once)
{
	struct event_base *base = event_base_new();
	struct coalesce *coalesce = coalesce_new(base);

	coalesce_rest(coalesce);
	coalesce_rest(coalesce);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	ck_assert_uint_eq(rests, 1);
	coalesce_free(coalesce);
	event_base_free(base);
}
END_TEST

/* One that was asked for is forgotten with it. */
START_TEST(test_it_may_end_before_the_rest)
{
	struct event_base *base = event_base_new();
	struct coalesce *coalesce = coalesce_new(base);

	coalesce_rest(coalesce);
	coalesce_free(coalesce);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	ck_assert_uint_eq(rests, 0);
	event_base_free(base);
}
END_TEST

SUITE(test_it_rests_after_everybody, test_it_rests_once,
      test_it_may_end_before_the_rest)
