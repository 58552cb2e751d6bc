/* Settings from the command line and from a stream; what a reload does then. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/suite.h"

/* Standard input of the daemon, and its other end. */
static int input[2];

static struct daemon *
start(const struct daemon_setup *setup)
{
	struct daemon *daemon = daemon_spawn(setup);

	daemon_wait_started(daemon);
	return daemon;
}

static void
expect_echo(const struct daemon *daemon, const char *echo)
{
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "hi");
	client_hear(fd, echo);
	client_end(fd);
}

static void
expect_datagram(const struct daemon *daemon, const char *echo)
{
	int fd = udp_client("127.0.0.1:0", daemon_port(daemon, 1));
	char answer[64] = "";

	ck_assert_int_eq(send(fd, "hi", 2, 0), 2);
	ck_assert_int_gt(recv(fd, answer, sizeof(answer) - 1, 0), 0);
	ck_assert_str_eq(answer, echo);
	close(fd);
}

static void
reload_without_a_file(struct daemon *daemon)
{
	unsigned port = daemon_port(daemon, 0);

	daemon_forget(daemon);
	daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon, "^Reload reads no file: ");
	daemon_read_ports(daemon, daemon_wait_line(daemon, " reloaded "));
	ck_assert_uint_eq(daemon_port(daemon, 0), port);
}

START_TEST(test_listen_without_a_file)
{
	struct daemon_setup setup = {
		.arguments = { "-e", "--listen=127.0.0.1:0",
			       "--listen=udp:127.0.0.1:0", "--prefix=" },
	};
	struct daemon *daemon = start(&setup);

	expect_echo(daemon, "hi");
	expect_datagram(daemon, "hi");
	reload_without_a_file(daemon);
	expect_echo(daemon, "hi");
	expect_datagram(daemon, "hi");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_status_without_a_file)
{
	struct daemon_setup setup = {
		.arguments = { "-e", "-l127.0.0.1:0", "-s127.0.0.1:0" },
	};
	struct daemon *daemon = start(&setup);

	daemon_wait_line(daemon, "^Status on http://127\\.0\\.0\\.1:");
	expect_echo(daemon, "GOT:hi");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* The file is read again, and the command line wins again. */
START_TEST(test_options_win_at_a_reload)
{
	struct daemon_setup setup = {
		.config = "listen = \"127.0.0.1:1\"; prefix = \"file:\";",
		.arguments = { "-e", "-l127.0.0.1:0", "-poption:" },
	};
	struct daemon *daemon = start(&setup);
	unsigned port = daemon_port(daemon, 0);
	const char *line;

	expect_echo(daemon, "option:hi");
	line = daemon_reload(daemon,
			     "listen = \"127.0.0.1:2\"; prefix = \"new:\"; "
			     "chunk_size = 1;");
	ck_assert_ptr_nonnull(strstr(line, " reloaded "));
	ck_assert_uint_eq(daemon_port(daemon, 0), port);
	expect_echo(daemon, "option:hoption:i");

	line = daemon_reload(daemon, "prefix = 5; chunk_size = 0;");
	ck_assert_ptr_nonnull(strstr(line, "keeping the running"));
	daemon_wait_line(daemon, ":1: chunk_size: 0 is not in ");
	expect_echo(daemon, "option:hoption:i");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static void
take_input(void)
{
	dup2(input[0], STDIN_FILENO);
}

static void
check_stream(const char *path)
{
	static const char text[] =
		"listen = \"127.0.0.1:0\"; prefix = \"stream:\";";
	struct daemon_setup setup = {
		.arguments = { "-e", "-c", path },
		.prepare = take_input,
	};
	struct daemon *daemon;

	ck_assert_int_eq(pipe(input), 0);
	ck_assert_int_eq(write(input[1], text, strlen(text)),
			 (ssize_t)strlen(text));
	daemon = daemon_spawn(&setup);
	close(input[0]);
	close(input[1]);
	daemon_wait_started(daemon);
	expect_echo(daemon, "stream:hi");
	reload_without_a_file(daemon);
	expect_echo(daemon, "stream:hi");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

START_TEST(test_standard_input)
{
	check_stream("-");
}
END_TEST

START_TEST(test_dev_stdin)
{
	check_stream("/dev/stdin");
}
END_TEST

/* Closed, as in some containers: an error, no wait. */
static void
close_input(void)
{
	close(STDIN_FILENO);
}

START_TEST(test_no_standard_input)
{
	struct daemon_setup setup = { .arguments = { "-e", "-c", "-" } };
	struct daemon *daemon = daemon_spawn(&setup);

	/* It is /dev/null. */
	daemon_wait_line(daemon, "^echod: standard input: .* no settings");
	ck_assert_int_eq(daemon_end(daemon), EX_CONFIG);

	setup.prepare = close_input;
	daemon = daemon_spawn(&setup);
	daemon_wait_line(daemon, "^echod: standard input: Bad file descriptor");
	ck_assert_int_eq(daemon_end(daemon), EX_CONFIG);
}
END_TEST

static pid_t
run_with_input(void)
{
	const char *echod = getenv("ECHOD");
	pid_t pid = fork();

	if (pid == 0) {
		take_input();
		close(input[1]);
		execl(echod, echod, "-e", "-c", "-", NULL);
		_exit(127);
	}
	close(input[0]);
	return pid;
}

/* The signals are blocked before, and a terminal must not lose its Ctrl-C. */
START_TEST(test_signals_end_the_wait)
{
	static const int numbers[] = { SIGINT, SIGTERM };

	for (int i = 0; i < 2; i++) {
		int left = 1, status;
		pid_t pid;

		ck_assert_int_eq(pipe(input), 0);
		pid = run_with_input();
		ck_assert_int_gt(pid, 0);
		ck_assert_int_eq(write(input[1], "#", 1), 1);
		/* Until it reads, and waits for more. */
		while (left > 0)
			ck_assert_int_eq(ioctl(input[1], FIONREAD, &left), 0);
		ck_assert_int_eq(kill(pid, numbers[i]), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
		ck_assert_int_eq(WTERMSIG(status), numbers[i]);
		close(input[1]);
	}
}
END_TEST

START_TEST(test_errors_of_the_command_line)
{
	struct daemon_setup setup = {
		.arguments = { "-e", "--listen=192.0.2.1:0" },
	};
	struct daemon *daemon = daemon_spawn(&setup);

	/* TEST-NET-1 of RFC 5737 is assigned to no host. */
	daemon_wait_line(daemon, "^command line: listen: cannot listen on "
				 "tcp:192\\.0\\.2\\.1:0: ");
	ck_assert_int_eq(daemon_end(daemon), EX_OSERR);

	setup.arguments[1] = "--listen=127.0.0.1";
	daemon = daemon_spawn(&setup);
	daemon_wait_line(daemon, "^command line: listen: ");
	ck_assert_int_eq(daemon_end(daemon), EX_CONFIG);
}
END_TEST

SUITE(test_listen_without_a_file, test_status_without_a_file,
      test_options_win_at_a_reload, test_standard_input, test_dev_stdin,
      test_no_standard_input, test_signals_end_the_wait,
      test_errors_of_the_command_line)
