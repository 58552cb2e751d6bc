#include <unistd.h>

#include "probe/udp_peers_fixture.h"

/* One datagram to a server that does `behaviour`. */
static void
try(enum behaviour behaviour, enum outcome outcome, const char *detail)
{
	begin(1, 1, 1);
	server.behaviour = behaviour;
	udp_peers_due(peers, 1);
	await_outcome(outcome, 1);
	expect_only(outcome, 1);
	ck_assert_msg(strstr(details[outcome], detail), "%s", details[outcome]);
	ck_assert_msg(strstr(details[outcome], "from 127.0.0.1:"), "%s",
		      details[outcome]);
	ck_assert_uint_eq(udp_peers_awaited(peers), 0);
	ck_assert_uint_eq(udp_peers_silent(peers), 1);
	finish();
}

TEST(test_a_wrong_byte_has_its_place,
     try(CORRUPT, OUTCOME_CORRUPTED, "byte 24 of the reply: expected 0x"))
TEST(test_a_short_reply_has_its_length,
     try(CUT, OUTCOME_WRONG_LENGTH, "95 bytes instead of 100"))
TEST(test_a_reply_longer_than_the_buffer_has_its_length,
     try(LENGTHEN, OUTCOME_WRONG_LENGTH, "1600 bytes instead of 100"))
TEST(test_a_wrong_prefix_has_its_place,
     try(WRONG_PREFIX, OUTCOME_WRONG_PREFIX,
	 "byte 1 of the reply: expected 0x4f, got 0x45"))
TEST(test_a_reply_from_another_port_is_told,
     try(FROM_ELSEWHERE, OUTCOME_WRONG_SOURCE, "from 127.0.0.1:"))

START_TEST(test_a_doubled_echo_is_told)
{
	begin(1, 1, 1);
	server.behaviour = ECHO_TWICE;
	udp_peers_due(peers, 1);
	await_outcome(OUTCOME_DOUBLED, 1);
	ck_assert_uint_eq(outcomes(OUTCOME_ECHOED), 1);
	ck_assert_uint_eq(udp_peers_awaited(peers), 0);
	finish();
}
END_TEST

START_TEST(test_a_lost_datagram_times_out_and_its_echo_is_late)
{
	int64_t before = run_now();

	begin(1, 1, 1);
	server.behaviour = KEEP;
	udp_peers_due(peers, 1);
	await_kept(1);
	udp_peers_tick(peers, before + SECOND);
	ck_assert_uint_eq(outcomes(OUTCOME_TIMEOUT), 0);
	udp_peers_tick(peers, run_now() + 2 * SECOND);
	expect_only(OUTCOME_TIMEOUT, 1);
	/* It tells when the datagram was sent. */
	ck_assert_int_eq(began[OUTCOME_TIMEOUT], load.begin - run.tally.begin);
	ck_assert_uint_eq(run.tally.targets[0].smallest_failed, 100);
	ck_assert_uint_eq(udp_peers_awaited(peers), 0);
	server_send(server.fd, server.kept[0], server.kept_length[0],
		    &server.kept_from);
	await_outcome(OUTCOME_LATE, 1);
	ck_assert_uint_eq(outcomes(OUTCOME_TIMEOUT), 1);
	ck_assert_uint_eq(outcomes(OUTCOME_ECHOED), 0);
	finish();
}
END_TEST

START_TEST(test_echoes_in_another_order_are_told)
{
	begin(1, 1000, 2);
	server.behaviour = KEEP;
	udp_peers_due(peers, 2);
	await_kept(2);
	for (unsigned i = 2; i-- > 0;)
		server_send(server.fd, server.kept[i], server.kept_length[i],
			    &server.kept_from);
	await_outcome(OUTCOME_ECHOED, 2);
	ck_assert_uint_eq(outcomes(OUTCOME_REORDERED), 1);
	ck_assert_ptr_nonnull(
		strstr(details[OUTCOME_REORDERED], "from 127.0.0.1:"));
	finish();
}
END_TEST

START_TEST(test_other_datagrams_are_foreign)
{
	begin(1, 1, 1);
	server.behaviour = KEEP;
	udp_peers_due(peers, 1);
	await_kept(1);
	server_send(server.other, "hello", 5, &server.kept_from);
	await_outcome(OUTCOME_FOREIGN, 1);
	ck_assert_ptr_nonnull(
		strstr(details[OUTCOME_FOREIGN], "9 bytes from 127.0.0.1:"));
	ck_assert_uint_eq(udp_peers_awaited(peers), 1);
	finish();
}
END_TEST

