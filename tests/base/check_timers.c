#include "base/timers.h"

#include "support/loop.h"

struct alarm {
	struct wheel_timer timer; /* first: the callback gets no other */
	struct timers *timers;
	int64_t set_to;
	int64_t late;
	unsigned rings;
	unsigned again; /* how many times, 1 ms each */
	struct alarm *cancels;
};

static void
set(struct alarm *alarm, int64_t wait)
{
	alarm->set_to = timers_now() + wait;
	timers_set(alarm->timers, &alarm->timer, alarm->set_to);
}

static void
on_expired(struct wheel_timer *timer, int64_t late)
{
	struct alarm *alarm = (struct alarm *)timer;

	ck_assert_int_ge(late, 0);
	alarm->late = late;
	ck_assert(!timer_wheel_is_set(timer));
	ck_assert_int_ge(timers_now(), alarm->set_to);
	alarm->rings++;
	if (alarm->cancels)
		timers_cancel(alarm->timers, &alarm->cancels->timer);
	if (alarm->again > 0) {
		alarm->again--;
		set(alarm, 1);
	}
}

static bool
has_rung(void *argument)
{
	return ((struct alarm *)argument)->rings > 0;
}

START_TEST(test_timers_expire_but_not_too_early)
{
	struct event_base *base = event_base_new();
	struct timers *timers = timers_new(base, on_expired);
	struct alarm late = { .timers = timers };
	struct alarm early = { .timers = timers };

	set(&late, 150);
	set(&early, 50);
	loop_until(base, has_rung, &late);
	ck_assert_uint_eq(early.rings, 1);
	ck_assert_uint_eq(late.rings, 1);
	timers_free(timers);
	event_base_free(base);
}
END_TEST

START_TEST(test_a_cancelled_timer_does_not_expire)
{
	struct event_base *base = event_base_new();
	struct timers *timers = timers_new(base, on_expired);
	struct alarm cancelled = { .timers = timers };
	struct alarm last = { .timers = timers };

	set(&cancelled, 20);
	set(&last, 60);
	timers_cancel(timers, &cancelled.timer);
	loop_until(base, has_rung, &last);
	ck_assert_uint_eq(cancelled.rings, 0);
	timers_free(timers);
	event_base_free(base);
}
END_TEST

static bool
has_rung_ten_times(void *argument)
{
	return ((struct alarm *)argument)->rings == 10;
}

START_TEST(test_an_expired_timer_can_be_set_again)
{
	struct event_base *base = event_base_new();
	struct timers *timers = timers_new(base, on_expired);
	struct alarm alarm = { .timers = timers, .again = 9 };

	set(&alarm, 1);
	loop_until(base, has_rung_ten_times, &alarm);
	timers_free(timers);
	event_base_free(base);
}
END_TEST

/* Both are due in the same tick: the first to ring takes the other out. */
START_TEST(test_an_expired_timer_can_cancel_another)
{
	struct event_base *base = event_base_new();
	struct timers *timers = timers_new(base, on_expired);
	struct alarm last = { .timers = timers };
	struct alarm one = { .timers = timers };
	struct alarm other = { .timers = timers, .cancels = &one };

	one.cancels = &other;
	set(&last, 100);
	one.set_to = other.set_to = timers_now() + 30;
	timers_set(timers, &one.timer, one.set_to);
	timers_set(timers, &other.timer, other.set_to);
	loop_until(base, has_rung, &last);
	ck_assert_uint_eq(one.rings + other.rings, 1);
	timers_free(timers);
	event_base_free(base);
}
END_TEST

/* How often libevent fails to grow the memory for its timers. */
static unsigned failures;

static void *
fail_realloc(void *memory, size_t size)
{
	if (failures == 0)
		return realloc(memory, size);
	failures--;
	return NULL;
}

static void
note_input(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	*(unsigned *)argument = failures;
}

/* It is late at most, and the loop goes on with all else in the meantime. */
START_TEST(test_an_event_without_memory_fires_at_once)
{
	unsigned left = 1000;
	struct event_base *base;
	struct timers *timers;
	struct alarm alarm = { 0 };
	struct event *input;
	int fds[2];

	event_set_mem_functions(malloc, fail_realloc, free);
	base = event_base_new();
	timers = alarm.timers = timers_new(base, on_expired);
	loopback_pair(fds);
	input = event_new(base, fds[1], EV_READ, note_input, &left);
	event_add(input, NULL);
	ck_assert_int_eq(send(fds[0], "!", 1, 0), 1);

	failures = 1000;
	set(&alarm, 1);
	event_base_dispatch(base);
	ck_assert_uint_eq(alarm.rings, 1);
	ck_assert_uint_gt(left, 0);
	failures = 0;

	event_free(input);
	close(fds[0]);
	close(fds[1]);
	timers_free(timers);
	event_base_free(base);
}
END_TEST

/* A loop with far timers sleeps: it has one, and that is far as well. */
START_TEST(test_the_loop_sleeps_until_a_timer_is_due)
{
	enum { MANY = 1000, HOUR = 3600 * 1000 };
	struct event_base *base = event_base_new();
	struct timers *timers = timers_new(base, on_expired);
	static struct alarm alarms[MANY];
	int before = event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);

	for (int i = 0; i < MANY; i++) {
		alarms[i].timers = timers;
		set(&alarms[i], HOUR + i * 1000);
	}
	ck_assert_int_eq(event_base_get_num_events(base,
						   EVENT_BASE_COUNT_ADDED),
			 before + 1);
	for (int i = 0; i < MANY; i++)
		timers_cancel(timers, &alarms[i].timer);
	timers_free(timers);
	ck_assert_int_eq(event_base_get_num_events(base,
						   EVENT_BASE_COUNT_ADDED),
			 before);
	event_base_free(base);
}
END_TEST

/* After a loop was blocked, the delay says so. */
START_TEST(test_timers_report_their_delay)
{
	enum { LATE_MS = 200 };
	struct event_base *base = event_base_new();
	struct timers *timers = timers_new(base, on_expired);
	struct alarm alarm = { .timers = timers };

	set(&alarm, 1);
	/* A tick more: it is due at the end of that to which it was set. */
	while (timers_now() < alarm.set_to + LATE_MS + TIMERS_TICK_MS)
		continue;
	loop_until(base, has_rung, &alarm);
	ck_assert_int_ge(alarm.late, LATE_MS - TIMERS_TICK_MS);
	alarm.rings = 0;
	set(&alarm, 100);
	loop_until(base, has_rung, &alarm);
	ck_assert_int_lt(alarm.late, LATE_MS - TIMERS_TICK_MS);
	timers_free(timers);
	event_base_free(base);
}
END_TEST

SUITE(test_timers_expire_but_not_too_early,
      test_a_cancelled_timer_does_not_expire,
      test_an_expired_timer_can_be_set_again,
      test_an_expired_timer_can_cancel_another,
      test_an_event_without_memory_fires_at_once,
      test_the_loop_sleeps_until_a_timer_is_due, test_timers_report_their_delay)
