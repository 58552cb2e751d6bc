#include "udp/udp_limits.h"

#include <arpa/inet.h>
#include <pthread.h>

#include "support/suite.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static const unsigned char secret[UDP_LIMITS_SECRET_SIZE] = "0123456789abcde";

static struct address
peer_of(const char *host, uint16_t port)
{
	struct address peer = { 0 };

	if (inet_pton(AF_INET, host, &peer.in.sin_addr) == 1) {
		peer.in.sin_family = AF_INET;
		peer.length = sizeof(peer.in);
	} else {
		ck_assert_int_eq(inet_pton(AF_INET6, host, &peer.in6.sin6_addr),
				 1);
		peer.in6.sin6_family = AF_INET6;
		peer.length = sizeof(peer.in6);
	}
	address_set_port(&peer, port);
	return peer;
}

/* 10.x.y.7, a network of its own for each number. */
static struct address
peer_number(uint32_t network)
{
	struct address peer = peer_of("10.0.0.7", 40000);

	peer.in.sin_addr.s_addr = htonl(0x0a000007 + (network << 8));
	return peer;
}

static unsigned
admit_from(struct udp_limits *udp_limits, const char *host, unsigned rate,
	   uint64_t now, unsigned count)
{
	struct address peer = peer_of(host, 40000);

	return udp_limits_admit(udp_limits, 1, &peer, rate, now, count);
}

/* What is said to a datagram from there; NULL: it is trusted. */
static const char *
verdict_on(const struct udp_limits *udp_limits, const char *host, uint16_t port)
{
	struct config_port_range ranges[] = { { 0, 1023 }, { 2049, 2049 } };
	struct config_ports denied = { ranges, 2 };
	struct address peer = peer_of(host, port);
	enum drop_reason reason;

	if (udp_limits_trusts(udp_limits, &denied, &peer, &reason))
		return NULL;
	return stats_drop_reason(reason);
}

START_TEST(test_services_that_answer_anything_are_not_answered)
{
	static const uint16_t denied[] = { 0,  7,   13,	  17,	19,
					   53, 123, 1022, 1023, 2049 };
	static const uint16_t trusted[] = { 1024, 2048, 2050, 32768, 65535 };
	struct udp_limits *udp_limits = udp_limits_new(secret);

	for (size_t i = 0; i < sizeof(denied) / sizeof(*denied); i++) {
		ck_assert_str_eq(verdict_on(udp_limits, "192.0.2.7", denied[i]),
				 "source_port");
		ck_assert_str_eq(verdict_on(udp_limits, "2001:db8::7",
					    denied[i]),
				 "source_port");
	}
	for (size_t i = 0; i < sizeof(trusted) / sizeof(*trusted); i++) {
		ck_assert_ptr_null(
			verdict_on(udp_limits, "192.0.2.7", trusted[i]));
		ck_assert_ptr_null(
			verdict_on(udp_limits, "2001:db8::7", trusted[i]));
	}
	udp_limits_unref(udp_limits);
}
END_TEST
FAULT(33, test_services_that_answer_anything_are_not_answered)

START_TEST(test_port_0_is_refused_whatever_is_set)
{
	struct config_ports none = { 0 };
	struct udp_limits *udp_limits = udp_limits_new(secret);
	struct address peer = peer_of("192.0.2.7", 0);
	enum drop_reason reason;

	ck_assert(!udp_limits_trusts(udp_limits, &none, &peer, &reason));
	ck_assert_int_eq(reason, DROP_source_port);
	address_set_port(&peer, 7);
	ck_assert(udp_limits_trusts(udp_limits, &none, &peer, &reason));
	udp_limits_unref(udp_limits);
}
END_TEST
FAULT(33, test_port_0_is_refused_whatever_is_set)

