#include "udp/udp_socket.h"

#include <event2/event.h>

#include "base/log.h"
#include "base/stats.h"
#include "listen/binding.h"
#include "support/datagrams.h"
#include "support/loop.h"
#include "support/snapshot.h"
#include "udp/udp_batch.h"
#include "udp/udp_limits.h"

static const struct log_settings quiet = {
	.sink = LOG_TO_STDERR,
	.level = LOG_ERR,
};

/* What the linker has the modules call instead: errors as a test says. */
int __real_sendmmsg(int, struct mmsghdr *, unsigned, int);
int __real_recvmmsg(int, struct mmsghdr *, unsigned, int, struct timespec *);
int __wrap_sendmmsg(int, struct mmsghdr *, unsigned, int);
int __wrap_recvmmsg(int, struct mmsghdr *, unsigned, int, struct timespec *);

static int receive_error, receive_errors, send_error;

int
__wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	if (send_error == 0)
		return __real_sendmmsg(fd, messages, count, flags);
	errno = send_error;
	return -1;
}

int
__wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
		struct timespec *timeout)
{
	if (receive_errors-- <= 0)
		return __real_recvmmsg(fd, messages, count, flags, timeout);
	errno = receive_error;
	return -1;
}

struct fixture {
	struct config *config;
	struct udp_socket_context context;
	struct stats stats;
	struct binding binding;
	struct udp_socket *datagram;
	unsigned port;
	int client; /* connected */
};

/* A socket on all of IPv4, not served yet, and a client of it. */
static void
prepare(struct fixture *fixture)
{
	static const unsigned char secret[UDP_LIMITS_SECRET_SIZE] = "a secret";
	int fd = udp_socket("0.0.0.0:0");

	log_configure(&quiet);
	memset(fixture, 0, sizeof(*fixture));
	fixture->context.base = event_base_new();
	fixture->binding.stats = &fixture->stats;
	fixture->context.batch = udp_batch_new();
	fixture->binding.udp_limits = udp_limits_new(secret);
	fixture->config = accepted("");
	fixture->binding.settings = fixture->config->listeners[0].settings;
	fixture->port = udp_port(fd);
	fixture->client = udp_client("127.0.0.1:0", fixture->port);
	fixture->datagram = udp_socket_new(fd, &fixture->binding);
	ck_assert_ptr_nonnull(fixture->datagram);
}

static void
change(struct fixture *fixture, const char *settings)
{
	struct config *before = fixture->config;

	fixture->config = accepted(settings);
	fixture->binding.settings = fixture->config->listeners[0].settings;
	udp_socket_change(fixture->datagram, &fixture->binding);
	config_unref(before);
}

static void
begin(struct fixture *fixture, const char *settings)
{
	prepare(fixture);
	change(fixture, settings);
	udp_socket_start(fixture->datagram, &fixture->context);
}

static void
end(struct fixture *fixture)
{
	udp_socket_free(fixture->datagram);
	udp_batch_free(fixture->context.batch);
	udp_limits_unref(fixture->binding.udp_limits);
	config_unref(fixture->config);
	event_base_free(fixture->context.base);
	close(fixture->client);
}

struct hearing {
	int fd;
	const char *text;
};

static bool
heard(void *argument)
{
	const struct hearing *hearing = argument;
	char data[1024];
	ssize_t got = recv(hearing->fd, data, sizeof(data), MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return false;
	ck_assert_int_eq(got, (ssize_t)strlen(hearing->text));
	ck_assert_mem_eq(data, hearing->text, (size_t)got);
	return true;
}

static void
hear(struct fixture *fixture, int fd, const char *text)
{
	struct hearing hearing = { fd, text };

	loop_until(fixture->context.base, heard, &hearing);
}

static uint64_t
dropped(const struct fixture *fixture)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_REASON_COUNT; i++)
		sum += fixture->stats.dropped[i];
	return sum;
}

/* How many datagrams have an echo delay. */
static uint64_t
delays(const struct fixture *fixture)
{
	const struct histogram *histogram =
		&fixture->stats.histograms[HISTOGRAM_echo_delay];
	uint64_t sum = 0;

	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		sum += histogram->counts[i];
	return sum;
}

static bool
has_dropped(void *argument)
{
	return dropped(argument) > 0;
}

static bool
has_paused(void *argument)
{
	const struct fixture *fixture = argument;

	return fixture->stats.counter[STATS_receive_pauses] > 0;
}

/*
 * The one thing that was said is dropped for that reason, and no answer comes.
 */
static void
expect_drop(struct fixture *fixture, int fd, enum drop_reason reason)
{
	loop_until(fixture->context.base, has_dropped, fixture);
	for (int i = 0; i < DROP_REASON_COUNT; i++) {
		ck_assert_uint_eq(fixture->stats.dropped[i], i == (int)reason);
		fixture->stats.dropped[i] = 0;
	}
	udp_hear_nothing(fd);
}

