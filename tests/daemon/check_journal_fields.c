/*
 * The daemon and the journal's native protocol. The path of the socket is
 * fixed, so the daemon gets a /run of the test's own.
 */
#include <errno.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/http_client.h"

#define TO_JOURNAL LISTEN "log = { to = \"journal\"; facility = \"local3\"; };"

static char directory[] = "/tmp/echod-journal.XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };

/* False if that needs more rights than we have. */
static bool
enter_own_run(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0;
}

static void
prepare(void)
{
	if (!enter_own_run() || mkdir("/run/systemd", 0755) < 0 ||
	    mkdir("/run/systemd/journal", 0755) < 0 ||
	    symlink(address.sun_path, "/run/systemd/journal/socket") < 0)
		_exit(126);
}

static void
need_own_run(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(enter_own_run() ? 0 : 1);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		skip("no rights to mount a /run of our own");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket",
		 directory);
}

static int
open_journal(void)
{
	struct timeval deadline = { .tv_sec = 40 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	return fd;
}

static void
close_journal(int journal)
{
	close(journal);
	unlink(address.sun_path);
	rmdir(directory);
}

static const char *
next_message(int journal)
{
	static char text[8192];
	ssize_t length = recv(journal, text, sizeof(text) - 1, 0);

	ck_assert_msg(length > 0, "no message but: %s", strerror(errno));
	text[length] = '\0';
	return text;
}

static void
expect_match(const char *text, const char *pattern)
{
	regex_t regex;

	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&regex, text, 0, NULL, 0) == 0, "%s is not as %s",
		      text, pattern);
	regfree(&regex);
}

/* The next message is of that priority, and has this line and these fields. */
static const char *
expect_message(int journal, struct daemon *daemon, int priority,
	       const char *line, const char *fields)
{
	const char *text = next_message(journal);
	char pattern[400];

	snprintf(pattern, sizeof(pattern),
		 "^MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=echod\n"
		 "SYSLOG_FACILITY=19\nSYSLOG_PID=%d\n%s$",
		 line, priority, (int)daemon_pid(daemon), fields);
	expect_match(text, pattern);
	return text;
}

static struct daemon *
start(const char *config)
{
	struct daemon_setup setup = { .config = config, .prepare = prepare };

	return daemon_spawn(&setup);
}

START_TEST(test_fields)
{
	struct daemon *daemon;
	int journal, fd;

	need_own_run();
	journal = open_journal();
	daemon = start(TO_JOURNAL);
	daemon_read_ports(daemon,
			  expect_message(journal, daemon, 5,
					 "echod [0-9.]+ started [^\n]*",
					 ".*\nLOG=journal\nLISTENING="
					 "tcp:127\\.0\\.0\\.1:[0-9]+\n"));
	fd = client_connect(daemon_port(daemon, 0));
	client_say_hello(fd);
	client_end(fd);
	expect_message(journal, daemon, 6,
		       "Connection from 127\\.0\\.0\\.1:[0-9]+ listener=main "
		       "conn=1 peer=127[0-9.:]+",
		       "LISTENER=main\nCONN=1\nPEER=127\\.0\\.0\\.1:[0-9]+\n");
	expect_message(journal, daemon, 6, "Connection closed [^\n]*",
		       "LISTENER=main\nCONN=1\nREASON=eof\nIN=6\nOUT=10\n"
		       "SECONDS=[0-9.]+\nPEER=127\\.0\\.0\\.1:[0-9]+\n");

	daemon_configure(daemon, "x = \"a\\nb\";");
	daemon_signal(daemon, SIGHUP);
	expect_message(journal, daemon, 3, "Reload failed: [^\n]*",
		       "CAUSE=.*:1: x: .*\n");
	expect_message(journal, daemon, 3, "Reload failed: keeping [^\n]*",
		       "CAUSE=keeping the running configuration\n");
	daemon_signal(daemon, SIGTERM);
	expect_message(journal, daemon, 5, "Draining [^\n]*",
		       "SIGNAL=SIGTERM\nCONNECTIONS=0\n");
	expect_message(journal, daemon, 5, "Drained [^\n]*",
		       "CLOSED=0\nFORCED=0\n");
	ck_assert_uint_eq(daemon_count_lines(daemon, "."), 0);
	ck_assert_int_eq(daemon_end(daemon), 0);
	close_journal(journal);
}
END_TEST