START_TEST(test_own_ports_are_not_answered)
{
	static const uint16_t first[] = { 25000, 65535, 1024 };
	static const uint16_t second[] = { 25001 };
	struct udp_limits *udp_limits = udp_limits_new(secret);

	udp_limits_set_own_ports(udp_limits, first, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(verdict_on(udp_limits, "192.0.2.7", first[i]),
				 "own_port");
	ck_assert_ptr_null(verdict_on(udp_limits, "192.0.2.7", 25001));
	ck_assert_ptr_null(verdict_on(udp_limits, "192.0.2.7", 24999));

	udp_limits_set_own_ports(udp_limits, second, 1);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_null(
			verdict_on(udp_limits, "192.0.2.7", first[i]));
	ck_assert_str_eq(verdict_on(udp_limits, "::1", 25001), "own_port");
	udp_limits_unref(udp_limits);
}
END_TEST
FAULT(33, test_own_ports_are_not_answered)

START_TEST(test_only_addresses_of_one_host_are_answered)
{
	static const char *const many[] = {
		"0.0.0.0",   "0.1.2.3",	  "0.255.255.255",   "224.0.0.1",
		"224.0.0.0", "239.1.2.3", "239.255.255.255", "240.0.0.0",
		"250.1.2.3", "::",	  "255.255.255.255", "ff02::1",
		"ff00::",    "ff05::2",	  "ffff:ffff::",
	};
	static const char *const one[] = {
		"1.0.0.0",    "127.0.0.1",   "223.255.255.255",
		"10.0.0.255", "192.0.2.7",   "169.254.1.1",
		"::1",	      "2001:db8::1", "fe80::1",
		"fd00::1",    "feff::1",
	};
	struct udp_limits *udp_limits = udp_limits_new(secret);

	for (size_t i = 0; i < sizeof(many) / sizeof(*many); i++) {
		const char *verdict = verdict_on(udp_limits, many[i], 40000);

		ck_assert_msg(verdict != NULL, "%s is trusted", many[i]);
		ck_assert_str_eq(verdict, "source_address");
	}
	for (size_t i = 0; i < sizeof(one) / sizeof(*one); i++)
		ck_assert_msg(!verdict_on(udp_limits, one[i], 40000), "%s",
			      one[i]);
	udp_limits_unref(udp_limits);
}
END_TEST
FAULT(35, test_only_addresses_of_one_host_are_answered)

START_TEST(test_a_quiet_network_has_a_seconds_worth_and_then_the_rate)
{
	struct udp_limits *udp_limits = udp_limits_new(secret);

	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.7", 100, 0, 70), 70);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.7", 100, 0, 70), 30);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.7", 100, 0, 1), 0);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.7", 100, 9 * MS, 1),
			  0);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.7", 100, 10 * MS, 2),
			  1);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.7", 100, 10 * MS, 1),
			  0);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.7", 100, SECOND, 200),
			  99);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.7", 100, 60 * SECOND,
				     200),
			  100);
	udp_limits_unref(udp_limits);
}
END_TEST

START_TEST(test_the_extremes_of_the_rate)
{
	struct udp_limits *udp_limits = udp_limits_new(secret);

	ck_assert_uint_eq(admit_from(udp_limits, "10.0.1.1", 0, 0, 4000000),
			  4000000);
	ck_assert_uint_eq(admit_from(udp_limits, "10.0.2.1", 1, 0, 5), 1);
	ck_assert_uint_eq(admit_from(udp_limits, "10.0.2.1", 1, SECOND - 1, 5),
			  0);
	ck_assert_uint_eq(admit_from(udp_limits, "10.0.2.1", 1, SECOND, 5), 1);
	ck_assert_uint_eq(admit_from(udp_limits, "10.0.3.1", 1000000, 0,
				     4000000),
			  1000000);
	udp_limits_unref(udp_limits);
}
END_TEST

START_TEST(test_a_network_is_a_24_or_a_56)
{
	struct udp_limits *udp_limits = udp_limits_new(secret);

	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.0", 10, 0, 10), 10);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.255", 10, 0, 10), 0);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.3.0", 10, 0, 10), 10);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.1.255", 10, 0, 10), 10);

	ck_assert_uint_eq(
		admit_from(udp_limits, "2001:db8:0:100::1", 10, 0, 10), 10);
	ck_assert_uint_eq(
		admit_from(udp_limits, "2001:db8:0:1ff:ffff::1", 10, 0, 10), 0);
	ck_assert_uint_eq(
		admit_from(udp_limits, "2001:db8:0:200::1", 10, 0, 10), 10);
	ck_assert_uint_eq(admit_from(udp_limits, "2001:db8:0:ff::1", 10, 0, 10),
			  10);
	/* The same bits as 192.0.2/24, and yet another network. */
	ck_assert_uint_eq(admit_from(udp_limits, "::c0:0:0:0:0", 10, 0, 10),
			  10);
	udp_limits_unref(udp_limits);
}
END_TEST
FAULT(36, test_a_network_is_a_24_or_a_56)

