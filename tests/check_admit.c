#include "admit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "sockets.h"

/* One admission of two gates, of which a test may use the first only. */
struct fixture {
	struct admit *admit;
	struct gate *one, *two;
	struct address peer, other;
	uint64_t id; /* of who came in last */
};

static void
begin(struct fixture *fixture)
{
	fixture->admit = admit_new();
	fixture->one = gate_new(fixture->admit, "one");
	fixture->two = gate_new(fixture->admit, "two");
	fixture->peer = address_of("192.0.2.1:1");
	fixture->other = address_of("192.0.2.2:1");
	fixture->id = 0;
}

/* All have left. */
static void
end(struct fixture *fixture)
{
	ck_assert_uint_eq(admit_count(fixture->admit), 0);
	gate_release(fixture->one);
	gate_release(fixture->two);
	admit_free(fixture->admit);
}

static void
enter(struct fixture *fixture, struct gate *gate, const struct address *peer,
      unsigned per_source)
{
	enum refuse_reason reason;

	ck_assert(gate_enter(gate, peer, per_source, &fixture->id, &reason));
}

static void
expect_refused(struct gate *gate, const struct address *peer,
	       unsigned per_source, enum refuse_reason expected)
{
	enum refuse_reason reason = REFUSE_REASON_COUNT;
	uint64_t id;

	ck_assert(!gate_enter(gate, peer, per_source, &id, &reason));
	ck_assert_int_eq(reason, expected);
}

/* As many as can still enter, at most `most`. */
static unsigned
enter_all(struct gate *gate, unsigned most)
{
	enum refuse_reason reason;
	unsigned entered = 0;
	uint64_t id;

	while (entered < most && gate_enter(gate, NULL, 0, &id, &reason))
		entered++;
	return entered;
}

static void
leave_all(struct gate *gate, unsigned count)
{
	while (count-- > 0)
		gate_leave(gate, NULL, 0);
}

START_TEST(without_limits_everyone_enters)
{
	struct fixture fixture;

	begin(&fixture);
	ck_assert_str_eq(gate_name(fixture.one), "one");
	ck_assert_uint_eq(admit_count(fixture.admit), 0);
	ck_assert_uint_eq(enter_all(fixture.one, 10000), 10000);
	ck_assert_uint_eq(admit_count(fixture.admit), 10000);
	leave_all(fixture.one, 10000);
	end(&fixture);
}
END_TEST

START_TEST(a_name_is_the_gates_own)
{
	struct admit *admit = admit_new();
	char name[] = "rfc862";
	struct gate *gate = gate_new(admit, name);

	memset(name, 'x', sizeof(name) - 1);
	ck_assert_str_eq(gate_name(gate), "rfc862");
	gate_release(gate);
	admit_free(admit);
}
END_TEST

START_TEST(the_limit_of_a_gate_is_its_own)
{
	struct fixture fixture;

	begin(&fixture);
	gate_set_limit(fixture.one, 3);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 3);
	expect_refused(fixture.one, NULL, 0, REFUSE_max_connections);
	ck_assert_uint_eq(enter_all(fixture.two, 10), 10);
	/* Those who were refused have left no trace. */
	ck_assert_uint_eq(admit_count(fixture.admit), 13);

	gate_leave(fixture.one, NULL, 0);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 1);
	leave_all(fixture.one, 3);
	leave_all(fixture.two, 10);
	end(&fixture);
}
END_TEST

START_TEST(the_limit_of_all_is_shared)
{
	struct fixture fixture;

	begin(&fixture);
	admit_set_limit(fixture.admit, 5);
	ck_assert_uint_eq(enter_all(fixture.one, 3), 3);
	ck_assert_uint_eq(enter_all(fixture.two, 10), 2);
	expect_refused(fixture.one, NULL, 0, REFUSE_max_connections);
	ck_assert_uint_eq(admit_count(fixture.admit), 5);

	/* Refusals have not used up the places of the gate. */
	gate_set_limit(fixture.two, 3);
	leave_all(fixture.one, 2);
	ck_assert_uint_eq(enter_all(fixture.two, 10), 1);
	leave_all(fixture.one, 1);
	leave_all(fixture.two, 3);
	end(&fixture);
}
END_TEST

