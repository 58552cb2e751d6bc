/* Connection limits, and the behaviour when descriptors run out. */
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/ports.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "
#define UNLIMITED "log = { rate = 0; }; "

static int
talk_from(const char *from, unsigned port)
{
	int fd = client_connect_between(from, "127.0.0.1", port, 0);

	client_say_hello(fd);
	return fd;
}

static int
connect_and_talk(unsigned port)
{
	return talk_from("127.0.0.1", port);
}

/* Connects; expects to be refused, with a line in the log. */
static void
check_refused_from(struct daemon *daemon, const char *from, unsigned port,
		   const char *listener, const char *reason)
{
	int fd = client_connect_between(from, "127.0.0.1", port, 0);
	char pattern[200];

	client_wait_closed(fd);
	snprintf(pattern, sizeof(pattern),
		 "^Connection refused %s:%u listener=%s reason=%s peer=", from,
		 client_port(fd), listener, reason);
	daemon_wait_line(daemon, pattern);
	close(fd);
}

static void
check_refused(struct daemon *daemon, unsigned port, const char *listener)
{
	check_refused_from(daemon, "127.0.0.1", port, listener,
			   "max_connections");
}

START_TEST(test_max_connections)
{
	struct daemon *daemon =
		daemon_start("max_connections = 2; workers = 2; " LISTEN);
	unsigned port = daemon_port(daemon, 0);
	int one = connect_and_talk(port);
	int two = connect_and_talk(port);

	check_refused(daemon, port, "main");
	check_refused(daemon, port, "main");
	client_say_hello(one);
	client_say_hello(two);

	close(one);
	daemon_wait_counter(daemon, "open", 1);
	one = connect_and_talk(port);
	check_refused(daemon, port, "main");
	daemon_wait_counter(daemon, "refused.max_connections", 3);
	close(one);
	close(two);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(5, test_max_connections)

START_TEST(test_max_connections_of_listener)
{
	struct daemon *daemon = daemon_start(
		"max_connections = 3; listeners = ( "
		"{ name = \"few\"; " LISTEN "max_connections = 1; }, "
		"{ name = \"any\"; " LISTEN "} );");
	unsigned few = daemon_port(daemon, 0);
	unsigned any = daemon_port(daemon, 1);
	int first = connect_and_talk(few);
	int second, third;

	check_refused(daemon, few, "few");
	second = connect_and_talk(any);
	third = connect_and_talk(any);
	check_refused(daemon, any, "any");

	close(first);
	daemon_wait_counter(daemon, "open", 2);
	first = connect_and_talk(few);
	close(first);
	close(second);
	close(third);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(5, test_max_connections_of_listener)

/* At top level it limits the daemon: no listener inherits it. */
START_TEST(test_max_connections_not_inherited)
{
	struct daemon *daemon = daemon_start(
		"max_connections = 1; listeners = ( { name = \"a\"; " LISTEN
		"}, { name = \"b\"; " LISTEN "} );");
	int first = connect_and_talk(daemon_port(daemon, 0));

	check_refused(daemon, daemon_port(daemon, 1), "b");
	close(first);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* The limit is per address, across all workers. */
START_TEST(test_per_source)
{
	struct daemon *daemon =
		daemon_start("per_source = 2; workers = 2; " LISTEN);
	unsigned port = daemon_port(daemon, 0);
	int fds[] = {
		talk_from("127.0.0.1", port),
		talk_from("127.0.0.1", port),
		talk_from("127.0.0.2", port),
		talk_from("127.0.0.2", port),
	};

	check_refused_from(daemon, "127.0.0.1", port, "main", "per_source");
	check_refused_from(daemon, "127.0.0.2", port, "main", "per_source");
	for (int i = 0; i < 4; i++)
		client_say_hello(fds[i]);
	close(fds[0]);
	daemon_wait_counter(daemon, "open", 3);
	check_refused_from(daemon, "127.0.0.2", port, "main", "per_source");
	fds[0] = talk_from("127.0.0.1", port);
	check_refused_from(daemon, "127.0.0.1", port, "main", "per_source");
	daemon_wait_counter(daemon, "refused.per_source", 4);
	ck_assert_uint_eq(daemon_counter(daemon, "refused.max_connections"), 0);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(6, test_per_source)

START_TEST(test_per_source_of_listener)
{
	struct daemon *daemon = daemon_start(
		"per_source = 1; listeners = ( { name = \"heir\"; " LISTEN
		"}, { name = \"other\"; " LISTEN "}, "
		"{ name = \"free\"; " LISTEN "per_source = 0; } );");
	unsigned heir = daemon_port(daemon, 0);
	unsigned other = daemon_port(daemon, 1);
	unsigned free_port = daemon_port(daemon, 2);
	int fds[] = {
		connect_and_talk(heir),
		connect_and_talk(other),
		connect_and_talk(free_port),
		connect_and_talk(free_port),
	};

	check_refused_from(daemon, "127.0.0.1", heir, "heir", "per_source");
	check_refused_from(daemon, "127.0.0.1", other, "other", "per_source");
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(6, test_per_source_of_listener)

/* A connection is counted if the limit was set when it was accepted. */
START_TEST(test_per_source_reloaded)
{
	struct daemon *daemon = daemon_start(LISTEN);
	unsigned port = daemon_port(daemon, 0);
	int before = connect_and_talk(port);
	int since;

	daemon_reload(daemon, "per_source = 1; " LISTEN);
	since = connect_and_talk(port);
	check_refused_from(daemon, "127.0.0.1", port, "main", "per_source");
	close(before);
	daemon_wait_counter(daemon, "open", 1);
	check_refused_from(daemon, "127.0.0.1", port, "main", "per_source");

	daemon_reload(daemon, LISTEN);
	before = connect_and_talk(port);
	close(since);
	daemon_wait_counter(daemon, "open", 1);
	daemon_reload(daemon, "per_source = 1; " LISTEN);
	since = connect_and_talk(port);
	check_refused_from(daemon, "127.0.0.1", port, "main", "per_source");
	close(before);
	close(since);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

enum { FEW_FDS = 64 };

static void
limit_fds(void)
{
	struct rlimit limit = { FEW_FDS, FEW_FDS };

	setrlimit(RLIMIT_NOFILE, &limit);
}

static struct daemon *
start_with_few_fds(const char *config)
{
	return daemon_start_prepared(config, limit_fds);
}

/* With 0 the limit follows from the descriptors, and never runs out of them. */
START_TEST(test_limit_from_fds)
{
	struct daemon *daemon =
		start_with_few_fds("workers = 1; " LISTEN UNLIMITED);
	int fds[FEW_FDS];

	for (int i = 0; i < FEW_FDS; i++)
		fds[i] = client_connect(daemon_port(daemon, 0));
	daemon_wait_lines(daemon, "^Connection (from|refused) ", FEW_FDS);
	daemon_wait_line(daemon, "^Connection refused ");
	ck_assert_uint_eq(daemon_counter(daemon, "accept_pauses"), 0);
	for (int i = 0; i < FEW_FDS; i++)
		close(fds[i]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/*
 * max_connections is more than descriptors allow: the daemon logs it, waits
 * without spinning, serves its connections, and accepts again by itself.
 */
START_TEST(test_out_of_fds)
{
	enum { CLIENTS = FEW_FDS + 20 };
	struct daemon *daemon = start_with_few_fds(
		"workers = 1; max_connections = 1000; " LISTEN UNLIMITED);
	struct pollfd waiting = { .events = POLLIN };
	int fds[CLIENTS];
	size_t served;
	long before;

	daemon_wait_line(daemon, "open files is too low max_connections=1000");
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client_connect(daemon_port(daemon, 0));
	daemon_wait_line(daemon, "^warning: Accepting paused listener=main: ");
	served = daemon_counter(daemon, "connections");
	ck_assert_uint_gt(served, FEW_FDS / 4);
	ck_assert_uint_lt(served, FEW_FDS);

	/* A loop that spins uses 50 ticks in half a second. */
	before = daemon_cpu_ticks(daemon);
	waiting.fd = fds[CLIENTS - 1];
	ck_assert_int_eq(poll(&waiting, 1, 500), 0);
	ck_assert_int_lt(daemon_cpu_ticks(daemon) - before, 25);

	for (size_t i = 0; i < served; i++)
		client_say_hello(fds[i]);
	for (size_t i = 0; i < served; i++)
		close(fds[i]);
	for (size_t i = served; i < CLIENTS; i++)
		client_say_hello(fds[i]);
	ck_assert_uint_eq(daemon_count_lines(daemon, "Accepting paused"), 1);
	for (size_t i = served; i < CLIENTS; i++)
		close(fds[i]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(1, test_out_of_fds)

static void
limit_soft(const struct daemon *daemon, rlim_t soft)
{
	struct rlimit limit;

	ck_assert_int_eq(
		prlimit(daemon_pid(daemon), RLIMIT_NOFILE, NULL, &limit), 0);
	limit.rlim_cur = soft;
	ck_assert_int_eq(
		prlimit(daemon_pid(daemon), RLIMIT_NOFILE, &limit, NULL), 0);
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Each listener retries ten times a second, on any machine. */
static void
expect_no_spin(struct daemon *daemon)
{
	double begin = now();
	unsigned long long before = daemon_counter(daemon, "accept_pauses");
	unsigned long long pauses = before;
	unsigned most;

	while (pauses < before + 3 * PORTS)
		pauses = daemon_counter(daemon, "accept_pauses");
	most = PORTS * (unsigned)((now() - begin) * 10 + 1);
	ck_assert_uint_le(pauses - before, most);
}

/*
 * The same with every kind of port. UDP needs no descriptors; all others wait
 * until there are some, and are then served.
 */
START_TEST(test_out_of_fds_at_every_port)
{
	struct daemon *daemon = daemon_start(ports_config(
		"workers = 1; max_connections = 1000; " UNLIMITED, ""));
	struct ports ports = ports_of(daemon);
	struct probe probes[PORTS], before = probe_begin(&ports, PORT_TCP);

	probe_say(&before);
	ck_assert(probe_is_answered(&before));
	limit_soft(daemon, 0);
	for (enum port port = 0; port < PORT_UDP; port++) {
		probes[port] = probe_begin(&ports, port);
		probe_say(&probes[port]);
	}
	daemon_wait_line(daemon,
			 "^warning: Accepting paused .*: Too many open files");
	expect_no_spin(daemon);
	ck_assert(probe_try(&ports, PORT_UDP));
	probe_say(&before);
	ck_assert(probe_is_answered(&before));
	ck_assert_uint_eq(
		daemon_count_lines(daemon, "Accepting paused listener="), 1);

	limit_soft(daemon, 1000);
	for (enum port port = 0; port < PORT_UDP; port++) {
		ck_assert_msg(probe_is_answered(&probes[port]),
			      "%s: not served", port_names[port]);
		probe_end(&probes[port]);
	}
	probe_end(&before);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ports_clean();
}
END_TEST
FAULT(1, test_out_of_fds_at_every_port)

/* One of several ways to connect and end; a refused client may fail earlier. */
static void
come_and_go(int fd, int way)
{
	switch (way % 4) {
	case 0:
		close(fd);
		break;
	case 1:
		client_reset(fd);
		break;
	case 2:
		send(fd, "Hello\n", 6, MSG_NOSIGNAL);
		client_reset(fd);
		break;
	default:
		send(fd, "Hello\n", 6, MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		client_wait_closed(fd);
		close(fd);
	}
}

START_TEST(test_no_leak)
{
	enum { BATCHES = 20, BATCH = 100 };
	/* A connection without data has lines at level debug. */
	struct daemon *daemon =
		daemon_start("max_connections = 90; workers = 2; " LISTEN
			     "log = { rate = 0; level = \"debug\"; };");
	unsigned port = daemon_port(daemon, 0);
	size_t before = daemon_count(daemon, "fd");
	int fds[BATCH];

	for (int batch = 0; batch < BATCHES; batch++) {
		for (int i = 0; i < BATCH; i++)
			fds[i] = client_connect(port);
		for (int i = 0; i < BATCH; i++)
			come_and_go(fds[i], i);
	}
	daemon_wait_lines(daemon, "^(debug: )?Connection (closed|refused) ",
			  BATCHES * BATCH);
	daemon_wait_counter(daemon, "open", 0);
	daemon_wait_descriptors(daemon, before);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(50, test_no_leak)

SUITE(test_max_connections, test_max_connections_of_listener,
      test_max_connections_not_inherited, test_limit_from_fds, test_out_of_fds,
      test_out_of_fds_at_every_port, test_per_source,
      test_per_source_of_listener, test_per_source_reloaded, test_no_leak)
