/* echod --reload: it ends with the reload, and with its result. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "

static char directory[] = "/tmp/echod-runtime.XXXXXX";
static char said[4096]; /* by the last reload() */

/* The unit can have several directories; echod uses the first one. */
static void
set_directory(void)
{
	char several[64];

	snprintf(several, sizeof(several), "%s:/nowhere", directory);
	setenv("RUNTIME_DIRECTORY", several, 1);
}

static struct daemon *
start(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	return daemon_start_prepared(LISTEN, set_directory);
}

static void
stop(struct daemon *daemon)
{
	ck_assert_int_eq(daemon_stop(daemon), 0);
	/* The command has left nothing there. */
	ck_assert_int_eq(rmdir(directory), 0);
}

/* Runs `echod --reload=PID`. */
static FILE *
begin_reload(const char *pid)
{
	char command[256];
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "exec timeout 60 \"$ECHOD\" --reload=%s 2>&1", pid);
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	return pipe;
}

/* Its exit status; `said` is its standard error. */
static int
end_reload(FILE *pipe)
{
	size_t length = fread(said, 1, sizeof(said) - 1, pipe);
	int status = pclose(pipe);

	said[length] = '\0';
	ck_assert_int_ne(WIFEXITED(status), 0);
	return WEXITSTATUS(status);
}

static int
reload(const char *pid)
{
	return end_reload(begin_reload(pid));
}

static FILE *
begin_reload_of(const struct daemon *daemon)
{
	char pid[16];

	set_directory();
	snprintf(pid, sizeof(pid), "%d", (int)daemon_pid(daemon));
	return begin_reload(pid);
}

static int
reload_daemon(const struct daemon *daemon)
{
	return end_reload(begin_reload_of(daemon));
}

static void
expect_prefix(struct daemon *daemon, const char *prefix)
{
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "x");
	client_hear(fd, prefix);
	close(fd);
}

START_TEST(test_result)
{
	struct daemon *other = daemon_start(LISTEN);
	struct daemon *daemon = start();
	char config[256], expected[512];

	/* It has taken effect when the command ends. */
	daemon_configure(daemon, LISTEN "prefix = \"NEW:\";");
	ck_assert_int_eq(reload_daemon(daemon), EX_OK);
	ck_assert_str_eq(said, "");
	expect_prefix(daemon, "NEW:x");

	daemon_configure(daemon, LISTEN "\nchunk_size = 0;");
	ck_assert_int_eq(reload_daemon(daemon), EX_UNAVAILABLE);
	snprintf(expected, sizeof(expected),
		 "echod: reload refused: %s:2: chunk_size: ",
		 daemon_config_file(daemon));
	ck_assert_ptr_nonnull(strstr(said, expected));

	/* "echod -t" cannot find this: the port is in use. */
	snprintf(config, sizeof(config),
		 "listen = [ \"127.0.0.1:0\", \"127.0.0.1:%u\" ];",
		 daemon_port(other, 0));
	daemon_configure(daemon, config);
	ck_assert_int_eq(reload_daemon(daemon), EX_UNAVAILABLE);
	ck_assert_ptr_nonnull(
		strstr(said, ":1: listen: cannot listen on tcp:"));
	expect_prefix(daemon, "NEW:x");
	ck_assert_int_eq(daemon_stop(other), 0);
	stop(daemon);
}
END_TEST

/* The reason is larger than a datagram can be, and is cut. */
START_TEST(test_long_reason)
{
	static char config[400000];
	struct daemon *daemon = start();

	strcpy(config, "framing = \"");
	memset(config + strlen(config), 'x', sizeof(config) - 20);
	strcat(config, "\";");
	daemon_configure(daemon, config);
	ck_assert_int_eq(reload_daemon(daemon), EX_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(said, ":1: framing: \"xxxxxxxxxx"));
	stop(daemon);
}
END_TEST

static struct sockaddr_un
command_address(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/.reload",
		 directory);
	return address;
}

static int
bind_command_socket(void)
{
	struct sockaddr_un address = command_address();
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	return fd;
}

/* A daemon that first answers an older request. */
static void
answer_twice(const sigset_t *signals)
{
	struct sockaddr_un address = command_address();
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), number;
	const char *answers[] = { "1 older request", "9223372036854775807 " };
	struct stat st;

	sigwait(signals, &number);
	if (stat(address.sun_path, &st) < 0 || st.st_mode & 077)
		answers[0] = "9223372036854775807 others can write";
	for (int i = 0; i < 2; i++)
		sendto(fd, answers[i], strlen(answers[i]), 0,
		       (struct sockaddr *)&address, sizeof(address));
	_exit(0);
}

