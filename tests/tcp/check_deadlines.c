#include "tcp/deadlines.h"

#include "support/suite.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND };

static void
expect(struct deadlines deadlines, struct deadlines_limits limits,
       enum deadlines_due due, int64_t at)
{
	int64_t told = at;

	ck_assert_int_eq(deadlines_next(&deadlines, &limits, &told), due);
	ck_assert_int_eq(told, at);
}

START_TEST(test_without_limits_it_waits_for_ever)
{
	struct deadlines deadlines = { .active = 1000 };
	struct deadlines_limits limits = { 0 };

	expect(deadlines, limits, DEADLINES_NOTHING, -1);
	deadlines_owe(&deadlines, &limits, 1000, 10, 10);
	ck_assert(!deadlines_is_owed(&deadlines));
	expect(deadlines, limits, DEADLINES_NOTHING, -1);
}
END_TEST

START_TEST(test_silence_counts_from_the_last_byte)
{
	struct deadlines deadlines = { .active = 1000 };

	expect(deadlines, (struct deadlines_limits){ .idle = 500, .unread = 1 },
	       DEADLINES_IDLE, 1500);
}
END_TEST

START_TEST(test_absorbing_comes_soon)
{
	struct deadlines deadlines = { .active = 1000 };

	expect(deadlines,
	       (struct deadlines_limits){ .idle = 500, .may_absorb = true },
	       DEADLINES_ABSORBS, 1020);
	/* It would be void at the end. */
	expect(deadlines,
	       (struct deadlines_limits){ .idle = 20, .may_absorb = true },
	       DEADLINES_IDLE, 1020);
}
END_TEST

START_TEST(test_seconds_are_milliseconds)
{
	ck_assert_int_eq(deadlines_ms(0), 0);
	ck_assert_int_eq(deadlines_ms(0.0001), 1);
	ck_assert_int_eq(deadlines_ms(1.5), 1500);
	ck_assert_int_eq(deadlines_ms(366.0 * 24 * 3600), 31622400000);
}
END_TEST

/* A peer that is owed echo, and a session that does as it is told. */
struct peer {
	struct deadlines deadlines;
	struct deadlines_limits limits;
	int64_t now;
	uint64_t sent;
	uint64_t taken;
	unsigned looks;
};

static struct peer
peer_of(struct deadlines_limits limits)
{
	return (struct peer){
		.deadlines = { .active = 1000 },
		.limits = limits,
		.now = 1000,
	};
}

static void
echo(struct peer *peer, uint64_t bytes)
{
	peer->sent += bytes;
	peer->deadlines.active = peer->now;
	if (!deadlines_is_owed(&peer->deadlines))
		deadlines_owe(&peer->deadlines, &peer->limits, peer->now,
			      peer->sent, bytes);
}

/* Time goes on; returns what ended the session, or DEADLINES_NOTHING. */
static enum deadlines_due
wait_until(struct peer *peer, int64_t time)
{
	enum deadlines_due due;
	int64_t at;

	for (;;) {
		due = deadlines_next(&peer->deadlines, &peer->limits, &at);
		if (due == DEADLINES_NOTHING || at > time)
			break;
		peer->now = at;
		if (deadlines_is_owed(&peer->deadlines)) {
			deadlines_look(&peer->deadlines, &peer->limits, at,
				       peer->sent, peer->sent - peer->taken);
			peer->looks++;
			due = deadlines_next(&peer->deadlines, &peer->limits,
					     &at);
		}
		if (at <= peer->now && due != DEADLINES_NOTHING)
			return due;
	}
	peer->now = time;
	return DEADLINES_NOTHING;
}

static const struct deadlines_limits defaults = {
	.idle = 600 * SECOND,
	.unread = 30 * SECOND,
	.rate = 256,
};

/*
 * Takes `bytes` every `period` of plenty; returns after how long that ended it,
 * or 0 where it lives for an hour.
 */
static int64_t
lifetime(struct deadlines_limits limits, uint64_t bytes, int64_t period)
{
	struct peer peer = peer_of(limits);
	int64_t start = peer.now;

	echo(&peer, UINT64_C(1) << 40);
	while (peer.now < start + HOUR) {
		if (wait_until(&peer, peer.now + period) != DEADLINES_NOTHING)
			return peer.now - start;
		peer.taken += bytes;
	}
	return 0;
}

START_TEST(test_a_peer_that_takes_nothing_times_out)
{
	ck_assert_int_eq(lifetime(defaults, 0, SECOND), 30 * SECOND);
}
END_TEST

START_TEST(test_a_byte_now_and_then_is_too_slow)
{
	const int64_t periods[] = { 10, 100, SECOND, 29 * SECOND };

	for (size_t i = 0; i < sizeof(periods) / sizeof(*periods); i++) {
		int64_t lived = lifetime(defaults, 1, periods[i]);

		ck_assert_int_ge(lived, 30 * SECOND);
		ck_assert_int_le(lived, 60 * SECOND);
	}
	/* At half the rate it lasts twice as long. */
	ck_assert_int_le(lifetime(defaults, 128, SECOND), 61 * SECOND);
	/* At 1000 bytes a second it is none of those. */
	ck_assert_int_eq(lifetime(defaults, 1, 1), 0);
}
END_TEST
FAULT(10, test_a_byte_now_and_then_is_too_slow)

