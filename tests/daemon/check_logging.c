/* The log on standard error: sink, level, rate limit. */
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "

/* Connects, exchanges a line, closes; waits until the daemon has closed. */
static void
probe(struct daemon *daemon)
{
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello\n");
	client_finish(fd);
	client_hear(fd, "GOT:Hello\n");
	client_expect_eof(fd);
	close(fd);
	daemon_wait_counter(daemon, "open", 0);
}

START_TEST(test_to_stderr)
{
	struct daemon_setup setup = {
		.config = LISTEN "log = { to = \"stderr\"; };",
	};
	struct daemon *daemon = daemon_spawn(&setup);

	daemon_wait_started(daemon);
	probe(daemon);
	daemon_wait_line(daemon, "^Connection closed ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_option_wins)
{
	struct daemon *daemon =
		daemon_start(LISTEN "log = { to = \"syslog\"; };");

	probe(daemon);
	daemon_wait_line(daemon, "^Connection closed ");
	daemon_reload(daemon, LISTEN "log = { to = \"syslog\"; }; "
				     "prefix = \"GOT:\";");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* "auto": the daemon logs to standard error if it is a terminal. */
START_TEST(test_terminal)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct daemon_setup setup = { .config = LISTEN };
	char line[256] = "";
	FILE *log;

	if (terminal < 0 || grantpt(terminal) < 0 || unlockpt(terminal) < 0)
		skip("no pseudo-terminals here");
	setup.terminal = ptsname(terminal);
	struct daemon *daemon = daemon_spawn(&setup);
	log = fdopen(terminal, "r");
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), log));
	ck_assert_msg(strstr(line, " started ") != NULL, "%s", line);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	fclose(log);
}
END_TEST

/* Runs a daemon with a pipe for its standard error; returns the reader. */
static FILE *
start_raw(struct daemon_setup *setup, char path[64], struct daemon **daemon)
{
	int fd;

	strcpy(path, "/tmp/echod-stderr.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	strcat(path, "/fifo");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	setup->terminal = path;
	*daemon = daemon_spawn(setup);
	return fdopen(fd, "r");
}

static void
expect_raw(FILE *log, const char *pattern)
{
	char line[1024] = "";
	regex_t regex;

	ck_assert_ptr_nonnull(fgets(line, sizeof(line), log));
	line[strcspn(line, "\n")] = '\0';
	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&regex, line, 0, NULL, 0) == 0, "%s is not as %s",
		      line, pattern);
	regfree(&regex);
}

