/*
 * HTTP status: the configuration in force, why a reload was refused, when a
 * drain ends, and what the process uses.
 */
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/http_client.h"
#include "support/suite.h"

static char *
body_of(const char *answer)
{
	const char *body = strstr(answer, "\r\n\r\n");

	ck_assert_ptr_nonnull(body);
	return strdup(body + 4);
}

/* The value of the metric, NAN if there is no sample. */
static double
value_of(unsigned port, const char *name)
{
	const char *answer = ask(port, GET("/metrics") CLOSE), *sample;
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "\n%s ", name);
	sample = strstr(answer, wanted);
	return sample ? strtod(sample + strlen(wanted), NULL) : NAN;
}

/* What "echod -T" prints for the file of the daemon. */
static char *
dump(const struct daemon *daemon)
{
	char command[512];
	char *text = NULL;
	size_t size = 0;
	FILE *pipe;

	snprintf(command, sizeof(command), "'%s' -T -c '%s'", getenv("ECHOD"),
		 daemon_config_file(daemon));
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	ck_assert_int_gt(getdelim(&text, &size, '\0', pipe), 0);
	ck_assert_int_eq(pclose(pipe), 0);
	return text;
}

#define TO_STDERR "log = { to = \"stderr\"; }; "
#define REFUSED "# Last reload refused at "

START_TEST(test_config_is_the_one_in_force)
{
	struct daemon *daemon = daemon_start(LISTEN STATUS TO_STDERR
					     "prefix = \"one\\n\\\"\";");
	unsigned port = status_port(daemon);
	char *expected = dump(daemon), *body;
	const char *answer = ask(port, GET("/config") CLOSE);

	starts(answer, "HTTP/1.1 200 OK\r\n");
	contains(answer, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
	contains(answer, "\r\nCache-Control: no-store\r\n");
	body = body_of(answer);
	ck_assert_str_eq(body, expected);
	free(expected);
	free(body);

	daemon_reload(daemon, LISTEN STATUS TO_STDERR "prefix = \"two\";");
	expected = dump(daemon);
	ck_assert_ptr_nonnull(strstr(expected, "two"));
	body = body_of(ask(port, GET("/config") CLOSE));
	ck_assert_str_eq(body, expected);
	free(body);

	/* A refused one: the text below its comment is the same. */
	daemon_reload(daemon,
		      LISTEN STATUS "prefix = \"three\";\nbacklog = 0;");
	body = body_of(ask(port, GET("/config") CLOSE));
	starts(body, REFUSED);
	ends(body, expected);
	free(expected);
	free(body);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static void
expect_refusal(unsigned port, const char *reason)
{
	char *body = body_of(ask(port, GET("/config") CLOSE));
	char *line = strtok(body, "\n");
	struct tm tm = { 0 };
	const char *rest;

	starts(line, REFUSED);
	rest = strptime(line + strlen(REFUSED), "%Y-%m-%dT%H:%M:%SZ: ", &tm);
	ck_assert_ptr_nonnull(rest);
	ends(rest, reason);
	/* The metric is of the same time, with milliseconds. */
	ck_assert_double_eq(floor(value_of(port,
					   "echod_config_last_reload_refused_"
					   "timestamp_seconds")),
			    (double)timegm(&tm));
	free(body);
}

/*
 * In whole milliseconds, as the metrics; time(2) can be a tick behind.  1e-6 is
 * for the rounding of doubles.
 */
static double
now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)(now.tv_nsec / 1000000) / 1e3;
}

