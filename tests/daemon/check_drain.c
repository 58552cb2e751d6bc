/* SIGTERM: what was received is echoed, then the daemon exits. */
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"
#include "support/syscall_faults.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "

static void
expect_end(struct daemon *daemon, const char *pattern)
{
	daemon_wait_line(daemon, pattern);
	ck_assert_int_eq(daemon_end(daemon), 0);
}

/* A peer that never reads, with more pending than the kernel can hold. */
static int
connect_stuck(struct daemon *daemon)
{
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);

	client_stuff(fd, 256u << 20);
	return fd;
}

static void
check_idle(int number, const char *name)
{
	enum { CLIENTS = 20 };
	struct daemon *daemon = daemon_start(LISTEN "workers = 2;");
	char pattern[100];
	int fds[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client_connect(daemon_port(daemon, 0));
		if (i % 2)
			client_say_hello(fds[i]);
	}
	daemon_wait_lines(daemon, "^Connection from ", CLIENTS);
	daemon_signal(daemon, number);
	snprintf(pattern, sizeof(pattern),
		 "^Draining signal=%s connections=%d$", name, CLIENTS);
	daemon_wait_line(daemon, pattern);
	for (int i = 0; i < CLIENTS; i++) {
		client_expect_eof(fds[i]);
		close(fds[i]);
	}
	daemon_wait_lines(daemon,
			  "^Connection closed .* reason=drain in=6 "
			  "out=10 ",
			  CLIENTS / 2);
	daemon_wait_lines(daemon,
			  "^Connection closed .* reason=drain in=0 "
			  "out=0 ",
			  CLIENTS / 2);
	expect_end(daemon, "^Drained closed=20 forced=0$");
}

TEST(test_idle, check_idle(SIGTERM, "SIGTERM"))

TEST(test_idle_sigint, check_idle(SIGINT, "SIGINT"))

START_TEST(test_no_connection)
{
	struct daemon *daemon = daemon_start(LISTEN);

	daemon_signal(daemon, SIGTERM);
	expect_end(daemon, "^Drained closed=0 forced=0$");
}
END_TEST

/* The daemon has received everything and could send only a part. */
static void
check_unsent(const char *prefix)
{
	enum { SIZE = 8000000 };
	char config[200];
	struct framing framing = framing_of(prefix, 1000);
	struct daemon *daemon;
	int fd;

	snprintf(config, sizeof(config),
		 LISTEN "output_limit = 20000000; "
			"prefix = \"%s\";",
		 prefix);
	daemon = daemon_start(config);
	fd = client_connect(daemon_port(daemon, 0));
	client_send_pattern(fd, SIZE);
	daemon_wait_counter(daemon, "bytes_in", SIZE);
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "Draining signal=SIGTERM connections=1");
	client_receive(fd, &framing, SIZE, 65536);
	close(fd);
	expect_end(daemon, "^Drained closed=1 forced=0$");
}

TEST(test_unsent, check_unsent("GOT:"))
FAULT(23, test_unsent)

TEST(test_unsent_raw, check_unsent(""))
FAULT(23, test_unsent_raw)

/* In the kernel's queues, connections and bytes, when the signal comes. */
START_TEST(test_unread)
{
	enum { CLIENTS = 50, SIZE = 30000 };
	struct daemon *daemon = daemon_start(LISTEN "workers = 2;");
	int fds[CLIENTS];

	fds[0] = client_connect(daemon_port(daemon, 0));
	client_say_hello(fds[0]);
	daemon_pause(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		if (i > 0)
			fds[i] = client_connect(daemon_port(daemon, 0));
		client_send_pattern(fds[i], SIZE);
	}
	daemon_signal(daemon, SIGTERM);
	daemon_resume(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		struct framing framing = framing_of("GOT:", 1000);

		client_receive(fds[i], &framing, SIZE, 65536);
		close(fds[i]);
	}
	expect_end(daemon, "^Drained closed=[0-9]+ forced=0$");
}
END_TEST
FAULT(24, test_unread)

/* A connection whose handshake has begun is accepted and served. */
START_TEST(test_handshake)
{
	struct daemon *daemon = daemon_start(LISTEN "workers = 2;");
	struct sockaddr_in address = client_loopback(daemon_port(daemon, 0));
	int fd = client_hold((struct sockaddr *)&address, sizeof(address));

	client_release(fd);
	daemon_signal(daemon, SIGTERM);
	ck_assert_int_eq(client_await(fd), 0);
	client_say_hello(fd);
	client_expect_eof(fd);
	close(fd);
	expect_end(daemon, "^Drained closed=1 forced=0$");
}
END_TEST