static void
end_raw(FILE *log, char *path)
{
	fclose(log);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

/* The time is before the level; it is that of the line. */
START_TEST(test_time)
{
	struct daemon_setup setup = {
		.config = LISTEN "log = { to = \"stderr\"; };",
	};
	char path[64], minute[32];
	time_t now = time(NULL);
	struct daemon *daemon;
	FILE *log;

	/* Not in the last seconds of an hour. */
	strftime(minute, sizeof(minute), "^%Y-%m-%dT%H:|T..:00:", gmtime(&now));
	log = start_raw(&setup, path, &daemon);
	expect_raw(log, minute);
	daemon_configure(daemon, "x = 1;");
	daemon_signal(daemon, SIGHUP);
	expect_raw(log, "^" TIME " error: Reload failed: .*:1: x: ");
	expect_raw(log, "^" TIME " error: Reload failed: keeping ");
	daemon_signal(daemon, SIGTERM);
	expect_raw(log, "^" TIME " Draining signal=SIGTERM ");
	ck_assert_int_eq(daemon_end(daemon), 0);
	end_raw(log, path);
}
END_TEST

/* The lines before the log starts, and those of -t, have no time. */
START_TEST(test_no_time_without_a_log)
{
	struct daemon_setup setup = { .config = "x = 1;" };
	char path[64];
	struct daemon *daemon;
	FILE *log = start_raw(&setup, path, &daemon);

	expect_raw(log, "^/.*echod\\.conf:1: x: ");
	ck_assert_int_eq(daemon_end(daemon), 78);
	end_raw(log, path);
}
END_TEST

START_TEST(test_json)
{
	struct daemon_setup setup = {
		.config = LISTEN
		"log = { to = \"stderr\"; format = \"json\"; };",
	};
	char path[64];
	struct daemon *daemon;
	FILE *log = start_raw(&setup, path, &daemon);

	expect_raw(log, "^\\{\"time\":\"" TIME "\",\"level\":\"notice\","
			"\"message\":\"echod [0-9.]+ started\","
			"\"workers\":[0-9]+,\"cpus\":[0-9]+,.*"
			"\"listening\":\"tcp:127\\.0\\.0\\.1:[0-9]+\"\\}$");
	daemon_configure(daemon, "listen = \"\\\"\\x1b\\xff\";");
	daemon_signal(daemon, SIGHUP);
	expect_raw(log, "^\\{\"time\":\"" TIME "\",\"level\":\"error\","
			"\"message\":\"Reload failed\",\"cause\":\"/.*:1: "
			"listen: .*\\\\\".*\\\\u001b.*\\\\xff.*\"\\}$");
	daemon_signal(daemon, SIGTERM);
	ck_assert_int_eq(daemon_end(daemon), 0);
	end_raw(log, path);
}
END_TEST

/* It must not end the value, or make the line one of another form. */
START_TEST(test_space_in_path)
{
	struct daemon *daemon = daemon_start(LISTEN);

	daemon_configure(daemon, "listen = \"unix:/tmp/echod log a=b\";"
				 "log = { format = \"json\"; };");
	daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon,
			 "^\\{.*\"message\":\"echod [0-9.]+ reloaded\",.*"
			 "\"listening\":\"unix:/tmp/echod\\\\\\\\x20log"
			 "\\\\\\\\x20a=b\"\\}$");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
START_TEST(test_format_at_reload)
{
	struct daemon *daemon = daemon_start(LISTEN);
	int fd;

	daemon_configure(daemon, LISTEN "log = { format = \"json\"; };");
	daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon,
			 "^\\{.*\"message\":\"echod [0-9.]+ reloaded\"");
	fd = client_connect(daemon_port(daemon, 0));
	client_say_hello(fd);
	client_end(fd);
	daemon_wait_line(daemon, "^\\{.*\"message\":\"Connection closed "
				 "127[0-9.:]+\",\"listener\":\"main\","
				 "\"conn\":1,\"reason\":\"eof\",\"in\":6,"
				 "\"out\":10,\"seconds\":[0-9.]+,"
				 "\"peer\":\"127[0-9.:]+\"\\}$");
	daemon_reload(daemon, LISTEN);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Connects until the answer to "x" is this one, of five bytes. */
static void
wait_prefix(unsigned port, const char *answer)
{
	char got[5];

	do {
		int fd = client_connect(port);

		client_say(fd, "x");
		ck_assert_int_eq(recv(fd, got, 5, MSG_WAITALL), 5);
		close(fd);
	} while (memcmp(got, answer, 5) != 0);
}

/* An unread standard error blocks neither service nor exit. */
START_TEST(test_hung_stderr)
{
	enum { CLIENTS = 3000 };
	char path[] = "/tmp/echod-stderr.XXXXXX";
	char fifo[64], line[256] = "";
	struct daemon_setup setup = {
		.config = LISTEN "log = { rate = 0; };",
		.arguments = { "-e" },
		.terminal = fifo,
	};
	struct daemon *daemon;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(path));
	snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDWR | O_CLOEXEC);
	daemon = daemon_spawn(&setup);
	for (size_t at = 0; at == 0 || line[at - 1] != '\n'; at++)
		ck_assert_int_eq(read(fd, line + at, 1), 1);
	daemon_read_ports(daemon, line);

	for (int i = 0; i < CLIENTS; i++) {
		int client = client_connect(daemon_port(daemon, 0));

		client_say_hello(client);
		close(client);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close(fd);
	unlink(fifo);
	rmdir(path);
}
END_TEST
FAULT(31, test_hung_stderr)

