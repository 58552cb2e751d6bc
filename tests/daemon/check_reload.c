/*
 * SIGHUP: the whole new configuration or nothing; sessions are not disturbed.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/notify_socket.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "
#define UNLIMITED "log = { rate = 0; }; "

static void
check_prefix(int fd, const char *prefix)
{
	client_say(fd, "x");
	client_hear(fd, prefix);
	client_hear(fd, "x");
}

/* Connects, expects this prefix, closes. */
static void
check_serves(unsigned port, const char *prefix)
{
	int fd = client_connect(port);

	check_prefix(fd, prefix);
	close(fd);
}

static int
try_connect(unsigned port)
{
	struct sockaddr_in address = client_loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = 0;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		error = errno;
	close(fd);
	return error;
}

START_TEST(test_prefix)
{
	struct daemon *daemon = daemon_start(LISTEN "prefix = \"A:\";");
	unsigned port = daemon_port(daemon, 0);
	int before = client_connect(port);

	check_prefix(before, "A:");
	daemon_reload(daemon, LISTEN "prefix = \"B:\";");
	ck_assert_uint_eq(daemon_port(daemon, 0), port);
	check_serves(port, "B:");
	check_prefix(before, "A:");
	daemon_reload(daemon, LISTEN "prefix = \"\";");
	check_serves(port, "");
	check_prefix(before, "A:");
	close(before);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

#define NAMED(name, listen) \
	"{ name = \"" name "\"; listen = \"" listen "\"; prefix = \"" name \
	":\"; }"
#define TWO_WORKERS(name) \
	"workers = 2; listeners = (" NAMED(name, "127.0.0.1:0") ");"

START_TEST(test_listeners_come_and_go)
{
	struct daemon *daemon = daemon_start(
		UNLIMITED "listeners = (" NAMED("a", "127.0.0.1:0") ");");
	unsigned a = daemon_port(daemon, 0);
	unsigned b;
	int fd = client_connect(a);

	check_prefix(fd, "a:");
	daemon_reload(daemon, UNLIMITED
		      "listeners = (" NAMED("a", "127.0.0.1:0") "," NAMED(
			      "b", "127.0.0.1:0") ");");
	ck_assert_uint_eq(daemon_port(daemon, 0), a);
	b = daemon_port(daemon, 1);
	check_serves(a, "a:");
	check_serves(b, "b:");

	daemon_reload(daemon,
		      UNLIMITED "listeners = (" NAMED("b", "127.0.0.1:0") ");");
	ck_assert_uint_eq(daemon_port(daemon, 0), b);
	ck_assert_int_eq(try_connect(a), ECONNREFUSED);
	check_serves(b, "b:");
	check_prefix(fd, "a:");
	close(fd);
	daemon_wait_line(daemon, "^Connection closed .* listener=a conn=1 ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* One line lists the changes before they take effect. */
START_TEST(test_changes_are_logged)
{
	struct daemon *daemon = daemon_start(
		UNLIMITED "listeners = (" NAMED("a", "127.0.0.1:0") "," NAMED(
			"b", "127.0.0.1:0") "," NAMED("c", "127.0.0.1:0") ");");

	/* Another layout or order is no change. */
	daemon_reload(
		daemon, UNLIMITED
		"\n\nlisteners = (" NAMED("c", "127.0.0.1:0") "," NAMED(
			"a", "127.0.0.1:0") "," NAMED("b", "127.0.0.1:0") ");");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Listeners"), 0);
	/* A top-level setting changes every listener. */
	daemon_reload(daemon, UNLIMITED "backlog = 7; listeners = (" NAMED(
				      "a", "127.0.0.1:0") ");");
	ck_assert_uint_eq(
		daemon_count_lines(daemon, "^Listeners removed=c,b changed=a$"),
		1);
	daemon_reload(daemon, UNLIMITED "backlog = 7; listeners = (" NAMED(
				      "a", "127.0.0.2:0") ");");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Listeners changed=a$"),
			  1);
	/* Another instance's file. */
	daemon_reload(daemon, UNLIMITED
		      "listeners = (" NAMED("x", "127.0.0.1:0") "," NAMED(
			      "y", "127.0.0.1:0") ");");
	ck_assert_uint_eq(daemon_count_lines(daemon,
					     "^Listeners added=x,y removed=a$"),
			  1);
	/* Refused, it changes nothing. */
	daemon_reload(daemon, "listen = \"nowhere\";");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Listeners"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* From the wildcard address to one address and back, on the same port. */
START_TEST(test_address_narrows)
{
	struct daemon *daemon = daemon_start("listen = \"*:0\"; workers = 2;");
	unsigned port = daemon_port(daemon, 0);
	int fd = client_connect(port);
	char config[100];

	check_prefix(fd, "GOT:");
	snprintf(config, sizeof(config),
		 "listen = \"127.0.0.1:%u\"; "
		 "workers = 2; prefix = \"narrow:\";",
		 port);
	daemon_reload(daemon, config);
	ck_assert_uint_eq(daemon_port(daemon, 0), port);
	check_serves(port, "narrow:");
	snprintf(config, sizeof(config),
		 "^warning: Address given up tcp:0\\.0\\.0\\.0:%u "
		 "listener=main open=1$",
		 port);
	daemon_wait_line(daemon, config);
	snprintf(config, sizeof(config),
		 "listen = \"*:%u\"; workers = 2; "
		 "prefix = \"wide:\";",
		 port);
	daemon_reload(daemon, config);
	check_serves(port, "wide:");
	check_prefix(fd, "GOT:");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_bad_file)
{
	struct daemon *daemon = daemon_start(LISTEN "prefix = \"A:\";");
	unsigned port = daemon_port(daemon, 0);
	int fd = client_connect(port);
	char pattern[200];

	check_prefix(fd, "A:");
	daemon_reload(daemon, LISTEN "\nprefix = \"B:\";\nchunk_size = 0;\n"
				     "\nlisten_to = 1;\n");
	for (int i = 0; i < 2; i++) {
		snprintf(pattern, sizeof(pattern),
			 "^error: Reload failed: "
			 "%s:%d: %s: .*",
			 daemon_config_file(daemon), i ? 5 : 3,
			 i ? "listen_to" : "chunk_size");
		daemon_wait_line(daemon, pattern);
	}
	daemon_wait_line(daemon, "^error: Reload failed: "
				 "keeping the running configuration$");
	check_serves(port, "A:");
	check_prefix(fd, "A:");

	daemon_forget(daemon);
	unlink(daemon_config_file(daemon));
	daemon_signal(daemon, SIGHUP);
	snprintf(pattern, sizeof(pattern),
		 "^error: Reload failed: %s: ", daemon_config_file(daemon));
	daemon_wait_line(daemon, pattern);
	daemon_wait_line(daemon, "keeping the running configuration$");
	check_serves(port, "A:");

	daemon_reload(daemon, LISTEN "prefix = \"C:\";");
	check_serves(port, "C:");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(19, test_bad_file)

/* Another process has the new address: the old configuration stays. */
START_TEST(test_busy_address)
{
	struct daemon *other = daemon_start(LISTEN "prefix = \"other:\";");
	struct daemon *daemon = daemon_start(LISTEN "workers = 2;");
	unsigned port = daemon_port(daemon, 0);
	unsigned busy = daemon_port(other, 0);
	size_t fds = daemon_count(daemon, "fd");
	char config[200];

	snprintf(config, sizeof(config),
		 "workers = 2; prefix = \"new:\";\n"
		 "listen = [ \"127.0.0.1:0\",\n\"127.0.0.1:%u\" ];",
		 busy);
	daemon_reload(daemon, config);
	snprintf(config, sizeof(config),
		 "^error: Reload failed: .*:[23]: "
		 "listen: cannot listen on tcp:127\\.0\\.0\\.1:%u: "
		 "Address already in use$",
		 busy);
	daemon_wait_line(daemon, config);
	for (int i = 0; i < 20; i++)
		check_serves(port, "GOT:");
	for (int i = 0; i < 20; i++)
		check_serves(busy, "other:");
	daemon_wait_counter(daemon, "open", 0);
	daemon_wait_descriptors(daemon, fds);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ck_assert_int_eq(daemon_stop(other), 0);
}
END_TEST
FAULT(22, test_busy_address)

START_TEST(test_signals_coalesce)
{
	enum { SIGNALS = 1000 };
	struct daemon *daemon = daemon_start(LISTEN UNLIMITED);
	unsigned port = daemon_port(daemon, 0);
	size_t fds = daemon_count(daemon, "fd");

	/*
	 * The kernel merges signals to a stopped process; later ones are
	 * separate.
	 */
	for (int i = 0; i < SIGNALS; i++)
		daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon, " reloaded ");
	check_serves(port, "GOT:");
	daemon_wait_counter(daemon, "open", 0);
	ck_assert_uint_lt(daemon_count_lines(daemon, " reloaded "),
			  SIGNALS / 2);
	daemon_wait_descriptors(daemon, fds);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(21, test_signals_coalesce)

/* No connection fails during reloads, and none gets a mixed configuration. */
START_TEST(test_under_load)
{
	enum { ROUNDS = 200 };
	struct daemon *daemon = daemon_start(LISTEN "workers = 2; " UNLIMITED);
	unsigned port = daemon_port(daemon, 0);
	char got[4];

	for (int i = 0; i < ROUNDS; i++) {
		daemon_configure(
			daemon,
			i % 2 ? LISTEN
				"workers = 2; prefix = \"AAA\";" UNLIMITED :
				LISTEN
				"workers = 2; prefix = \"BBB\";" UNLIMITED);
		daemon_signal(daemon, SIGHUP);
		int fd = client_connect(port);
		client_say(fd, "x");
		ck_assert_int_eq(recv(fd, got, 4, MSG_WAITALL), 4);
		ck_assert_msg(memcmp(got, "AAAx", 4) == 0 ||
				      memcmp(got, "BBBx", 4) == 0 ||
				      memcmp(got, "GOT:", 4) == 0,
			      "%.4s", got);
		close(fd);
	}
	ck_assert_uint_eq(daemon_count_lines(daemon, "^error"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(20, test_under_load)

START_TEST(test_workers)
{
	struct daemon *daemon = daemon_start(LISTEN "workers = 1;");
	size_t threads = daemon_count(daemon, "task");

	daemon_reload(daemon, LISTEN "workers = 2;");
	daemon_wait_line(daemon, "^warning: Restart needed workers=2$");
	daemon_wait_line(daemon, " reloaded workers=1 ");
	/* Until the next reload. */
	daemon_reload(daemon, LISTEN "workers = 2;");
	daemon_wait_line(daemon, "^warning: Restart needed workers=2$");
	daemon_reload(daemon, LISTEN "workers = 1;");
	daemon_counter(daemon, "open");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning: "), 0);
	/* The line is logged even with one CPU. */
	daemon_reload(daemon, LISTEN);
	daemon_wait_line(daemon,
			 "^warning: Workers not set workers=[1-9][0-9]*: "
			 "one for each CPU");
	ck_assert_uint_eq(daemon_count(daemon, "task"), threads);
	check_serves(daemon_port(daemon, 0), "GOT:");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* How many of ten connections fit into the backlog of the stopped daemon. */
static unsigned
count_backlog(struct daemon *daemon)
{
	enum { CLIENTS = 10 };
	struct sockaddr_in address = client_loopback(daemon_port(daemon, 0));
	struct pollfd fds[CLIENTS];
	unsigned established = 0;

	daemon_pause(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		fds[i].events = POLLOUT;
		connect(fds[i].fd, (struct sockaddr *)&address,
			sizeof(address));
		/* On loopback the handshake is done at once or not at all. */
		established += poll(&fds[i], 1, 100) == 1;
	}
	daemon_resume(daemon);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i].fd);
	return established;
}

START_TEST(test_backlog)
{
	struct daemon *daemon = daemon_start(LISTEN "workers = 1; "
						    "backlog = 2;");

	/*
	 * listen(2): the kernel accepts one connection more than the backlog.
	 */
	ck_assert_uint_eq(count_backlog(daemon), 3);
	daemon_reload(daemon, LISTEN "workers = 1; backlog = 100;");
	daemon_wait_counter(daemon, "open", 0);
	ck_assert_uint_eq(count_backlog(daemon), 10);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Connections in the backlog are served, not reset. */
START_TEST(test_queued_connection_on_removed_address)
{
	enum { CLIENTS = 50 };
	struct daemon *daemon = daemon_start(TWO_WORKERS("a"));
	unsigned port = daemon_port(daemon, 0);
	int fds[CLIENTS];

	daemon_pause(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client_connect(port);
		client_say(fds[i], "x");
	}
	daemon_configure(daemon, TWO_WORKERS("b"));
	daemon_signal(daemon, SIGHUP);
	daemon_resume(daemon);
	daemon_wait_line(daemon, " reloaded ");
	for (int i = 0; i < CLIENTS; i++) {
		client_hear(fds[i], "a:x");
		close(fds[i]);
	}
	ck_assert_int_eq(try_connect(port), ECONNREFUSED);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A handshake that has begun is completed; new connections are refused. */
START_TEST(test_handshake_on_removed_address)
{
	struct daemon *daemon = daemon_start(TWO_WORKERS("a"));
	struct sockaddr_in address = client_loopback(daemon_port(daemon, 0));
	int fd = client_hold((struct sockaddr *)&address, sizeof(address));

	client_release(fd);
	daemon_reload(daemon, TWO_WORKERS("b"));
	ck_assert_int_eq(try_connect(ntohs(address.sin_port)), ECONNREFUSED);
	ck_assert_int_eq(client_await(fd), 0);
	check_prefix(fd, "a:");
	close(fd);
	check_serves(daemon_port(daemon, 0), "b:");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/*
 * Starts a reload that removes the port, and delays it by an unfinished
 * handshake until release_reload().
 */
static int
hold_reload(struct daemon *daemon, const char *config)
{
	struct sockaddr_in address = client_loopback(daemon_port(daemon, 0));
	int fd = client_hold((struct sockaddr *)&address, sizeof(address));

	daemon_configure(daemon, config);
	daemon_signal(daemon, SIGHUP);
	while (try_connect(ntohs(address.sin_port)) != ECONNREFUSED)
		continue;
	return fd;
}

static void
release_reload(int fd)
{
	client_release(fd);
	client_await(fd);
	close(fd);
}

/* SIGTERM during a reload: the daemon drains with the new settings. */
START_TEST(test_drain_during_reload)
{
	struct daemon *daemon =
		daemon_start("workers = 2; drain = { grace = 3600.0; }; "
			     "listeners = (" NAMED("a", "127.0.0.1:0") ");");
	int fd = hold_reload(daemon,
			     "workers = 2; drain = { grace = 3600.0; }; "
			     "listeners = (" NAMED("b", "127.0.0.1:0") ");");

	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining signal=SIGTERM ");
	client_release(fd);
	ck_assert_int_eq(client_await(fd), 0);
	client_say(fd, "x");
	client_hear(fd, "a:x");
	client_expect_eof(fd);
	close(fd);
	daemon_wait_line(daemon, "^Drained closed=[1-9][0-9]* forced=0$");
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

/* All signals during a reload cause one more reload, not a thousand. */
START_TEST(test_signals_during_reload)
{
	enum { SIGNALS = 1000, ROUNDS = 200 };
	struct daemon *daemon = daemon_start(TWO_WORKERS("a"));
	int fd = hold_reload(daemon, TWO_WORKERS("b"));
	int error;

	for (int i = 0; i < SIGNALS; i++)
		daemon_signal(daemon, SIGHUP);
	/* It delays the reload until here, or until the reload's time-out. */
	client_release(fd);
	error = client_await(fd);
	ck_assert(error == 0 || error == ECONNREFUSED);
	close(fd);
	daemon_wait_lines(daemon, " reloaded ", 2);
	/* Enough time for other reloads to be logged. */
	for (int i = 0; i < ROUNDS; i++)
		daemon_counter(daemon, "open");
	/* Late signals may cause a third one. */
	ck_assert_uint_le(daemon_count_lines(daemon, " reloaded "), 3);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(21, test_signals_during_reload)

/* A reload reads the file as it was when the signal was handled. */
START_TEST(test_file_as_of_the_signal)
{
	struct daemon *daemon = daemon_start(TWO_WORKERS("a"));
	int held = hold_reload(daemon, TWO_WORKERS("b"));

	daemon_configure(daemon, TWO_WORKERS("c"));
	daemon_signal(daemon, SIGHUP);
	/* SIGUSR1 is handled after SIGHUP, which has the lower number. */
	daemon_counter(daemon, "open");
	daemon_configure(daemon, "");
	release_reload(held);
	daemon_read_ports(daemon, daemon_wait_lines(daemon, " reloaded ", 2));
	check_serves(daemon_port(daemon, 0), "c:");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^error: "), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_bad_file_during_reload)
{
	struct daemon *daemon = daemon_start(TWO_WORKERS("a"));
	int held = hold_reload(daemon, TWO_WORKERS("b"));

	daemon_configure(daemon, TWO_WORKERS("c"));
	daemon_signal(daemon, SIGHUP);
	daemon_counter(daemon, "open");
	daemon_configure(daemon, "nonsense = 1;");
	daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon, "^error: Reload failed: .*:1: nonsense: ");
	daemon_wait_line(
		daemon,
		"^error: Reload failed: continuing with the previous reload$");
	release_reload(held);
	daemon_read_ports(daemon, daemon_wait_lines(daemon, " reloaded ", 2));
	check_serves(daemon_port(daemon, 0), "c:");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* The file that waits fails after a later one has: the later reason counts. */
START_TEST(test_latest_refusal_is_reported)
{
	struct daemon *other = daemon_start(LISTEN), *daemon;
	int manager = notify_open(), held;
	char config[128];

	daemon = daemon_start_prepared(TWO_WORKERS("a"), notify_prepare);
	held = hold_reload(daemon, TWO_WORKERS("b"));
	snprintf(config, sizeof(config), "listen = \"127.0.0.1:%u\";",
		 daemon_port(other, 0));
	daemon_configure(daemon, config);
	daemon_signal(daemon, SIGHUP);
	daemon_counter(daemon, "open");
	daemon_configure(daemon, "nonsense = 1;");
	daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon, "continuing with the previous reload$");
	release_reload(held);
	daemon_wait_line(daemon, "^error: .*: Address already in use$");
	notify_expect(manager, "^READY=1\nSTATUS=listening on ");
	for (int i = 0; i < 3; i++)
		notify_expect(manager, "^RELOADING=1\n");
	notify_expect(manager, "^READY=1\nSTATUS=reload refused: .*: nonsense");
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ck_assert_int_eq(daemon_stop(other), 0);
	notify_close(manager);
}
END_TEST

/* A full disk or an editor can leave an empty file. */
START_TEST(test_empty_file)
{
	static const char *const texts[] = { "", "\n", "# listen = 1;\n" };
	struct daemon *daemon = daemon_start(LISTEN);
	unsigned port = daemon_port(daemon, 0);

	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_nonnull(
			strstr(daemon_reload(daemon, texts[i]), "keeping"));
		daemon_wait_line(daemon, "^error: Reload failed: .*: the "
					 "file contains no settings; ");
		check_serves(port, "GOT:");
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* One line for each address with open connections, and no other. */
START_TEST(test_addresses_given_up)
{
	struct daemon *daemon = daemon_start(
		"workers = 2; listen = [ \"127.0.0.1:0\", \"127.0.0.2:0\", "
		"\"127.0.0.3:0\" ];");
	unsigned ports[3];
	char config[200], pattern[200];
	int fds[4];

	for (size_t i = 0; i < 3; i++)
		ports[i] = daemon_port(daemon, i);
	for (int i = 0; i < 2; i++)
		fds[i] = client_connect(ports[0]);
	for (int i = 2; i < 4; i++) {
		struct sockaddr_in address = client_loopback(ports[i - 1]);

		address.sin_addr.s_addr = htonl(0x7f000000 + (unsigned)i);
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(connect(fds[i], (struct sockaddr *)&address,
					 sizeof(address)),
				 0);
	}
	for (int i = 0; i < 4; i++)
		check_prefix(fds[i], "GOT:");
	/* The first address stays, with its connections. */
	close(fds[2]);
	daemon_wait_counter(daemon, "open", 3);
	snprintf(config, sizeof(config),
		 "workers = 2; listen = [ \"127.0.0.1:%u\", \"127.0.0.4:0\" ];",
		 ports[0]);
	daemon_reload(daemon, config);
	snprintf(pattern, sizeof(pattern),
		 "^warning: Address given up tcp:127\\.0\\.0\\.3:%u "
		 "listener=main open=1$",
		 ports[2]);
	daemon_wait_line(daemon, pattern);
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning: "), 1);

	daemon_reload(daemon, "workers = 2; listen = \"127.0.0.4:0\";");
	snprintf(pattern, sizeof(pattern),
		 "^warning: Address given up tcp:127\\.0\\.0\\.1:%u "
		 "listener=main open=2$",
		 ports[0]);
	daemon_wait_line(daemon, pattern);
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning: "), 1);
	check_prefix(fds[0], "GOT:");
	check_prefix(fds[3], "GOT:");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_limit_changes)
{
	struct daemon *daemon = daemon_start(LISTEN "max_connections = 1;");
	unsigned port = daemon_port(daemon, 0);
	int one = client_connect(port);
	int two;

	check_prefix(one, "GOT:");
	daemon_reload(daemon, LISTEN "max_connections = 2;");
	two = client_connect(port);
	check_prefix(two, "GOT:");
	daemon_reload(daemon, LISTEN "max_connections = 1;");
	check_prefix(one, "GOT:");
	check_prefix(two, "GOT:");
	int three = client_connect(port);
	client_wait_closed(three);
	close(one);
	close(two);
	close(three);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_prefix, test_listeners_come_and_go, test_changes_are_logged,
      test_address_narrows, test_bad_file, test_busy_address,
      test_signals_coalesce, test_under_load, test_workers, test_backlog,
      test_queued_connection_on_removed_address,
      test_handshake_on_removed_address, test_drain_during_reload,
      test_signals_during_reload, test_file_as_of_the_signal,
      test_bad_file_during_reload, test_latest_refusal_is_reported,
      test_empty_file, test_addresses_given_up, test_limit_changes)
