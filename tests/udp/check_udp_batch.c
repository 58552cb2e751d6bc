#include "udp/udp_batch.h"

#include <arpa/inet.h>
#include <sys/resource.h>

#include "support/udp_fixture.h"

START_TEST(test_each_datagram_is_answered_whole)
{
	struct fixture fixture;
	struct udp_batch_result result;
	int one, two;

	begin(&fixture, "127.0.0.1:0");
	one = client_of(&fixture, "127.0.0.1:0");
	two = client_of(&fixture, "127.0.0.1:0");
	udp_say(one, "Hello");
	udp_say(two, "you");
	udp_say(one, "World!");
	udp_say(two, "");
	result = echo(&fixture, "GOT:");
	check_result(result, 4, 0);
	ck_assert_uint_eq(result.bytes, 5 + 3 + 6 + 4 * 4);
	udp_hear(one, "GOT:Hello");
	udp_hear(one, "GOT:World!");
	udp_hear(two, "GOT:you");
	udp_hear(two, "GOT:");
	ck_assert_int_eq(udp_batch_receive(fixture.batch, &fixture.socket, 1),
			 -EAGAIN);
	end(&fixture);
}
END_TEST

START_TEST(test_an_empty_one_without_a_prefix_gets_an_empty_one)
{
	struct fixture fixture;
	int client;

	begin(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	udp_say(client, "");
	udp_say(client, "");
	check_result(echo(&fixture, ""), 2, 0);
	udp_hear(client, "");
	udp_hear(client, "");
	udp_hear_nothing(client);
	end(&fixture);
}
END_TEST
FAULT(40, test_an_empty_one_without_a_prefix_gets_an_empty_one)

/* A connected client receives only from its peer. */
static void
check_address_hit(const char *bound, const char *const *hosts, size_t count)
{
	struct fixture fixture;
	int clients[8];

	begin(&fixture, bound);
	for (size_t i = 0; i < count; i++) {
		clients[i] = client_of(&fixture, hosts[i]);
		udp_say(clients[i], hosts[i]);
	}
	check_result(echo(&fixture, ""), (unsigned)count, 0);
	for (size_t i = 0; i < count; i++)
		udp_hear(clients[i], hosts[i]);
	end(&fixture);
}

START_TEST(test_the_answer_leaves_from_the_address_that_was_hit)
{
	static const char *const hosts[] = { "127.0.0.9:0", "127.0.0.1:0",
					     "127.255.1.2:0" };

	check_address_hit("0.0.0.0:0", hosts, 3);
}
END_TEST
FAULT(39, test_the_answer_leaves_from_the_address_that_was_hit)

START_TEST(test_it_does_for_ipv6_too)
{
	static const char *const hosts[] = { "[::1]:0" };

	if (!has_ipv6())
		skip("there is no IPv6 loopback");
	check_address_hit("[::]:0", hosts, 1);
}
END_TEST
FAULT(39, test_it_does_for_ipv6_too)

/* As systemd's sockets are, unless they are told otherwise. */
START_TEST(test_a_socket_of_both_families_answers_from_there_too)
{
	static const char *const hosts[] = { "127.0.0.9:0", "[::1]:0",
					     "127.0.0.1:0" };

	if (!has_ipv6())
		skip("there is no IPv6 loopback");
	check_address_hit("[::]:0", hosts, 3);
}
END_TEST

START_TEST(test_the_peer_is_told)
{
	const struct udp_batch_datagram *got;
	struct fixture fixture;
	struct address peer;
	int client;

	begin(&fixture, "0.0.0.0:0");
	client = client_of(&fixture, "127.0.0.1:0");
	peer = bound_to(client);
	udp_say(client, "Hello");
	receive(&fixture, 100);
	got = next(&fixture);
	ck_assert(address_equal(&got->peer, &peer));
	ck_assert(!got->broadcast);
	ck_assert_uint_eq(count_rest(&fixture), 0);
	end(&fixture);
}
END_TEST

START_TEST(test_a_datagram_to_many_is_told_from_one_to_us)
{
	struct fixture fixture;
	struct address to = address_of("127.255.255.255:0");
	int client = udp_socket("127.0.0.1:0");
	int on = 1;

	begin(&fixture, "0.0.0.0:0");
	address_set_port(&to, (uint16_t)fixture.port);
	setsockopt(client, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	ck_assert_int_eq(sendto(client, "all", 3, 0, &to.sa, to.length), 3);
	receive(&fixture, 100);
	ck_assert(next(&fixture)->broadcast);
	ck_assert_uint_eq(count_rest(&fixture), 0);
	end(&fixture);
}
END_TEST

static void
check_datagram(struct fixture *fixture, const char *text, bool truncated)
{
	const struct udp_batch_datagram *got = next(fixture);

	ck_assert_uint_eq(got->data.iov_len, strlen(text));
	ck_assert(memcmp(got->data.iov_base, text, strlen(text)) == 0);
	ck_assert_int_eq(got->truncated, truncated);
}

START_TEST(test_what_exceeds_the_room_is_marked)
{
	struct fixture fixture;
	int client;

	begin(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	udp_say(client, "12345");
	udp_say(client, "123456");
	udp_say(client, "1234");
	receive(&fixture, 5);
	check_datagram(&fixture, "12345", false);
	check_datagram(&fixture, "12345", true);
	check_datagram(&fixture, "1234", false);
	ck_assert_uint_eq(count_rest(&fixture), 0);
	end(&fixture);
}
END_TEST
FAULT(40, test_what_exceeds_the_room_is_marked)

/* More of them than messages: the kernel has joined them. */
START_TEST(test_joined_datagrams_come_one_by_one)
{
	enum { COUNT = UDP_BATCH_SIZE - 4 };
	struct fixture fixture;
	int client;

	begin_joining(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	say_joined(client, COUNT);
	udp_say(client, "single");
	say_joined(client, COUNT);
	receive(&fixture, 100);
	for (int n = 0; n < 2; n++) {
		for (unsigned i = 0; i < COUNT; i++)
			check_datagram(&fixture, text_of(i), false);
		check_datagram(&fixture, "end", false);
		if (n == 0)
			check_datagram(&fixture, "single", false);
	}
	ck_assert_uint_eq(count_rest(&fixture), 0);
	close(client);
	end(&fixture);
}
END_TEST

START_TEST(test_joined_datagrams_have_the_ends_and_header_of_each)
{
	const struct udp_batch_datagram *got;
	struct fixture fixture;
	struct address peer, local;
	int client, tos = 0xb9;

	begin_joining(&fixture, "0.0.0.0:0");
	ck_assert_int_eq(udp_batch_set_header(&fixture.socket, true), 0);
	client = client_of(&fixture, "127.0.0.9:0");
	peer = bound_to(client);
	setsockopt(client, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	say_joined(client, 10);
	receive(&fixture, 100);
	for (int i = 0; i < 11; i++) {
		got = next(&fixture);
		ck_assert(address_equal(&got->peer, &peer));
		ck_assert_int_eq(got->ttl, 64);
		ck_assert_int_eq(got->tos, 0xb9);
		local = udp_batch_local(fixture.batch);
		ck_assert_uint_eq(local.in.sin_addr.s_addr,
				  inet_addr("127.0.0.9"));
	}
	ck_assert_uint_eq(count_rest(&fixture), 0);
	close(client);
	end(&fixture);
}
END_TEST

START_TEST(test_joined_datagrams_that_exceed_the_room_are_marked)
{
	struct fixture fixture;
	int client;

	begin_joining(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	say_joined(client, 3);
	receive(&fixture, 5);
	for (unsigned i = 0; i < 3; i++)
		check_datagram(&fixture, "numbe", true);
	check_datagram(&fixture, "end", false);
	ck_assert_uint_eq(count_rest(&fixture), 0);
	close(client);
	end(&fixture);
}
END_TEST

/* What the kernel had no room for: counted once it can tell. */
START_TEST(test_a_full_queue_is_counted)
{
	struct fixture fixture;
	int client, size = 1;
	unsigned received = 0;
	enum { SENT = 500 };

	begin(&fixture, "127.0.0.1:0");
	setsockopt(fixture.socket.fd, SOL_SOCKET, SO_RCVBUF, &size,
		   sizeof(size));
	client = client_of(&fixture, "127.0.0.1:0");
	say_run(client, SENT);
	while (udp_batch_receive(fixture.batch, &fixture.socket, 100) == 0)
		received += count_rest(&fixture);
	ck_assert_uint_lt(received, SENT);
	udp_say(client, "one more");
	receive(&fixture, 100);
	ck_assert_uint_eq(count_rest(&fixture), 1);
	ck_assert_uint_eq(received + fixture.socket.overflow, SENT);
	end(&fixture);
}
END_TEST
FAULT(37, test_a_full_queue_is_counted)

START_TEST(test_memory_is_touched_only_as_far_as_datagrams_are_long)
{
	struct rusage before, after;
	struct fixture fixture;
	int client;

#ifdef SUITE_SANITIZED
	skip("what a sanitizer notes of memory is memory, too");
#endif
	getrusage(RUSAGE_SELF, &before);
	begin(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	say_run(client, UDP_BATCH_SIZE);
	echo(&fixture, "");
	getrusage(RUSAGE_SELF, &after);
	/* A page or two each, where all of their room is 4 MiB. */
	ck_assert_int_lt(after.ru_minflt - before.ru_minflt,
			 4 * UDP_BATCH_SIZE);
	end(&fixture);
}
END_TEST

/* The datagram is in the queue when the option is set. */
static void
expect_header(struct fixture *fixture, const char *host, bool on)
{
	const struct udp_batch_datagram *got;
	bool six = *host == '[';
	int client = client_of(fixture, host);
	int sent = 0xb9;

	ck_assert_int_eq(setsockopt(client, six ? IPPROTO_IPV6 : IPPROTO_IP,
				    six ? IPV6_TCLASS : IP_TOS, &sent,
				    sizeof(sent)),
			 0);
	udp_say(client, "Hello");
	ck_assert_int_eq(udp_batch_set_header(&fixture->socket, on), 0);
	receive(fixture, 100);
	got = next(fixture);
	ck_assert_int_eq(got->ttl, on ? 64 : -1);
	ck_assert_int_eq(got->tos, on ? 0xb9 : -1);
	ck_assert_uint_eq(count_rest(fixture), 0);
	close(client);
}

/* IPv4 on such a socket has control messages of its own. */
START_TEST(test_a_socket_of_both_families_receives_the_header)
{
	struct fixture fixture;

	if (!has_ipv6())
		skip("there is no IPv6 loopback");
	begin(&fixture, "[::]:0");
	for (int i = 0; i < 4; i++) {
		expect_header(&fixture, "127.0.0.1:0", i % 2);
		expect_header(&fixture, "[::1]:0", i % 2);
	}
	end(&fixture);
}
END_TEST

static void
expect_dscp(struct fixture *fixture, const char *host, int dscp, int tos)
{
	struct iovec none = { NULL, 0 };
	int client = client_of(fixture, host);

	udp_ask_for_tos(client);
	udp_say(client, "Hello");
	receive(fixture, 100);
	next(fixture);
	udp_batch_answer(fixture->batch, &none, dscp);
	check_result(udp_batch_send(fixture->batch), 1, 0);
	ck_assert_int_eq(udp_hear_tos(client), tos);
	close(client);
}

/* 0 as well. */
START_TEST(test_a_dscp_replaces_that_of_the_socket)
{
	struct fixture fixture;
	int tos = 0xb8;

	begin(&fixture, "127.0.0.1:0");
	setsockopt(fixture.socket.fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	expect_dscp(&fixture, "127.0.0.1:0", -1, 0xb8);
	expect_dscp(&fixture, "127.0.0.1:0", 0, 0);
	expect_dscp(&fixture, "127.0.0.1:0", 63, 0xfc);
	end(&fixture);
}
END_TEST

START_TEST(test_a_socket_of_both_families_sets_the_dscp)
{
	struct fixture fixture;

	if (!has_ipv6())
		skip("there is no IPv6 loopback");
	begin(&fixture, "[::]:0");
	expect_dscp(&fixture, "127.0.0.1:0", 46, 0xb8);
	expect_dscp(&fixture, "[::1]:0", 46, 0xb8);
	end(&fixture);
}
END_TEST

START_TEST(test_nothing_is_left_open)
{
	int before = open_descriptors();
	struct fixture fixture;

	begin(&fixture, "127.0.0.1:0");
	end(&fixture);
	udp_batch_free(NULL);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(test_what_is_no_ip_socket_is_refused)
{
	struct udp_batch_socket socket;
	int fds[2];

	ck_assert_int_eq(udp_batch_open(&socket, -1), -EBADF);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	ck_assert_int_lt(udp_batch_open(&socket, fds[0]), 0);
}
END_TEST

SUITE(test_each_datagram_is_answered_whole,
      test_an_empty_one_without_a_prefix_gets_an_empty_one,
      test_the_answer_leaves_from_the_address_that_was_hit,
      test_it_does_for_ipv6_too,
      test_a_socket_of_both_families_answers_from_there_too,
      test_the_peer_is_told, test_a_datagram_to_many_is_told_from_one_to_us,
      test_what_exceeds_the_room_is_marked,
      test_joined_datagrams_come_one_by_one,
      test_joined_datagrams_have_the_ends_and_header_of_each,
      test_joined_datagrams_that_exceed_the_room_are_marked,
      test_a_full_queue_is_counted,
      test_memory_is_touched_only_as_far_as_datagrams_are_long,
      test_a_socket_of_both_families_receives_the_header,
      test_a_dscp_replaces_that_of_the_socket,
      test_a_socket_of_both_families_sets_the_dscp, test_nothing_is_left_open,
      test_what_is_no_ip_socket_is_refused)