START_TEST(test_it_echoes_with_the_prefix)
{
	struct fixture fixture;

	begin(&fixture, "");
	udp_say(fixture.client, "Hello");
	hear(&fixture, fixture.client, "GOT:Hello");
	udp_say(fixture.client, "");
	hear(&fixture, fixture.client, "GOT:");
	ck_assert_uint_eq(fixture.stats.counter[STATS_datagrams_in], 2);
	ck_assert_uint_eq(fixture.stats.counter[STATS_datagrams_out], 2);
	ck_assert_uint_eq(fixture.stats.counter[STATS_bytes_in], 5);
	ck_assert_uint_eq(fixture.stats.counter[STATS_bytes_out], 13);
	ck_assert_uint_eq(dropped(&fixture), 0);
	end(&fixture);
}
END_TEST

/* Of one length each, so that they could be mistaken for one another's. */
START_TEST(test_each_datagram_has_a_prefix_of_its_own)
{
	struct fixture fixture;
	char first[100], second[100], third[100];
	int other;

	begin(&fixture, "prefix = \"%{conn} %{local} %{peer} \";");
	other = udp_client("127.0.0.9:0", fixture.port);
	snprintf(first, sizeof(first), "1 127.0.0.1:%u 127.0.0.1:%u Hello",
		 fixture.port, udp_port(fixture.client));
	snprintf(second, sizeof(second), "2 127.0.0.9:%u 127.0.0.1:%u Hello",
		 fixture.port, udp_port(other));
	snprintf(third, sizeof(third), "3 127.0.0.9:%u 127.0.0.1:%u World",
		 fixture.port, udp_port(other));
	udp_say(fixture.client, "Hello");
	udp_say(other, "Hello");
	udp_say(other, "World");
	hear(&fixture, fixture.client, first);
	hear(&fixture, other, second);
	hear(&fixture, other, third);
	close(other);
	end(&fixture);
}
END_TEST

START_TEST(test_the_settings_of_a_reload_hold_from_the_next_one_on)
{
	struct fixture fixture;

	begin(&fixture, "prefix = \"one \";");
	udp_say(fixture.client, "Hello");
	hear(&fixture, fixture.client, "one Hello");
	change(&fixture, "prefix = \"two \";");
	udp_say(fixture.client, "Hello");
	hear(&fixture, fixture.client, "two Hello");
	end(&fixture);
}
END_TEST

START_TEST(test_a_denied_peer_is_not_answered)
{
	struct fixture fixture;

	begin(&fixture, "deny = [ \"127.0.0.0/8\" ];");
	udp_say(fixture.client, "Hello");
	expect_drop(&fixture, fixture.client, DROP_denied);
	change(&fixture, "allow = [ \"10.0.0.0/8\" ];");
	udp_say(fixture.client, "Hello");
	expect_drop(&fixture, fixture.client, DROP_denied);
	change(&fixture, "allow = [ \"127.0.0.1\" ];");
	udp_say(fixture.client, "Hello");
	hear(&fixture, fixture.client, "GOT:Hello");
	end(&fixture);
}
END_TEST

START_TEST(test_denied_and_own_ports_are_not_answered)
{
	struct fixture fixture;
	uint16_t port;
	char settings[100];

	begin(&fixture, "");
	port = (uint16_t)udp_port(fixture.client);
	udp_limits_set_own_ports(fixture.binding.udp_limits, &port, 1);
	udp_say(fixture.client, "Hello");
	expect_drop(&fixture, fixture.client, DROP_own_port);

	udp_limits_set_own_ports(fixture.binding.udp_limits, NULL, 0);
	snprintf(settings, sizeof(settings),
		 "udp = { deny_source_ports = [ %u ]; };", port);
	change(&fixture, settings);
	udp_say(fixture.client, "Hello");
	expect_drop(&fixture, fixture.client, DROP_source_port);
	end(&fixture);
}
END_TEST

