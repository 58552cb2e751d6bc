#include "admit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "sockets.h"

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
	struct admit *admit = admit_new();
	struct gate *gate = gate_new(admit, "main");

	ck_assert_str_eq(gate_name(gate), "main");
	ck_assert_uint_eq(admit_count(admit), 0);
	ck_assert_uint_eq(enter_all(gate, 10000), 10000);
	ck_assert_uint_eq(admit_count(admit), 10000);
	leave_all(gate, 10000);
	ck_assert_uint_eq(admit_count(admit), 0);
	gate_release(gate);
	admit_free(admit);
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
	struct admit *admit = admit_new();
	struct gate *one = gate_new(admit, "one");
	struct gate *two = gate_new(admit, "two");
	enum refuse_reason reason = REFUSE_REASON_COUNT;
	uint64_t id;

	gate_set_limit(one, 3);
	ck_assert_uint_eq(enter_all(one, 10), 3);
	ck_assert(!gate_enter(one, NULL, 0, &id, &reason));
	ck_assert_int_eq(reason, REFUSE_max_connections);
	ck_assert_uint_eq(enter_all(two, 10), 10);
	/* Those who were refused have left no trace. */
	ck_assert_uint_eq(admit_count(admit), 13);

	gate_leave(one, NULL, 0);
	ck_assert_uint_eq(enter_all(one, 10), 1);
	leave_all(one, 3);
	leave_all(two, 10);
	ck_assert_uint_eq(admit_count(admit), 0);
	gate_release(one);
	gate_release(two);
	admit_free(admit);
}
END_TEST

START_TEST(the_limit_of_all_is_shared)
{
	struct admit *admit = admit_new();
	struct gate *one = gate_new(admit, "one");
	struct gate *two = gate_new(admit, "two");
	enum refuse_reason reason = REFUSE_REASON_COUNT;
	uint64_t id;

	admit_set_limit(admit, 5);
	ck_assert_uint_eq(enter_all(one, 3), 3);
	ck_assert_uint_eq(enter_all(two, 10), 2);
	ck_assert(!gate_enter(one, NULL, 0, &id, &reason));
	ck_assert_int_eq(reason, REFUSE_max_connections);
	ck_assert_uint_eq(admit_count(admit), 5);

	/* Refusals have not used up the places of the gate. */
	gate_set_limit(two, 3);
	leave_all(one, 2);
	ck_assert_uint_eq(enter_all(two, 10), 1);
	leave_all(one, 1);
	leave_all(two, 3);
	gate_release(one);
	gate_release(two);
	admit_free(admit);
}
END_TEST

START_TEST(a_limit_applies_to_those_who_come_later)
{
	struct admit *admit = admit_new();
	struct gate *gate = gate_new(admit, "main");

	ck_assert_uint_eq(enter_all(gate, 10), 10);
	gate_set_limit(gate, 8);
	ck_assert_uint_eq(admit_count(admit), 10);
	ck_assert_uint_eq(enter_all(gate, 10), 0);
	leave_all(gate, 2);
	ck_assert_uint_eq(enter_all(gate, 10), 0);
	leave_all(gate, 1);
	ck_assert_uint_eq(enter_all(gate, 10), 1);

	gate_set_limit(gate, 0);
	admit_set_limit(admit, 9);
	ck_assert_uint_eq(enter_all(gate, 10), 1);
	admit_set_limit(admit, 0);
	ck_assert_uint_eq(enter_all(gate, 10), 10);
	leave_all(gate, 19);
	ck_assert_uint_eq(admit_count(admit), 0);
	gate_release(gate);
	admit_free(admit);
}
END_TEST

START_TEST(no_two_sessions_have_one_number)
{
	struct admit *admit = admit_new();
	struct gate *gates[2] = { gate_new(admit, "a"), gate_new(admit, "b") };
	enum refuse_reason reason;
	uint64_t last = 0, id;

	for (unsigned i = 0; i < 100; i++) {
		ck_assert(gate_enter(gates[i % 2], NULL, 0, &id, &reason));
		ck_assert_uint_gt(id, last);
		last = id;
		gate_leave(gates[i % 2], NULL, 0);
	}
	ck_assert_uint_eq(last, 100);
	gate_release(gates[0]);
	gate_release(gates[1]);
	admit_free(admit);
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
	struct admit *admit = admit_new();
	struct gate *one = gate_new(admit, "one");
	struct gate *two = gate_new(admit, "two");
	struct address peer = address_of("192.0.2.1:1");
	struct address other = address_of("192.0.2.2:1");
	enum refuse_reason reason = REFUSE_REASON_COUNT;
	uint64_t id;

	ck_assert(gate_enter(one, &peer, 1, &id, &reason));
	ck_assert(!gate_enter(one, &peer, 1, &id, &reason));
	ck_assert_int_eq(reason, REFUSE_per_source);
	ck_assert(!gate_enter_source(one, &peer, 1));
	ck_assert(gate_enter(one, &other, 1, &id, &reason));
	ck_assert(gate_enter(two, &peer, 1, &id, &reason));
	ck_assert_uint_eq(admit_count(admit), 3);

	/* One that does not count is not taken off either. */
	ck_assert(gate_enter(one, &peer, 0, &id, &reason));
	gate_leave(one, &peer, 0);
	ck_assert(!gate_enter(one, &peer, 1, &id, &reason));
	gate_leave(one, &peer, 1);
	ck_assert(gate_enter(one, &peer, 1, &id, &reason));

	/* One who learns later who it is enters in two steps. */
	ck_assert(gate_enter(two, NULL, 0, &id, &reason));
	ck_assert(gate_enter_source(two, &other, 1));
	ck_assert(!gate_enter_source(two, &other, 1));
	gate_leave(two, &other, 1);

	gate_leave(one, &peer, 1);
	gate_leave(one, &other, 1);
	gate_leave(two, &peer, 1);
	ck_assert_uint_eq(admit_count(admit), 0);
	gate_release(one);
	gate_release(two);
	admit_free(admit);
}
END_TEST

/* Or it would be refused for ever after. */
START_TEST(who_is_refused_leaves_no_trace)
{
	struct admit *admit = admit_new();
	struct gate *gate = gate_new(admit, "main");
	struct address peer = address_of("192.0.2.1:1");
	struct address other = address_of("192.0.2.2:1");
	enum refuse_reason reason = REFUSE_REASON_COUNT;
	uint64_t id;

	gate_set_limit(gate, 1);
	ck_assert(gate_enter(gate, &other, 1, &id, &reason));
	ck_assert(!gate_enter(gate, &peer, 1, &id, &reason));
	ck_assert_int_eq(reason, REFUSE_max_connections);
	/* Of both limits, the narrower is told. */
	ck_assert(!gate_enter(gate, &other, 1, &id, &reason));
	ck_assert_int_eq(reason, REFUSE_per_source);
	gate_leave(gate, &other, 1);
	ck_assert(gate_enter(gate, &peer, 1, &id, &reason));
	gate_leave(gate, &peer, 1);
	gate_release(gate);
	admit_free(admit);
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
      a_gate_lives_as_long_as_its_sessions, a_crowd_never_exceeds_a_limit)