START_TEST(test_a_refused_reload_has_its_time_and_reason)
{
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	unsigned port = status_port(daemon);
	const char *name = "echod_config_last_reload_refused_timestamp_seconds";
	double before = now(), refused;

	ck_assert(isnan(value_of(port, name)));
	daemon_reload(daemon, LISTEN STATUS "\nbacklog = 0;\nworkers = -1;");
	expect_refusal(port, "conf:2: backlog: 0 is not in 1-65535");
	refused = value_of(port, name);
	ck_assert_double_ge(refused, before - 1e-6);
	ck_assert_double_le(refused, now() + 1e-6);

	/* The comment is of the last reload, the time of a refused one. */
	daemon_reload(daemon, LISTEN STATUS);
	starts(strstr(ask(port, GET("/config") CLOSE), "\r\n\r\n"),
	       "\r\n\r\nmax_connections = ");
	ck_assert_double_eq(value_of(port, name), refused);
	daemon_reload(daemon, LISTEN STATUS "\n\nbacklog = -1;");
	expect_refusal(port, "conf:3: backlog: -1 is not in 1-65535");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_a_drain_has_its_end)
{
	struct daemon *daemon = daemon_start(
		LISTEN STATUS "drain = { delay = 60.0; grace = 30.0; };");
	unsigned port = status_port(daemon);
	double before, delay, grace;

	ck_assert(isnan(
		value_of(port, "echod_drain_delay_end_timestamp_seconds")));
	ck_assert(isnan(
		value_of(port, "echod_drain_grace_end_timestamp_seconds")));
	before = now();
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining signal=SIGTERM");
	delay = value_of(port, "echod_drain_delay_end_timestamp_seconds");
	grace = value_of(port, "echod_drain_grace_end_timestamp_seconds");
	ck_assert_double_ge(delay, before + 60 - 1e-6);
	ck_assert_double_le(delay, now() + 60 + 1e-6);
	ck_assert_double_eq_tol(grace, delay + 30, 0.002);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_process_metrics)
{
	enum { CLIENTS = 50 };
	struct daemon *daemon = daemon_start(LISTEN STATUS "workers = 2;");
	unsigned port = status_port(daemon);
	double open, cpu, rss;
	struct rlimit limit;
	int fds[CLIENTS];

	open = value_of(port, "process_open_fds");
	cpu = value_of(port, "process_cpu_seconds_total");
	ck_assert_double_gt(cpu, 0);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client_connect(daemon_port(daemon, 0));
		client_say(fds[i], "Hello");
		client_hear(fds[i], "GOT:Hello");
	}
	ck_assert_double_eq(value_of(port, "process_open_fds"), open + CLIENTS);
	ck_assert_double_gt(value_of(port, "process_cpu_seconds_total"), cpu);
	/* 2 workers and the control thread, and perhaps the logger. */
	ck_assert_double_ge(value_of(port, "process_threads"), 3);
	ck_assert_int_eq(
		prlimit(daemon_pid(daemon), RLIMIT_NOFILE, NULL, &limit), 0);
	limit.rlim_cur = limit.rlim_max - 1;
	ck_assert_int_eq(
		prlimit(daemon_pid(daemon), RLIMIT_NOFILE, &limit, NULL), 0);
	ck_assert_double_eq(value_of(port, "process_max_fds"),
			    (double)limit.rlim_cur);
	rss = value_of(port, "process_resident_memory_bytes");
	ck_assert_double_eq_tol(
		rss, 1024.0 * (double)daemon_status_kib(daemon, "VmRSS"), 4e6);
	ck_assert_double_eq(value_of(port, "process_start_time_seconds"),
			    value_of(port, "echod_start_time_seconds"));
	for (int i = 0; i < CLIENTS; i++)
		client_end(fds[i]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static void
change_host_name(void)
{
	if (unshare(CLONE_NEWUTS) < 0 || sethostname("echo\"7\xff", 7) < 0)
		_exit(127);
}

START_TEST(test_host_name)
{
	struct daemon *daemon;
	char host[256] = "", expected[300];

	ck_assert_int_eq(gethostname(host, sizeof(host) - 1), 0);
	daemon = daemon_start(LISTEN STATUS);
	snprintf(expected, sizeof(expected),
		 "\nechod_host_info{host=\"%s\"} 1\n", host);
	contains(ask(status_port(daemon), GET("/metrics") CLOSE), expected);
	ck_assert_int_eq(daemon_stop(daemon), 0);

	if (system("unshare -u true 2>/dev/null") != 0)
		skip("it needs a namespace for another host name");
	daemon = daemon_start_prepared(LISTEN STATUS, change_host_name);
	contains(ask(status_port(daemon), GET("/metrics") CLOSE),
		 "\nechod_host_info{host=\"echo\\\"7\\\\xff\"} 1\n");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static void
hide_proc(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/proc", "tmpfs", 0, NULL) < 0)
		_exit(127);
}

START_TEST(test_without_proc)
{
	struct daemon *daemon;
	unsigned port;

#ifdef SUITE_SANITIZED
	skip("a sanitizer needs /proc");
#endif
	if (system("unshare -m mount -t tmpfs none /proc 2>/dev/null") != 0)
		skip("it needs a mount namespace");
	daemon = daemon_start_prepared(LISTEN STATUS, hide_proc);
	port = status_port(daemon);
	ck_assert(isnan(value_of(port, "process_open_fds")));
	ck_assert(isnan(value_of(port, "process_threads")));
	ck_assert(isnan(value_of(port, "process_resident_memory_bytes")));
	ck_assert_double_gt(value_of(port, "process_cpu_seconds_total"), 0);
	ck_assert_double_gt(value_of(port, "process_max_fds"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_config_is_the_one_in_force,
      test_a_refused_reload_has_its_time_and_reason, test_a_drain_has_its_end,
      test_process_metrics, test_host_name, test_without_proc)
