/* Fault injection, as clients see it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

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

/* One client of a daemon of its own. */
struct scene {
	struct daemon *daemon;
	int fd;
	double began;
};

/* `bytes`: the receive buffer of the client; 0: the kernel's default. */
static struct scene
begin_with_buffer(const char *settings, int bytes)
{
	char config[256];
	struct scene scene;

	snprintf(config, sizeof(config), LISTEN "%s", settings);
	scene.daemon = daemon_start(config);
	scene.fd = client_connect_between(NULL, "127.0.0.1",
					  daemon_port(scene.daemon, 0), bytes);
	scene.began = seconds();
	return scene;
}

static struct scene
begin(const char *settings)
{
	return begin_with_buffer(settings, 0);
}

static void
expect_age(const struct scene *scene, double least)
{
	ck_assert_double_ge(seconds() - scene->began, least);
}

/* The daemon has closed the connection and logged this line. */
static void
end(struct scene *scene, const char *line)
{
	daemon_wait_line(scene->daemon, line);
	close(scene->fd);
	stop(scene->daemon);
}

/* The same during a drain of the daemon. */
static void
end_drained(struct scene *scene, const char *line, const char *drained)
{
	daemon_wait_line(scene->daemon, line);
	close(scene->fd);
	daemon_wait_line(scene->daemon, drained);
	ck_assert_int_eq(daemon_end(scene->daemon), 0);
}

/* ---- fault.end */

START_TEST(test_close)
{
	struct scene scene = begin("fault = { end = \"close\"; after = 10; };");

	daemon_wait_line(scene.daemon, "^Fault injection listener=main "
				       "every=1 end=close after=10$");
	daemon_wait_line(scene.daemon,
			 "^Connection from .* conn=1 fault=yes peer=");
	client_say(scene.fd, "Hello, world\n");
	client_hear(scene.fd, "GOT:Hello,");
	client_expect_eof(scene.fd);
	/* The client may send more: it is ignored. */
	client_send_pattern(scene.fd, 1000000);
	client_finish(scene.fd);
	daemon_wait_line(scene.daemon, "^Connection closed .* conn=1 "
				       "reason=fault in=13 out=10 ");
	ck_assert_uint_eq(daemon_counter(scene.daemon, "faults"), 1);
	ck_assert_uint_eq(daemon_counter(scene.daemon, "closed.fault"), 1);
	ck_assert_uint_eq(daemon_counter(scene.daemon, "bytes_out"), 10);
	end(&scene, "^Connection closed ");
}
END_TEST

/* Before fault.after the connection is like any other. */
START_TEST(test_close_not_reached)
{
	struct scene scene = begin("fault = { end = \"close\"; after = 11; };");

	client_say_hello(scene.fd);
	client_finish(scene.fd);
	client_expect_eof(scene.fd);
	end(&scene, " reason=eof in=6 out=10 ");
}
END_TEST

/* The client's earlier FIN does not delay the end. */
static void
check_after_fin(const char *settings, void (*expect_end)(int fd))
{
	struct scene scene = begin(settings);

	client_say(scene.fd, "Hello\n");
	client_finish(scene.fd);
	client_hear(scene.fd, "GOT:Hello");
	expect_end(scene.fd);
	end(&scene, " reason=fault in=6 out=9 ");
}

TEST(test_close_after_fin,
     check_after_fin("fault = { delay = 0.1; end = \"close\"; after = 9; };",
		     client_expect_eof))

TEST(test_reset_after_fin,
     check_after_fin("fault = { delay = 0.1; end = \"reset\"; after = 9; };",
		     expect_reset))

START_TEST(test_close_at_once)
{
	struct scene scene = begin("fault = { end = \"close\"; };");

	client_expect_eof(scene.fd);
	client_finish(scene.fd);
	end(&scene, " reason=fault in=0 out=0 ");
}
END_TEST

START_TEST(test_reset_at_once)
{
	struct scene scene = begin("fault = { end = \"reset\"; };");

	expect_reset(scene.fd);
	end(&scene, " reason=fault in=0 out=0 ");
}
END_TEST

