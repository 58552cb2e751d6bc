#include "tcp/client_counts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "support/sockets.h"

static const int one, two; /* owners */

static bool
enter(struct client_counts *table, const char *peer, unsigned limit)
{
	struct address address = address_of(peer);

	return client_counts_enter(table, &one, &address, limit);
}

static void
leave(struct client_counts *table, const char *peer)
{
	struct address address = address_of(peer);

	client_counts_leave(table, &one, &address);
}

START_TEST(test_an_ipv4_address_is_a_source)
{
	struct client_counts *table = client_counts_new();

	ck_assert(enter(table, "192.0.2.1:1", 2));
	ck_assert(enter(table, "192.0.2.1:2", 2));
	ck_assert(!enter(table, "192.0.2.1:3", 2));
	ck_assert(enter(table, "192.0.2.2:1", 2));
	leave(table, "192.0.2.1:2");
	ck_assert(enter(table, "192.0.2.1:4", 2));
	ck_assert(!enter(table, "192.0.2.1:5", 2));
	client_counts_free(table);
}
END_TEST

START_TEST(test_an_ipv6_network_is_a_source)
{
	struct client_counts *table = client_counts_new();

	ck_assert(enter(table, "[2001:db8:0:1::1]:1", 2));
	ck_assert(enter(table, "[2001:db8:0:1:ffff:ffff:ffff:ffff]:1", 2));
	ck_assert(!enter(table, "[2001:db8:0:1::2]:1", 2));
	ck_assert(enter(table, "[2001:db8:0:2::1]:1", 2));
	ck_assert(enter(table, "[2001:db8::1]:1", 2));
	ck_assert_uint_eq(client_counts_count(table), 3);
	client_counts_free(table);
}
END_TEST

/* 1.2.3.4 is not 102:304::/64, though it begins with the same bytes. */
START_TEST(test_families_are_apart)
{
	struct client_counts *table = client_counts_new();

	ck_assert(enter(table, "1.2.3.4:1", 1));
	ck_assert(enter(table, "[102:304::1]:1", 1));
	ck_assert_uint_eq(client_counts_count(table), 2);
	client_counts_free(table);
}
END_TEST

START_TEST(test_owners_are_apart)
{
	struct client_counts *table = client_counts_new();
	struct address peer = address_of("192.0.2.1:1");

	ck_assert(client_counts_enter(table, &one, &peer, 1));
	ck_assert(client_counts_enter(table, &two, &peer, 1));
	ck_assert(!client_counts_enter(table, &one, &peer, 1));
	client_counts_leave(table, &one, &peer);
	ck_assert(!client_counts_enter(table, &two, &peer, 1));
	ck_assert(client_counts_enter(table, &one, &peer, 1));
	client_counts_free(table);
}
END_TEST

START_TEST(test_other_families_have_no_sources)
{
	struct client_counts *table = client_counts_new();
	struct address peer = { .sa = { .sa_family = AF_UNIX } };

	for (int i = 0; i < 10; i++)
		ck_assert(client_counts_enter(table, &one, &peer, 1));
	ck_assert_uint_eq(client_counts_count(table), 0);
	client_counts_leave(table, &one, &peer);
	client_counts_free(table);
}
END_TEST

/* Where the limit is lowered nobody is sent away, and nobody comes in. */
START_TEST(test_a_limit_may_change)
{
	struct client_counts *table = client_counts_new();

	for (int i = 0; i < 5; i++)
		ck_assert(enter(table, "192.0.2.1:1", 5));
	ck_assert(!enter(table, "192.0.2.1:1", 3));
	leave(table, "192.0.2.1:1");
	leave(table, "192.0.2.1:1");
	ck_assert(!enter(table, "192.0.2.1:1", 3));
	leave(table, "192.0.2.1:1");
	ck_assert(enter(table, "192.0.2.1:1", 3));
	client_counts_free(table);
}
END_TEST

static struct address
numbered(uint32_t number)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(number),
	};

	return address_from_sockaddr((struct sockaddr *)&in, sizeof(in));
}

START_TEST(test_a_source_is_known_while_it_has_connections)
{
	enum { MANY = 100000 };
	struct client_counts *table = client_counts_new();

	for (uint32_t i = 0; i < MANY; i++) {
		struct address peer = numbered(i);

		if (!client_counts_enter(table, &one, &peer, 1))
			ck_abort_msg("%u is there already", i);
	}
	ck_assert_uint_eq(client_counts_count(table), MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		struct address peer = numbered(i);

		client_counts_leave(table, &one, &peer);
	}
	ck_assert_uint_eq(client_counts_count(table), 0);
	/* One too many is forgiven. */
	leave(table, "192.0.2.1:1");
	client_counts_free(table);
	client_counts_free(NULL);
}
END_TEST

enum { THREADS = 4, ROUNDS = 20000, PLACES = 2, SOURCES = 3 };

struct crowd {
	struct client_counts *table;
	atomic_uint inside[SOURCES];
	atomic_uint too_many;
	atomic_uint entered;
};

static void *
come_and_go(void *argument)
{
	struct crowd *crowd = argument;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t source = i % SOURCES;
		struct address peer = numbered(source);

		if (!client_counts_enter(crowd->table, &one, &peer, PLACES))
			continue;
		if (atomic_fetch_add(&crowd->inside[source], 1) >= PLACES)
			atomic_fetch_add(&crowd->too_many, 1);
		atomic_fetch_add(&crowd->entered, 1);
		atomic_fetch_sub(&crowd->inside[source], 1);
		client_counts_leave(crowd->table, &one, &peer);
	}
	return NULL;
}

START_TEST(test_a_crowd_never_exceeds_a_limit)
{
	struct crowd crowd = { .table = client_counts_new() };
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go,
						&crowd),
				 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(crowd.too_many, 0);
	ck_assert_uint_ge(crowd.entered, ROUNDS);
	ck_assert_uint_eq(client_counts_count(crowd.table), 0);
	client_counts_free(crowd.table);
}
END_TEST

SUITE(test_an_ipv4_address_is_a_source, test_an_ipv6_network_is_a_source,
      test_families_are_apart, test_owners_are_apart,
      test_other_families_have_no_sources, test_a_limit_may_change,
      test_a_source_is_known_while_it_has_connections,
      test_a_crowd_never_exceeds_a_limit)