/* A handshake that never completes delays the drain only briefly. */
START_TEST(test_handshake_abandoned)
{
	struct daemon *daemon =
		daemon_start(LISTEN "drain = { grace = 3600.0; };");
	struct sockaddr_in address = client_loopback(daemon_port(daemon, 0));
	int fd = client_hold((struct sockaddr *)&address, sizeof(address));

	daemon_signal(daemon, SIGTERM);
	expect_end(daemon, "^Drained closed=0 forced=0$");
	close(fd);
}
END_TEST

/* FIN has arrived, but the echo is not sent yet. */
START_TEST(test_half_closed)
{
	struct daemon *daemon = daemon_start(LISTEN "output_limit = 20000000;");
	struct framing framing = framing_of("GOT:", 1000);
	int fd = client_connect(daemon_port(daemon, 0));

	client_send_pattern(fd, 8000000);
	client_finish(fd);
	daemon_wait_counter(daemon, "bytes_in", 8000000);
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "Draining signal=SIGTERM connections=1");
	client_receive(fd, &framing, 8000000, 65536);
	close(fd);
	expect_end(daemon, "^Drained closed=1 forced=0$");
}
END_TEST

START_TEST(test_stuck_is_forced)
{
	struct daemon *daemon =
		daemon_start(LISTEN "drain = { grace = 2.0; };");
	int stuck = connect_stuck(daemon);
	int idle = client_connect(daemon_port(daemon, 0));

	client_say_hello(idle);
	daemon_signal(daemon, SIGTERM);
	client_expect_eof(idle);
	close(idle);
	daemon_wait_line(daemon, "^Connection closed .* conn=1 reason=drain ");
	expect_end(daemon, "^Drained closed=1 forced=1$");
	client_wait_closed(stuck);
	close(stuck);
}
END_TEST

/* A client that reads everything, and then sends FIN or never does. */
static void
check_reader(const char *settings, bool finishes, const char *drained)
{
	char config[128];
	struct daemon *daemon;
	int fd;

	snprintf(config, sizeof(config), LISTEN "%s", settings);
	daemon = daemon_start(config);
	fd = client_connect(daemon_port(daemon, 0));
	client_say_hello(fd);
	daemon_signal(daemon, SIGTERM);
	client_expect_eof(fd);
	if (finishes)
		client_finish(fd);
	expect_end(daemon, drained);
	close(fd);
}

TEST(test_lingering_is_forced, check_reader("drain = { grace = 0.3; };", false,
					    "^Drained closed=0 forced=1$"))

TEST(test_delay_ends, check_reader("drain = { delay = 0.2; };", true,
				   "^Drained closed=1 forced=0$"))

START_TEST(test_second_signal)
{
	struct daemon *daemon =
		daemon_start(LISTEN "drain = { grace = 3600.0; };");
	int stuck = connect_stuck(daemon);

	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining signal=SIGTERM");
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Stopping at once signal=SIGTERM$");
	expect_end(daemon, "^Drained closed=0 forced=1$");
	close(stuck);
}
END_TEST

START_TEST(test_accepts_no_more)
{
	struct daemon *daemon =
		daemon_start(LISTEN "drain = { grace = 3600.0; };");
	struct sockaddr_in address = client_loopback(daemon_port(daemon, 0));
	int stuck = connect_stuck(daemon);
	int error;

	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining signal=SIGTERM");
	/* Soon after the log line; connections are accepted until then. */
	do {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		error = connect(fd, (struct sockaddr *)&address,
				sizeof(address)) < 0 ?
				errno :
				0;
		close(fd);
	} while (error == 0);
	ck_assert_int_eq(error, ECONNREFUSED);
	daemon_signal(daemon, SIGINT);
	expect_end(daemon, "^Drained closed=[0-9]+ forced=[1-9]");
	close(stuck);
}
END_TEST

/* During the delay new connections are accepted: load balancers are slow. */
START_TEST(test_delay)
{
	struct daemon *daemon =
		daemon_start(LISTEN "drain = { delay = 3600.0; };");
	int before = client_connect(daemon_port(daemon, 0));
	int after;

	client_say_hello(before);
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining signal=SIGTERM connections=1$");
	after = client_connect(daemon_port(daemon, 0));
	client_say_hello(after);
	client_say_hello(before);
	daemon_signal(daemon, SIGTERM);
	expect_end(daemon, "^Drained closed=0 forced=2$");
	close(before);
	close(after);
}
END_TEST