START_TEST(test_close_unix)
{
	char name[40], config[128];
	struct scene scene;

	snprintf(name, sizeof(name), "@echod-check-faults-%d", getpid());
	snprintf(config, sizeof(config),
		 "listen = \"unix:%s\"; "
		 "fault = { end = \"close\"; after = 6; };",
		 name);
	scene.daemon = daemon_start(config);
	scene.fd = client_connect_unix(name);
	client_say(scene.fd, "Hello\n");
	client_hear(scene.fd, "GOT:He");
	client_expect_eof(scene.fd);
	client_finish(scene.fd);
	end(&scene, " reason=fault in=6 out=6 ");
}
END_TEST

/* All bytes arrive although nothing is read before the RST. */
START_TEST(test_reset)
{
	struct scene scene =
		begin(RAW "fault = { end = \"reset\"; after = 1000; };");

	client_send_pattern(scene.fd, 5000);
	daemon_wait_line(scene.daemon, " reason=fault in=[0-9]+ out=1000 ");
	client_expect(scene.fd, pattern_from(0), 1000);
	expect_reset(scene.fd);
	end(&scene, " reason=fault ");
}
END_TEST

/* `piece` bytes at a time. */
static void
expect_pattern(int fd, uint64_t from, uint64_t to, size_t piece)
{
	for (; from < to; from += piece)
		client_expect(fd, pattern_from(from), piece);
}

/* More than the client's buffers hold: the RST waits for the slow reader. */
START_TEST(test_reset_slow_reader)
{
	struct scene scene = begin_with_buffer(
		RAW "fault = { end = \"reset\"; after = 150000; };", 4096);

	client_send_pattern(scene.fd, 200000);
	expect_pattern(scene.fd, 0, 150000, 750);
	expect_reset(scene.fd);
	end(&scene, " reason=fault in=[0-9]+ out=150000 ");
}
END_TEST

START_TEST(test_stall)
{
	struct scene scene = begin(RAW "idle_timeout = 1; "
				       "fault = { end = \"stall\"; "
				       "after = 5; };");

	client_say(scene.fd, "Hello, world\n");
	client_hear(scene.fd, "Hello");
	/* Both this and the FIN after it are ignored. */
	client_say(scene.fd, "Are you there?\n");
	client_finish(scene.fd);
	daemon_wait_line(scene.daemon, " reason=idle_timeout in=13 out=5 ");
	expect_age(&scene, 1);
	expect_reset(scene.fd);
	end(&scene, " reason=idle_timeout ");
}
END_TEST

/* Nothing more is read, even if the output before it is stuck. */
START_TEST(test_stall_slow_reader)
{
	enum { SIZE = 400000, MOST = 200000000 };
	struct scene scene = begin_with_buffer(
		RAW "output_limit = 1000000; "
		    "fault = { end = \"stall\"; after = 400000; };",
		4096);

	client_send_pattern(scene.fd, SIZE);
	daemon_wait_counter(scene.daemon, "bytes_in", SIZE);
	expect_pattern(scene.fd, 0, SIZE / 2, 1000);
	ck_assert_uint_lt(client_stuff(scene.fd, MOST), MOST);
	expect_pattern(scene.fd, SIZE / 2, SIZE, 1000);
	daemon_signal(scene.daemon, SIGTERM);
	client_wait_closed(scene.fd);
	end_drained(&scene, " reason=drain in=400000 out=400000 ",
		    "^Drained closed=1 forced=0$");
}
END_TEST

START_TEST(test_stall_until_drain)
{
	struct scene scene = begin("fault = { end = \"stall\"; };");

	daemon_wait_line(scene.daemon, "^Connection from .* fault=yes peer=");
	client_say(scene.fd, "Hello\n");
	daemon_signal(scene.daemon, SIGTERM);
	client_wait_closed(scene.fd);
	end_drained(&scene, " reason=drain in=0 out=0 ",
		    "^Drained closed=1 forced=0$");
}
END_TEST

