/* Misbehaviour on purpose, as the clients that it is for meet it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "daemon.h"
#include "suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "
#define RAW "prefix = \"\"; "

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
say_hello(int fd)
{
	client_say(fd, "Hello\n");
	client_hear(fd, "GOT:Hello\n");
}

static void
expect_reset(int fd)
{
	char byte;

	ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
}

static void
stop(struct daemon *daemon)
{
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

/* ---- how it ends */

START_TEST(test_close)
{
	struct daemon *daemon = daemon_start(
		LISTEN "fault = { end = \"close\"; after = 10; };");
	int fd = client_connect(daemon_port(daemon, 0));

	daemon_wait_line(daemon, "^listener=main misbehaves on purpose: "
				 "every=1 end=close after=10$");
	daemon_wait_line(daemon, "^Connection from .* conn=1 fault=yes$");
	client_say(fd, "Hello, world\n");
	client_hear(fd, "GOT:Hello,");
	client_expect_eof(fd);
	/* It may go on talking: nobody listens, and nothing breaks. */
	client_send_pattern(fd, 1000000);
	client_finish(fd);
	daemon_wait_line(daemon, "^Connection closed .* conn=1 reason=fault "
				 "in=13 out=10 ");
	close(fd);
	ck_assert_uint_eq(daemon_counter(daemon, "faults"), 1);
	ck_assert_uint_eq(daemon_counter(daemon, "closed.fault"), 1);
	ck_assert_uint_eq(daemon_counter(daemon, "bytes_out"), 10);
	stop(daemon);
}
END_TEST

/* Before the end it is like any other. */
START_TEST(test_close_not_reached)
{
	struct daemon *daemon = daemon_start(
		LISTEN "fault = { end = \"close\"; after = 11; };");
	int fd = client_connect(daemon_port(daemon, 0));

	say_hello(fd);
	client_finish(fd);
	client_expect_eof(fd);
	daemon_wait_line(daemon, " reason=eof in=6 out=10 ");
	close(fd);
	stop(daemon);
}
END_TEST

/* One that sends FIN first does not hold the end up. */
START_TEST(test_close_after_fin)
{
	struct daemon *daemon = daemon_start(
		LISTEN "fault = { delay = 0.1; end = \"close\"; after = 9; };");
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello\n");
	client_finish(fd);
	client_hear(fd, "GOT:Hello");
	client_expect_eof(fd);
	daemon_wait_line(daemon, " reason=fault in=6 out=9 ");
	close(fd);
	stop(daemon);
}
END_TEST

START_TEST(test_reset_after_fin)
{
	struct daemon *daemon = daemon_start(
		LISTEN "fault = { delay = 0.1; end = \"reset\"; after = 9; };");
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello\n");
	client_finish(fd);
	client_hear(fd, "GOT:Hello");
	expect_reset(fd);
	daemon_wait_line(daemon, " reason=fault in=6 out=9 ");
	close(fd);
	stop(daemon);
}
END_TEST

START_TEST(test_close_at_once)
{
	struct daemon *daemon =
		daemon_start(LISTEN "fault = { end = \"close\"; };");
	int fd = client_connect(daemon_port(daemon, 0));

	client_expect_eof(fd);
	close(fd);
	daemon_wait_line(daemon, " reason=fault in=0 out=0 ");
	stop(daemon);
}
END_TEST

START_TEST(test_close_unix)
{
	struct daemon *daemon =
		daemon_start("listen = \"unix:@echod-test-fault\"; "
			     "fault = { end = \"close\"; after = 6; };");
	int fd = client_connect_unix("@echod-test-fault");

	client_say(fd, "Hello\n");
	client_hear(fd, "GOT:He");
	client_expect_eof(fd);
	close(fd);
	daemon_wait_line(daemon, " reason=fault in=6 out=6 ");
	stop(daemon);
}
END_TEST

/* All of them are there although nothing is read before the RST. */
START_TEST(test_reset)
{
	struct daemon *daemon = daemon_start(
		LISTEN RAW "fault = { end = \"reset\"; after = 1000; };");
	int fd = client_connect(daemon_port(daemon, 0));

	client_send_pattern(fd, 5000);
	daemon_wait_line(daemon, " reason=fault in=[0-9]+ out=1000 ");
	client_expect(fd, pattern_from(0), 1000);
	expect_reset(fd);
	close(fd);
	stop(daemon);
}
END_TEST

