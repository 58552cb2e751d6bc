/*
 * Unix sockets of the whole daemon: the same echo as over TCP, and
 * permissions.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define PLENTY (256u << 20)
#define SLACK_KIB 8192

/* A path in a directory of this test, which remove_directory() removes. */
static const char *
path(void)
{
	static char directory[] = "/tmp/echod-unix.XXXXXX";
	static char text[64];

	if (text[0] == '\0') {
		ck_assert_ptr_nonnull(mkdtemp(directory));
		snprintf(text, sizeof(text), "%s/sock", directory);
	}
	return text;
}

static void
remove_directory(void)
{
	char directory[64];

	snprintf(directory, sizeof(directory), "%s", path());
	*strrchr(directory, '/') = '\0';
	ck_assert_msg(rmdir(directory) == 0, "%s: %s", directory,
		      strerror(errno));
}

/* A configuration in which @ is replaced with the path. */
static const char *
configured(const char *text)
{
	static char filled[1024];
	size_t used = 0;

	for (; *text; text++)
		used += (size_t)(*text == '@' ?
					 sprintf(filled + used, "%s", path()) :
					 sprintf(filled + used, "%c", *text));
	return filled;
}

static struct daemon *
start(const char *settings)
{
	char config[512];

	snprintf(config, sizeof(config), "listen = \"unix:@\"; %s", settings);
	return daemon_start(configured(config));
}

static void
stop(struct daemon *daemon)
{
	ck_assert_int_eq(daemon_stop(daemon), 0);
	remove_directory();
}

START_TEST(test_log_has_the_peer_process)
{
	struct daemon *daemon = start("");
	int fd = client_connect_unix(path());
	char pattern[128];

	client_say(fd, "Hello");
	client_hear(fd, "GOT:Hello");
	client_end(fd);
	snprintf(pattern, sizeof(pattern),
		 "^Connection from unix:pid=%d,uid=%u listener=main conn=1 "
		 "peer=",
		 getpid(), getuid());
	daemon_wait_line(daemon, pattern);
	snprintf(pattern, sizeof(pattern),
		 "^Connection closed unix:pid=%d,uid=%u listener=main conn=1 "
		 "reason=eof in=5 out=9 ",
		 getpid(), getuid());
	daemon_wait_line(daemon, pattern);
	stop(daemon);
}
END_TEST

