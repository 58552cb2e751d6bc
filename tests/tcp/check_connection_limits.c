#include "tcp/connection_limits.h"

#include <pthread.h>
#include <stdatomic.h>

#include "support/sockets.h"

/* One admission of two gates, of which a test may use the first only. */
struct fixture {
	struct limits *limits;
	struct limit *one, *two;
	struct address peer, other;
	uint64_t id; /* of the last session that entered */
};

static void
begin(struct fixture *fixture)
{
	fixture->limits = limits_new();
	fixture->one = limit_new(fixture->limits, "one", NULL);
	fixture->two = limit_new(fixture->limits, "two", NULL);
	fixture->peer = address_of("192.0.2.1:1");
	fixture->other = address_of("192.0.2.2:1");
	fixture->id = 0;
}

/* All have left. */
static void
end(struct fixture *fixture)
{
	ck_assert_uint_eq(limits_count(fixture->limits), 0);
	limit_unref(fixture->one);
	limit_unref(fixture->two);
	limits_free(fixture->limits);
}

static void
enter(struct fixture *fixture, struct limit *limit, const struct address *peer,
      unsigned per_source)
{
	enum refuse_reason reason;

	ck_assert(limit_enter(limit, peer, per_source, &fixture->id, &reason));
}

static void
expect_refused(struct limit *limit, const struct address *peer,
	       unsigned per_source, enum refuse_reason expected)
{
	enum refuse_reason reason = REFUSE_REASON_COUNT;
	uint64_t id;

	ck_assert(!limit_enter(limit, peer, per_source, &id, &reason));
	ck_assert_int_eq(reason, expected);
}

/* As many as can still enter, at most `most`. */
static unsigned
enter_all(struct limit *limit, unsigned most)
{
	enum refuse_reason reason;
	unsigned entered = 0;
	uint64_t id;

	while (entered < most && limit_enter(limit, NULL, 0, &id, &reason))
		entered++;
	return entered;
}

static void
leave_all(struct limit *limit, unsigned count)
{
	while (count-- > 0)
		limit_leave(limit, NULL, 0);
}

START_TEST(test_without_limits_everyone_enters)
{
	struct fixture fixture;

	begin(&fixture);
	ck_assert_str_eq(limit_name(fixture.one), "one");
	ck_assert_uint_eq(limits_count(fixture.limits), 0);
	ck_assert_uint_eq(enter_all(fixture.one, 10000), 10000);
	ck_assert_uint_eq(limits_count(fixture.limits), 10000);
	leave_all(fixture.one, 10000);
	end(&fixture);
}
END_TEST

START_TEST(test_a_name_is_the_gates_own)
{
	struct limits *limits = limits_new();
	char name[] = "rfc862";
	struct limit *limit = limit_new(limits, name, NULL);

	memset(name, 'x', sizeof(name) - 1);
	ck_assert_str_eq(limit_name(limit), "rfc862");
	limit_unref(limit);
	limits_free(limits);
}
END_TEST

START_TEST(test_the_limit_of_a_gate_is_its_own)
{
	struct fixture fixture;

	begin(&fixture);
	limit_set_max(fixture.one, 3);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 3);
	expect_refused(fixture.one, NULL, 0, REFUSE_max_connections);
	ck_assert_uint_eq(enter_all(fixture.two, 10), 10);
	/* Refused connections are not counted. */
	ck_assert_uint_eq(limits_count(fixture.limits), 13);

	limit_leave(fixture.one, NULL, 0);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 1);
	leave_all(fixture.one, 3);
	leave_all(fixture.two, 10);
	end(&fixture);
}
END_TEST

START_TEST(test_the_limit_of_all_is_shared)
{
	struct fixture fixture;

	begin(&fixture);
	limits_set_max(fixture.limits, 5);
	ck_assert_uint_eq(enter_all(fixture.one, 3), 3);
	ck_assert_uint_eq(enter_all(fixture.two, 10), 2);
	expect_refused(fixture.one, NULL, 0, REFUSE_max_connections);
	ck_assert_uint_eq(limits_count(fixture.limits), 5);

	/* Refused connections have not been counted. */
	limit_set_max(fixture.two, 3);
	leave_all(fixture.one, 2);
	ck_assert_uint_eq(enter_all(fixture.two, 10), 1);
	leave_all(fixture.one, 1);
	leave_all(fixture.two, 3);
	end(&fixture);
}
END_TEST

