/*
 * strace(1) makes the n-th system call of a kind fail in each thread, for n =
 * 1, 2, ... At the start the daemon exits with an error. While it serves, one
 * connection is lost and the next is served. A failed reload keeps the running
 * configuration.
 */
#include "support/daemon.h"
#include "support/ports.h"
#include "support/suite.h"
#include "support/syscall_faults.h"
#include "support/try_client.h"

#define MORE \
	", { name = \"more\"; listen = [ \"127.0.0.1:0\", " \
	"\"udp:127.0.0.1:0\" ]; }"

static const char settings[] = "workers = 1;";

static void
tear_down(void)
{
	syscall_faults_tear_down();
	ports_clean();
}

/* One of a few connections in a row may be lost. */
static void
expect_most(const struct ports *ports, enum port port)
{
	unsigned lost = 0;

	for (int i = 0; i < 3; i++)
		lost += !probe_try(ports, port);
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
			strstr(daemon_reload(daemon, more), " reloaded "));
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

	if (daemon_try_line(daemon, " started ")) {
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

	syscall_faults_set_up();
	/* The step grows with n. */
	for (int n = 1;; n += 1 + n / 8) {
		syscall_faults_inject("--seccomp-bpf -e trace=%s -e "
				      "inject=%s:error=%s:when=%d",
				      call, call, error, n);
		refused += !run(reason);
		if (syscall_faults_count("(INJECTED)") == 0)
			break;
	}
	if (effect == STARTS_ALWAYS)
		ck_assert_uint_eq(refused, 0);
	else
		ck_assert_uint_gt(refused, 0);
	tear_down();
}

#define FAIL(test, ...) \
	TEST(test, fail_each(__VA_ARGS__)) \
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

/*
 * Calls that also load the program or write the log fail only while clients
 * are served, which is not logged.
 */
static void
fail_serving(const char *call, const char *error)
{
	struct daemon *daemon;
	struct ports ports;
	char inject[96];
	int n = 0;

	syscall_faults_set_up();
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
		tracer = syscall_faults_attach(daemon, inject);
		expect_service(&ports);
		syscall_faults_detach(tracer);
	} while (syscall_faults_count("(INJECTED)") > 0);
	ck_assert_int_gt(n, 1);
	expect_service(&ports);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	tear_down();
}

#define FAIL_SERVING(test, ...) \
	TEST(test, fail_serving(__VA_ARGS__)) \
	FAULT(27, test)

FAIL_SERVING(test_read, "read", "EIO")
FAIL_SERVING(test_readv, "readv", "ENOMEM")
FAIL_SERVING(test_write, "write", "EIO")
FAIL_SERVING(test_write_again, "write", "EAGAIN")
FAIL_SERVING(test_writev, "writev", "ENOBUFS")

/*
 * accept4(2) and recvmmsg(2) fail a few times in a row at every port. Each
 * retries by itself, and one line is logged.
 */
static void
run_short(const char *error, const char *receive_error)
{
	struct daemon *daemon;
	struct ports ports;
	struct probe probes[PORTS];

	syscall_faults_inject("--seccomp-bpf -e trace=accept4,recvmmsg "
			      "-e inject=accept4:error=%s:when=1..12 "
			      "-e inject=recvmmsg:error=%s:when=1..3",
			      error, receive_error);
	daemon = daemon_start(ports_config(settings, ""));
	ports = ports_of(daemon);
	for (enum port port = 0; port < PORT_UDP; port++) {
		probes[port] = probe_begin(&ports, port);
		probe_say(&probes[port]);
	}
	for (enum port port = 0; port < PORT_UDP; port++) {
		ck_assert_msg(probe_is_answered(&probes[port]),
			      "%s, %s: not served", error, port_names[port]);
		probe_end(&probes[port]);
	}
	while (!probe_try(&ports, PORT_UDP))
		continue;
	ck_assert_uint_eq(
		daemon_count_lines(daemon, "Accepting paused listener="), 1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ck_assert_uint_ge(syscall_faults_count("(INJECTED)"), 12 + 3);
}

START_TEST(test_accept_and_receive_retry)
{
	syscall_faults_set_up();
	run_short("EMFILE", "ENOMEM");
	run_short("ENFILE", "ENOMEM");
	run_short("ENOMEM", "ENOMEM");
	run_short("ENOBUFS", "ENOBUFS");
	tear_down();
}
END_TEST
FAULT(1, test_accept_and_receive_retry)
FAULT(2, test_accept_and_receive_retry)

/* A closed descriptor may already be another thread's connection. */
START_TEST(test_no_use_of_closed_descriptors)
{
	struct daemon *daemon;
	struct ports ports;
	unsigned proxy;

	syscall_faults_set_up();
	syscall_faults_inject("--seccomp-bpf -e trace=%%desc,%%network");
	daemon = daemon_start(ports_config(settings, ""));
	ports = ports_of(daemon);
	proxy = daemon_port(daemon, PORT_PROXY);
	expect_service(&ports);
	/*
	 * An invalid header is refused at once, an incomplete one after a
	 * wait.
	 */
	ck_assert(!try_words(proxy, "Hello\n"));
	ck_assert(!try_words(proxy, "PROXY\r\n"));
	ck_assert_ptr_nonnull(
		strstr(daemon_reload(daemon, ports_config(settings, MORE)),
		       " reloaded "));
	expect_service(&ports);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ck_assert_uint_gt(syscall_faults_count("EPOLL_CTL_DEL"), 0);
	ck_assert_uint_eq(syscall_faults_count("EBADF"), 0);
	tear_down();
}
END_TEST
FAULT(27, test_no_use_of_closed_descriptors)

SUITE(test_socket, test_bind, test_listen, test_setsockopt, test_epoll_create1,
      test_epoll_ctl, test_eventfd2, test_clone3, test_pipe2, test_accept4,
      test_recvfrom, test_recvmmsg, test_sendto, test_sendmsg, test_sendmmsg,
      test_splice, test_read, test_readv, test_write, test_write_again,
      test_writev, test_accept_and_receive_retry,
      test_no_use_of_closed_descriptors)