START_TEST(test_a_reply_to_the_port_of_another_peer_is_told)
{
	begin(2, 1000, 2);
	server.behaviour = TO_FIRST_PEER;
	udp_peers_due(peers, 2);
	await_outcome(OUTCOME_WRONG_SOURCE, 1);
	await_outcome(OUTCOME_ECHOED, 1);
	ck_assert_ptr_nonnull(strstr(details[OUTCOME_WRONG_SOURCE],
				     "to another peer's address"));
	ck_assert_uint_eq(udp_peers_awaited(peers), 0);
	ck_assert_uint_eq(udp_peers_silent(peers), 1);
	finish();
}
END_TEST

/* The port is that of a socket that is closed. */
static void
try_refused(int family)
{
	struct target_address gone;

	begin_family(family, 2, 1e6, 50);
	close(bound_socket(&gone, family));
	address = gone;
	udp_peers_due(peers, 50);
	await_outcome(OUTCOME_REFUSED, 50);
	expect_only(OUTCOME_REFUSED, 50);
	ck_assert_ptr_nonnull(strstr(
		details[OUTCOME_REFUSED],
		family == AF_INET ? "from 127.0.0.1: Connection refused" :
				    "from ::1: Connection refused"));
	ck_assert_uint_eq(run.tally.targets[0].started, 50);
	ck_assert_uint_eq(udp_peers_awaited(peers), 0);
	finish();
}

TEST(test_a_closed_port_refuses, try_refused(AF_INET))
TEST(test_a_closed_port_refuses_over_ipv6, try_refused(AF_INET6))

START_TEST(test_a_refused_burst_is_followed_by_others)
{
	struct target_address gone;

	options.burst = 3;
	begin(1, 0, 6);
	close(bound_socket(&gone, AF_INET));
	address = gone;
	udp_peers_begin(peers);
	await_outcome(OUTCOME_REFUSED, 6);
	expect_only(OUTCOME_REFUSED, 6);
	finish();
}
END_TEST

/* 65,507 bytes are the most over IPv4. */
START_TEST(test_a_datagram_that_is_too_large_fails_alone)
{
	options.sizes = (struct message_sizes){ 100, 65520, 65420 };
	begin(1, 1e6, 4);
	udp_peers_due(peers, 4);
	await_outcome(OUTCOME_ECHOED, 2);
	ck_assert_uint_eq(outcomes(OUTCOME_TOO_LARGE), 2);
	ck_assert_uint_eq(run.tally.targets[0].smallest_failed, 65520);
	ck_assert_uint_eq(run.tally.targets[0].started, 4);
	ck_assert_uint_eq(udp_peers_awaited(peers), 0);
	finish();
}
END_TEST

/* Broadcast is not allowed on this socket: EACCES. */
START_TEST(test_what_the_kernel_does_not_send_is_a_local_error)
{
	struct sockaddr_in *in = (void *)&address.storage;

	begin(1, 1e6, 3);
	in->sin_addr.s_addr = htonl(INADDR_BROADCAST);
	udp_peers_due(peers, 3);
	expect_only(OUTCOME_LOCAL, 3);
	ck_assert_uint_eq(run.tally.targets[0].started, 3);
	ck_assert_uint_eq(udp_peers_awaited(peers), 0);
	finish();
}
END_TEST

SUITE(test_a_wrong_byte_has_its_place, test_a_short_reply_has_its_length,
      test_a_reply_longer_than_the_buffer_has_its_length,
      test_a_wrong_prefix_has_its_place, test_a_reply_from_another_port_is_told,
      test_a_doubled_echo_is_told,
      test_a_lost_datagram_times_out_and_its_echo_is_late,
      test_echoes_in_another_order_are_told, test_other_datagrams_are_foreign,
      test_a_reply_to_the_port_of_another_peer_is_told,
      test_a_closed_port_refuses, test_a_closed_port_refuses_over_ipv6,
      test_a_refused_burst_is_followed_by_others,
      test_a_datagram_that_is_too_large_fails_alone,
      test_what_the_kernel_does_not_send_is_a_local_error)
