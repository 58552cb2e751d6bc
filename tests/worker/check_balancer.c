/* The choice of the worker for the next connection. */
#include "worker/balancer.h"

#include <pthread.h>

#include "support/suite.h"

static void
enter(struct balancer *balancer, unsigned worker, unsigned times)
{
	while (times-- > 0)
		balancer_enter(balancer, worker);
}

START_TEST(test_the_accepting_worker_is_preferred)
{
	struct balancer *balancer = balancer_new(4);

	for (unsigned here = 0; here < 4; here++)
		ck_assert_uint_eq(balancer_choose(balancer, here), here);
	balancer_free(balancer);
}
END_TEST

/* Up to 1.5 times the least load, the connection stays. */
START_TEST(test_an_even_load_stays)
{
	struct balancer *balancer = balancer_new(2);

	enter(balancer, 0, 15);
	enter(balancer, 1, 10);
	ck_assert_uint_eq(balancer_choose(balancer, 0), 0);
	enter(balancer, 0, 1);
	ck_assert_uint_eq(balancer_choose(balancer, 0), 1);
	ck_assert_uint_eq(balancer_choose(balancer, 1), 1);
	balancer_free(balancer);
}
END_TEST

START_TEST(test_few_are_spread_evenly)
{
	struct balancer *balancer = balancer_new(4);

	for (int i = 0; i < 4; i++)
		balancer_enter(balancer, balancer_choose(balancer, 2));
	for (unsigned worker = 0; worker < 4; worker++)
		ck_assert_uint_eq(balancer_load(balancer, worker), 1);
	balancer_free(balancer);
}
END_TEST

START_TEST(test_the_least_loaded_worker_is_chosen)
{
	struct balancer *balancer = balancer_new(3);

	enter(balancer, 0, 100);
	enter(balancer, 1, 20);
	enter(balancer, 2, 10);
	ck_assert_uint_eq(balancer_choose(balancer, 0), 2);
	enter(balancer, 2, 20);
	ck_assert_uint_eq(balancer_choose(balancer, 0), 1);
	balancer_free(balancer);
}
END_TEST

/* One choice considers only some of many workers, but each has its turn. */
START_TEST(test_of_many_each_has_its_turn)
{
	enum { WORKERS = 50 };
	struct balancer *balancer = balancer_new(WORKERS);

	enter(balancer, 0, 1000);
	for (int i = 0; i < 5 * WORKERS; i++)
		balancer_enter(balancer, balancer_choose(balancer, 0));
	ck_assert_uint_eq(balancer_load(balancer, 0), 1000);
	for (unsigned worker = 1; worker < WORKERS; worker++)
		ck_assert_uint_ge(balancer_load(balancer, worker), 3);
	balancer_free(balancer);
}
END_TEST

START_TEST(test_a_closed_connection_is_not_counted)
{
	struct balancer *balancer = balancer_new(2);

	enter(balancer, 1, 3);
	balancer_leave(balancer, 1);
	ck_assert_uint_eq(balancer_load(balancer, 0), 0);
	ck_assert_uint_eq(balancer_load(balancer, 1), 2);
	balancer_free(balancer);
}
END_TEST

#define ROUNDS 20000

struct party {
	struct balancer *balancer;
	unsigned here;
};

static void *
come_and_go(void *argument)
{
	struct party *party = argument;

	for (int i = 0; i < ROUNDS; i++) {
		unsigned to = balancer_choose(party->balancer, party->here);

		balancer_enter(party->balancer, to);
		if (i % 2)
			balancer_leave(party->balancer, to);
	}
	return NULL;
}

START_TEST(test_none_is_lost_among_threads)
{
	struct balancer *balancer = balancer_new(2);
	struct party parties[] = { { balancer, 0 }, { balancer, 1 } };
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go,
						&parties[i]),
				 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(balancer_load(balancer, 0) +
				  balancer_load(balancer, 1),
			  ROUNDS);
	balancer_free(balancer);
}
END_TEST

SUITE(test_the_accepting_worker_is_preferred, test_an_even_load_stays,
      test_few_are_spread_evenly, test_the_least_loaded_worker_is_chosen,
      test_of_many_each_has_its_turn, test_a_closed_connection_is_not_counted,
      test_none_is_lost_among_threads)
