/*
 * The daemon and syslog(3). The C library uses only /dev/log, so the daemon
 * gets a /dev of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define DROPPED "Log lines dropped count="

#define LISTEN "listen = \"127.0.0.1:0\"; "

static char directory[] = "/tmp/echod-syslog.XXXXXX";
static struct sockaddr_un log_address = { .sun_family = AF_UNIX };

/* False where that takes more rights than we have. */
static bool
enter_own_dev(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/dev", "tmpfs", 0, NULL) == 0;
}

static void
prepare(void)
{
	if (!enter_own_dev() || symlink(log_address.sun_path, "/dev/log") < 0)
		_exit(126);
}

static bool
may_have_own_dev(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(enter_own_dev() ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static int
open_log_socket(int type)
{
	struct timeval deadline = { .tv_sec = 40 };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(log_address.sun_path, sizeof(log_address.sun_path), "%s/log",
		 directory);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&log_address,
			      sizeof(log_address)),
			 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	return fd;
}

/* The socket of syslogd: a datagram for each message. */
static int
open_log(void)
{
	return open_log_socket(SOCK_DGRAM);
}

static void
close_log(int log)
{
	close(log);
	unlink(log_address.sun_path);
	rmdir(directory);
}

/* Reads the next message, which has to match. */
static const char *
expect_message(int log, const char *pattern)
{
	static char text[2048];
	regex_t regex;
	ssize_t length = recv(log, text, sizeof(text) - 1, 0);

	ck_assert_msg(length > 0, "no message but: %s", strerror(errno));
	text[length] = '\0';
	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&regex, text, 0, NULL, 0) == 0, "%s is not as %s",
		      text, pattern);
	regfree(&regex);
	return text;
}

#define STAMP "[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} "

/* As the daemon's message of that priority: "<N>TIME echod[PID]: REST". */
static const char *
expect_log(int log, struct daemon *daemon, int priority, const char *rest)
{
	char pattern[300];

	snprintf(pattern, sizeof(pattern), "^<%d>" STAMP "echod\\[%d\\]: %s",
		 priority, (int)daemon_pid(daemon), rest);
	return expect_message(log, pattern);
}

static struct daemon *
start(const char *config, int log, int priority)
{
	struct daemon_setup setup = { .config = config, .prepare = prepare };
	struct daemon *daemon = daemon_spawn(&setup);

	daemon_read_ports(daemon, expect_log(log, daemon, priority,
					     "echod [0-9.]+ started "));
	return daemon;
}

/* daemon(3) is facility 3, notice 5, info 6, error 3: RFC 5424, 6.2.1. */
START_TEST(test_messages)
{
	struct daemon *daemon;
	int log, fd;

	if (!may_have_own_dev())
		skip("no rights to mount a /dev of our own");
	log = open_log();
	/* "auto": standard error is no terminal here, and syslog is there. */
	daemon = start(LISTEN, log, 3 * 8 + 5);
	fd = client_connect(daemon_port(daemon, 0));
	expect_log(log, daemon, 3 * 8 + 6,
		   "Connection from 127\\.0\\.0\\.1:"
		   "[0-9]+ listener=main conn=1 "
		   "peer=127\\.0\\.0\\.1:[0-9]+$");
	client_say(fd, "Hello\n");
	client_finish(fd);
	client_hear(fd, "GOT:Hello\n");
	client_expect_eof(fd);
	close(fd);
	expect_log(log, daemon, 3 * 8 + 6,
		   "Connection closed .* conn=1 "
		   "reason=eof in=6 out=10 ");

	daemon_configure(daemon, "x = 1;");
	daemon_signal(daemon, SIGHUP);
	expect_log(log, daemon, 3 * 8 + 3, "Reload failed: .*:1: x: ");
	expect_log(log, daemon, 3 * 8 + 3, "Reload failed: keeping ");
	daemon_configure(daemon, LISTEN "log = { facility = \"local3\"; };");
	daemon_signal(daemon, SIGHUP);
	expect_log(log, daemon, 19 * 8 + 5, "echod [0-9.]+ reloaded ");

	daemon_signal(daemon, SIGTERM);
	expect_log(log, daemon, 19 * 8 + 5, "Draining signal=SIGTERM ");
	expect_log(log, daemon, 19 * 8 + 5, "Drained closed=0 forced=0$");
	ck_assert_uint_eq(daemon_count_lines(daemon, "."), 0);
	ck_assert_int_eq(daemon_end(daemon), 0);
	close_log(log);
}
END_TEST

