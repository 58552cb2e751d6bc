#include "udp/udp_segments.h"

#include <arpa/inet.h>
#include <netinet/udp.h>

#include "support/udp_fixture.h"

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

/* Two runs of one peer that differ in DSCP leave as two messages. */
START_TEST(test_a_run_ends_where_the_dscp_changes)
{
	struct iovec none = { NULL, 0 };
	struct fixture fixture;
	int client;

	begin(&fixture, "127.0.0.1:0");
	client = client_of(&fixture, "127.0.0.1:0");
	say_run(client, 8);
	receive(&fixture, 100);
	for (unsigned i = 0; udp_batch_next(fixture.batch); i++)
		udp_batch_answer(fixture.batch, &none, i < 4 ? -1 : 46);
	check_result(udp_batch_send(fixture.batch), 8, 0);
	ck_assert_uint_eq(kernel.segmented, 2);
	hear_run(client, "", 8);
	close(client);
	end(&fixture);
}
END_TEST

/* More datagrams than a batch has messages. */
enum { JOINED = UDP_BATCH_SIZE - 4, BOTH = 2 * (JOINED + 1) };

static int
begin_joined(struct fixture *fixture)
{
	int client, size = 1 << 20;

	begin_joining(fixture, "0.0.0.0:0");
	client = client_of(fixture, "127.0.0.9:0");
	setsockopt(client, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	say_joined(client, JOINED);
	say_joined(client, JOINED);
	memset(&kernel, 0, sizeof(kernel));
	return client;
}

static void
hear_both(int client, const char *prefix)
{
	hear_joined(client, prefix, JOINED);
	hear_joined(client, prefix, JOINED);
	udp_hear_nothing(client);
}

static void
check_joined(const char *prefix)
{
	struct fixture fixture;
	int client = begin_joined(&fixture);
	struct udp_batch_result result = echo(&fixture, prefix);

	check_result(result, BOTH, 0);
	ck_assert_uint_eq(result.bytes, 2 * (JOINED * strlen(text_of(0)) + 3) +
						BOTH * strlen(prefix));
	hear_both(client, prefix);
	ck_assert_uint_ge(kernel.segmented, 2);
	close(client);
	end(&fixture);
}

START_TEST(test_joined_datagrams_leave_as_runs)
{
	check_joined("GOT:");
	ck_assert_uint_eq(kernel.calls, 1);
	ck_assert_uint_eq(kernel.segmented, 2);
	check_joined("");
	ck_assert_uint_eq(kernel.calls, 1);
}
END_TEST

/* There is space for some of them only: the batch sends in between. */
START_TEST(test_joined_datagrams_have_long_prefixes)
{
	char prefix[UDP_BATCH_PREFIX_MAX + 1] = "";

	memset(prefix, 'p', UDP_BATCH_PREFIX_MAX);
	check_joined(prefix);
	ck_assert_uint_gt(kernel.calls, 1);
}
END_TEST

/* As after %{conn}: no two answers of a length, all in messages of their own.
 */
START_TEST(test_joined_datagrams_have_prefixes_of_their_own)
{
	struct fixture fixture;
	int client = begin_joined(&fixture);
	char text[64];

	receive(&fixture, UDP_BATCH_DATAGRAM_MAX);
	for (int i = 0; udp_batch_next(fixture.batch); i++) {
		char *space = udp_batch_space(fixture.batch);
		struct iovec prefix = {
			space,
			(size_t)snprintf(space, 64, "%0*d:", 3 + i % 2, i)
		};

		udp_batch_answer(fixture.batch, &prefix, -1);
	}
	check_result(udp_batch_send(fixture.batch), BOTH, 0);
	ck_assert_uint_gt(kernel.calls, 1);
	for (unsigned i = 0; i < BOTH; i++) {
		unsigned n = i % (JOINED + 1);

		snprintf(text, sizeof(text), "%0*u:%s", 3 + (int)i % 2, i,
			 n == JOINED ? "end" : text_of(n));
		udp_hear(client, text);
	}
	udp_hear_nothing(client);
	close(client);
	end(&fixture);
}
END_TEST

START_TEST(test_a_refused_run_of_joined_datagrams_goes_one_by_one)
{
	static const int errors[] = { EINVAL, EIO };

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		struct fixture fixture;
		int client = begin_joined(&fixture);

		kernel.segment_error = errors[i];
		check_result(echo(&fixture, "GOT:"), BOTH, 0);
		hear_both(client, "GOT:");
		close(client);
		end(&fixture);
	}
}
END_TEST

static int
begin_without_segments(struct fixture *fixture)
{
	int client = begin_joined(fixture);

	fixture->socket.segments = false;
	kernel.no_segments = true;
	return client;
}

START_TEST(test_without_segments_joined_datagrams_go_one_by_one)
{
	struct fixture fixture;
	int client = begin_without_segments(&fixture);

	check_result(echo(&fixture, "GOT:"), BOTH, 0);
	hear_both(client, "GOT:");
	close(client);
	end(&fixture);
}
END_TEST

/* What is sent in between counts as well. */
START_TEST(test_the_result_is_that_of_the_whole_batch)
{
	struct fixture fixture;
	int client = begin_without_segments(&fixture);
	struct udp_batch_result result;

	kernel.error = EAGAIN;
	kernel.errors = 1;
	result = echo(&fixture, "");
	check_result(result, BOTH - UDP_SEGMENTS_MESSAGES,
		     UDP_SEGMENTS_MESSAGES);
	ck_assert_int_eq(result.error, EAGAIN);
	close(client);
	end(&fixture);
}
END_TEST

SUITE(test_a_bound_socket_sends_no_packet_info,
      test_a_run_of_one_peer_leaves_as_one,
      test_a_run_without_a_prefix_does_so_too,
      test_a_run_ends_where_peer_or_length_change, test_long_ones_do_not_join,
      test_a_kernel_without_segments_is_not_asked_for_them,
      test_a_run_that_does_not_fit_the_path_goes_one_by_one,
      test_a_device_that_cannot_segment_is_not_asked_again,
      test_one_that_cannot_be_sent_does_not_hold_up_the_rest,
      test_without_room_all_that_is_left_is_dropped_at_once,
      test_a_signal_is_no_error, test_a_run_ends_where_the_dscp_changes,
      test_joined_datagrams_leave_as_runs,
      test_joined_datagrams_have_long_prefixes,
      test_joined_datagrams_have_prefixes_of_their_own,
      test_a_refused_run_of_joined_datagrams_goes_one_by_one,
      test_without_segments_joined_datagrams_go_one_by_one,
      test_the_result_is_that_of_the_whole_batch)