START_TEST(test_level)
{
	struct daemon *daemon =
		daemon_start(LISTEN "log = { level = \"notice\"; };");

	probe(daemon);
	daemon_reload(daemon, LISTEN "log = { level = \"info\"; };");
	probe(daemon);
	daemon_wait_line(daemon, "^Connection closed .* conn=2 ");

	daemon_forget(daemon);
	daemon_configure(daemon, LISTEN "log = { level = \"error\"; }; "
					"prefix = \"new:\";");
	daemon_signal(daemon, SIGHUP);
	wait_prefix(daemon_port(daemon, 0), "new:x");
	daemon_configure(daemon, "y = 1;");
	daemon_signal(daemon, SIGHUP);
	/* The previous reload may still be running. */
	daemon_wait_line(daemon,
			 "^error: Reload failed: (keeping|continuing with)");
	ck_assert_uint_eq(daemon_count_lines(daemon, " reloaded "), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_level_hides)
{
	struct daemon *daemon =
		daemon_start(LISTEN "log = { level = \"notice\"; };");

	probe(daemon);
	probe(daemon);
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Connection "), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_no_connections)
{
	struct daemon *daemon = daemon_start(
		LISTEN "max_connections = 1; log = { connections = false; };");
	int fd, refused;

	probe(daemon);
	fd = client_connect(daemon_port(daemon, 0));
	client_say(fd, "x");
	client_hear(fd, "GOT:x");
	refused = client_connect(daemon_port(daemon, 0));
	client_wait_closed(refused);
	daemon_wait_line(daemon, "^Connection refused ");
	ck_assert_uint_eq(
		daemon_count_lines(daemon, "^Connection (from|closed)"), 0);
	daemon_reload(daemon, LISTEN "log = { connections = true; };");
	close(fd);
	close(refused);
	daemon_wait_line(daemon, "^Connection closed ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Every line that peers cause is written or counted. */
START_TEST(test_rate)
{
	enum { CLIENTS = 100, RATE = 5 };
	struct daemon *daemon = daemon_start(LISTEN "log = { rate = 5; };");
	unsigned long long suppressed = 0;
	size_t written = 0;

	for (int i = 0; i < CLIENTS; i++) {
		int fd = client_connect(daemon_port(daemon, 0));

		client_say_hello(fd);
		client_end(fd);
	}
	/* One by one, because either kind may be last. */
	for (size_t n = 1; suppressed + written < 2 * CLIENTS; n++) {
		const char *line = daemon_wait_lines(
			daemon,
			"^Connection (from|closed)|^Log lines suppressed "
			"count=[0-9]+ rate=5$",
			n);

		if (line[0] == 'C')
			written++;
		else
			suppressed += strtoull(strchr(line, '=') + 1, NULL, 10);
	}
	ck_assert_uint_eq(suppressed + written, 2 * CLIENTS);
	ck_assert_uint_ge(written, RATE);
	/*
	 * A few seconds may begin meanwhile, but not one for every five lines.
	 */
	ck_assert_uint_lt(written, CLIENTS);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(32, test_rate)

START_TEST(test_no_rate)
{
	enum { CLIENTS = 1000 };
	struct daemon *daemon = daemon_start(LISTEN "log = { rate = 0; };");

	for (int i = 0; i < CLIENTS; i++) {
		int fd = client_connect(daemon_port(daemon, 0));

		client_say_hello(fd);
		client_end(fd);
	}
	daemon_wait_lines(daemon,
			  "^Connection closed .* reason=eof in=6 out=10",
			  CLIENTS);
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Connection from"),
			  CLIENTS);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Control characters in a line are escaped. */
START_TEST(test_control_characters)
{
	struct daemon *daemon = daemon_start(LISTEN);

	daemon_reload(daemon, "listen = \"1.2.3.4:\\x1b[2J\\x07\";");
	daemon_wait_line(daemon, "^error: Reload failed: .*:1: listen: "
				 ".*\\\\x1b\\[2J\\\\x07");
	ck_assert_uint_eq(daemon_count_lines(daemon, "[\x01-\x1f\x7f]"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_backlog_capped)
{
	FILE *file = fopen("/proc/sys/net/core/somaxconn", "r");
	struct daemon *daemon;
	char pattern[100];
	int most = 0;

	if (!file || fscanf(file, "%d", &most) != 1 || most >= 65535)
		skip("the kernel does not cap a backlog of 65535");
	fclose(file);
	daemon = daemon_start(LISTEN "workers = 2; backlog = 65535;");
	snprintf(pattern, sizeof(pattern),
		 "^Backlog capped tcp:127\\.0\\.0\\.1:[0-9]+ "
		 "configured=65535 actual=%d: net.core.somaxconn",
		 most);
	daemon_wait_line(daemon, pattern);
	probe(daemon);
	ck_assert_uint_eq(daemon_count_lines(daemon, "Backlog capped"), 1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(7, test_backlog_capped)

START_TEST(test_verbose)
{
	struct daemon_setup setup = {
		.config = LISTEN "log = { level = \"error\"; };",
		.arguments = { "-e", "-v" },
	};
	struct daemon *daemon = daemon_spawn(&setup);

	daemon_wait_started(daemon);
	probe(daemon);
	daemon_wait_line(daemon, "^Connection closed ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_to_stderr, test_option_wins, test_terminal, test_time,
      test_no_time_without_a_log, test_json, test_space_in_path,
      test_format_at_reload, test_hung_stderr, test_level, test_level_hides,
      test_no_connections, test_rate, test_no_rate, test_control_characters,
      test_backlog_capped, test_verbose)
