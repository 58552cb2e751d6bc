/* The watchdog of the workers, and the status in the service manager. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/notify_socket.h"

#define CONFIG "listen = \"127.0.0.1:0\"; workers = 2; "

static void
prepare_watched(void)
{
	notify_prepare();
	setenv("WATCHDOG_USEC", "600000", 1);
}

static void
prepare_slowly_watched(void)
{
	notify_prepare();
	setenv("WATCHDOG_USEC", "3000000", 1);
}

static void
prepare_strangely_watched(void)
{
	notify_prepare();
	setenv("WATCHDOG_USEC", "soon", 1);
}

static struct daemon *
spawn(void (*prepare)(void))
{
	struct daemon_setup setup = {
		.config = CONFIG,
		.arguments = { "-e" },
		.prepare = prepare,
	};
	struct daemon *daemon = daemon_spawn(&setup);

	daemon_wait_started(daemon);
	return daemon;
}

/* The thread of that name. */
static pid_t
find_thread(const struct daemon *daemon, const char *name)
{
	char path[300], comm[32];
	pid_t found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)daemon_pid(daemon));
	dir = opendir(path);
	for (struct dirent *entry; !found && (entry = readdir(dir));) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/comm",
			 (int)daemon_pid(daemon), entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%31s", comm) == 1 && strcmp(comm, name) == 0)
			found = (pid_t)atoi(entry->d_name);
		fclose(file);
	}
	closedir(dir);
	ck_assert_int_gt(found, 0);
	return found;
}

/* Stops one thread; the others go on. */
static void
hold(pid_t thread)
{
	int status;

	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0)
		skip("ptrace(2) is not permitted here");
	ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(thread, &status, __WALL), thread);
	ck_assert(WIFSTOPPED(status));
}

static void
release(pid_t thread)
{
	ck_assert_int_eq(ptrace(PTRACE_DETACH, thread, NULL, NULL), 0);
}

static void
drop_messages(int manager)
{
	char text[4096];

	while (recv(manager, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
}

START_TEST(test_a_worker_that_is_stuck_keeps_the_watchdog_waiting)
{
	int manager = notify_open();
	struct daemon *daemon = spawn(prepare_watched);
	struct pollfd more = { .fd = manager, .events = POLLIN };
	pid_t thread = find_thread(daemon, "worker-1");

	for (int i = 0; i < 3; i++)
		notify_await(manager, "^WATCHDOG=1$");

	hold(thread);
	daemon_forget(daemon);
	daemon_wait_line(daemon, "^error: Watchdog worker=1: no answer$");
	/*
	 * The next line is a third of a period later, the last message is
	 * older.
	 */
	daemon_wait_lines(daemon, "Watchdog worker=1: no answer", 2);
	drop_messages(manager);
	daemon_wait_lines(daemon, "Watchdog worker=1: no answer", 4);
	ck_assert_int_eq(poll(&more, 1, 0), 0);
	ck_assert_uint_eq(daemon_count_lines(daemon, "worker=0 does not"), 0);

	release(thread);
	notify_await(manager, "^WATCHDOG=1$");
	notify_await(manager, "^WATCHDOG=1$");
	ck_assert_int_eq(daemon_stop(daemon), 0);
	notify_close(manager);
}
END_TEST

/*
 * The drain takes time; a worker that has finished does not count as hanging.
 */
START_TEST(test_the_watchdog_is_told_while_draining)
{
	int manager = notify_open();
	struct daemon *daemon = spawn(prepare_watched);
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello");
	client_hear(fd, "GOT:Hello");
	daemon_signal(daemon, SIGTERM);
	notify_await(manager, "^STOPPING=1\n");
	client_expect_eof(fd);
	for (int i = 0; i < 4; i++)
		notify_await(manager, "^WATCHDOG=1$");
	close(fd);
	ck_assert_int_eq(daemon_end(daemon), 0);
	notify_close(manager);
}
END_TEST

START_TEST(test_a_watchdog_that_is_no_number_is_complained_of)
{
	int manager = notify_open();
	struct daemon *daemon = spawn(prepare_strangely_watched);

	daemon_wait_line(daemon, "^warning: Watchdog disabled: WATCHDOG_USEC "
				 "or WATCHDOG_PID is not a number");
	ck_assert_int_eq(daemon_stop(daemon), 0);
	notify_close(manager);
}
END_TEST

/* The watchdog, once a second, is the clock; the status has five seconds. */
START_TEST(test_the_status_follows_what_happens)
{
	int manager = notify_open();
	struct daemon *daemon = spawn(prepare_slowly_watched);
	int fd;

	/* The line "started" comes before: a client must wait for this. */
	notify_await(manager, "^READY=1\nSTATUS=listening on tcp:[^;]*; "
			      "0 connections, 0 served, 0 messages, 0 B in, "
			      "0 B out$");
	fd = client_connect(daemon_port(daemon, 0));
	client_say(fd, "Hello");
	client_hear(fd, "GOT:Hello");
	notify_await(manager, "^STATUS=listening on tcp:[^;]*; 1 connection, "
			      "1 served, 1 message, 5 B in, 9 B out$");
	for (int i = 0; i < 7; i++)
		notify_expect(manager, "^WATCHDOG=1$");

	daemon_reload(daemon, CONFIG "\nbacklog = 0;");
	notify_await(manager, "^READY=1\nSTATUS=reload refused: [^;]*; "
			      "1 connection, 1 served, ");
	client_say(fd, "World");
	client_hear(fd, "GOT:World");
	notify_await(manager, "^STATUS=reload refused: [^;]*; 1 connection, "
			      "1 served, 2 messages, 10 B in, 18 B out$");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	notify_close(manager);
}
END_TEST

/*
 * The time-out that the control thread waits with in epoll_wait(2), as proc(5)
 * shows it: "NUMBER FIRST SECOND THIRD FOURTH ...", in hexadecimal.
 */
static int
time_out(const struct daemon *daemon)
{
	time_t deadline = time(NULL) + 20;
	char path[64], name[64];
	long number = -1;
	unsigned long fourth = 0;

	snprintf(path, sizeof(path), "/proc/%d/syscall",
		 (int)daemon_pid(daemon));
	snprintf(name, sizeof(name), "/proc/%d/stat", (int)daemon_pid(daemon));
	while (number != SYS_epoll_pwait
#ifdef SYS_epoll_wait
	       && number != SYS_epoll_wait
#endif
	) {
		FILE *file = fopen(path, "r");

		if (!file)
			skip("the kernel does not show system calls");
		ck_assert_int_lt(time(NULL), deadline);
		if (fscanf(file, "%ld %*x %*x %*x %lx", &number, &fourth) < 2)
			number = -1;
		if (number < 0 && ferror(file))
			skip("/proc/PID/syscall is not for us");
		fclose(file);
	}
	return (int)fourth;
}

START_TEST(test_without_a_manager_the_control_thread_sleeps)
{
	struct daemon *daemon = spawn(NULL);

	ck_assert_int_eq(time_out(daemon), -1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_with_one_it_looks_after_the_status)
{
	int manager = notify_open();
	struct daemon *daemon = spawn(notify_prepare);

	ck_assert_int_ge(time_out(daemon), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	notify_close(manager);
}
END_TEST

SUITE(test_a_worker_that_is_stuck_keeps_the_watchdog_waiting,
      test_the_watchdog_is_told_while_draining,
      test_a_watchdog_that_is_no_number_is_complained_of,
      test_the_status_follows_what_happens,
      test_without_a_manager_the_control_thread_sleeps,
      test_with_one_it_looks_after_the_status)
