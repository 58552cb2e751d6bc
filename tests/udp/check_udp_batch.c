#include "udp/udp_batch.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <sys/resource.h>

#include "support/datagrams.h"

#define SEGMENT_OPTION 103 /* UDP_SEGMENT */

/*
 * What the linker has the module call instead: it fails where a test says so.
 */
int __real_sendmmsg(int, struct mmsghdr *, unsigned, int);
int __real_getsockopt(int, int, int, void *, socklen_t *);
int __wrap_sendmmsg(int, struct mmsghdr *, unsigned, int);
int __wrap_getsockopt(int, int, int, void *, socklen_t *);

static struct {
	unsigned calls;
	unsigned segmented; /* messages of more than one segment */
	unsigned directed;
	int error;	   /* of the next calls */
	unsigned errors;   /* as many of them */
	int segment_error; /* of every message of more than one segment */
	bool no_segments;  /* a kernel before 4.18 */
} kernel;

static bool
has_control(const struct msghdr *message, int level, int type)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	for (; control;
	     control = CMSG_NXTHDR((struct msghdr *)message, control))
		if (control->cmsg_level == level && control->cmsg_type == type)
			return true;
	return false;
}

static bool
is_segmented(const struct msghdr *message)
{
	return has_control(message, IPPROTO_UDP, SEGMENT_OPTION);
}

/* Told which address it is to leave from. */
static bool
is_directed(const struct msghdr *message)
{
	return has_control(message, IPPROTO_IP, IP_PKTINFO) ||
	       has_control(message, IPPROTO_IPV6, IPV6_PKTINFO);
}

static int
refuse(int error)
{
	errno = error;
	return -1;
}

int
__wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	kernel.calls++;
	if (kernel.errors > 0) {
		kernel.errors--;
		return refuse(kernel.error);
	}
	for (unsigned i = 0; i < count; i++) {
		kernel.directed += is_directed(&messages[i].msg_hdr);
		if (!is_segmented(&messages[i].msg_hdr))
			continue;
		ck_assert(!kernel.no_segments);
		kernel.segmented++;
		/* As the kernel does: what came before it has gone. */
		if (kernel.segment_error && i == 0)
			return refuse(kernel.segment_error);
		if (kernel.segment_error)
			return __real_sendmmsg(fd, messages, i, flags);
	}
	return __real_sendmmsg(fd, messages, count, flags);
}

int
__wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
	if (kernel.no_segments && level == IPPROTO_UDP &&
	    option == SEGMENT_OPTION)
		return refuse(ENOPROTOOPT);
	return __real_getsockopt(fd, level, option, value, length);
}

struct fixture {
	struct udp_batch *batch;
	struct udp_batch_socket socket;
	unsigned port;
};

static void
begin(struct fixture *fixture, const char *text)
{
	int fd = udp_socket(text);

	fixture->batch = udp_batch_new();
	ck_assert_ptr_nonnull(fixture->batch);
	ck_assert_int_eq(udp_batch_open(&fixture->socket, fd), 0);
	fixture->port = udp_port(fd);
}

static void
end(struct fixture *fixture)
{
	close(fixture->socket.fd);
	udp_batch_free(fixture->batch);
}

static int
client_of(const struct fixture *fixture, const char *host)
{
	return udp_client(host, fixture->port);
}

/* Loopback delivers within the call: what was sent is there. */
static unsigned
receive(struct fixture *fixture, size_t most)
{
	int count;

	ck_assert(is_readable(fixture->socket.fd));
	count = udp_batch_receive(fixture->batch, &fixture->socket, most);
	ck_assert_int_gt(count, 0);
	return (unsigned)count;
}

static struct udp_batch_result
echo(struct fixture *fixture, const char *prefix)
{
	struct iovec part = { (char *)prefix, strlen(prefix) };
	unsigned count = receive(fixture, UDP_BATCH_DATAGRAM_MAX);

	for (unsigned i = 0; i < count; i++)
		udp_batch_answer(fixture->batch, i, &part, -1);
	return udp_batch_send(fixture->batch, &fixture->socket);
}

