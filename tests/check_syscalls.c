/*
 * The whole daemon where a system call fails, the first of its kind in each
 * thread, the second and so on, at the hands of strace(1).  At the start it ends
 * and says so; while it serves that costs one connection, and the next is served;
 * a reload that cannot be leaves all as it was.
 */
#include <signal.h>
#include <sys/stat.h>

#include "attempts.h"
#include "daemon.h"

#define LISTEN \
	"listen = [ \"127.0.0.1:0\", \"udp:127.0.0.1:0\" ]; workers = 1; "
#define RAW "{ name = \"raw\"; listen = \"127.0.0.1:0\"; prefix = \"\"; }"
#define CONFIG \
	LISTEN "status = { listen = \"127.0.0.1:0\"; }; " \
	       "listeners = ( " RAW " );"
#define STRICT \
	LISTEN "listeners = ( " RAW ", { name = \"strict\"; " \
	       "listen = \"127.0.0.1:0\"; " \
	       "proxy_protocol = { from = \"127.0.0.1\"; }; } );"
#define MORE \
	LISTEN "listeners = ( " RAW ", { name = \"more\"; " \
	       "listen = [ \"127.0.0.1:0\", \"udp:127.0.0.1:0\" ]; } );"

static char directory[] = "/tmp/echod-syscalls.XXXXXX";
static char wrapper[64], trace[64];

static void
set_up(void)
{
	FILE *file;

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
expect_most(bool (*attempt)(unsigned port), unsigned port)
{
	unsigned lost = 0;

	for (int i = 0; i < 3; i++)
		lost += !attempt(port);
	ck_assert_msg(lost <= 1, "%u of 3 connections are lost", lost);
}

static bool
try_bulk_raw(unsigned port)
{
	return try_bulk(port, "", 200000);
}

static void
expect_service(struct daemon *daemon)
{
	expect_most(try_hello, daemon_port(daemon, 0));
	expect_most(try_datagram, daemon_port(daemon, 1));
	expect_most(try_bulk_raw, daemon_port(daemon, 2));
}

static void
use(struct daemon *daemon)
{
	daemon_wait_started(daemon);
	expect_service(daemon);
	if (strstr(daemon_reload(daemon, MORE), "keeping"))
		ck_assert_ptr_nonnull(
			strstr(daemon_reload(daemon, MORE), " reloaded: "));
	expect_service(daemon);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

/* Returns true if it could start. */
static bool
run(const char *reason)
{
	struct daemon_setup setup = { .config = CONFIG, .arguments = { "-e" } };
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

/* By then the number may be that of another thread's connection. */
START_TEST(nothing_is_done_with_what_is_closed)
{
	struct daemon *daemon;

	set_up();
	setenv("WHAT", "-e trace=%desc,%network", 1);
	daemon = daemon_start(STRICT);
	expect_service(daemon);
	/* Turned away once it has come, and once it has been waited for. */
	ck_assert(!try_words(daemon_port(daemon, 3), "Hello\n"));
	ck_assert(!try_words(daemon_port(daemon, 3), "PROXY\r\n"));
	ck_assert_ptr_nonnull(
		strstr(daemon_reload(daemon, MORE), " reloaded: "));
	expect_service(daemon);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ck_assert_uint_gt(count_traced("EPOLL_CTL_DEL"), 0);
	ck_assert_uint_eq(count_traced("EBADF"), 0);
	tear_down();
}
END_TEST
FAULT(27, nothing_is_done_with_what_is_closed)

SUITE(test_socket, test_bind, test_listen, test_setsockopt, test_epoll_create1,
      test_epoll_ctl, test_eventfd2, test_clone3, test_pipe2, test_accept4,
      test_recvfrom, test_recvmmsg, test_sendto, test_sendmsg, test_sendmmsg,
      test_splice, nothing_is_done_with_what_is_closed)