/* ---- delay, rate, corrupt */

/* Sends a line, whose echo is then delayed. */
static void
say_hello(const struct scene *scene)
{
	client_say(scene->fd, "Hello\n");
	daemon_wait_counter(scene->daemon, "bytes_in", 6);
}

START_TEST(test_delay)
{
	struct scene scene = begin("fault = { delay = 0.25; };");
	double second;

	say_hello(&scene);
	/* Later input has a delay of its own. */
	second = seconds();
	client_say(scene.fd, "World\n");
	client_finish(scene.fd);
	client_hear(scene.fd, "GOT:Hello\n");
	expect_age(&scene, 0.25);
	client_hear(scene.fd, "GOT:World\n");
	ck_assert_double_ge(seconds() - second, 0.25);
	client_expect_eof(scene.fd);
	daemon_wait_counter(scene.daemon, "bytes_out", 20);
	end(&scene, " reason=eof in=12 out=20 ");
}
END_TEST

/* The delay does not make the client idle. */
START_TEST(test_delay_beyond_idle_timeout)
{
	struct scene scene = begin("idle_timeout = 1.0; "
				   "fault = { delay = 2.0; };");

	client_say_hello(scene.fd);
	daemon_wait_line(scene.daemon, " reason=idle_timeout in=6 out=10 ");
	client_expect_eof(scene.fd);
	end(&scene, " reason=idle_timeout ");
}
END_TEST

START_TEST(test_delay_client_closes)
{
	struct scene scene = begin("fault = { delay = 3600; };");

	say_hello(&scene);
	client_reset(scene.fd);
	daemon_wait_line(scene.daemon, " reason=reset in=6 out=0 ");
	stop(scene.daemon);
}
END_TEST

START_TEST(test_rate)
{
	struct scene scene = begin("fault = { rate = 20; };");

	client_say(scene.fd, "Hello\n");
	client_hear(scene.fd, "G");
	expect_age(&scene, 0.05);
	client_hear(scene.fd, "OT:Hello\n");
	expect_age(&scene, 0.5);
	client_finish(scene.fd);
	end(&scene, " reason=eof in=6 out=10 ");
}
END_TEST

/* No byte is lost if more arrives than may wait. */
static void
check_back_pressure(const char *settings, int buffer, size_t piece)
{
	enum { SIZE = 300000 };
	struct scene scene = begin_with_buffer(settings, buffer);
	struct framing framing = framing_of("GOT:", 1000);

	client_exchange(scene.fd, &framing, SIZE, piece);
	expect_age(&scene, SIZE / 1000000.0);
	end(&scene, " reason=eof in=300000 ");
}

TEST(test_rate_back_pressure,
     check_back_pressure("output_limit = 4096; "
			 "fault = { rate = 1000000; };",
			 0, 65536))

TEST(test_rate_slow_reader, check_back_pressure("output_limit = 4096; "
						"fault = { rate = 1000000; };",
						4096, 777))

TEST(test_delay_back_pressure,
     check_back_pressure("output_limit = 40000; "
			 "fault = { delay = 0.05; rate = 1000000; };",
			 4096, 777))

/* 7th, 14th, ... of what is sent, prefixes included. */
START_TEST(test_corrupt)
{
	struct scene scene = begin("fault = { corrupt_every = 7; };");

	client_say(scene.fd, "0123456789\n");
	client_hear(scene.fd, "GOT:0133456788\n");
	client_say(scene.fd, "abcd\n");
	client_hear(scene.fd, "GOT:accd\n");
	client_finish(scene.fd);
	end(&scene, " reason=eof in=16 out=24 ");
}
END_TEST

START_TEST(test_corrupt_bulk)
{
	enum { SIZE = 60000 };
	struct scene scene = begin(RAW "fault = { corrupt_every = 1009; };");
	static char expected[SIZE];

	memcpy(expected, pattern_from(0), SIZE);
	for (size_t at = 1008; at < SIZE; at += 1009)
		expected[at] ^= 1;
	client_send_pattern(scene.fd, SIZE);
	client_expect(scene.fd, expected, SIZE);
	client_finish(scene.fd);
	end(&scene, " reason=eof in=60000 out=60000 ");
}
END_TEST