START_TEST(test_what_was_sent_to_many_is_not_answered)
{
	struct fixture fixture;
	struct address to = address_of("127.255.255.255:0");
	int client = udp_socket("127.0.0.1:0");
	int on = 1;

	begin(&fixture, "");
	address_set_port(&to, (uint16_t)fixture.port);
	setsockopt(client, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	ck_assert_int_eq(sendto(client, "all", 3, 0, &to.sa, to.length), 3);
	expect_drop(&fixture, client, DROP_broadcast);
	end(&fixture);
}
END_TEST
FAULT(35, test_what_was_sent_to_many_is_not_answered)

static bool
has_sent(void *argument)
{
	const struct fixture *fixture = argument;

	return fixture->stats.counter[STATS_datagrams_out] > 0;
}

START_TEST(test_an_echo_is_whole_or_none)
{
	static char data[65507];
	struct fixture fixture;

	begin(&fixture, "udp = { max_datagram = 5; };");
	udp_say(fixture.client, "123456");
	expect_drop(&fixture, fixture.client, DROP_oversize);
	udp_say(fixture.client, "12345");
	hear(&fixture, fixture.client, "GOT:12345");

	/* With the four bytes of the prefix one more than UDP can carry. */
	change(&fixture, "");
	memset(data, 'x', sizeof(data));
	memcpy(data, "GOT:", 4);
	udp_send(fixture.client, data + 3, 65504);
	expect_drop(&fixture, fixture.client, DROP_oversize);

	fixture.stats.counter[STATS_datagrams_out] = 0;
	udp_send(fixture.client, data + 4, 65503);
	loop_until(fixture.context.base, has_sent, &fixture);
	udp_receive(fixture.client, data, 65507);
	end(&fixture);
}
END_TEST
FAULT(40, test_an_echo_is_whole_or_none)

START_TEST(test_a_network_gets_its_rate)
{
	struct fixture fixture;

	begin(&fixture, "udp = { rate = 1; };");
	udp_say(fixture.client, "one");
	udp_say(fixture.client, "two");
	hear(&fixture, fixture.client, "GOT:one");
	expect_drop(&fixture, fixture.client, DROP_rate);
	/* A refused one has not used it up. */
	change(&fixture, "udp = { rate = 0; };");
	for (int i = 0; i < 2000; i++) {
		udp_say(fixture.client, "more");
		hear(&fixture, fixture.client, "GOT:more");
	}
	ck_assert_uint_eq(dropped(&fixture), 0);
	end(&fixture);
}
END_TEST
FAULT(36, test_a_network_gets_its_rate)

START_TEST(test_what_cannot_be_sent_is_dropped_and_the_next_is_answered)
{
	static const int errors[] = { EAGAIN, ECONNREFUSED, EPERM, ENOBUFS };
	struct fixture fixture;

	begin(&fixture, "");
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		send_error = errors[i];
		udp_say(fixture.client, "lost");
		expect_drop(&fixture, fixture.client, DROP_unsent);
		send_error = 0;
		udp_say(fixture.client, "Hello");
		hear(&fixture, fixture.client, "GOT:Hello");
		ck_assert_uint_eq(delays(&fixture), i + 1);
	}
	end(&fixture);
}
END_TEST
FAULT(37, test_what_cannot_be_sent_is_dropped_and_the_next_is_answered)

/* Each comes twice instead of a datagram, which is answered all the same. */
static void
check_receive_errors(const int *errors, size_t count, uint64_t counted)
{
	struct fixture fixture;

	begin(&fixture, "");
	for (size_t i = 0; i < count; i++) {
		receive_error = errors[i];
		receive_errors = 2;
		udp_say(fixture.client, "Hello");
		hear(&fixture, fixture.client, "GOT:Hello");
	}
	ck_assert_uint_eq(fixture.stats.counter[STATS_receive_errors], counted);
	ck_assert_uint_eq(fixture.stats.counter[STATS_receive_pauses], 0);
	end(&fixture);
}

START_TEST(test_news_of_the_network_is_counted_and_no_more)
{
	static const int errors[] = { ECONNREFUSED, EHOSTUNREACH, EMSGSIZE };

	check_receive_errors(errors, 3, 6);
}
END_TEST
FAULT(37, test_news_of_the_network_is_counted_and_no_more)

START_TEST(test_a_signal_or_a_false_alarm_is_nothing)
{
	static const int errors[] = { EINTR, EAGAIN };

	check_receive_errors(errors, 2, 0);
}
END_TEST

/* Without memory it neither spins nor gives up. */
START_TEST(test_without_resources_it_waits_and_goes_on)
{
	struct fixture fixture;
	struct timespec before, after;

	begin(&fixture, "");
	receive_error = ENOMEM;
	receive_errors = 2;
	udp_say(fixture.client, "Hello");
	clock_gettime(CLOCK_MONOTONIC, &before);
	loop_until(fixture.context.base, has_paused, &fixture);
	hear(&fixture, fixture.client, "GOT:Hello");
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_uint_eq(fixture.stats.counter[STATS_receive_pauses], 2);
	ck_assert_int_ge((after.tv_sec - before.tv_sec) * 1000 +
				 (after.tv_nsec - before.tv_nsec) / 1000000,
			 150);
	end(&fixture);
}
END_TEST
FAULT(2, test_without_resources_it_waits_and_goes_on)