START_TEST(test_a_slow_reader_is_kept)
{
	const uint64_t bursts[] = { 1, 1448, 4096, 16384 };

	for (size_t i = 0; i < sizeof(bursts) / sizeof(*bursts); i++) {
		int64_t ms = (int64_t)bursts[i] * SECOND;

		ck_assert_int_eq(lifetime(defaults, bursts[i], ms / 8192 + 1),
				 0);
		ck_assert_int_eq(lifetime(defaults, bursts[i], ms / 1024 + 1),
				 0);
	}
	/*
	 * Hardly more than it has to, and in the largest bursts there may be.
	 */
	ck_assert_int_eq(lifetime(defaults, 260, SECOND), 0);
	ck_assert_int_eq(lifetime(defaults, 260 * 29, 29 * SECOND), 0);
	ck_assert_int_ne(lifetime(defaults, 260 * 31, 31 * SECOND), 0);
}
END_TEST

START_TEST(test_without_a_rate_any_byte_will_do)
{
	struct deadlines_limits any = defaults;

	any.rate = 0;
	ck_assert_int_eq(lifetime(any, 1, 29 * SECOND), 0);
	ck_assert_int_eq(lifetime(any, 0, SECOND), 30 * SECOND);
}
END_TEST

/* Bytes that the peer has taken count as activity. */
START_TEST(test_a_slow_reader_is_not_idle)
{
	struct deadlines_limits limits = defaults;

	limits.idle = 10 * SECOND;
	ck_assert_int_eq(lifetime(limits, 1024, SECOND), 0);
	ck_assert_int_eq(lifetime(limits, 0, SECOND), 10 * SECOND);
}
END_TEST

/* A byte a second, and there is always one under way. */
START_TEST(test_a_peer_that_is_sent_little_is_kept)
{
	struct peer peer = peer_of(defaults);

	for (int i = 0; i < 3600; i++) {
		echo(&peer, 1);
		ck_assert_int_eq(wait_until(&peer, peer.now + SECOND),
				 DEADLINES_NOTHING);
		peer.taken = peer.sent - 1;
	}
	ck_assert(deadlines_is_owed(&peer.deadlines));
}
END_TEST

START_TEST(test_a_peer_that_has_taken_all_is_not_checked)
{
	struct peer peer = peer_of(defaults);

	echo(&peer, 1000);
	peer.taken = 1000;
	ck_assert_int_eq(wait_until(&peer, peer.now + 599 * SECOND),
			 DEADLINES_NOTHING);
	ck_assert_uint_eq(peer.looks, 1);
	ck_assert(!deadlines_is_owed(&peer.deadlines));
	ck_assert_int_eq(wait_until(&peer, peer.now + 10 * SECOND),
			 DEADLINES_IDLE);
}
END_TEST

/* As after SIGSTOP: nobody has written to the peer meanwhile. */
START_TEST(test_when_the_daemon_did_not_run_it_does_not_count)
{
	struct peer peer = peer_of(defaults);
	int64_t at;

	echo(&peer, 1000000);
	ck_assert_int_eq(wait_until(&peer, peer.now + 10 * SECOND),
			 DEADLINES_NOTHING);
	deadlines_next(&peer.deadlines, &peer.limits, &at);
	peer.now = at + 60 * SECOND;
	deadlines_excuse(&peer.deadlines, 60 * SECOND);
	ck_assert_int_eq(wait_until(&peer, peer.now + 14 * SECOND),
			 DEADLINES_NOTHING);
	ck_assert_int_eq(wait_until(&peer, peer.now + SECOND),
			 DEADLINES_UNREAD);
	/* And it does not make a debtor of one that owes nothing. */
	peer.deadlines = (struct deadlines){ .active = 1000 };
	deadlines_excuse(&peer.deadlines, 1);
	ck_assert(!deadlines_is_owed(&peer.deadlines));
}
END_TEST
FAULT(30, test_when_the_daemon_did_not_run_it_does_not_count)

SUITE(test_without_limits_it_waits_for_ever,
      test_silence_counts_from_the_last_byte, test_absorbing_comes_soon,
      test_seconds_are_milliseconds, test_a_peer_that_takes_nothing_times_out,
      test_a_byte_now_and_then_is_too_slow, test_a_slow_reader_is_kept,
      test_without_a_rate_any_byte_will_do, test_a_slow_reader_is_not_idle,
      test_a_peer_that_is_sent_little_is_kept,
      test_a_peer_that_has_taken_all_is_not_checked,
      test_when_the_daemon_did_not_run_it_does_not_count)