/* ---- which connections */

/* Makes one connection; returns whether it was reset. */
static bool
is_reset(unsigned port)
{
	int fd = client_connect(port);
	char echo[11];
	ssize_t got;

	/*
	 * The connection may already be reset.  Then send(2) has the error, and
	 * recv(2) would return 0: a socket reports its error once.
	 */
	got = send(fd, "Hello\n", 6, MSG_NOSIGNAL);
	if (got > 0)
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
		/* Each listener counts its own connections. */
		if (i % 2)
			ck_assert_int_eq(is_reset(daemon_port(daemon, 1)),
					 i == 5);
		ck_assert(!is_reset(daemon_port(daemon, 2)));
	}
	ck_assert_uint_eq(daemon_counter(daemon, "faults"), 4);
	ck_assert_uint_eq(daemon_count_lines(daemon, "Fault injection"), 2);
	stop(daemon);
}
END_TEST

START_TEST(test_reload)
{
	struct daemon *daemon = daemon_start(LISTEN);
	unsigned port = daemon_port(daemon, 0);
	int good = client_connect(port), slow;

	client_say_hello(good);
	ck_assert_uint_eq(daemon_count_lines(daemon, "Fault injection"), 0);
	daemon_reload(daemon, LISTEN "fault = { delay = 0.01; };");
	daemon_wait_line(daemon, "^Fault injection listener=main "
				 "every=1 delay=0.01$");
	slow = client_connect(port);
	client_say_hello(slow);
	daemon_reload(daemon,
		      LISTEN "fault = { every = 2; end = \"reset\"; };");
	ck_assert(!is_reset(port));
	/* Connections are counted from here on. */
	daemon_reload(daemon,
		      LISTEN "fault = { every = 2; end = \"reset\"; };");
	ck_assert(!is_reset(port));
	ck_assert(is_reset(port));
	/* Earlier connections keep their faults. */
	client_say_hello(good);
	client_say_hello(slow);
	ck_assert_uint_eq(daemon_counter(daemon, "faults"), 2);
	daemon_reload(daemon, LISTEN);
	ck_assert(!is_reset(port));
	close(good);
	close(slow);
	stop(daemon);
}
END_TEST

/* ---- drain */

START_TEST(test_drain_sends_delayed_output)
{
	struct scene scene = begin("fault = { delay = 0.5; };");

	say_hello(&scene);
	daemon_signal(scene.daemon, SIGTERM);
	client_hear(scene.fd, "GOT:Hello\n");
	expect_age(&scene, 0.5);
	client_expect_eof(scene.fd);
	client_finish(scene.fd);
	end_drained(&scene, " reason=drain in=6 out=10 ",
		    "^Drained closed=1 forced=0$");
}
END_TEST

START_TEST(test_drain_grace_bounds_delay)
{
	struct scene scene = begin("drain = { grace = 0.1; }; "
				   "fault = { delay = 3600; };");

	say_hello(&scene);
	daemon_signal(scene.daemon, SIGTERM);
	client_expect_eof(scene.fd);
	end_drained(&scene, " reason=drain in=6 out=0 ",
		    "^Drained closed=0 forced=1$");
}
END_TEST

SUITE(test_close, test_close_not_reached, test_close_after_fin,
      test_reset_after_fin, test_close_at_once, test_close_unix,
      test_stall_slow_reader, test_reset, test_reset_slow_reader,
      test_reset_at_once, test_stall, test_stall_until_drain, test_delay,
      test_delay_beyond_idle_timeout, test_delay_client_closes, test_rate,
      test_rate_back_pressure, test_rate_slow_reader, test_delay_back_pressure,
      test_corrupt, test_corrupt_bulk, test_every_third, test_reload,
      test_drain_sends_delayed_output, test_drain_grace_bounds_delay)
