#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/socket_options.h"
#include "probe/udp_peers_fixture.h"

/* What the first calls of sendmmsg() below fail with; 0: they do not. */
static struct {
	int errors[8];
	unsigned calls;
	unsigned most; /* datagrams; 0: any */
} kernel;

int
sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	unsigned call = kernel.calls++;

	if (call < 8 && kernel.errors[call]) {
		errno = kernel.errors[call];
		return -1;
	}
	if (kernel.most > 0 && count > kernel.most)
		count = kernel.most;
	return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

static void
echo_many(unsigned count, double rate)
{
	begin(count, rate, 1000);
	/* The server's socket does not hold all of them. */
	for (uint64_t due = 100; rate > 0 && due <= 1000; due += 100) {
		udp_peers_due(peers, due);
		await_outcome(OUTCOME_ECHOED, due);
	}
	if (rate == 0)
		udp_peers_begin(peers);
	await_outcome(OUTCOME_ECHOED, 1000);
	expect_only(OUTCOME_ECHOED, 1000);
	ck_assert_uint_eq(run.tally.targets[0].started, 1000);
	ck_assert_uint_eq(run.tally.targets[0].round_trip.count, 1000);
	ck_assert_uint_eq(udp_peers_awaited(peers), 0);
	ck_assert_uint_eq(udp_peers_silent(peers), 0);
	ck_assert_uint_eq(server.received, 1000);
	ck_assert_uint_eq(backends_count(run.backends), 1);
	finish();
}

TEST(test_one_peer_follows_its_echoes, echo_many(1, 0))

START_TEST(test_peers_send_bursts)
{
	options.burst = 20;
	echo_many(7, 0);
}
END_TEST

TEST(test_messages_are_sent_when_they_are_due, echo_many(3, 1e9))

START_TEST(test_peers_share_a_socket_if_they_have_addresses)
{
	static const char *const texts[] = { "127.0.0.2", "::1", "127.0.0.3" };
	static struct target_address sources[3];
	char reason[TARGET_REASON_SIZE];

	for (size_t i = 0; i < 3; i++)
		ck_assert_ptr_null(source_parse(texts[i], &sources[i], reason));
	options.socket.sources = sources;
	options.socket.source_count = 3;
	options.burst = 10;
	echo_many(2, 0);
	for (unsigned i = 0; i < 512; i++)
		ck_assert_uint_eq(ntohl(server.senders[i].s_addr),
				  0x7f000002 + i % 2);
}
END_TEST

START_TEST(test_a_burst_can_leave_as_one_message)
{
	options.burst = 128;
	options.gso = true;
	echo_many(1, 0);
}
END_TEST

/* Each has another size; over IPv6. */
START_TEST(test_what_cannot_be_joined_is_sent_alone)
{
	options.sizes = (struct message_sizes){ 100, 110, 1 };
	options.burst = 50;
	options.gso = true;
	begin_family(AF_INET6, 2, 0, 100);
	udp_peers_begin(peers);
	await_outcome(OUTCOME_ECHOED, 100);
	expect_only(OUTCOME_ECHOED, 100);
	finish();
}
END_TEST

START_TEST(test_a_burst_can_be_larger_than_a_batch)
{
	options.burst = 150;
	echo_many(1, 0);
}
END_TEST

START_TEST(test_what_a_full_socket_refuses_is_sent_later)
{
	static const int errors[] = { 0, EAGAIN, EAGAIN, ENOBUFS,
				      0, EINTR,	 ENOMEM, EAGAIN };

	memcpy(kernel.errors, errors, sizeof(errors));
	kernel.most = 3;
	options.burst = 20;
	echo_many(1, 0);
	ck_assert_uint_gt(kernel.calls, 8);
}
END_TEST

/* The error belongs to a datagram that was sent earlier. */
START_TEST(test_an_earlier_error_loses_no_datagram)
{
	static const int errors[] = { ECONNREFUSED, 0, EHOSTUNREACH, 0,
				      EMSGSIZE };

	memcpy(kernel.errors, errors, sizeof(errors));
	kernel.most = 3;
	echo_many(2, 1e9);
	ck_assert_uint_gt(kernel.calls, 5);
}
END_TEST

START_TEST(test_what_is_not_sent_was_not_begun)
{
	begin(2, 1e9, 10);
	kernel.errors[0] = EAGAIN;
	kernel.errors[1] = EAGAIN;
	udp_peers_due(peers, 10);
	ck_assert_uint_eq(run.tally.targets[0].started, 0);
	ck_assert_uint_eq(udp_peers_awaited(peers), 0);
	await_outcome(OUTCOME_ECHOED, 10);
	expect_only(OUTCOME_ECHOED, 10);
	finish();
}
END_TEST

START_TEST(test_nothing_begins_after_the_end_of_the_run)
{
	begin(1, 0, 10);
	run.stopping = true;
	udp_peers_begin(peers);
	udp_peers_due(peers, 5);
	ck_assert_uint_eq(run.tally.targets[0].started, 0);
	finish();
}
END_TEST

SUITE(test_one_peer_follows_its_echoes, test_peers_send_bursts,
      test_messages_are_sent_when_they_are_due,
      test_peers_share_a_socket_if_they_have_addresses,
      test_a_burst_can_leave_as_one_message,
      test_what_cannot_be_joined_is_sent_alone,
      test_a_burst_can_be_larger_than_a_batch,
      test_what_a_full_socket_refuses_is_sent_later,
      test_an_earlier_error_loses_no_datagram,
      test_what_is_not_sent_was_not_begun,
      test_nothing_begins_after_the_end_of_the_run)