/* More than the client's host takes: the RST waits for who reads slowly. */
START_TEST(test_reset_slow_reader)
{
	enum { SIZE = 150000 };
	struct daemon *daemon = daemon_start(
		LISTEN RAW "fault = { end = \"reset\"; after = 150000; };");
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);

	client_send_pattern(fd, 200000);
	for (int at = 0; at < SIZE; at += 750)
		client_expect(fd, pattern_from((uint64_t)at), 750);
	expect_reset(fd);
	daemon_wait_line(daemon, " reason=fault in=[0-9]+ out=150000 ");
	close(fd);
	stop(daemon);
}
END_TEST

START_TEST(test_reset_at_once)
{
	struct daemon *daemon =
		daemon_start(LISTEN "fault = { end = \"reset\"; };");
	int fd = client_connect(daemon_port(daemon, 0));

	expect_reset(fd);
	close(fd);
	daemon_wait_line(daemon, " reason=fault in=0 out=0 ");
	stop(daemon);
}
END_TEST

START_TEST(test_stall)
{
	struct daemon *daemon = daemon_start(
		LISTEN RAW "idle_timeout = 1; "
			   "fault = { end = \"stall\"; after = 5; };");
	int fd = client_connect(daemon_port(daemon, 0));
	double before = seconds();

	client_say(fd, "Hello, world\n");
	client_hear(fd, "Hello");
	/* Neither this nor the FIN behind it is taken notice of. */
	client_say(fd, "Are you there?\n");
	client_finish(fd);
	daemon_wait_line(daemon, " reason=idle_timeout in=13 out=5 ");
	ck_assert_double_ge(seconds() - before, 1);
	expect_reset(fd);
	close(fd);
	stop(daemon);
}
END_TEST

static void
expect_pattern(int fd, uint64_t from, uint64_t to)
{
	for (; from < to; from += 1000)
		client_expect(fd, pattern_from(from), 1000);
}

/* Nothing is read any more, even where what is to go first is stuck. */
START_TEST(test_stall_slow_reader)
{
	enum { SIZE = 400000, MOST = 200000000 };
	struct daemon *daemon = daemon_start(
		LISTEN RAW "output_limit = 1000000; "
			   "fault = { end = \"stall\"; after = 400000; };");
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);

	client_send_pattern(fd, SIZE);
	daemon_wait_counter(daemon, "bytes_in", SIZE);
	expect_pattern(fd, 0, SIZE / 2);
	ck_assert_uint_lt(client_stuff(fd, MOST), MOST);
	expect_pattern(fd, SIZE / 2, SIZE);
	daemon_signal(daemon, SIGTERM);
	client_wait_closed(fd);
	close(fd);
	daemon_wait_line(daemon, " reason=drain in=400000 out=400000 ");
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

START_TEST(test_mute_until_drain)
{
	struct daemon *daemon =
		daemon_start(LISTEN "fault = { end = \"stall\"; };");
	int fd = client_connect(daemon_port(daemon, 0));

	daemon_wait_line(daemon, "^Connection from .* fault=yes$");
	client_say(fd, "Hello\n");
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, " reason=drain in=0 out=0 ");
	client_wait_closed(fd);
	close(fd);
	daemon_wait_line(daemon, "^drained: closed=1 forced=0$");
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

/* ---- how it goes */

START_TEST(test_delay)
{
	struct daemon *daemon =
		daemon_start(LISTEN "fault = { delay = 0.25; };");
	int fd = client_connect(daemon_port(daemon, 0));
	double first = seconds(), second;

	client_say(fd, "Hello\n");
	/* What comes meanwhile has its own time to wait. */
	daemon_wait_counter(daemon, "bytes_in", 6);
	second = seconds();
	client_say(fd, "World\n");
	client_finish(fd);
	client_hear(fd, "GOT:Hello\n");
	ck_assert_double_ge(seconds() - first, 0.25);
	client_hear(fd, "GOT:World\n");
	ck_assert_double_ge(seconds() - second, 0.25);
	client_expect_eof(fd);
	daemon_wait_line(daemon, " reason=eof in=12 out=20 ");
	close(fd);
	stop(daemon);
}
END_TEST