START_TEST(test_a_limit_applies_to_later_connections)
{
	struct fixture fixture;

	begin(&fixture);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 10);
	limit_set_max(fixture.one, 8);
	ck_assert_uint_eq(limits_count(fixture.limits), 10);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 0);
	leave_all(fixture.one, 2);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 0);
	leave_all(fixture.one, 1);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 1);

	limit_set_max(fixture.one, 0);
	limits_set_max(fixture.limits, 9);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 1);
	limits_set_max(fixture.limits, 0);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 10);
	leave_all(fixture.one, 19);
	end(&fixture);
}
END_TEST

START_TEST(test_no_two_sessions_have_one_number)
{
	struct fixture fixture;
	uint64_t last = 0;

	begin(&fixture);
	for (unsigned i = 0; i < 100; i++) {
		struct limit *limit = i % 2 ? fixture.two : fixture.one;

		enter(&fixture, limit, NULL, 0);
		ck_assert_uint_gt(fixture.id, last);
		last = fixture.id;
		limit_leave(limit, NULL, 0);
	}
	ck_assert_uint_eq(last, 100);
	end(&fixture);
}
END_TEST

/* The sanitizers would see a limit that is freed too early, or never. */
START_TEST(test_a_gate_lives_as_long_as_its_sessions)
{
	struct limits *limits = limits_new();
	struct limit *limit = limit_new(limits, "main", NULL);

	ck_assert_ptr_eq(limit_ref(limit), limit);
	ck_assert_uint_eq(enter_all(limit, 2), 2);
	limit_unref(limit);
	limit_unref(limit);
	ck_assert_str_eq(limit_name(limit), "main");
	ck_assert_uint_eq(limits_count(limits), 2);
	limit_leave(limit, NULL, 0);
	ck_assert_str_eq(limit_name(limit), "main");
	limit_leave(limit, NULL, 0);
	ck_assert_uint_eq(limits_count(limits), 0);

	limit_unref(NULL);
	limits_free(limits);
	limits_free(NULL);
}
END_TEST

START_TEST(test_a_source_is_counted_at_each_gate)
{
	struct fixture fixture;
	struct limit *one, *two;

	begin(&fixture);
	one = fixture.one;
	two = fixture.two;
	enter(&fixture, one, &fixture.peer, 1);
	expect_refused(one, &fixture.peer, 1, REFUSE_per_source);
	ck_assert(!limit_enter_source(one, &fixture.peer, 1));
	enter(&fixture, one, &fixture.other, 1);
	enter(&fixture, two, &fixture.peer, 1);
	ck_assert_uint_eq(limits_count(fixture.limits), 3);

	/* One that does not count is not taken off either. */
	enter(&fixture, one, &fixture.peer, 0);
	limit_leave(one, &fixture.peer, 0);
	expect_refused(one, &fixture.peer, 1, REFUSE_per_source);
	limit_leave(one, &fixture.peer, 1);
	enter(&fixture, one, &fixture.peer, 1);

	/* Behind a proxy, a session enters in two steps. */
	enter(&fixture, two, NULL, 0);
	ck_assert(limit_enter_source(two, &fixture.other, 1));
	ck_assert(!limit_enter_source(two, &fixture.other, 1));
	limit_leave(two, &fixture.other, 1);

	limit_leave(one, &fixture.peer, 1);
	limit_leave(one, &fixture.other, 1);
	limit_leave(two, &fixture.peer, 1);
	end(&fixture);
}
END_TEST
FAULT(6, test_a_source_is_counted_at_each_gate)

/* Or it would be refused for ever after. */
START_TEST(test_a_refused_connection_is_not_counted)
{
	struct fixture fixture;
	struct limit *limit;

	begin(&fixture);
	limit = fixture.one;
	limit_set_max(limit, 1);
	enter(&fixture, limit, &fixture.other, 1);
	expect_refused(limit, &fixture.peer, 1, REFUSE_max_connections);
	/* Of both limits, the narrower is told. */
	expect_refused(limit, &fixture.other, 1, REFUSE_per_source);
	limit_leave(limit, &fixture.other, 1);
	enter(&fixture, limit, &fixture.peer, 1);
	limit_leave(limit, &fixture.peer, 1);
	end(&fixture);
}
END_TEST