START_TEST(test_an_endpoint_counts_for_itself)
{
	struct udp_limits *udp_limits = udp_limits_new(secret);
	struct address peer = peer_of("192.0.2.7", 40000);

	ck_assert_uint_eq(udp_limits_admit(udp_limits, 1, &peer, 10, 0, 10),
			  10);
	ck_assert_uint_eq(udp_limits_admit(udp_limits, 2, &peer, 10, 0, 10),
			  10);
	ck_assert_uint_eq(udp_limits_admit(udp_limits, 1, &peer, 10, 0, 10), 0);
	udp_limits_unref(udp_limits);
}
END_TEST

/* xorshift64: the same sequence every time. */
static uint64_t
next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A bucket of tokens as textbooks have it, in billionths of a datagram. */
struct bucket {
	uint64_t tokens;
	uint64_t filled; /* when */
};

static unsigned
model_admit(struct bucket *bucket, unsigned rate, uint64_t now, unsigned count)
{
	uint64_t full = rate * SECOND;

	bucket->tokens += (now - bucket->filled) * rate;
	if (bucket->tokens > full)
		bucket->tokens = full;
	bucket->filled = now;
	if (count > bucket->tokens / SECOND)
		count = (unsigned)(bucket->tokens / SECOND);
	bucket->tokens -= count * SECOND;
	return count;
}

/* Rates whose price is a whole number of nanoseconds: nothing is rounded. */
START_TEST(test_a_model_says_the_same)
{
	enum { NETWORKS = 300, STEPS = 300000 };
	static const unsigned rates[] = { 1, 8, 100, 1000, 50000, 1000000 };

	for (size_t r = 0; r < sizeof(rates) / sizeof(*rates); r++) {
		static struct bucket model[NETWORKS];
		struct udp_limits *udp_limits = udp_limits_new(secret);
		uint64_t state = 88172645463325252 + r, now = 0;

		for (int i = 0; i < NETWORKS; i++)
			model[i] = (struct bucket){ rates[r] * SECOND, 0 };
		for (int step = 0; step < STEPS; step++) {
			unsigned at = (unsigned)(next(&state) % NETWORKS);
			unsigned count = (unsigned)(next(&state) % 200);
			struct address peer = peer_number(at);
			unsigned got, expected;

			now += next(&state) % (2 * MS);
			if (next(&state) % 5000 == 0)
				now += next(&state) % (3 * SECOND);
			expected =
				model_admit(&model[at], rates[r], now, count);
			got = udp_limits_admit(udp_limits, 1, &peer, rates[r],
					       now, count);
			/* ck_assert_msg() writes to a pipe each time. */
			if (got != expected)
				ck_abort_msg("rate %u, step %d: %u, not %u",
					     rates[r], step, got, expected);
		}
		udp_limits_unref(udp_limits);
	}
}
END_TEST

/*
 * With ten times as many networks as the table holds, no network gets more
 * answers than its rate and one second's burst allow.
 */
START_TEST(test_a_flood_of_networks_stays_within_the_rate)
{
	enum { NETWORKS = 10 * UDP_LIMITS_NETWORKS, RATE = 5, HOT = 3 };
	static unsigned answered[NETWORKS];
	struct udp_limits *udp_limits = udp_limits_new(secret);
	uint64_t state = 88172645463325252, now = 0;
	uint64_t end = 4 * SECOND;

	while (now < end) {
		unsigned at = next(&state) % 4 == 0 ?
				      (unsigned)(next(&state) % HOT) :
				      (unsigned)(next(&state) % NETWORKS);
		struct address peer = peer_number(at);

		now += 4000;
		answered[at] +=
			udp_limits_admit(udp_limits, 1, &peer, RATE, now, 1);
	}
	for (int i = 0; i < NETWORKS; i++)
		if (answered[i] > RATE * 5)
			ck_abort_msg("network %d: %u", i, answered[i]);
	for (int i = 0; i < HOT; i++)
		ck_assert_uint_ge(answered[i], RATE);
	udp_limits_unref(udp_limits);
}
END_TEST