START_TEST(test_reload)
{
	struct daemon *daemon;
	int journal;

	need_own_run();
	journal = open_journal();
	daemon = start(LISTEN "log = { to = \"stderr\"; };");
	daemon_wait_started(daemon);
	daemon_configure(daemon, TO_JOURNAL);
	daemon_signal(daemon, SIGHUP);
	expect_message(journal, daemon, 5, "echod [0-9.]+ reloaded [^\n]*",
		       ".*\nLOG=journal\n.*");
	daemon_reload(daemon, LISTEN "log = { to = \"stderr\"; };");
	daemon_wait_line(daemon, "^echod .* reloaded .* log=stderr ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close_journal(journal);
}
END_TEST

static double
metric(unsigned port, const char *name)
{
	const char *at = strstr(ask(port, GET("/metrics") CLOSE), name);

	ck_assert_ptr_nonnull(at);
	return strtod(at + strlen(name), NULL);
}

/* Until a line is lost, and the first report of this, a second later, too. */
static void
wait_lost_report(unsigned port)
{
	double lost_at;

	while (metric(port, "\nechod_log_lines_dropped_total ") == 0)
		;
	lost_at = metric(port, "\nechod_uptime_seconds ");
	while (metric(port, "\nechod_uptime_seconds ") < lost_at + 3)
		;
}

/* The lines that the journal did not get are counted, and it learns that. */
START_TEST(test_journal_that_is_down)
{
	struct daemon *daemon;
	unsigned port;
	int journal;

	need_own_run();
	daemon = start(STATUS LISTEN "log = { to = \"stderr\"; };");
	daemon_wait_started(daemon);
	port = status_port(daemon);
	daemon_configure(daemon, STATUS TO_JOURNAL);
	daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon,
			 "^warning: Journal cannot be reached: "
			 "/run/systemd/journal/socket: No such file or ");
	daemon_forget(daemon);
	wait_lost_report(port);
	journal = open_journal();
	/* The rest of the lines can come first. */
	for (;;) {
		const char *text = next_message(journal);

		if (strncmp(text, "MESSAGE=Log ", 12) != 0)
			continue;
		expect_match(text, "^MESSAGE=Log lines dropped count=[1-3]: "
				   ".*\nPRIORITY=4\n.*\nCOUNT=[1-3]\n"
				   "CAUSE=the log was slow ");
		break;
	}
	ck_assert_uint_eq(daemon_count_lines(daemon, "."), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close_journal(journal);
}
END_TEST
FAULT(31, test_journal_that_is_down)

/* A journald that hangs blocks no worker; every line is written or counted. */
START_TEST(test_journal_that_hangs)
{
	enum { CLIENTS = 3000 };
	struct daemon *daemon;
	unsigned long long written = 0, dropped = 0;
	int journal;

	need_own_run();
	journal = open_journal();
	daemon = start(LISTEN "log = { to = \"journal\"; rate = 0; };");
	daemon_read_ports(daemon, next_message(journal));
	for (int i = 0; i < CLIENTS; i++) {
		int fd = client_connect(daemon_port(daemon, 0));

		client_say_hello(fd);
		client_end(fd);
	}
	while (written + dropped < 2 * CLIENTS) {
		const char *text = next_message(journal);

		if (strncmp(text, "MESSAGE=Connection ", 19) == 0)
			written++;
		else
			dropped += strtoull(strstr(text, "\nCOUNT=") + 7, NULL,
					    10);
	}
	ck_assert_uint_eq(written + dropped, 2 * CLIENTS);
	ck_assert_uint_gt(dropped, 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close_journal(journal);
}
END_TEST
FAULT(31, test_journal_that_hangs)

SUITE(test_fields, test_reload, test_journal_that_is_down,
      test_journal_that_hangs)