/* The answers to older requests, and those of other users, do not count. */
START_TEST(test_only_its_own_answer_counts)
{
	sigset_t signals;
	char pid[16];
	int child;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	set_directory();
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	child = fork();
	if (child == 0)
		answer_twice(&signals);
	snprintf(pid, sizeof(pid), "%d", child);
	umask(0);
	ck_assert_int_eq(reload(pid), EX_OK);
	ck_assert_str_eq(said, "");
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* A command that was killed has left its socket. */
START_TEST(test_socket_left)
{
	struct daemon *daemon = start();

	close(bind_command_socket());
	daemon_reload(daemon, LISTEN "prefix = \"A:\";");
	daemon_configure(daemon, LISTEN "prefix = \"B:\";");
	ck_assert_int_eq(reload_daemon(daemon), EX_OK);
	expect_prefix(daemon, "B:x");
	stop(daemon);
}
END_TEST

/* A second command does not take the answer of the first one. */
START_TEST(test_two_commands)
{
	struct daemon *daemon = start();
	int first = bind_command_socket();
	char answer[64] = "";

	ck_assert_int_eq(reload_daemon(daemon), EX_OSERR);
	ck_assert_ptr_nonnull(strstr(said, ".reload: Operation already "));
	daemon_reload(daemon, LISTEN "prefix = \"A:\";");
	ck_assert_int_gt(recv(first, answer, sizeof(answer) - 1, 0), 0);
	ck_assert_str_eq(strchr(answer, ' '), " ");
	close(first);
	ck_assert_int_eq(reload_daemon(daemon), EX_OK);
	stop(daemon);
}
END_TEST

START_TEST(test_draining)
{
	struct daemon *daemon = start();
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "x");
	client_hear(fd, "GOT:x");
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining ");
	ck_assert_int_eq(reload_daemon(daemon), EX_UNAVAILABLE);
	ck_assert_str_eq(said, "echod: reload refused: echod is draining\n");
	daemon_signal(daemon, SIGTERM);
	ck_assert_int_eq(daemon_end(daemon), 0);
	close(fd);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* The daemon handles SIGHUP, and SIGTERM before the reload is complete. */
START_TEST(test_drain_during_reload)
{
	struct daemon *daemon = start();
	FILE *pipe;

	daemon_configure(daemon, LISTEN "prefix = \"NEW:\";");
	daemon_pause(daemon);
	pipe = begin_reload_of(daemon);
	/* Until the command has sent its signal: a bit set is not 0. */
	while (daemon_status_kib(daemon, "ShdPnd") == 0)
		continue;
	daemon_signal(daemon, SIGTERM);
	daemon_resume(daemon);
	ck_assert_int_eq(end_reload(pipe), EX_UNAVAILABLE);
	ck_assert_str_eq(said, "echod: reload refused: echod is draining\n");
	ck_assert_int_eq(daemon_end(daemon), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* It does not wait for a process that ends. */
START_TEST(test_daemon_ends)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	set_directory();
	/* SIGHUP ends sleep. */
	ck_assert_int_eq(system("sleep 100 & pid=$!; \"$ECHOD\" --reload=$pid "
				"2>\"${RUNTIME_DIRECTORY%:*}/said\"; "
				"[ $? = 69 ] && "
				"grep -q 'daemon has ended' "
				"\"${RUNTIME_DIRECTORY%:*}/said\" && "
				"rm \"${RUNTIME_DIRECTORY%:*}/said\""),
			 0);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* The process has ended before the command, and its parent knows. */
START_TEST(test_daemon_has_ended)
{
	pid_t pid = fork();
	char text[16];

	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	set_directory();
	snprintf(text, sizeof(text), "%d", (int)pid);
	ck_assert_int_eq(reload(text), EX_UNAVAILABLE);
	ck_assert_str_eq(said, "echod: the daemon has ended\n");
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(test_usage)
{
	static const char *const wrong[] = { "0",  "-1", "x",
					     "1x", "''", "99999999999" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ck_assert_int_eq(reload(wrong[i]), EX_USAGE);
		ck_assert_ptr_nonnull(strstr(said, "number of a process"));
	}
	/* Without a runtime directory there is no place for the answer. */
	unsetenv("RUNTIME_DIRECTORY");
	ck_assert_int_eq(reload("1"), EX_USAGE);
	ck_assert_ptr_nonnull(strstr(said, "RuntimeDirectory="));
	setenv("RUNTIME_DIRECTORY", "/nowhere/at/all", 1);
	ck_assert_int_eq(reload("$$"), EX_OSERR);
	ck_assert_ptr_nonnull(strstr(said, "/nowhere/at/all/.reload: "));
}
END_TEST

SUITE(test_result, test_long_reason, test_socket_left, test_two_commands,
      test_only_its_own_answer_counts, test_drain_during_reload, test_draining,
      test_daemon_ends, test_daemon_has_ended, test_usage)