START_TEST(a_limit_applies_to_those_who_come_later)
{
	struct fixture fixture;

	begin(&fixture);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 10);
	gate_set_limit(fixture.one, 8);
	ck_assert_uint_eq(admit_count(fixture.admit), 10);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 0);
	leave_all(fixture.one, 2);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 0);
	leave_all(fixture.one, 1);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 1);

	gate_set_limit(fixture.one, 0);
	admit_set_limit(fixture.admit, 9);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 1);
	admit_set_limit(fixture.admit, 0);
	ck_assert_uint_eq(enter_all(fixture.one, 10), 10);
	leave_all(fixture.one, 19);
	end(&fixture);
}
END_TEST

START_TEST(no_two_sessions_have_one_number)
{
	struct fixture fixture;
	uint64_t last = 0;

	begin(&fixture);
	for (unsigned i = 0; i < 100; i++) {
		struct gate *gate = i % 2 ? fixture.two : fixture.one;

		enter(&fixture, gate, NULL, 0);
		ck_assert_uint_gt(fixture.id, last);
		last = fixture.id;
		gate_leave(gate, NULL, 0);
	}
	ck_assert_uint_eq(last, 100);
	end(&fixture);
}
END_TEST

/* The sanitizers would see a gate that goes too early, or never. */
START_TEST(a_gate_lives_as_long_as_its_sessions)
{
	struct admit *admit = admit_new();
	struct gate *gate = gate_new(admit, "main");

	ck_assert_ptr_eq(gate_ref(gate), gate);
	ck_assert_uint_eq(enter_all(gate, 2), 2);
	gate_release(gate);
	gate_release(gate);
	ck_assert_str_eq(gate_name(gate), "main");
	ck_assert_uint_eq(admit_count(admit), 2);
	gate_leave(gate, NULL, 0);
	ck_assert_str_eq(gate_name(gate), "main");
	gate_leave(gate, NULL, 0);
	ck_assert_uint_eq(admit_count(admit), 0);

	gate_release(NULL);
	admit_free(admit);
	admit_free(NULL);
}
END_TEST

START_TEST(a_source_is_counted_at_each_gate)
{
	struct fixture fixture;
	struct gate *one, *two;

	begin(&fixture);
	one = fixture.one;
	two = fixture.two;
	enter(&fixture, one, &fixture.peer, 1);
	expect_refused(one, &fixture.peer, 1, REFUSE_per_source);
	ck_assert(!gate_enter_source(one, &fixture.peer, 1));
	enter(&fixture, one, &fixture.other, 1);
	enter(&fixture, two, &fixture.peer, 1);
	ck_assert_uint_eq(admit_count(fixture.admit), 3);

	/* One that does not count is not taken off either. */
	enter(&fixture, one, &fixture.peer, 0);
	gate_leave(one, &fixture.peer, 0);
	expect_refused(one, &fixture.peer, 1, REFUSE_per_source);
	gate_leave(one, &fixture.peer, 1);
	enter(&fixture, one, &fixture.peer, 1);

	/* One who learns later who it is enters in two steps. */
	enter(&fixture, two, NULL, 0);
	ck_assert(gate_enter_source(two, &fixture.other, 1));
	ck_assert(!gate_enter_source(two, &fixture.other, 1));
	gate_leave(two, &fixture.other, 1);

	gate_leave(one, &fixture.peer, 1);
	gate_leave(one, &fixture.other, 1);
	gate_leave(two, &fixture.peer, 1);
	end(&fixture);
}
END_TEST
FAULT(6, a_source_is_counted_at_each_gate)