/* It is not the client who is idle. */
START_TEST(test_delay_beyond_idle_timeout)
{
	struct daemon *daemon = daemon_start(
		LISTEN "idle_timeout = 0.1; fault = { delay = 0.6; };");
	int fd = client_connect(daemon_port(daemon, 0));

	say_hello(fd);
	daemon_wait_line(daemon, " reason=idle_timeout in=6 out=10 ");
	client_expect_eof(fd);
	close(fd);
	stop(daemon);
}
END_TEST

START_TEST(test_delay_client_gone)
{
	struct daemon *daemon =
		daemon_start(LISTEN "fault = { delay = 3600; };");
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello\n");
	daemon_wait_counter(daemon, "bytes_in", 6);
	client_reset(fd);
	daemon_wait_line(daemon, " reason=reset in=6 out=0 ");
	stop(daemon);
}
END_TEST

START_TEST(test_rate)
{
	struct daemon *daemon = daemon_start(LISTEN "fault = { rate = 20; };");
	int fd = client_connect(daemon_port(daemon, 0));
	double before = seconds();

	client_say(fd, "Hello\n");
	client_hear(fd, "G");
	ck_assert_double_ge(seconds() - before, 0.05);
	client_hear(fd, "OT:Hello\n");
	ck_assert_double_ge(seconds() - before, 0.5);
	close(fd);
	daemon_wait_line(daemon, " reason=eof in=6 out=10 ");
	stop(daemon);
}
END_TEST

/* Not a byte is lost where all that may wait is less than what comes. */
static void
check_back_pressure(const char *config, int buffer, size_t piece)
{
	enum { SIZE = 300000 };
	struct daemon *daemon = daemon_start(config);
	struct framing framing = framing_of("GOT:", 1000);
	unsigned port = daemon_port(daemon, 0);
	int fd = buffer ? client_connect_small(port, buffer) :
			  client_connect(port);
	double before = seconds();

	client_exchange(fd, &framing, SIZE, piece);
	ck_assert_double_ge(seconds() - before, SIZE / 1000000.0);
	daemon_wait_line(daemon, " reason=eof in=300000 ");
	close(fd);
	stop(daemon);
}

START_TEST(test_rate_back_pressure)
{
	check_back_pressure(LISTEN "output_limit = 4096; "
				   "fault = { rate = 1000000; };",
			    0, 65536);
}
END_TEST

START_TEST(test_rate_slow_reader)
{
	check_back_pressure(LISTEN "output_limit = 4096; "
				   "fault = { rate = 1000000; };",
			    4096, 777);
}
END_TEST

START_TEST(test_delay_back_pressure)
{
	check_back_pressure(LISTEN "output_limit = 40000; "
				   "fault = { delay = 0.05; rate = 1000000; };",
			    4096, 777);
}
END_TEST

/* 7th, 14th, ... of what is sent, prefixes included. */
START_TEST(test_corrupt)
{
	struct daemon *daemon =
		daemon_start(LISTEN "fault = { corrupt_every = 7; };");
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "0123456789\n");
	client_hear(fd, "GOT:0133456788\n");
	client_say(fd, "abcd\n");
	client_hear(fd, "GOT:accd\n");
	close(fd);
	stop(daemon);
}
END_TEST

START_TEST(test_corrupt_bulk)
{
	enum { SIZE = 60000 };
	struct daemon *daemon =
		daemon_start(LISTEN RAW "fault = { corrupt_every = 1009; };");
	int fd = client_connect(daemon_port(daemon, 0));
	static char expected[SIZE];

	memcpy(expected, pattern_from(0), SIZE);
	for (size_t at = 1008; at < SIZE; at += 1009)
		expected[at] ^= 1;
	client_send_pattern(fd, SIZE);
	client_expect(fd, expected, SIZE);
	close(fd);
	stop(daemon);
}
END_TEST

/* ---- which connections */

/* Whether one connection, which is over then, is reset or served. */
static bool
is_reset(unsigned port)
{
	int fd = client_connect(port);
	char echo[11];
	ssize_t got;

	/* That may be reset already. */
	send(fd, "Hello\n", 6, MSG_NOSIGNAL);
	got = recv(fd, echo, sizeof(echo) - 1, MSG_WAITALL);
	if (got > 0) {
		echo[got] = '\0';
		ck_assert_str_eq(echo, "GOT:Hello\n");
	} else {
		ck_assert_int_eq(got, -1);
		ck_assert_int_eq(errno, ECONNRESET);
	}
	close(fd);
	return got < 0;
}