static void
check_result(struct udp_batch_result result, unsigned sent, unsigned unsent)
{
	ck_assert_uint_eq(result.sent, sent);
	ck_assert_uint_eq(result.unsent, unsent);
}

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
	struct fixture fixture;
	struct address peer;
	int client;

	begin(&fixture, "0.0.0.0:0");
	client = client_of(&fixture, "127.0.0.1:0");
	peer = bound_to(client);
	udp_say(client, "Hello");
	ck_assert_uint_eq(receive(&fixture, 100), 1);
	ck_assert(address_equal(&udp_batch_at(fixture.batch, 0)->peer, &peer));
	ck_assert(!udp_batch_at(fixture.batch, 0)->broadcast);
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
	ck_assert_uint_eq(receive(&fixture, 100), 1);
	ck_assert(udp_batch_at(fixture.batch, 0)->broadcast);
	end(&fixture);
}
END_TEST

START_TEST(test_what_exceeds_the_room_is_marked)
{
	struct fixture fixture;
	int client;

	begin(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	udp_say(client, "12345");
	udp_say(client, "123456");
	udp_say(client, "1234");
	ck_assert_uint_eq(receive(&fixture, 5), 3);
	ck_assert(!udp_batch_at(fixture.batch, 0)->truncated);
	ck_assert(udp_batch_at(fixture.batch, 1)->truncated);
	ck_assert(!udp_batch_at(fixture.batch, 2)->truncated);
	ck_assert_uint_eq(udp_batch_at(fixture.batch, 0)->data.iov_len, 5);
	end(&fixture);
}
END_TEST
FAULT(40, test_what_exceeds_the_room_is_marked)

/* The n-th text of a run: all of one length. */
static const char *
text_of(unsigned n)
{
	static char text[16];

	snprintf(text, sizeof(text), "number %03u", n);
	return text;
}

static void
say_run(int client, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		udp_say(client, text_of(i));
}

static void
hear_run(int client, const char *prefix, unsigned count)
{
	char text[64];

	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s%s", prefix, text_of(i));
		udp_hear(client, text);
	}
	udp_hear_nothing(client);
}

static bool
have_segments(void)
{
	int fd = udp_socket("127.0.0.1:0");
	int value;
	socklen_t length = sizeof(value);
	bool have = __real_getsockopt(fd, IPPROTO_UDP, SEGMENT_OPTION, &value,
				      &length) == 0;

	close(fd);
	return have;
}

static void
check_run(const char *prefix)
{
	struct fixture fixture;
	int client;

	if (!have_segments())
		skip("the kernel has no UDP_SEGMENT");
	begin(&fixture, "0.0.0.0:0");
	client = client_of(&fixture, "127.0.0.9:0");
	say_run(client, UDP_BATCH_SIZE);
	kernel.calls = 0;
	check_result(echo(&fixture, prefix), UDP_BATCH_SIZE, 0);
	hear_run(client, prefix, UDP_BATCH_SIZE);
	ck_assert_uint_eq(kernel.calls, 1);
	ck_assert_uint_eq(kernel.segmented, 1);
	end(&fixture);
}

/* To tell the kernel what it knows costs a tenth of a datagram. */
START_TEST(test_a_bound_socket_sends_no_packet_info)
{
	static const struct {
		const char *bound, *client;
		unsigned directed;
	} table[] = {
		{ "127.0.0.9:0", "127.0.0.9:0", 0 },
		{ "0.0.0.0:0", "127.0.0.9:0", 1 },
		{ "[::1]:0", "[::1]:0", 0 },
		{ "[::]:0", "[::1]:0", 1 },
		{ "[::]:0", "127.0.0.9:0", 1 },
	};

	if (!has_ipv6() || !have_segments())
		skip("there is no IPv6 loopback, or no UDP_SEGMENT");
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture fixture;
		int client;

		memset(&kernel, 0, sizeof(kernel));
		begin(&fixture, table[i].bound);
		client = client_of(&fixture, table[i].client);
		say_run(client, 2);
		check_result(echo(&fixture, "GOT:"), 2, 0);
		hear_run(client, "GOT:", 2);
		ck_assert_uint_eq(kernel.segmented, 1);
		ck_assert_uint_eq(kernel.directed, table[i].directed);
		close(client);
		end(&fixture);
	}
}
END_TEST

START_TEST(test_a_run_of_one_peer_leaves_as_one)
{
	check_run("GOT:");
}
END_TEST

START_TEST(test_a_run_without_a_prefix_does_so_too)
{
	check_run("");
}
END_TEST