START_TEST(test_facility)
{
	struct daemon *daemon;
	int log;

	if (!may_have_own_dev())
		skip("no rights to mount a /dev of our own");
	log = open_log();
	daemon = start(LISTEN
		       "log = { to = \"syslog\"; facility = \"user\"; };",
		       log, 1 * 8 + 5);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close_log(log);
}
END_TEST

/* A /dev without a log, as in a container. */
static void
prepare_without_log(void)
{
	if (!enter_own_dev())
		_exit(126);
}

START_TEST(test_unreachable)
{
	struct daemon_setup setup = {
		.config = LISTEN,
		.prepare = prepare_without_log,
	};
	struct daemon *daemon;

	if (!may_have_own_dev())
		skip("no rights to mount a /dev of our own");
	daemon = daemon_spawn(&setup);
	daemon_wait_started(daemon);
	daemon_wait_line(daemon, "^echod .* started .* log=stderr listening=");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning: "), 0);
	daemon_reload(daemon, LISTEN "log = { facility = \"local3\"; };");
	daemon_wait_line(daemon, "^warning: Facility not used log=stderr: ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* The setting stays as it is, and standard error has a warning. */
START_TEST(test_set_but_unreachable)
{
	struct daemon_setup setup = {
		.config = LISTEN "log = { to = \"syslog\"; };",
		.prepare = prepare_without_log,
	};
	struct daemon *daemon;

	if (!may_have_own_dev())
		skip("no rights to mount a /dev of our own");
	daemon = daemon_spawn(&setup);
	daemon_wait_line(daemon, "^warning: Syslog cannot be reached: /dev/log"
				 ": No such file or directory$");
	daemon_signal(daemon, SIGHUP);
	daemon_wait_lines(daemon, "^warning: Syslog cannot be reached: ", 2);
	daemon_signal(daemon, SIGTERM);
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

/* Standard error is a full pipe to standard input, which nobody reads. */
static void
prepare_full_pipe(void)
{
	char page[4096] = "";
	int ends[2];

	prepare();
	if (pipe(ends) < 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0)
		_exit(126);
	while (write(ends[1], page, sizeof(page)) > 0)
		;
	if (fcntl(ends[1], F_SETFL, 0) < 0 || dup2(ends[0], STDIN_FILENO) < 0 ||
	    dup2(ends[1], STDERR_FILENO) < 0)
		_exit(126);
}

/* The warning that there is no syslog any more does not block the daemon. */
START_TEST(test_full_pipe)
{
	struct daemon_setup setup = {
		.config = LISTEN "log = { to = \"syslog\"; };",
		.prepare = prepare_full_pipe,
	};
	struct daemon *daemon;
	int log;

	if (!may_have_own_dev())
		skip("no rights to mount a /dev of our own");
	log = open_log();
	daemon = daemon_spawn(&setup);
	expect_log(log, daemon, 3 * 8 + 5, "echod [0-9.]+ started ");
	close_log(log);
	/* The kernel delivers them in the order of their numbers. */
	daemon_signal(daemon, SIGHUP);
	daemon_signal(daemon, SIGTERM);
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

/* The socket is there, but nobody has it open. */
START_TEST(test_refused)
{
	struct daemon_setup setup = {
		.config = LISTEN "log = { facility = \"local3\"; };",
		.prepare = prepare,
	};
	struct daemon *daemon;
	int log;

	if (!may_have_own_dev())
		skip("no rights to mount a /dev of our own");
	log = open_log();
	close(log);
	daemon = daemon_spawn(&setup);
	daemon_wait_started(daemon);
	daemon_wait_line(daemon, "^warning: Facility not used log=stderr: ");

	/* A syslog that comes later changes nothing. */
	unlink(log_address.sun_path);
	rmdir(directory);
	strcpy(strrchr(directory, '.'), ".XXXXXX");
	daemon_reload(daemon, LISTEN);
	daemon_wait_line(daemon, "^echod .* reloaded .* log=stderr ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* systemd.exec(5): the device and inode number of standard error. */
static void
prepare_journal(void)
{
	char stream[48];
	struct stat st;

	prepare();
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu",
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

START_TEST(test_journal)
{
	struct daemon_setup setup = {
		.config = LISTEN,
		.prepare = prepare_journal,
	};
	struct daemon *daemon;
	int log;

	if (!may_have_own_dev())
		skip("no rights to mount a /dev of our own");
	log = open_log();
	daemon = daemon_spawn(&setup);
	daemon_wait_started(daemon);
	daemon_wait_line(daemon, "^<5>echod .* started .* log=stderr ");

	/* Syslog, if the file asks for it. */
	daemon_configure(daemon, LISTEN "log = { to = \"syslog\"; };");
	daemon_signal(daemon, SIGHUP);
	expect_log(log, daemon, 3 * 8 + 5, "echod .* reloaded .* log=syslog ");
	daemon_configure(daemon, LISTEN);
	daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon, "^<5>echod .* reloaded .* log=stderr ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close_log(log);
}
END_TEST

/* Some log daemons have a stream socket. */
START_TEST(test_stream_socket)
{
	struct daemon_setup setup = { .config = LISTEN, .prepare = prepare };
	char text[300] = "";
	struct daemon *daemon;
	int log, fd;

	if (!may_have_own_dev())
		skip("no rights to mount a /dev of our own");
	log = open_log_socket(SOCK_STREAM);
	ck_assert_int_eq(listen(log, 10), 0);
	daemon = daemon_spawn(&setup);
	/* The first connection only finds out that it is there. */
	close(accept(log, NULL, NULL));
	fd = accept(log, NULL, NULL);
	for (size_t at = 0; !strstr(text, " log=syslog "); at++)
		ck_assert_int_eq(recv(fd, text + at, 1, 0), 1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close(fd);
	close_log(log);
}
END_TEST

/* A log daemon that hangs does not disturb the echo. */
START_TEST(test_hung)
{
	enum { CLIENTS = 3000 };
	struct daemon *daemon;
	int log, sender;

	if (!may_have_own_dev())
		skip("no rights to mount a /dev of our own");
	log = open_log();
	daemon = start(LISTEN "log = { rate = 0; };", log, 3 * 8 + 5);
	for (int i = 0; i < CLIENTS; i++) {
		int fd = client_connect(daemon_port(daemon, 0));

		client_say_hello(fd);
		close(fd);
	}

	/* The log daemon hangs: the socket has no room for another message. */
	sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(sendto(sender, "x", 1, MSG_DONTWAIT,
				(struct sockaddr *)&log_address,
				sizeof(log_address)),
			 -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(sender);

	ck_assert_int_eq(daemon_stop(daemon), 0);
	close_log(log);
}
END_TEST
FAULT(31, test_hung)

/* A log daemon that resumes gets the rest, and the number of lost lines. */
START_TEST(test_recovers)
{
	enum { CLIENTS = 4000, LINES = 2 * CLIENTS };
	struct daemon *daemon;
	unsigned long long lost = 0;
	char text[2048];
	int lines = 0;
	int log;

	if (!may_have_own_dev())
		skip("no rights to mount a /dev of our own");
	log = open_log();
	daemon = start(LISTEN "log = { rate = 0; };", log, 3 * 8 + 5);
	for (int i = 0; i < CLIENTS; i++) {
		int fd = client_connect(daemon_port(daemon, 0));

		client_say(fd, "x");
		client_hear(fd, "GOT:x");
		close(fd);
	}
	while (lost + (unsigned)lines < LINES) {
		ssize_t length = recv(log, text, sizeof(text) - 1, 0);

		ck_assert_msg(length > 0, "%d lines and %llu dropped of %d",
			      lines, lost, LINES);
		text[length] = '\0';
		char *dropped = strstr(text, "]: " DROPPED);
		if (dropped) {
			lost += strtoull(dropped + strlen("]: " DROPPED), NULL,
					 10);
		} else {
			ck_assert_ptr_nonnull(strstr(text, "Connection "));
			lines++;
		}
	}
	ck_assert_uint_eq(lost + (unsigned)lines, LINES);
	ck_assert_uint_gt(lost, 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close_log(log);
}
END_TEST
FAULT(31, test_recovers)

SUITE(test_messages, test_facility, test_unreachable, test_set_but_unreachable,
      test_full_pipe, test_refused, test_journal, test_stream_socket, test_hung,
      test_recovers)
