/* Workers, signals, and restarts. */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "

static FILE *
open_task(struct daemon *daemon, const char *task, const char *name)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/%s",
		 (int)daemon_pid(daemon), task, name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "cannot open %s", path);
	return file;
}

/* How often each worker thread has slept; returns the number of workers. */
static unsigned
count_sleeps(struct daemon *daemon, unsigned long *sleeps)
{
	static const char key[] = "voluntary_ctxt_switches:";
	char path[64], line[256];
	unsigned workers = 0;
	unsigned number;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)daemon_pid(daemon));
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		FILE *file = open_task(daemon, entry->d_name, "comm");
		int named = fscanf(file, "worker-%u", &number);
		fclose(file);
		if (named != 1)
			continue;
		workers++;
		file = open_task(daemon, entry->d_name, "status");
		while (fgets(line, sizeof(line), file))
			if (strncmp(line, key, strlen(key)) == 0)
				sleeps[number] =
					strtoul(line + strlen(key), NULL, 10);
		fclose(file);
	}
	closedir(dir);
	return workers;
}

/* Every worker serves: with 64 connections each of four gets some. */
static void
check_workers(unsigned workers)
{
	enum { CLIENTS = 64 };
	char config[100];
	struct daemon *daemon;
	unsigned long before[8], after[8];
	int fds[CLIENTS];

	snprintf(config, sizeof(config), LISTEN "workers = %u;", workers);
	daemon = daemon_start(config);
	ck_assert_uint_eq(line_number(daemon_wait_line(daemon, "started"),
				      "workers"),
			  workers);
	/* A thread sets its name soon after it has started. */
	while (count_sleeps(daemon, before) < workers)
		continue;
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client_connect(daemon_port(daemon, 0));
	for (int i = 0; i < CLIENTS; i++)
		client_say(fds[i], "Hello\n");
	for (int i = 0; i < CLIENTS; i++)
		client_hear(fds[i], "GOT:Hello\n");
	/* Each worker was woken up, and will sleep again. */
	for (unsigned i = 0; i < workers; i++)
		do
			count_sleeps(daemon, after);
		while (after[i] == before[i]);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

TEST(test_1_worker, check_workers(1))

TEST(test_2_workers, check_workers(2))

TEST(test_4_workers, check_workers(4))

START_TEST(test_worker_per_cpu)
{
	struct daemon *daemon = daemon_start(LISTEN);
	cpu_set_t cpus;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	ck_assert_uint_eq(line_number(daemon_wait_line(daemon, "started"),
				      "workers"),
			  (unsigned)CPU_COUNT(&cpus));
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Its connections end with it and leave the port in TIME_WAIT. */
START_TEST(test_restart_after_kill)
{
	enum { CLIENTS = 10 };
	struct daemon *daemon = daemon_start(LISTEN "workers = 2;");
	unsigned port = daemon_port(daemon, 0);
	char config[100];
	int fds[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client_connect(port);
		client_say_hello(fds[i]);
	}
	daemon_kill(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		client_expect_eof(fds[i]);
		close(fds[i]);
	}

	snprintf(config, sizeof(config),
		 "listen = \"127.0.0.1:%u\"; "
		 "workers = 2;",
		 port);
	daemon = daemon_start(config);
	ck_assert_uint_eq(daemon_port(daemon, 0), port);
	fds[0] = client_connect(port);
	client_say(fds[0], "again\n");
	client_hear(fds[0], "GOT:again\n");
	close(fds[0]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(25, test_restart_after_kill)

/* SO_REUSEPORT lets processes of a user share a port; two daemons must not. */
START_TEST(test_port_of_another_instance)
{
	struct daemon *daemon = daemon_start(LISTEN "workers = 2;");
	char text[100];

	snprintf(text, sizeof(text), "listen = \"127.0.0.1:%u\";",
		 daemon_port(daemon, 0));
	daemon_expect_failure(text,
			      ":1: listen: cannot listen on "
			      "tcp:127\\.0\\.0\\.1:[0-9]+: "
			      "Address already in use$",
			      71);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_counters)
{
	struct daemon *daemon = daemon_start(LISTEN "workers = 2;");
	int fd;

	for (int i = 0; i < 3; i++) {
		fd = client_connect(daemon_port(daemon, 0));
		client_say(fd, "Hello\n");
		client_finish(fd);
		client_hear(fd, "GOT:Hello\n");
		client_expect_eof(fd);
		close(fd);
	}
	daemon_wait_lines(daemon, "^Connection closed ", 3);
	fd = client_connect(daemon_port(daemon, 0));
	client_say_hello(fd);
	/* An echo is counted soon after it has been sent. */
	daemon_wait_counter(daemon, "bytes_out", 40);
	daemon_wait_line(
		daemon,
		"^Counters open=1 connections=4 handshakes=0 faults=0 chunks=4 "
		"bytes_in=24 bytes_out=40 accept_errors=0 "
		"accept_pauses=0( [a-z_.]+=[0-9]+)* closed.eof=3 "
		"closed.reset=0 .* refused.max_connections=0");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_sigpipe)
{
	struct daemon *daemon = daemon_start(LISTEN);
	int fd;

	daemon_signal(daemon, SIGPIPE);
	daemon_counter(daemon, "open");
	fd = client_connect(daemon_port(daemon, 0));
	client_say_hello(fd);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(15, test_sigpipe)

/* Stopped for longer than idle_timeout: input that arrived meanwhile counts. */
START_TEST(test_stopped_and_continued)
{
	struct daemon *daemon = daemon_start(LISTEN "idle_timeout = 1.5; "
						    "workers = 1;");
	int active = client_connect(daemon_port(daemon, 0));
	int idle = client_connect(daemon_port(daemon, 0));
	struct daemon *clock;
	int other;

	client_say_hello(active);
	daemon_wait_lines(daemon, "^Connection from", 2);
	daemon_pause(daemon);
	client_say(active, "Hello\n");

	/* The time-out of another daemon shows when this one's has passed. */
	clock = daemon_start(LISTEN "idle_timeout = 3.0;");
	other = client_connect(daemon_port(clock, 0));
	client_expect_eof(other);
	close(other);
	ck_assert_int_eq(daemon_stop(clock), 0);

	daemon_resume(daemon);
	client_hear(active, "GOT:Hello\n");
	client_expect_eof(idle);
	daemon_wait_line(daemon, "conn=2 reason=idle_timeout in=0 ");
	client_expect_eof(active);
	daemon_wait_line(daemon, "conn=1 reason=idle_timeout in=12 ");
	close(active);
	close(idle);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(30, test_stopped_and_continued)

static rlim_t descriptors;

static void
limit_descriptors(void)
{
	struct rlimit limit = { descriptors, descriptors };

	setrlimit(RLIMIT_NOFILE, &limit);
}

/* One descriptor more each time, until it can start. */
START_TEST(test_few_descriptors)
{
	struct daemon_setup setup = {
		.config = LISTEN "workers = 2;",
		.arguments = { "-e" },
		.prepare = limit_descriptors,
	};
	struct daemon *daemon = NULL;
	unsigned refused = 0;

#ifdef SUITE_SANITIZED
	skip("a sanitizer needs descriptors to look for leaks at the end");
#endif
	/* The program's file and libraries need one to be loaded. */
	for (descriptors = 4; !daemon; descriptors++) {
		int status;

		daemon = daemon_spawn(&setup);
		if (daemon_try_line(daemon, " started "))
			break;
		ck_assert_uint_gt(
			daemon_count_lines(daemon, "Too many open files"), 0);
		/* libevent writes these lines itself, not through the log. */
		ck_assert_uint_eq(daemon_count_lines(daemon, "^\\[err\\]"), 0);
		status = daemon_end(daemon);
		ck_assert_msg(status == 71, "status %d with %u descriptors",
			      status, (unsigned)descriptors);
		daemon = NULL;
		refused++;
	}
	ck_assert_uint_gt(refused, 8);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_1_worker, test_2_workers, test_4_workers, test_worker_per_cpu,
      test_restart_after_kill, test_port_of_another_instance, test_counters,
      test_sigpipe, test_stopped_and_continued, test_few_descriptors)
