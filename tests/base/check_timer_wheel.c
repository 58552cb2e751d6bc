#include "base/timer_wheel.h"

#include "support/suite.h"

enum { MINUTE = 60, YEAR = 366 * 24 * 3600 };

static uint64_t
next_of(const struct timer_wheel *wheel)
{
	uint64_t tick = 0;

	ck_assert(timer_wheel_next(wheel, &tick));
	return tick;
}

START_TEST(test_an_empty_wheel_has_nothing_to_do)
{
	struct timer_wheel wheel = { 0 };
	uint64_t tick;

	ck_assert(!timer_wheel_next(&wheel, &tick));
	ck_assert_ptr_null(timer_wheel_pop(&wheel, 0));
	ck_assert_ptr_null(timer_wheel_pop(&wheel, UINT64_MAX));
	ck_assert(!timer_wheel_next(&wheel, &tick));
}
END_TEST

START_TEST(test_a_timer_is_due_at_its_tick)
{
	struct timer_wheel wheel = { 0 };
	struct wheel_timer timer = { 0 };

	ck_assert(!timer_wheel_is_set(&timer));
	timer_wheel_set(&wheel, &timer, 1000, 0);
	ck_assert(timer_wheel_is_set(&timer));
	ck_assert_ptr_null(timer_wheel_pop(&wheel, 999));
	ck_assert_ptr_eq(timer_wheel_pop(&wheel, 1000), &timer);
	ck_assert(!timer_wheel_is_set(&timer));
	ck_assert_ptr_null(timer_wheel_pop(&wheel, 1000));
	ck_assert_ptr_null(timer_wheel_pop(&wheel, 100000));
}
END_TEST

/* Setting it anew, to sooner or to later, is all that counts. */
START_TEST(test_setting_a_timer_again_moves_it)
{
	struct timer_wheel wheel = { 0 };
	struct wheel_timer timer = { 0 };

	timer_wheel_set(&wheel, &timer, 1000, 0);
	timer_wheel_set(&wheel, &timer, 10, 0);
	ck_assert_ptr_eq(timer_wheel_pop(&wheel, 10), &timer);
	timer_wheel_set(&wheel, &timer, 20, 10);
	timer_wheel_set(&wheel, &timer, 5000, 10);
	ck_assert_ptr_null(timer_wheel_pop(&wheel, 4999));
	ck_assert_ptr_eq(timer_wheel_pop(&wheel, 5000), &timer);
	ck_assert_ptr_null(timer_wheel_pop(&wheel, 5000));
}
END_TEST

START_TEST(test_a_cancelled_timer_is_never_due)
{
	struct timer_wheel wheel = { 0 };
	struct wheel_timer timers[2] = { 0 };
	uint64_t tick;

	timer_wheel_cancel(&wheel, &timers[0]);
	timer_wheel_set(&wheel, &timers[0], 100, 0);
	timer_wheel_set(&wheel, &timers[1], 100, 0);
	timer_wheel_cancel(&wheel, &timers[0]);
	ck_assert(!timer_wheel_is_set(&timers[0]));
	ck_assert_ptr_eq(timer_wheel_pop(&wheel, 200), &timers[1]);
	ck_assert_ptr_null(timer_wheel_pop(&wheel, 200));

	/* The last one leaves nothing to wake up for. */
	timer_wheel_set(&wheel, &timers[0], 300, 200);
	timer_wheel_cancel(&wheel, &timers[0]);
	ck_assert(!timer_wheel_next(&wheel, &tick));
}
END_TEST

/* Or a callback that sets its own timer would go on for ever. */
START_TEST(test_a_timer_in_the_past_is_due_at_the_next_tick)
{
	struct timer_wheel wheel = { 0 };
	struct wheel_timer timer = { 0 };

	ck_assert_ptr_null(timer_wheel_pop(&wheel, 1000));
	timer_wheel_set(&wheel, &timer, 10, 1000);
	ck_assert_uint_eq(next_of(&wheel), 1001);
	ck_assert_ptr_null(timer_wheel_pop(&wheel, 1000));
	ck_assert_ptr_eq(timer_wheel_pop(&wheel, 1001), &timer);
	timer_wheel_set(&wheel, &timer, 1001, 1001);
	ck_assert_ptr_null(timer_wheel_pop(&wheel, 1001));
	ck_assert_ptr_eq(timer_wheel_pop(&wheel, 1002), &timer);
}
END_TEST

START_TEST(test_a_timer_can_be_at_the_last_tick)
{
	struct timer_wheel wheel = { 0 };
	struct wheel_timer timers[2] = { 0 };

	timer_wheel_set(&wheel, &timers[0], UINT64_MAX, 12345);
	timer_wheel_set(&wheel, &timers[1], UINT64_MAX / 2, 12345);
	ck_assert_ptr_eq(timer_wheel_pop(&wheel, UINT64_MAX), &timers[1]);
	ck_assert_ptr_eq(timer_wheel_pop(&wheel, UINT64_MAX), &timers[0]);
	ck_assert_ptr_null(timer_wheel_pop(&wheel, UINT64_MAX));
}
END_TEST