START_TEST(test_a_flood_leaves_the_loop_to_others_after_a_batch)
{
	struct fixture fixture;

	begin(&fixture, "");
	for (int i = 0; i < UDP_BATCH_SIZE + 10; i++)
		udp_say(fixture.client, "flood");
	event_base_loop(fixture.context.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(fixture.stats.counter[STATS_datagrams_in],
			  UDP_BATCH_SIZE);
	event_base_loop(fixture.context.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(fixture.stats.counter[STATS_datagrams_in],
			  UDP_BATCH_SIZE + 10);
	end(&fixture);
}
END_TEST
FAULT(38, test_a_flood_leaves_the_loop_to_others_after_a_batch)

/* Room for some hundreds. */
START_TEST(test_a_full_queue_is_counted)
{
	struct fixture fixture;
	uint64_t sent = 0;

	begin(&fixture, "udp = { rate = 0; socket_buffer = 65536; };");
	while (fixture.stats.dropped[DROP_overflow] == 0) {
		ck_assert_uint_lt(sent, 1000000);
		for (int i = 0; i < 2000; i++, sent++)
			udp_say(fixture.client, "flood");
		event_base_loop(fixture.context.base,
				EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
	ck_assert_uint_le(fixture.stats.counter[STATS_datagrams_in] +
				  fixture.stats.dropped[DROP_overflow],
			  sent);
	end(&fixture);
}
END_TEST

START_TEST(test_what_is_queued_is_answered_before_the_end)
{
	struct fixture fixture;
	int client;

	begin(&fixture, "");
	client = dup(fixture.client);
	for (int i = 0; i < UDP_BATCH_SIZE + 5; i++)
		udp_say(client, "queued");
	receive_error = ECONNREFUSED;
	receive_errors = 1;
	udp_socket_answer_queued(fixture.datagram);
	ck_assert_uint_eq(fixture.stats.counter[STATS_datagrams_out],
			  UDP_BATCH_SIZE + 5);
	ck_assert_uint_eq(delays(&fixture), UDP_BATCH_SIZE + 5);
	end(&fixture);
	for (int i = 0; i < UDP_BATCH_SIZE + 5; i++) {
		struct hearing hearing = { client, "GOT:queued" };

		ck_assert(heard(&hearing));
	}
	close(client);
}
END_TEST

START_TEST(test_one_that_never_started_is_closed_all_the_same)
{
	int before = open_descriptors();
	struct fixture fixture;

	prepare(&fixture);
	udp_say(fixture.client, "Hello");
	udp_socket_answer_queued(fixture.datagram);
	end(&fixture);
	udp_socket_free(NULL);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

/* Another program that reads it later would take them for one datagram. */
START_TEST(test_datagrams_of_an_inherited_socket_are_not_joined)
{
	struct fixture fixture;

	prepare(&fixture);
	for (int inherited = 0; inherited < 2; inherited++) {
		int fd = udp_socket("127.0.0.1:0");
		struct udp_socket *socket;

		if (udp_joins(fd) < 0)
			skip("the kernel has no UDP_GRO");
		fixture.binding.inherited = inherited;
		socket = udp_socket_new(fd, &fixture.binding);
		ck_assert_ptr_nonnull(socket);
		ck_assert_int_eq(udp_joins(fd), !inherited);
		udp_socket_free(socket);
	}
	end(&fixture);
}
END_TEST

START_TEST(test_a_socket_that_it_cannot_use_stays_with_the_caller)
{
	struct fixture fixture;
	int fds[2];

	prepare(&fixture);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	errno = 0;
	ck_assert_ptr_null(udp_socket_new(fds[0], &fixture.binding));
	ck_assert_int_ne(errno, 0);
	ck_assert_int_eq(close(fds[0]), 0);
	close(fds[1]);
	end(&fixture);
}
END_TEST

SUITE(test_it_echoes_with_the_prefix,
      test_each_datagram_has_a_prefix_of_its_own,
      test_the_settings_of_a_reload_hold_from_the_next_one_on,
      test_a_denied_peer_is_not_answered,
      test_denied_and_own_ports_are_not_answered,
      test_what_was_sent_to_many_is_not_answered, test_an_echo_is_whole_or_none,
      test_a_network_gets_its_rate,
      test_what_cannot_be_sent_is_dropped_and_the_next_is_answered,
      test_news_of_the_network_is_counted_and_no_more,
      test_a_signal_or_a_false_alarm_is_nothing,
      test_without_resources_it_waits_and_goes_on,
      test_a_flood_leaves_the_loop_to_others_after_a_batch,
      test_a_full_queue_is_counted,
      test_what_is_queued_is_answered_before_the_end,
      test_one_that_never_started_is_closed_all_the_same,
      test_datagrams_of_an_inherited_socket_are_not_joined,
      test_a_socket_that_it_cannot_use_stays_with_the_caller)