START_TEST(test_abstract_name)
{
	char config[96], name[32], answer[64];
	struct daemon *daemon;
	int fd;

	snprintf(name, sizeof(name), "@echod-test-%d", getpid());
	snprintf(config, sizeof(config),
		 "listen = \"unix:%s\"; prefix = \"%%{local} %%{peer} \";",
		 name);
	daemon = daemon_start(config);
	fd = client_connect_unix(name);
	snprintf(answer, sizeof(answer), "unix:%s unix:pid=%d,uid=%u Hello",
		 name, getpid(), getuid());
	client_say(fd, "Hello");
	client_hear(fd, answer);
	close(fd);
	daemon_wait_line(daemon, "^Connection closed ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static void
check_exchange(const char *settings, const char *prefix, uint64_t length,
	       size_t piece)
{
	struct daemon *daemon = start(settings);

	client_exchange_logged(client_connect_unix(path()), daemon, prefix,
			       length, piece);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

START_TEST(test_every_byte_is_echoed)
{
	check_exchange("", "GOT:", 0, 1000);
	check_exchange("", "GOT:", 5, 1000);
	check_exchange("", "GOT:", 3000019, 65536);
	check_exchange("", "GOT:", 300019, 777);
	check_exchange("output_limit = 1024;", "GOT:", 300019, 3000);
	remove_directory();
}
END_TEST

/* Without a prefix bulk is spliced. */
START_TEST(test_bulk_is_echoed)
{
	check_exchange("prefix = \"\";", "", 100000007, 65536);
	check_exchange("prefix = \"\";", "", 3000019, 777);
	remove_directory();
}
END_TEST

/* Filled until nothing moves, half-closed, and only then read. */
START_TEST(test_late_reader)
{
	struct daemon *daemon = start("prefix = \"\"; write_timeout = 0;");
	struct framing framing = framing_of("", 1000);
	int fd = client_connect_unix(path());
	uint64_t stuffed = client_stuff(fd, PLENTY);

	ck_assert_uint_lt(stuffed, PLENTY);
	client_finish(fd);
	client_receive(fd, &framing, stuffed, 65536);
	daemon_wait_line(daemon, " reason=eof ");
	close(fd);
	stop(daemon);
}
END_TEST
FAULT(12, test_late_reader)

START_TEST(test_never_reads)
{
	enum { PEERS = 8 };
	struct daemon *daemon = start("output_limit = 65536; "
				      "write_timeout = 1.0;");
	int fds[PEERS];

	fds[0] = client_connect_unix(path());
	client_say(fds[0], "x");
	client_hear(fds[0], "GOT:x");
	close(fds[0]);
	daemon_wait_line(daemon, "^Connection closed ");

	long before = daemon_status_kib(daemon, "VmHWM");
	for (int i = 0; i < PEERS; i++) {
		fds[i] = client_connect_unix(path());
		ck_assert_uint_lt(client_stuff(fds[i], PLENTY), PLENTY);
	}
	daemon_wait_lines(daemon, " reason=write_timeout ", PEERS);
	ck_assert_int_lt(daemon_status_kib(daemon, "VmHWM") - before,
			 SLACK_KIB);
	for (int i = 0; i < PEERS; i++)
		close(fds[i]);
	stop(daemon);
}
END_TEST
FAULT(8, test_never_reads)

START_TEST(test_close_with_unread_echo_is_a_reset)
{
	struct daemon *daemon = start("");
	int fd = client_connect_unix(path());

	client_say(fd, "Hello");
	daemon_wait_counter(daemon, "bytes_out", 9);
	close(fd);
	daemon_wait_line(daemon, "^Connection closed .* reason=reset in=5 ");
	stop(daemon);
}
END_TEST

/* Input after the daemon's FIN is read and discarded. */
START_TEST(test_drain_discards_late_input)
{
	struct daemon *daemon = start("drain = { grace = 60.0; };");
	int fd = client_connect_unix(path());

	client_say(fd, "Hello");
	client_hear(fd, "GOT:Hello");
	daemon_signal(daemon, SIGTERM);
	client_expect_eof(fd);
	client_send_pattern(fd, 10000000);
	client_finish(fd);
	daemon_wait_line(daemon, "^Connection closed .* reason=drain ");
	daemon_wait_line(daemon, "^Drained closed=1 forced=0$");
	close(fd);
	ck_assert_int_eq(daemon_end(daemon), 0);
	remove_directory();
}
END_TEST

/* Connections in the backlog are served during the drain. */
START_TEST(test_drain_serves_the_backlog)
{
	enum { CLIENTS = 100 };
	struct daemon *daemon = start("workers = 2;");
	int fds[CLIENTS];

	daemon_pause(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client_connect_unix(path());
		client_say(fds[i], "Hello");
	}
	daemon_signal(daemon, SIGTERM);
	daemon_resume(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		client_hear(fds[i], "GOT:Hello");
		client_expect_eof(fds[i]);
		close(fds[i]);
	}
	ck_assert_int_eq(daemon_end(daemon), 0);
	remove_directory();
}
END_TEST
FAULT(24, test_drain_serves_the_backlog)

START_TEST(test_all_workers_serve)
{
	enum { CLIENTS = 200 };
	struct daemon *daemon = start("workers = 4; log = { rate = 0; };");
	int fds[CLIENTS];

	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client_connect_unix(path());
	for (int i = 0; i < CLIENTS; i++) {
		client_say(fds[i], "Hello");
		client_hear(fds[i], "GOT:Hello");
		close(fds[i]);
	}
	daemon_wait_lines(daemon, "^Connection closed .* reason=eof", CLIENTS);
	stop(daemon);
}
END_TEST

START_TEST(test_limits_apply_and_access_lists_do_not)
{
	struct daemon *daemon =
		start("allow = \"192.0.2.0/24\"; deny = \"0.0.0.0/0\"; "
		      "max_connections = 1;");
	int first = client_connect_unix(path()), second;

	client_say(first, "Hello");
	client_hear(first, "GOT:Hello");
	second = client_connect_unix(path());
	client_wait_closed(second);
	daemon_wait_line(daemon, "^Connection refused unix:pid=[0-9]*,uid="
				 "[0-9]* listener=main reason="
				 "max_connections peer=");
	close(first);
	close(second);
	daemon_wait_line(daemon, "^Connection closed ");
	stop(daemon);
}
END_TEST

static unsigned
mode(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path(), &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	return st.st_mode & 07777;
}

static void
mask_everything(void)
{
	umask(0777);
}

START_TEST(test_owner_and_mode)
{
	struct daemon *daemon = daemon_start_prepared(
		configured("listen = \"unix:@\";"), mask_everything);
	struct stat before, after;

	ck_assert_uint_eq(mode(), 0666);
	ck_assert_int_eq(stat(path(), &before), 0);
	daemon_reload(daemon, configured("listen = \"unix:@\"; "
					 "mode = \"0600\";"));
	ck_assert_uint_eq(mode(), 0600);
	/* The socket is the same, so its backlog was kept. */
	ck_assert_int_eq(stat(path(), &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	stop(daemon);
}
END_TEST

START_TEST(test_reload_adds_and_removes)
{
	struct daemon *daemon = daemon_start("listen = \"127.0.0.1:0\";");
	int fd;

	daemon_reload(daemon, configured("listen = [ \"127.0.0.1:0\", "
					 "\"unix:@\" ];"));
	fd = client_connect_unix(path());
	client_say(fd, "Hello");
	client_hear(fd, "GOT:Hello");
	/* A failed reload removes nothing. */
	daemon_reload(daemon, "listen = [ \"192.0.2.1:0\" ];");
	ck_assert_int_eq(access(path(), F_OK), 0);
	daemon_reload(daemon, "listen = \"127.0.0.1:0\";");
	ck_assert_int_eq(access(path(), F_OK), -1);
	client_say(fd, "World");
	client_hear(fd, "GOT:World");
	close(fd);
	daemon_wait_line(daemon, "^Connection closed ");
	stop(daemon);
}
END_TEST

START_TEST(test_stale_file_is_replaced)
{
	struct daemon *daemon = start("");
	int fd;

	daemon_kill(daemon);
	ck_assert_int_eq(access(path(), F_OK), 0);
	daemon = start("");
	fd = client_connect_unix(path());
	client_say(fd, "Hello");
	client_hear(fd, "GOT:Hello");
	close(fd);
	daemon_wait_line(daemon, "^Connection closed ");
	stop(daemon);
}
END_TEST
FAULT(25, test_stale_file_is_replaced)

static void
expect_failure(const char *settings, const char *line, int status)
{
	char config[512];

	snprintf(config, sizeof(config), "%s", configured(settings));
	daemon_expect_failure(config, line, status);
}

START_TEST(test_other_file_is_kept)
{
	struct daemon *daemon = start("");
	FILE *file;

	expect_failure("listen = \"unix:@\";",
		       ":1: listen: cannot listen on unix:/.*/sock: "
		       "Address already in use$",
		       71);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	file = fopen(path(), "w");
	fclose(file);
	expect_failure("listen = \"unix:@\";",
		       ":1: listen: cannot listen on unix:/.*/sock: "
		       "a file that is not a socket is in the way$",
		       71);
	ck_assert_int_eq(unlink(path()), 0);
	remove_directory();
}
END_TEST

START_TEST(test_unknown_owner_is_refused)
{
	expect_failure("listen = \"unix:@\";\nowner = \"no-such-user\";",
		       ":2: owner: \"no-such-user\": no such user$", 78);
	expect_failure("listeners = ( { name = \"a\"; listen = \"unix:@\";\n"
		       "group = \"4294967295\"; } );",
		       ":2: listeners.0..group: \"4294967295\": "
		       "the number is too large$",
		       78);
	if (geteuid() != 0)
		expect_failure("listen = \"unix:@\"; owner = \"0\";",
			       ":1: listen: .*: owner and group cannot be set: "
			       "Operation not permitted$",
			       77);
	remove_directory();
}
END_TEST

SUITE(test_log_has_the_peer_process, test_abstract_name,
      test_every_byte_is_echoed, test_bulk_is_echoed, test_late_reader,
      test_never_reads, test_close_with_unread_echo_is_a_reset,
      test_drain_discards_late_input, test_drain_serves_the_backlog,
      test_all_workers_serve, test_limits_apply_and_access_lists_do_not,
      test_owner_and_mode, test_reload_adds_and_removes,
      test_stale_file_is_replaced, test_other_file_is_kept,
      test_unknown_owner_is_refused)
