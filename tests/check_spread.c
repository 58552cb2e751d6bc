/* Who serves the next connection. */
#include "spread.h"

#include <pthread.h>

#include "suite.h"

static void
enter(struct spread *spread, unsigned worker, unsigned times)
{
	while (times-- > 0)
		spread_enter(spread, worker);
}

START_TEST(who_accepts_serves)
{
	struct spread *spread = spread_new(4);

	for (unsigned here = 0; here < 4; here++)
		ck_assert_uint_eq(spread_choose(spread, here), here);
	spread_free(spread);
}
END_TEST

/* Up to one and a half times as many are about even. */
START_TEST(an_even_load_stays)
{
	struct spread *spread = spread_new(2);

	enter(spread, 0, 15);
	enter(spread, 1, 10);
	ck_assert_uint_eq(spread_choose(spread, 0), 0);
	enter(spread, 0, 1);
	ck_assert_uint_eq(spread_choose(spread, 0), 1);
	ck_assert_uint_eq(spread_choose(spread, 1), 1);
	spread_free(spread);
}
END_TEST

START_TEST(few_are_spread_evenly)
{
	struct spread *spread = spread_new(4);

	for (int i = 0; i < 4; i++)
		spread_enter(spread, spread_choose(spread, 2));
	for (unsigned worker = 0; worker < 4; worker++)
		ck_assert_uint_eq(spread_load(spread, worker), 1);
	spread_free(spread);
}
END_TEST

START_TEST(who_has_least_gets_it)
{
	struct spread *spread = spread_new(3);

	enter(spread, 0, 100);
	enter(spread, 1, 20);
	enter(spread, 2, 10);
	ck_assert_uint_eq(spread_choose(spread, 0), 2);
	enter(spread, 2, 20);
	ck_assert_uint_eq(spread_choose(spread, 0), 1);
	spread_free(spread);
}
END_TEST

/* Not all of many are looked at each time, but each is in its turn. */
START_TEST(of_many_each_has_its_turn)
{
	enum { WORKERS = 50 };
	struct spread *spread = spread_new(WORKERS);

	enter(spread, 0, 1000);
	for (int i = 0; i < 5 * WORKERS; i++)
		spread_enter(spread, spread_choose(spread, 0));
	ck_assert_uint_eq(spread_load(spread, 0), 1000);
	for (unsigned worker = 1; worker < WORKERS; worker++)
		ck_assert_uint_ge(spread_load(spread, worker), 3);
	spread_free(spread);
}
END_TEST

START_TEST(who_leaves_is_not_counted)
{
	struct spread *spread = spread_new(2);

	enter(spread, 1, 3);
	spread_leave(spread, 1);
	ck_assert_uint_eq(spread_load(spread, 0), 0);
	ck_assert_uint_eq(spread_load(spread, 1), 2);
	spread_free(spread);
}
END_TEST

#define ROUNDS 20000

struct party {
	struct spread *spread;
	unsigned here;
};

static void *
come_and_go(void *argument)
{
	struct party *party = argument;

	for (int i = 0; i < ROUNDS; i++) {
		unsigned to = spread_choose(party->spread, party->here);

		spread_enter(party->spread, to);
		if (i % 2)
			spread_leave(party->spread, to);
	}
	return NULL;
}

START_TEST(none_is_lost_among_threads)
{
	struct spread *spread = spread_new(2);
	struct party parties[] = { { spread, 0 }, { spread, 1 } };
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go,
						&parties[i]),
				 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(spread_load(spread, 0) + spread_load(spread, 1),
			  ROUNDS);
	spread_free(spread);
}
END_TEST

SUITE(who_accepts_serves, an_even_load_stays, few_are_spread_evenly,
      who_has_least_gets_it, of_many_each_has_its_turn,
      who_leaves_is_not_counted, none_is_lost_among_threads)
