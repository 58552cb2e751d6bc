#include "patience.h"

#include "suite.h"

static const struct patience begun = { .active = 1000, .written = 2000 };

static void
expect(struct patience_limits limits, enum patience_due due, int64_t at)
{
	int64_t told = at;

	ck_assert_int_eq(patience_next(&begun, &limits, &told), due);
	ck_assert_int_eq(told, at);
}

START_TEST(without_limits_it_waits_for_ever)
{
	expect((struct patience_limits){ 0 }, PATIENCE_NOTHING, -1);
}
END_TEST

START_TEST(each_limit_counts_from_its_own_time)
{
	expect((struct patience_limits){ .idle = 500 }, PATIENCE_IDLE, 1500);
	expect((struct patience_limits){ .unread = 500 }, PATIENCE_UNREAD,
	       2500);
	expect((struct patience_limits){ .may_absorb = true }, PATIENCE_ABSORBS,
	       2020);
}
END_TEST

START_TEST(what_is_due_first_is_told)
{
	expect((struct patience_limits){ .idle = 1499, .unread = 500 },
	       PATIENCE_IDLE, 2499);
	expect((struct patience_limits){ .idle = 1501, .unread = 500 },
	       PATIENCE_UNREAD, 2500);
	expect((struct patience_limits){ 1500, 500, true }, PATIENCE_ABSORBS,
	       2020);
	expect((struct patience_limits){ 1500, 19, true }, PATIENCE_UNREAD,
	       2019);
}
END_TEST

/* It is the peer that does not read, not the silence, and reading on is void. */
START_TEST(of_two_at_one_time_the_graver_is_told)
{
	expect((struct patience_limits){ .idle = 1500, .unread = 500 },
	       PATIENCE_UNREAD, 2500);
	expect((struct patience_limits){ 1020, 0, true }, PATIENCE_IDLE, 2020);
}
END_TEST

START_TEST(seconds_are_milliseconds)
{
	ck_assert_int_eq(patience_ms(0), 0);
	ck_assert_int_eq(patience_ms(0.0001), 1);
	ck_assert_int_eq(patience_ms(1.5), 1500);
	ck_assert_int_eq(patience_ms(366.0 * 24 * 3600), 31622400000);
}
END_TEST

SUITE(without_limits_it_waits_for_ever, each_limit_counts_from_its_own_time,
      what_is_due_first_is_told, of_two_at_one_time_the_graver_is_told,
      seconds_are_milliseconds)