/* Or it would be refused for ever after. */
START_TEST(who_is_refused_leaves_no_trace)
{
	struct fixture fixture;
	struct gate *gate;

	begin(&fixture);
	gate = fixture.one;
	gate_set_limit(gate, 1);
	enter(&fixture, gate, &fixture.other, 1);
	expect_refused(gate, &fixture.peer, 1, REFUSE_max_connections);
	/* Of both limits, the narrower is told. */
	expect_refused(gate, &fixture.other, 1, REFUSE_per_source);
	gate_leave(gate, &fixture.other, 1);
	enter(&fixture, gate, &fixture.peer, 1);
	gate_leave(gate, &fixture.peer, 1);
	end(&fixture);
}
END_TEST

enum { THREADS = 4, ROUNDS = 20000, PLACES = 3 };

struct crowd {
	struct gate *gate;
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
		if (!gate_enter(crowd->gate, NULL, 0, &id, &reason))
			continue;
		note_most(crowd, atomic_fetch_add(&crowd->inside, 1) + 1);
		atomic_fetch_add(&crowd->entered, 1);
		atomic_fetch_sub(&crowd->inside, 1);
		gate_leave(crowd->gate, NULL, 0);
	}
	return NULL;
}

/* It is one gate to all but the count of those who came in by the part. */
START_TEST(a_part_counts_for_itself_and_for_the_whole)
{
	struct fixture fixture;
	struct gate *part, *same;

	begin(&fixture);
	part = gate_new_part(fixture.one);
	same = gate_new_part(fixture.one);
	ck_assert(gate_is_part_of(part, fixture.one));
	ck_assert(!gate_is_part_of(part, fixture.two));
	ck_assert(!gate_is_part_of(fixture.one, fixture.one));
	ck_assert_str_eq(gate_name(part), "one");
	gate_set_limit(fixture.one, 3);

	enter(&fixture, part, &fixture.peer, 2);
	enter(&fixture, same, &fixture.peer, 2);
	expect_refused(part, &fixture.peer, 2, REFUSE_per_source);
	enter(&fixture, part, &fixture.other, 2);
	expect_refused(part, &fixture.other, 2, REFUSE_max_connections);
	ck_assert_uint_eq(gate_count(part), 2);
	ck_assert_uint_eq(gate_count(same), 1);
	ck_assert_uint_eq(gate_count(fixture.one), 3);
	ck_assert_uint_eq(gate_number(part), 1);
	ck_assert_uint_eq(gate_number(same), 2);

	gate_leave(part, &fixture.peer, 2);
	gate_leave(same, &fixture.peer, 2);
	ck_assert_uint_eq(gate_count(part), 1);
	ck_assert_uint_eq(gate_count(same), 0);
	ck_assert_uint_eq(gate_count(fixture.one), 1);
	/* The last one in it keeps it, and the whole. */
	gate_release(same);
	gate_release(part);
	gate_leave(part, &fixture.other, 2);
	end(&fixture);
}
END_TEST

START_TEST(a_crowd_never_exceeds_a_limit)
{
	struct admit *admit = admit_new();
	struct crowd crowd = { .gate = gate_new(admit, "main") };
	pthread_t threads[THREADS];

	gate_set_limit(crowd.gate, PLACES);
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go,
						&crowd),
				 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);

	ck_assert_uint_le(crowd.most, PLACES);
	/* While there are places for all but one of the threads, most enter. */
	ck_assert_uint_ge(crowd.entered, ROUNDS);
	ck_assert_uint_eq(admit_count(admit), 0);
	ck_assert_uint_eq(enter_all(crowd.gate, 10), PLACES);
	leave_all(crowd.gate, PLACES);
	gate_release(crowd.gate);
	admit_free(admit);
}
END_TEST

SUITE(without_limits_everyone_enters, a_name_is_the_gates_own,
      the_limit_of_a_gate_is_its_own, the_limit_of_all_is_shared,
      a_limit_applies_to_those_who_come_later, no_two_sessions_have_one_number,
      a_source_is_counted_at_each_gate, who_is_refused_leaves_no_trace,
      a_gate_lives_as_long_as_its_sessions, a_crowd_never_exceeds_a_limit,
      a_part_counts_for_itself_and_for_the_whole)