START_TEST(test_every_third)
{
	struct daemon *daemon = daemon_start(
		"workers = 3; fault = { every = 3; end = \"reset\"; }; "
		"listeners = ( { name = \"one\"; listen = \"127.0.0.1:0\"; }, "
		"{ name = \"two\"; listen = \"127.0.0.1:0\"; }, "
		"{ name = \"good\"; listen = \"127.0.0.1:0\"; "
		"fault = { every = 0; }; } );");

	for (int i = 1; i <= 9; i++) {
		ck_assert_int_eq(is_reset(daemon_port(daemon, 0)), i % 3 == 0);
		/* Each listener counts for itself. */
		if (i % 2)
			ck_assert_int_eq(is_reset(daemon_port(daemon, 1)),
					 i == 5);
		ck_assert(!is_reset(daemon_port(daemon, 2)));
	}
	ck_assert_uint_eq(daemon_counter(daemon, "faults"), 4);
	ck_assert_uint_eq(daemon_count_lines(daemon, "misbehaves on purpose"),
			  2);
	stop(daemon);
}
END_TEST

START_TEST(test_reload)
{
	struct daemon *daemon = daemon_start(LISTEN);
	unsigned port = daemon_port(daemon, 0);
	int good = client_connect(port), slow;

	say_hello(good);
	ck_assert_uint_eq(daemon_count_lines(daemon, "misbehaves"), 0);
	daemon_reload(daemon, LISTEN "fault = { delay = 0.01; };");
	daemon_wait_line(daemon, "^listener=main misbehaves on purpose: "
				 "every=1 delay=0.01$");
	slow = client_connect(port);
	say_hello(slow);
	daemon_reload(daemon,
		      LISTEN "fault = { every = 2; end = \"reset\"; };");
	ck_assert(!is_reset(port));
	/* It is from here on that they are counted. */
	daemon_reload(daemon,
		      LISTEN "fault = { every = 2; end = \"reset\"; };");
	ck_assert(!is_reset(port));
	ck_assert(is_reset(port));
	/* Those who were there before go on as they began. */
	say_hello(good);
	say_hello(slow);
	ck_assert_uint_eq(daemon_counter(daemon, "faults"), 2);
	daemon_reload(daemon, LISTEN);
	ck_assert(!is_reset(port));
	close(good);
	close(slow);
	stop(daemon);
}
END_TEST

/* ---- drain */

START_TEST(test_drain_of_what_is_held_back)
{
	struct daemon *daemon =
		daemon_start(LISTEN "fault = { delay = 0.5; };");
	int fd = client_connect(daemon_port(daemon, 0));
	double before = seconds();

	client_say(fd, "Hello\n");
	daemon_wait_counter(daemon, "bytes_in", 6);
	daemon_signal(daemon, SIGTERM);
	client_hear(fd, "GOT:Hello\n");
	ck_assert_double_ge(seconds() - before, 0.5);
	client_expect_eof(fd);
	close(fd);
	daemon_wait_line(daemon, " reason=drain in=6 out=10 ");
	daemon_wait_line(daemon, "^drained: closed=1 forced=0$");
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

START_TEST(test_drain_has_its_grace)
{
	struct daemon *daemon = daemon_start(LISTEN
					     "drain = { grace = 0.1; }; "
					     "fault = { delay = 3600; };");
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello\n");
	daemon_wait_counter(daemon, "bytes_in", 6);
	daemon_signal(daemon, SIGTERM);
	client_expect_eof(fd);
	close(fd);
	daemon_wait_line(daemon, " reason=drain in=6 out=0 ");
	daemon_wait_line(daemon, "^drained: closed=0 forced=1$");
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

SUITE(test_close, test_close_not_reached, test_close_after_fin,
      test_reset_after_fin, test_close_at_once, test_close_unix,
      test_stall_slow_reader, test_reset, test_reset_slow_reader,
      test_reset_at_once, test_stall, test_mute_until_drain, test_delay,
      test_delay_beyond_idle_timeout, test_delay_client_gone, test_rate,
      test_rate_back_pressure, test_rate_slow_reader, test_delay_back_pressure,
      test_corrupt, test_corrupt_bulk, test_every_third, test_reload,
      test_drain_of_what_is_held_back, test_drain_has_its_grace)