START_TEST(test_a_run_ends_where_peer_or_length_change)
{
	struct fixture fixture;
	int one, two, there;

	begin(&fixture, "0.0.0.0:0");
	one = client_of(&fixture, "127.0.0.1:0");
	two = client_of(&fixture, "127.0.0.1:0");
	there = client_of(&fixture, "127.0.0.9:0");
	udp_say(one, "11");
	udp_say(one, "12");
	udp_say(two, "21");
	udp_say(one, "13");
	udp_say(one, "1.4");
	udp_say(there, "3.1");
	udp_say(there, "3.2");
	udp_say(there, "3.3");
	check_result(echo(&fixture, "GOT:"), 8, 0);
	if (have_segments())
		ck_assert_uint_eq(kernel.segmented, 2);
	udp_hear(one, "GOT:11");
	udp_hear(one, "GOT:12");
	udp_hear(one, "GOT:13");
	udp_hear(one, "GOT:1.4");
	udp_hear(two, "GOT:21");
	udp_hear(there, "GOT:3.1");
	udp_hear(there, "GOT:3.2");
	udp_hear(there, "GOT:3.3");
	end(&fixture);
}
END_TEST

/* No run may exceed a datagram's length, nor a segment the path's MTU. */
START_TEST(test_long_ones_do_not_join)
{
	static const size_t lengths[] = { 1452, 1453, 30000, 65507 };
	static char data[UDP_BATCH_DATAGRAM_MAX];
	struct fixture fixture;
	int client;

	for (size_t l = 0; l < sizeof(lengths) / sizeof(*lengths); l++) {
		unsigned count = lengths[l] > 2000 ? 2 : 50;

		begin(&fixture, "127.0.0.1:0");
		client = client_of(&fixture, "127.0.0.1:0");
		kernel.segmented = 0;
		for (unsigned i = 0; i < count; i++) {
			memset(data, 'a' + (int)i % 26, lengths[l]);
			udp_send(client, data, lengths[l]);
		}
		check_result(echo(&fixture, ""), count, 0);
		/* 45 times 1452 is the most that leaves as one. */
		ck_assert_uint_eq(kernel.segmented,
				  lengths[l] == 1452 && have_segments() ? 2 :
									  0);
		for (unsigned i = 0; i < count; i++) {
			memset(data, 'a' + (int)i % 26, lengths[l]);
			udp_receive(client, data, lengths[l]);
		}
		close(client);
		end(&fixture);
	}
}
END_TEST