/* Sleeps as long as it may each time; returns how often it has been woken. */
static unsigned
wakes_until_due(struct timer_wheel *wheel, uint64_t due)
{
	struct wheel_timer *timer;
	unsigned wakes = 0;
	uint64_t now;

	do {
		now = next_of(wheel);
		ck_assert_uint_le(now, due);
		timer = timer_wheel_pop(wheel, now);
		wakes++;
	} while (!timer);
	ck_assert_uint_eq(now, due);
	return wakes;
}

/* Waiting for a timer is nearly all sleep. */
START_TEST(test_a_far_timer_is_touched_rarely)
{
	struct timer_wheel wheel = { 0 };
	struct wheel_timer timer = { 0 };
	const uint64_t far[] = { 1, 63, 64, 65, 37500, MINUTE * 60, YEAR * 60 };

	for (size_t i = 0; i < sizeof(far) / sizeof(*far); i++) {
		for (uint64_t now = 123456789; now < 123456789 + 200; now++) {
			timer_wheel_set(&wheel, &timer, now + far[i], now);
			ck_assert_uint_le(wakes_until_due(&wheel, now + far[i]),
					  6);
			wheel = (struct timer_wheel){ 0 };
		}
	}
}
END_TEST

/*
 * Against a model, an array of times: whatever is set, cancelled and popped in
 * whatever order and steps of time, the same timers are due at the same time.
 */
enum { TIMERS = 50, STEPS = 200000 };

struct model {
	struct timer_wheel wheel;
	struct wheel_timer timers[TIMERS];
	uint64_t due[TIMERS]; /* 0: not set */
	uint64_t now;
	uint64_t random;
};

/* The same each time it is run. */
static uint64_t
below(struct model *model, uint64_t limit)
{
	model->random = model->random * UINT64_C(6364136223846793005) +
			UINT64_C(1442695040888963407);
	return (model->random >> 20) % limit;
}

/* Near and far alike. */
static uint64_t
some_time(struct model *model)
{
	return below(model, UINT64_C(1) << below(model, 24));
}

static void
set_one(struct model *model)
{
	size_t at = below(model, TIMERS);
	uint64_t due = model->now + some_time(model);

	timer_wheel_set(&model->wheel, &model->timers[at], due, model->now);
	model->due[at] = due > model->now ? due : model->now + 1;
}

static void
cancel_one(struct model *model)
{
	size_t at = below(model, TIMERS);

	timer_wheel_cancel(&model->wheel, &model->timers[at]);
	model->due[at] = 0;
}

static void
pop_all(struct model *model)
{
	struct wheel_timer *timer;
	uint64_t last = 0;

	while ((timer = timer_wheel_pop(&model->wheel, model->now))) {
		size_t at = (size_t)(timer - model->timers);

		ck_assert_uint_ne(model->due[at], 0);
		ck_assert_uint_le(model->due[at], model->now);
		ck_assert_uint_ge(model->due[at], last);
		last = model->due[at];
		model->due[at] = 0;
	}
}

static void
compare(const struct model *model)
{
	uint64_t least = UINT64_MAX;
	uint64_t next = UINT64_MAX;
	size_t astray = 0;

	/* Check's assertions are too slow for each of ten million timers. */
	for (size_t i = 0; i < TIMERS; i++) {
		bool set = model->due[i] != 0;

		astray += set != timer_wheel_is_set(&model->timers[i]);
		if (set && model->due[i] < least)
			least = model->due[i];
	}
	ck_assert_uint_eq(astray, 0);
	ck_assert_int_eq(timer_wheel_next(&model->wheel, &next),
			 least != UINT64_MAX);
	ck_assert_uint_gt(next, model->now);
	ck_assert_uint_le(next, least);
}

START_TEST(test_random_operations_match_the_model)
{
	struct model model = { .now = 1 };

	for (int i = 0; i < STEPS; i++) {
		switch (below(&model, 8)) {
		case 0:
		case 1:
		case 2:
			set_one(&model);
			break;
		case 3:
			cancel_one(&model);
			break;
		default:
			model.now += some_time(&model);
			pop_all(&model);
			compare(&model);
		}
	}
}
END_TEST

SUITE(test_an_empty_wheel_has_nothing_to_do, test_a_timer_is_due_at_its_tick,
      test_setting_a_timer_again_moves_it, test_a_cancelled_timer_is_never_due,
      test_a_timer_in_the_past_is_due_at_the_next_tick,
      test_a_timer_can_be_at_the_last_tick, test_a_far_timer_is_touched_rarely,
      test_random_operations_match_the_model)