START_TEST(test_reload_is_ignored)
{
	struct daemon *daemon =
		daemon_start(LISTEN "drain = { delay = 3600.0; };");

	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining signal=SIGTERM");
	daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon, "^Reload ignored: echod is draining$");
	daemon_signal(daemon, SIGTERM);
	expect_end(daemon, "^Drained closed=0 forced=0$");
}
END_TEST

/* Accepted before the signal, with the first bytes sent after it. */
START_TEST(test_first_bytes_after_signal)
{
	enum { CLIENTS = 20 };
	struct daemon *daemon = daemon_start(LISTEN);
	int fds[CLIENTS];

	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client_connect(daemon_port(daemon, 0));
	daemon_wait_lines(daemon, "^Connection from ", CLIENTS);
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining signal=SIGTERM");
	/* When this is answered the workers know of the drain. */
	daemon_counter(daemon, "connections");
	for (int i = 0; i < CLIENTS; i++) {
		client_say_hello(fds[i]);
		client_expect_eof(fds[i]);
		close(fds[i]);
	}
	expect_end(daemon, "^Drained closed=20 forced=0$");
}
END_TEST

/*
 * Makes the n-th write of each thread fail, or all from the n-th on. Returns
 * the exit status of a drain that two clients delay.
 */
static int
drain_without(const char *error, int n, const char *more)
{
	struct daemon_setup setup = {
		.config = LISTEN "workers = 2; drain = { grace = 0.1; };",
		.arguments = { "-e" },
	};
	struct daemon *daemon;
	int fds[2];
	int status;

	syscall_faults_inject(
		"-e trace=write -e inject=write:error=%s:when=%d%s", error, n,
		more);
	daemon = daemon_spawn(&setup);
	daemon_wait_started(daemon);
	for (int i = 0; i < 2; i++) {
		fds[i] = client_connect(daemon_port(daemon, 0));
		client_say_hello(fds[i]);
	}
	daemon_signal(daemon, SIGTERM);
	status = daemon_end(daemon);
	for (int i = 0; i < 2; i++) {
		client_wait_closed(fds[i]);
		close(fds[i]);
	}
	return status;
}

START_TEST(test_write_fails_once)
{
	static const char *const errors[] = { "EIO", "EAGAIN" };

	syscall_faults_set_up();
	for (int i = 0; i < 2; i++)
		for (int n = 1; n <= 12; n++)
			ck_assert_int_eq(drain_without(errors[i], n, ""), 0);
	syscall_faults_tear_down();
}
END_TEST

/*
 * No thread can wake another: the daemon exits, with an error status unless
 * all went well.
 */
START_TEST(test_all_writes_fail)
{
	syscall_faults_set_up();
	for (int n = 3; n <= 6; n += 3) {
		int status = drain_without("EIO", n, "+");

		ck_assert(status == 0 || status == 70);
	}
	syscall_faults_tear_down();
}
END_TEST

/* A mount namespace in which /proc is empty. */
static bool
hide_proc(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0;
}

static void
prepare_without_proc(void)
{
	if (!hide_proc())
		_exit(126);
}

static bool
may_hide_proc(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(hide_proc() ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/*
 * Without /proc, echod cannot see handshakes: it says so once, and does not
 * claim that there were some.
 */
START_TEST(test_without_proc)
{
	struct daemon *daemon;

#ifdef SUITE_SANITIZED
	skip("a sanitizer needs /proc");
#endif
	if (!may_hide_proc())
		skip("no rights to hide /proc");
	daemon = daemon_start_prepared(LISTEN, prepare_without_proc);
	daemon_reload(daemon, LISTEN "max_connections = 9;");
	daemon_reload(daemon, "listen = \"127.0.0.2:0\";");
	daemon_wait_line(daemon, "^Handshakes not visible ms=300: ");
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Drained ");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Handshakes "), 1);
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

SUITE(test_without_proc, test_first_bytes_after_signal, test_idle,
      test_idle_sigint, test_no_connection, test_unsent, test_unsent_raw,
      test_unread, test_handshake, test_handshake_abandoned, test_half_closed,
      test_stuck_is_forced, test_lingering_is_forced, test_second_signal,
      test_accepts_no_more, test_delay, test_delay_ends, test_reload_is_ignored,
      test_write_fails_once, test_all_writes_fail)