START_TEST(test_a_kernel_without_segments_is_not_asked_for_them)
{
	struct fixture fixture;
	int client;

	kernel.no_segments = true;
	begin(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	say_run(client, 20);
	check_result(echo(&fixture, "GOT:"), 20, 0);
	hear_run(client, "GOT:", 20);
	end(&fixture);
}
END_TEST

static void
check_refused_run(int error, bool for_good)
{
	struct fixture fixture;
	int client, other;

	if (!have_segments())
		skip("the kernel has no UDP_SEGMENT");
	begin(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	other = client_of(&fixture, "127.0.0.1:0");
	kernel.segment_error = error;
	udp_say(other, "before");
	say_run(client, 20);
	udp_say(other, "behind");
	check_result(echo(&fixture, "GOT:"), 22, 0);
	hear_run(client, "GOT:", 20);
	udp_hear(other, "GOT:before");
	udp_hear(other, "GOT:behind");

	kernel.segmented = 0;
	say_run(client, 20);
	check_result(echo(&fixture, ""), 20, 0);
	hear_run(client, "", 20);
	ck_assert_uint_eq(kernel.segmented > 0, !for_good);
	end(&fixture);
}

START_TEST(test_a_run_that_does_not_fit_the_path_goes_one_by_one)
{
	check_refused_run(EINVAL, false);
}
END_TEST

START_TEST(test_a_device_that_cannot_segment_is_not_asked_again)
{
	check_refused_run(EIO, true);
}
END_TEST

START_TEST(test_one_that_cannot_be_sent_does_not_hold_up_the_rest)
{
	static const int errors[] = { ECONNREFUSED, EPERM, EHOSTUNREACH,
				      EMSGSIZE };
	struct fixture fixture;
	int one, two;

	begin(&fixture, "127.0.0.1:0");
	one = client_of(&fixture, "127.0.0.1:0");
	two = client_of(&fixture, "127.0.0.1:0");
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		struct udp_batch_result result;

		udp_say(one, "lost");
		udp_say(two, "here");
		udp_say(one, "there");
		kernel.error = errors[i];
		kernel.errors = 1;
		result = echo(&fixture, "");
		check_result(result, 2, 1);
		ck_assert_int_eq(result.error, errors[i]);
		udp_hear(two, "here");
		udp_hear(one, "there");
		udp_hear_nothing(one);
	}
	end(&fixture);
}
END_TEST
FAULT(37, test_one_that_cannot_be_sent_does_not_hold_up_the_rest)

START_TEST(test_without_room_all_that_is_left_is_dropped_at_once)
{
	struct fixture fixture;
	int one, two;

	begin(&fixture, "127.0.0.1:0");
	one = client_of(&fixture, "127.0.0.1:0");
	two = client_of(&fixture, "127.0.0.1:0");
	for (int i = 0; i < 10; i++) {
		udp_say(one, "run");
		udp_say(two, "run");
	}
	kernel.error = EAGAIN;
	kernel.errors = 1;
	kernel.calls = 0;
	check_result(echo(&fixture, ""), 0, 20);
	ck_assert_uint_eq(kernel.calls, 1);
	udp_hear_nothing(one);
	udp_say(one, "again");
	check_result(echo(&fixture, ""), 1, 0);
	udp_hear(one, "again");
	end(&fixture);
}
END_TEST

START_TEST(test_a_signal_is_no_error)
{
	struct fixture fixture;
	int client;

	begin(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	udp_say(client, "Hello");
	kernel.error = EINTR;
	kernel.errors = 1;
	check_result(echo(&fixture, ""), 1, 0);
	udp_hear(client, "Hello");
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
	for (int count; (count = udp_batch_receive(fixture.batch,
						   &fixture.socket, 100)) > 0;)
		received += (unsigned)count;
	ck_assert_uint_lt(received, SENT);
	udp_say(client, "one more");
	ck_assert_uint_eq(receive(&fixture, 100), 1);
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
	bool six = *host == '[';
	int client = client_of(fixture, host);
	int sent = 0xb9;

	ck_assert_int_eq(setsockopt(client, six ? IPPROTO_IPV6 : IPPROTO_IP,
				    six ? IPV6_TCLASS : IP_TOS, &sent,
				    sizeof(sent)),
			 0);
	udp_say(client, "Hello");
	ck_assert_int_eq(udp_batch_set_header(&fixture->socket, on), 0);
	ck_assert_uint_eq(receive(fixture, 100), 1);
	ck_assert_int_eq(udp_batch_at(fixture->batch, 0)->ttl, on ? 64 : -1);
	ck_assert_int_eq(udp_batch_at(fixture->batch, 0)->tos, on ? 0xb9 : -1);
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
	ck_assert_uint_eq(receive(fixture, 100), 1);
	udp_batch_answer(fixture->batch, 0, &none, dscp);
	check_result(udp_batch_send(fixture->batch, &fixture->socket), 1, 0);
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

/* Two runs of one peer that differ in DSCP leave as two messages. */
START_TEST(test_a_run_ends_where_the_dscp_changes)
{
	struct iovec none = { NULL, 0 };
	struct fixture fixture;
	int client;

	begin(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	say_run(client, 8);
	ck_assert_uint_eq(receive(&fixture, 100), 8);
	for (unsigned i = 0; i < 8; i++)
		udp_batch_answer(fixture.batch, i, &none, i < 4 ? -1 : 46);
	check_result(udp_batch_send(fixture.batch, &fixture.socket), 8, 0);
	ck_assert_uint_eq(kernel.segmented, 2);
	hear_run(client, "", 8);
	close(client);
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
      test_it_does_for_ipv6_too, test_a_bound_socket_sends_no_packet_info,
      test_a_socket_of_both_families_answers_from_there_too,
      test_the_peer_is_told, test_a_datagram_to_many_is_told_from_one_to_us,
      test_what_exceeds_the_room_is_marked,
      test_a_run_of_one_peer_leaves_as_one,
      test_a_run_without_a_prefix_does_so_too,
      test_a_run_ends_where_peer_or_length_change, test_long_ones_do_not_join,
      test_a_kernel_without_segments_is_not_asked_for_them,
      test_a_run_that_does_not_fit_the_path_goes_one_by_one,
      test_a_device_that_cannot_segment_is_not_asked_again,
      test_one_that_cannot_be_sent_does_not_hold_up_the_rest,
      test_without_room_all_that_is_left_is_dropped_at_once,
      test_a_signal_is_no_error, test_a_full_queue_is_counted,
      test_memory_is_touched_only_as_far_as_datagrams_are_long,
      test_nothing_is_left_open, test_what_is_no_ip_socket_is_refused,
      test_a_socket_of_both_families_receives_the_header,
      test_a_dscp_replaces_that_of_the_socket,
      test_a_socket_of_both_families_sets_the_dscp,
      test_a_run_ends_where_the_dscp_changes)