/* Networks that fit do not affect each other. */
START_TEST(test_as_many_networks_as_a_quarter_of_the_places_fare_alone)
{
	struct udp_limits *udp_limits = udp_limits_new(secret);
	unsigned short_of = 0;

	for (unsigned i = 0; i < UDP_LIMITS_NETWORKS / 4; i++) {
		struct address peer = peer_number(i);

		if (udp_limits_admit(udp_limits, 1, &peer, 10, 0, 10) != 10)
			short_of++;
	}
	/* By the birthday paradox a few sets have more than eight. */
	ck_assert_uint_le(short_of, 20);
	for (unsigned i = 0; i < UDP_LIMITS_NETWORKS / 4; i++) {
		struct address peer = peer_number(i);

		ck_assert_uint_eq(
			udp_limits_admit(udp_limits, 1, &peer, 10, 0, 10), 0);
	}
	udp_limits_unref(udp_limits);
}
END_TEST

START_TEST(test_a_network_comes_back_after_hours)
{
	struct udp_limits *udp_limits = udp_limits_new(secret);
	uint64_t now = 0;

	for (int i = 0; i < 2000; i++) {
		ck_assert_uint_eq(
			admit_from(udp_limits, "192.0.2.7", 10, now, 20), 10);
		/* Past the end of what a place can hold, too. */
		now += 977 * SECOND;
	}
	udp_limits_unref(udp_limits);
}
END_TEST

START_TEST(test_a_clock_that_lags_on_another_cpu_admits_no_more)
{
	struct udp_limits *udp_limits = udp_limits_new(secret);
	uint64_t now = 10 * SECOND;

	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.7", 10, now, 10), 10);
	ck_assert_uint_eq(
		admit_from(udp_limits, "192.0.2.7", 10, now - 900 * MS, 10), 0);
	ck_assert_uint_eq(admit_from(udp_limits, "192.0.2.7", 10, now, 10), 0);
	udp_limits_unref(udp_limits);
}
END_TEST

enum { THREADS = 4, RATE = 1000, CALLS = 20000 };

static void *
hammer(void *argument)
{
	uintptr_t admitted = 0;

	for (int i = 0; i < CALLS; i++)
		admitted += admit_from(argument, "192.0.2.7", RATE, SECOND, 1);
	return (void *)admitted;
}

START_TEST(test_threads_share_one_allowance)
{
	struct udp_limits *udp_limits = udp_limits_new(secret);
	pthread_t threads[THREADS];
	uintptr_t sum = 0;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer,
						udp_limits),
				 0);
	for (int i = 0; i < THREADS; i++) {
		void *admitted;

		ck_assert_int_eq(pthread_join(threads[i], &admitted), 0);
		sum += (uintptr_t)admitted;
	}
	ck_assert_uint_eq(sum, RATE);
	udp_limits_unref(udp_limits);
}
END_TEST

/* Which networks share a set cannot be told without the secret. */
START_TEST(test_another_secret_is_another_table)
{
	static const unsigned char other[UDP_LIMITS_SECRET_SIZE] =
		"fedcba987654321";
	enum { NETWORKS = 4 * UDP_LIMITS_NETWORKS };
	struct udp_limits *one = udp_limits_new(secret),
			  *two = udp_limits_new(other);
	unsigned differ = 0;

	for (unsigned i = 0; i < NETWORKS; i++) {
		struct address peer = peer_number(i);

		if (udp_limits_admit(one, 1, &peer, 1, 0, 1) !=
		    udp_limits_admit(two, 1, &peer, 1, 0, 1))
			differ++;
	}
	ck_assert_uint_gt(differ, NETWORKS / 20);
	udp_limits_unref(one);
	udp_limits_unref(two);
}
END_TEST

SUITE(test_services_that_answer_anything_are_not_answered,
      test_port_0_is_refused_whatever_is_set, test_own_ports_are_not_answered,
      test_only_addresses_of_one_host_are_answered,
      test_a_quiet_network_has_a_seconds_worth_and_then_the_rate,
      test_the_extremes_of_the_rate, test_a_network_is_a_24_or_a_56,
      test_an_endpoint_counts_for_itself, test_a_model_says_the_same,
      test_a_flood_of_networks_stays_within_the_rate,
      test_as_many_networks_as_a_quarter_of_the_places_fare_alone,
      test_a_network_comes_back_after_hours,
      test_a_clock_that_lags_on_another_cpu_admits_no_more,
      test_threads_share_one_allowance, test_another_secret_is_another_table)
