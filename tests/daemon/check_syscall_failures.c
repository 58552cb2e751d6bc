/*
 * The whole daemon where a system call fails, the first of its kind in each
 * thread, the second and so on, at the hands of strace(1).  At the start it ends
 * and says so; while it serves that costs one connection, and the next is served;
 * a reload that cannot be leaves all as it was.
 */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "support/attempts.h"
#include "support/daemon.h"
#include "support/ports.h"

#define MORE \
	", { name = \"more\"; listen = [ \"127.0.0.1:0\", " \
	"\"udp:127.0.0.1:0\" ]; }"

static const char settings[] = "workers = 1;";

static char directory[] = "/tmp/echod-syscalls.XXXXXX";
static char wrapper[64], trace[64];

static void
make_directory(void)
{
#ifdef SUITE_SANITIZED
	skip("a sanitizer does not like to be traced");
#endif
	if (system("strace -D -f --seccomp-bpf -qq -o /dev/null "
		   "-e inject=listen:error=EIO true "
		   ">/dev/null 2>&1") != 0)
		skip("there is no strace, or it may not trace");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(wrapper, sizeof(wrapper), "%s/echod", directory);
	snprintf(trace, sizeof(trace), "%s/trace", directory);
}

static void
set_up(void)
{
	FILE *file;

	make_directory();
	file = fopen(wrapper, "w");
	ck_assert_ptr_nonnull(file);
	/* -D: the daemon is the child of the test all the same. */
	fprintf(file,
		"#!/bin/sh\n"
		"exec strace -D -f --seccomp-bpf -qq -o %s $WHAT %s \"$@\"\n",
		trace, getenv("ECHOD"));
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(wrapper, 0700), 0);
	setenv("ECHOD", wrapper, 1);
}

static void
tear_down(void)
{
	unlink(trace);
	unlink(wrapper);
	rmdir(directory);
	ports_clean();
}

/* How many calls have a mark, by what strace has written by its end. */
static unsigned
count_traced(const char *mark)
{
	FILE *file = fopen(trace, "r");
	char line[4096];
	unsigned count = 0;

	while (file && fgets(line, sizeof(line), file))
		count += strstr(line, mark) != NULL;
	if (file)
		fclose(file);
	return count;
}

/* Of a few in a row one may be lost. */
static void
expect_most(const struct ports *ports, enum port port)
{
	unsigned lost = 0;

	for (int i = 0; i < 3; i++)
		lost += !visit_try(ports, port);
	ck_assert_msg(lost <= 1, "%s: %u of 3 connections are lost",
		      port_names[port], lost);
}

static void
expect_service(const struct ports *ports)
{
	unsigned raw = daemon_port(ports->daemon, PORT_RAW);
	unsigned lost = 0;

	for (enum port port = 0; port < PORTS; port++)
		expect_most(ports, port);
	for (int i = 0; i < 3; i++)
		lost += !try_bulk(raw, "", 200000);
	ck_assert_msg(lost <= 1, "bulk: %u of 3 connections are lost", lost);
}