enum { THREADS = 4, ROUNDS = 20000, PLACES = 3 };

struct crowd {
	struct limit *limit;
	atomic_uint inside;
	atomic_uint most;
	atomic_uint entered;
};

static void
note_most(struct crowd *crowd, unsigned inside)
{
	unsigned most = atomic_load(&crowd->most);

	while (inside > most &&
	       !atomic_compare_exchange_weak(&crowd->most, &most, inside))
		;
}

static void *
come_and_go(void *argument)
{
	struct crowd *crowd = argument;
	enum refuse_reason reason;
	uint64_t id;

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (!limit_enter(crowd->limit, NULL, 0, &id, &reason))
			continue;
		note_most(crowd, atomic_fetch_add(&crowd->inside, 1) + 1);
		atomic_fetch_add(&crowd->entered, 1);
		atomic_fetch_sub(&crowd->inside, 1);
		limit_leave(crowd->limit, NULL, 0);
	}
	return NULL;
}

/* A part has a count of its own, and all else from the whole. */
START_TEST(test_a_part_counts_for_itself_and_for_the_whole)
{
	struct fixture fixture;
	struct limit *part, *same;

	begin(&fixture);
	part = limit_new_part(fixture.one);
	same = limit_new_part(fixture.one);
	ck_assert(limit_is_part_of(part, fixture.one));
	ck_assert(!limit_is_part_of(part, fixture.two));
	ck_assert(!limit_is_part_of(fixture.one, fixture.one));
	ck_assert_str_eq(limit_name(part), "one");
	limit_set_max(fixture.one, 3);

	enter(&fixture, part, &fixture.peer, 2);
	enter(&fixture, same, &fixture.peer, 2);
	expect_refused(part, &fixture.peer, 2, REFUSE_per_source);
	enter(&fixture, part, &fixture.other, 2);
	expect_refused(part, &fixture.other, 2, REFUSE_max_connections);
	ck_assert_uint_eq(limit_count(part), 2);
	ck_assert_uint_eq(limit_count(same), 1);
	ck_assert_uint_eq(limit_count(fixture.one), 3);
	ck_assert_uint_eq(limit_next_number(part), 1);
	ck_assert_uint_eq(limit_next_number(same), 2);

	limit_leave(part, &fixture.peer, 2);
	limit_leave(same, &fixture.peer, 2);
	ck_assert_uint_eq(limit_count(part), 1);
	ck_assert_uint_eq(limit_count(same), 0);
	ck_assert_uint_eq(limit_count(fixture.one), 1);
	/* The last one in it keeps it, and the whole. */
	limit_unref(same);
	limit_unref(part);
	limit_leave(part, &fixture.other, 2);
	end(&fixture);
}
END_TEST

START_TEST(test_a_crowd_never_exceeds_a_limit)
{
	struct limits *limits = limits_new();
	struct crowd crowd = { .limit = limit_new(limits, "main", NULL) };
	pthread_t threads[THREADS];

	limit_set_max(crowd.limit, PLACES);
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go,
						&crowd),
				 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);

	ck_assert_uint_le(crowd.most, PLACES);
	/* While there are places for all but one of the threads, most enter. */
	ck_assert_uint_ge(crowd.entered, ROUNDS);
	ck_assert_uint_eq(limits_count(limits), 0);
	ck_assert_uint_eq(enter_all(crowd.limit, 10), PLACES);
	leave_all(crowd.limit, PLACES);
	limit_unref(crowd.limit);
	limits_free(limits);
}
END_TEST

SUITE(test_without_limits_everyone_enters, test_a_name_is_the_gates_own,
      test_the_limit_of_a_gate_is_its_own, test_the_limit_of_all_is_shared,
      test_a_limit_applies_to_later_connections,
      test_no_two_sessions_have_one_number,
      test_a_source_is_counted_at_each_gate,
      test_a_refused_connection_is_not_counted,
      test_a_gate_lives_as_long_as_its_sessions,
      test_a_crowd_never_exceeds_a_limit,
      test_a_part_counts_for_itself_and_for_the_whole)
