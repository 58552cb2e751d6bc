/*
 * State that the daemon inherits from its parent: closed and open descriptors,
 * the signal mask, ignored signals, children; and signals that arrive early.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"
#include "support/syscall_faults.h"

#define LISTEN "listen = \"127.0.0.1:0\"; workers = 1; "

/* Bit n: descriptor n is closed. */
static unsigned closed;

static void
close_some(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (closed & 1u << fd)
			close(fd);
}

/* The log may be closed: the socket's file shows that the daemon listens. */
static int
connect_unix(const struct daemon *daemon, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		ck_assert_int_eq(kill(daemon_pid(daemon), 0), 0);
	return fd;
}

static void
expect_null(const struct daemon *daemon, int fd)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", daemon_pid(daemon), fd);
	ck_assert_int_gt(readlink(path, target, sizeof(target) - 1), 0);
	ck_assert_str_eq(target, "/dev/null");
}

/* Waits until the control thread sleeps, which one that spins never does. */
static void
wait_asleep(const struct daemon *daemon)
{
	char path[64], state = 'R';

	snprintf(path, sizeof(path), "/proc/%d/stat", daemon_pid(daemon));
	while (state != 'S') {
		FILE *file = fopen(path, "r");

		ck_assert_ptr_nonnull(file);
		ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
		fclose(file);
	}
}

static void
check_closed(void)
{
	char directory[] = "/tmp/echod-launch.XXXXXX";
	char path[64], config[128];
	struct daemon_setup setup = {
		.config = config,
		.arguments = { "-e", "-v" },
		.prepare = close_some,
	};
	struct daemon *daemon;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(config, sizeof(config), "listen = \"unix:%s\"; workers = 1;",
		 path);
	daemon = daemon_spawn(&setup);
	fd = connect_unix(daemon, path);
	client_say_hello(fd);
	for (int i = 0; i < 3; i++)
		if (closed & 1u << i)
			expect_null(daemon, i);
	daemon_signal(daemon, SIGUSR1);
	daemon_signal(daemon, SIGHUP);
	client_say_hello(fd);
	close(fd);
	wait_asleep(daemon);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	rmdir(directory);
}

START_TEST(test_standard_descriptors_may_be_closed)
{
	for (closed = 1; closed < 8; closed++)
		check_closed();
}
END_TEST

static int leaked;

static void
leak(void)
{
	ck_assert_int_eq(dup2(leaked, 9), 9);
}

/* Like the pipe of a script that started the daemon and reads to the end. */
START_TEST(test_other_descriptors_are_closed)
{
	struct daemon *daemon;
	char byte;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	leaked = fds[1];
	daemon = daemon_start_prepared(LISTEN, leak);
	close(fds[1]);
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static void
block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void
ignore_all(void)
{
	for (int number = 1; number < SIGRTMIN; number++)
		signal(number, SIG_IGN);
}

/* The daemon handles each signal, and exits after the last. */
static void
check_hears(void (*prepare)(void), int last, const char *name)
{
	struct daemon *daemon = daemon_start_prepared(LISTEN, prepare);
	char pattern[64];

	daemon_signal(daemon, SIGUSR1);
	daemon_wait_line(daemon, "^Counters ");
	daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon, " reloaded ");
	daemon_signal(daemon, last);
	snprintf(pattern, sizeof(pattern), "^Draining signal=%s", name);
	daemon_wait_line(daemon, pattern);
	ck_assert_int_eq(daemon_end(daemon), 0);
}

START_TEST(test_signals_may_be_blocked)
{
	check_hears(block_all, SIGTERM, "SIGTERM");
	check_hears(block_all, SIGINT, "SIGINT");
}
END_TEST

START_TEST(test_signals_may_be_ignored)
{
	check_hears(ignore_all, SIGTERM, "SIGTERM");
	check_hears(ignore_all, SIGINT, "SIGINT");
}
END_TEST

/* System calls between main() and the event loop. */
static const struct moment {
	const char *call;
	bool of_file; /* only calls with the configuration file */
} moments[] = {
	{ "openat", true },    { "read", true },    { "epoll_create1", false },
	{ "socket", false },   { "bind", false },   { "listen", false },
	{ "eventfd2", false }, { "clone3", false },
};

#define MOMENTS (sizeof(moments) / sizeof(*moments))

static struct daemon *
spawn_with_signal(const struct moment *moment, const char *signal)
{
	struct daemon_setup setup = { .config = LISTEN, .arguments = { "-e" } };

	syscall_faults_inject("-e trace=%s%s -e inject=%s:signal=%s:when=1",
			      moment->call, moment->of_file ? " -P \"$2\"" : "",
			      moment->call, signal);
	return daemon_spawn(&setup);
}

START_TEST(test_early_sighup_reloads_once)
{
	syscall_faults_set_up();
	for (size_t i = 0; i < MOMENTS; i++) {
		struct daemon *daemon =
			spawn_with_signal(&moments[i], "SIGHUP");

		daemon_wait_line(daemon, " reloaded ");
		/* Enough time for another reload to be logged. */
		for (int n = 0; n < 20; n++)
			daemon_counter(daemon, "open");
		ck_assert_uint_eq(daemon_count_lines(daemon, " reloaded "), 1);
		ck_assert_int_eq(daemon_stop(daemon), 0);
	}
	syscall_faults_tear_down();
}
END_TEST

START_TEST(test_early_sigusr1_is_answered)
{
	syscall_faults_set_up();
	for (size_t i = 0; i < MOMENTS; i++) {
		struct daemon *daemon =
			spawn_with_signal(&moments[i], "SIGUSR1");

		daemon_wait_line(daemon, "^Counters ");
		ck_assert_int_eq(daemon_stop(daemon), 0);
	}
	syscall_faults_tear_down();
}
END_TEST

START_TEST(test_early_sigterm_exits_cleanly)
{
	syscall_faults_set_up();
	for (size_t i = 0; i < MOMENTS; i++) {
		struct daemon *daemon =
			spawn_with_signal(&moments[i], "SIGTERM");

		daemon_wait_line(daemon, "^Drained closed=0 forced=0$");
		ck_assert_int_eq(daemon_end(daemon), 0);
	}
	syscall_faults_tear_down();
}
END_TEST

static int pair[2];

/* A child of what becomes the daemon: it tells its number, and then waits. */
static void
leave_child(void)
{
	pid_t self;

	if (fork() > 0)
		return;
	self = getpid();
	close(pair[0]);
	while (write(pair[1], &self, sizeof(self)) > 0 &&
	       read(pair[1], &self, 1) > 0)
		;
	_exit(0);
}

/* As process 1 of a container has them. */
START_TEST(test_children_are_reaped)
{
	struct daemon *daemon;
	pid_t child = 0;

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	daemon = daemon_start_prepared(LISTEN, leave_child);
	close(pair[1]);
	ck_assert_int_eq((int)read(pair[0], &child, sizeof(child)),
			 (int)sizeof(child));
	ck_assert_int_eq(kill(child, 0), 0);
	close(pair[0]);
	while (kill(child, 0) == 0)
		;
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_standard_descriptors_may_be_closed,
      test_other_descriptors_are_closed, test_signals_may_be_blocked,
      test_signals_may_be_ignored, test_early_sighup_reloads_once,
      test_early_sigusr1_is_answered, test_early_sigterm_exits_cleanly,
      test_children_are_reaped)