static void
use(struct daemon *daemon)
{
	const char *more;
	struct ports ports;

	daemon_wait_started(daemon);
	ports = ports_of(daemon);
	expect_service(&ports);
	more = ports_config(settings, MORE);
	if (strstr(daemon_reload(daemon, more), "keeping"))
		ck_assert_ptr_nonnull(
			strstr(daemon_reload(daemon, more), " reloaded: "));
	expect_service(&ports);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

/* Returns true if it could start. */
static bool
run(const char *reason)
{
	struct daemon_setup setup = {
		.config = ports_config(settings, ""),
		.arguments = { "-e" },
	};
	struct daemon *daemon = daemon_spawn(&setup);
	int status;

	if (daemon_try_line(daemon, " started: ")) {
		use(daemon);
		return true;
	}
	ck_assert_msg(daemon_count_lines(daemon, reason) > 0,
		      "it does not say: %s", reason);
	status = daemon_end(daemon);
	ck_assert_msg(status == 71, "status %d", status);
	return false;
}

enum effect { STARTS_ALWAYS, NOT_ALWAYS };

static void
fail_each(const char *call, const char *error, const char *reason,
	  enum effect effect)
{
	unsigned refused = 0;

	set_up();
	/* One by one, and the more there are of them, the more are passed over. */
	for (int n = 1;; n += 1 + n / 8) {
		char what[96];

		snprintf(what, sizeof(what),
			 "-e trace=%s -e inject=%s:error=%s:when=%d", call,
			 call, error, n);
		setenv("WHAT", what, 1);
		unlink(trace);
		printf("# %s: number %d\n", call, n);
		fflush(stdout);
		refused += !run(reason);
		if (count_traced("(INJECTED)") == 0)
			break;
	}
	if (effect == STARTS_ALWAYS)
		ck_assert_uint_eq(refused, 0);
	else
		ck_assert_uint_gt(refused, 0);
	tear_down();
}

#define FAIL(test, ...) \
	START_TEST(test) \
	{ \
		fail_each(__VA_ARGS__); \
	} \
	END_TEST \
	FAULT(27, test)

FAIL(test_socket, "socket", "ENFILE", "Too many open files", NOT_ALWAYS)
FAIL(test_bind, "bind", "EADDRNOTAVAIL", "Cannot assign", NOT_ALWAYS)
FAIL(test_listen, "listen", "EADDRINUSE", "Address already", NOT_ALWAYS)
FAIL(test_setsockopt, "setsockopt", "ENOBUFS", "No buffer space", NOT_ALWAYS)
FAIL(test_epoll_create1, "epoll_create1", "EMFILE", "", STARTS_ALWAYS)
FAIL(test_epoll_ctl, "epoll_ctl", "ENOMEM", "Cannot allocate", NOT_ALWAYS)
FAIL(test_eventfd2, "eventfd2", "EMFILE", "Too many open", NOT_ALWAYS)
FAIL(test_clone3, "clone3", "EAGAIN", "temporarily unavailable", NOT_ALWAYS)
FAULT(28, test_clone3)
FAIL(test_pipe2, "pipe2", "EMFILE", "Too many open", STARTS_ALWAYS)
FAIL(test_accept4, "accept4", "EMFILE", "", STARTS_ALWAYS)
FAIL(test_recvfrom, "recvfrom", "ENOMEM", "", STARTS_ALWAYS)
FAIL(test_recvmmsg, "recvmmsg", "ENOMEM", "", STARTS_ALWAYS)
FAIL(test_sendto, "sendto", "ENOBUFS", "", STARTS_ALWAYS)
FAIL(test_sendmsg, "sendmsg", "ENOBUFS", "", STARTS_ALWAYS)
FAIL(test_sendmmsg, "sendmmsg", "ENOBUFS", "", STARTS_ALWAYS)
FAIL(test_splice, "splice", "ENOMEM", "", STARTS_ALWAYS)

/* strace(1) of a daemon that runs, until it is told to leave. */
static pid_t
attach(const struct daemon *daemon, const char *inject)
{
	char pid[16], line[256];
	int fds[2];
	pid_t tracer;
	FILE *said;

	snprintf(pid, sizeof(pid), "%d", (int)daemon_pid(daemon));
	ck_assert_int_eq(pipe(fds), 0);
	tracer = fork();
	if (tracer == 0) {
		dup2(fds[1], STDERR_FILENO);
		execlp("strace", "strace", "-f", "-o", trace, "-e", inject,
		       "-p", pid, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	said = fdopen(fds[0], "r");
	do
		ck_assert_msg(fgets(line, sizeof(line), said) != NULL,
			      "strace cannot attach");
	while (!strstr(line, "attached"));
	fclose(said);
	return tracer;
}

static void
detach(pid_t tracer)
{
	kill(tracer, SIGTERM);
	ck_assert_int_eq(waitpid(tracer, NULL, 0), tracer);
}

/*
 * Calls that write the log or load the program, too, fail while clients are
 * served, which is not logged.
 */
static void
fail_serving(const char *call, const char *error)
{
	struct daemon *daemon;
	struct ports ports;
	char inject[96];
	int n = 0;

	make_directory();
	daemon = daemon_start(ports_config(
		"workers = 1; log = { connections = false; };", ""));
	ports = ports_of(daemon);
	do {
		pid_t tracer;

		n += 1 + n / 8;
		snprintf(inject, sizeof(inject), "inject=%s:error=%s:when=%d",
			 call, error, n);
		printf("# %s\n", inject);
		fflush(stdout);
		tracer = attach(daemon, inject);
		expect_service(&ports);
		detach(tracer);
	} while (count_traced("(INJECTED)") > 0);
	ck_assert_int_gt(n, 1);
	expect_service(&ports);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	tear_down();
}

#define FAIL_SERVING(test, ...) \
	START_TEST(test) \
	{ \
		fail_serving(__VA_ARGS__); \
	} \
	END_TEST \
	FAULT(27, test)

FAIL_SERVING(test_read, "read", "EIO")
FAIL_SERVING(test_readv, "readv", "ENOMEM")
FAIL_SERVING(test_write, "write", "EIO")
FAIL_SERVING(test_write_again, "write", "EAGAIN")
FAIL_SERVING(test_writev, "writev", "ENOBUFS")

/*
 * accept(2) and recvmmsg(2) fail a few times in a row at every port: each waits
 * and goes on by itself, and the log has one line of it.
 */
static void
run_short(const char *error, const char *receive_error)
{
	struct daemon *daemon;
	struct ports ports;
	struct visit visits[PORTS];
	char what[160];

	snprintf(what, sizeof(what),
		 "-e trace=accept4,recvmmsg "
		 "-e inject=accept4:error=%s:when=1..12 "
		 "-e inject=recvmmsg:error=%s:when=1..3",
		 error, receive_error);
	setenv("WHAT", what, 1);
	daemon = daemon_start(ports_config(settings, ""));
	ports = ports_of(daemon);
	for (enum port port = 0; port < PORT_UDP; port++) {
		visits[port] = visit_begin(&ports, port);
		visit_say(&visits[port]);
	}
	for (enum port port = 0; port < PORT_UDP; port++) {
		ck_assert_msg(visit_is_answered(&visits[port]),
			      "%s, %s: not served", error, port_names[port]);
		visit_end(&visits[port]);
	}
	while (!visit_try(&ports, PORT_UDP))
		continue;
	ck_assert_uint_eq(daemon_count_lines(daemon, "accept: .*listener="), 1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ck_assert_uint_ge(count_traced("(INJECTED)"), 12 + 3);
}

START_TEST(test_shortage)
{
	set_up();
	run_short("EMFILE", "ENOMEM");
	run_short("ENFILE", "ENOMEM");
	run_short("ENOMEM", "ENOMEM");
	run_short("ENOBUFS", "ENOBUFS");
	tear_down();
}
END_TEST
FAULT(1, test_shortage)
FAULT(2, test_shortage)

/* By then the number may be that of another thread's connection. */
START_TEST(test_nothing_is_done_with_what_is_closed)
{
	struct daemon *daemon;
	struct ports ports;
	unsigned proxy;

	set_up();
	setenv("WHAT", "-e trace=%desc,%network", 1);
	daemon = daemon_start(ports_config(settings, ""));
	ports = ports_of(daemon);
	proxy = daemon_port(daemon, PORT_PROXY);
	expect_service(&ports);
	/* Turned away once it has come, and once it has been waited for. */
	ck_assert(!try_words(proxy, "Hello\n"));
	ck_assert(!try_words(proxy, "PROXY\r\n"));
	ck_assert_ptr_nonnull(
		strstr(daemon_reload(daemon, ports_config(settings, MORE)),
		       " reloaded: "));
	expect_service(&ports);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ck_assert_uint_gt(count_traced("EPOLL_CTL_DEL"), 0);
	ck_assert_uint_eq(count_traced("EBADF"), 0);
	tear_down();
}
END_TEST
FAULT(27, test_nothing_is_done_with_what_is_closed)

SUITE(test_socket, test_bind, test_listen, test_setsockopt, test_epoll_create1,
      test_epoll_ctl, test_eventfd2, test_clone3, test_pipe2, test_accept4,
      test_recvfrom, test_recvmmsg, test_sendto, test_sendmsg, test_sendmmsg,
      test_splice, test_read, test_readv, test_write, test_write_again,
      test_writev, test_shortage, test_nothing_is_done_with_what_is_closed)
