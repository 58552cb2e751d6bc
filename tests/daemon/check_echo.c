/* The echo: what a client sends comes back with prefixes, and is logged. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/sockets.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "
#define UNLIMITED "log = { rate = 0; }; "

/* Returns the line "Connection closed" that matches. */
static const char *
wait_closed(struct daemon *daemon, unsigned port, const char *rest)
{
	char pattern[200];

	snprintf(pattern, sizeof(pattern),
		 "^Connection closed 127\\.0\\.0\\.1:%u listener=main "
		 "conn=[0-9]+ %s seconds=[0-9]+\\.[0-9]{3} peer=",
		 port, rest);
	return daemon_wait_line(daemon, pattern);
}

START_TEST(test_hello)
{
	struct daemon *daemon = daemon_start("workers = 2; " LISTEN);
	char pattern[200];
	int fd = client_connect(daemon_port(daemon, 0));
	unsigned port = client_port(fd);

	snprintf(pattern, sizeof(pattern),
		 "^echod %s started workers=2 cpus=[0-9]+( quota=[0-9.]+)? "
		 "log=stderr listening=tcp:127\\.0\\.0\\.1:%u$",
		 PACKAGE_VERSION, daemon_port(daemon, 0));
	daemon_wait_line(daemon, pattern);
	snprintf(pattern, sizeof(pattern),
		 "^Connection from "
		 "127\\.0\\.0\\.1:%u listener=main conn=[0-9]+ peer=",
		 port);
	const char *arrival = daemon_wait_line(daemon, pattern);

	client_say_hello(fd);
	client_say(fd, "World\n");
	client_hear(fd, "GOT:World\n");
	client_finish(fd);
	client_expect_eof(fd);

	const char *departure =
		wait_closed(daemon, port, "reason=eof in=12 out=20");
	ck_assert_uint_eq(line_number(arrival, "conn"),
			  line_number(departure, "conn"));
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* The shipped file, with port 0 in place of its port. */
static void
read_shipped(char *text, size_t size)
{
	static const char listen_line[] = "\nlisten = \"*:25000\";";
	char path[4096];
	FILE *file;
	size_t length;
	char *at;

	snprintf(path, sizeof(path), "%s/etc/echod.conf",
		 getenv("TOP_SRCDIR") ? getenv("TOP_SRCDIR") : ".");
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "cannot open %s", path);
	length = fread(text, 1, size - 1, file);
	text[length] = '\0';
	fclose(file);

	at = strstr(text, listen_line);
	ck_assert_msg(at != NULL, "no listen in %s", path);
	memset(at, ' ', strlen(listen_line));
	memcpy(at, "\nlisten=\"*:0\";", strlen("\nlisten=\"*:0\";"));
}

START_TEST(test_shipped_file)
{
	char config[65536];
	struct daemon *daemon;
	int fd;

	read_shipped(config, sizeof(config));
	daemon = daemon_start(config);
	daemon_wait_line(daemon, "listening=tcp:0\\.0\\.0\\.0:");
	fd = client_connect(daemon_port(daemon, 0));
	client_say_hello(fd);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_shipped_file_ipv6)
{
	char config[65536];
	struct daemon *daemon;
	int fd;

	if (!has_ipv6())
		skip("no IPv6 here");
	read_shipped(config, sizeof(config));
	daemon = daemon_start(config);
	daemon_wait_line(daemon, ",tcp:\\[::\\]:");
	ck_assert_uint_eq(daemon_port(daemon, 0), daemon_port(daemon, 1));
	fd = client_connect6(daemon_port(daemon, 1));
	client_say_hello(fd);
	daemon_wait_line(daemon, "^Connection from \\[::1\\]:[0-9]+ "
				 "listener=main conn=1 peer=");
	client_finish(fd);
	client_expect_eof(fd);
	daemon_wait_line(daemon,
			 "^Connection closed \\[::1\\]:[0-9]+ "
			 "listener=main conn=1 reason=eof in=6 out=10 ");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_many_side_by_side)
{
	enum { CLIENTS = 200, ROUNDS = 5 };
	struct daemon *daemon = daemon_start(LISTEN UNLIMITED);
	int fds[CLIENTS];
	char said[32], heard[40];

	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client_connect(daemon_port(daemon, 0));
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < CLIENTS; i++) {
			snprintf(said, sizeof(said), "%d of %d\n", i, round);
			client_say(fds[i], said);
		}
		for (int i = CLIENTS - 1; i >= 0; i--) {
			snprintf(heard, sizeof(heard), "GOT:%d of %d\n", i,
				 round);
			client_hear(fds[i], heard);
		}
	}
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	daemon_wait_lines(daemon, "^Connection closed .* reason=eof", CLIENTS);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* One segment on loopback, which is received as a whole. */
START_TEST(test_chunks)
{
	struct daemon *daemon = daemon_start(LISTEN);
	int fd = client_connect(daemon_port(daemon, 0));
	unsigned port = client_port(fd);
	const char *data = pattern_from(0);

	client_send(fd, data, 2500);
	client_hear(fd, "GOT:");
	client_expect(fd, data, 1000);
	client_hear(fd, "GOT:");
	client_expect(fd, data + 1000, 1000);
	client_hear(fd, "GOT:");
	client_expect(fd, data + 2000, 500);
	close(fd);
	wait_closed(daemon, port, "reason=eof in=2500 out=2512");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_byte_by_byte)
{
	struct daemon *daemon = daemon_start(LISTEN);
	int fd = client_connect(daemon_port(daemon, 0));
	char said[2] = "", heard[6];

	for (int i = 0; i < 256; i++) {
		said[0] = (char)i;
		memcpy(heard, "GOT:", 4);
		heard[4] = (char)i;
		client_send(fd, said, 1);
		client_expect(fd, heard, 5);
	}
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Sends a line to a daemon with this configuration; expects this answer. */
static void
check_answer(const char *config, const void *answer, size_t length)
{
	struct daemon *daemon = daemon_start(config);
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello\n");
	client_finish(fd);
	client_expect(fd, answer, length);
	client_expect_eof(fd);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

START_TEST(test_prefix_host)
{
	char host[256], answer[600];
	int length;

	ck_assert_int_eq(gethostname(host, sizeof(host)), 0);
	length = snprintf(answer, sizeof(answer), "%s main> %%Hello\n", host);
	check_answer(LISTEN "prefix = \"%{host} %{listener}> %\";", answer,
		     (size_t)length);
}
END_TEST

TEST(test_prefix_listener,
     check_answer("listeners = ( { name = \"blue\"; " LISTEN
		  "prefix = \"%{listener}:\"; } );",
		  "blue:Hello\n", 11))

TEST(test_prefix_empty, check_answer(LISTEN "prefix = \"\";", "Hello\n", 6))

TEST(test_prefix_binary,
     check_answer(LISTEN "prefix = \"\\x01\\xff\\r\\n\\\"\\\\\";",
		  "\x01\xff\r\n\"\\Hello\n", 12))

TEST(test_chunk_of_one, check_answer(LISTEN "chunk_size = 1;",
				     "GOT:HGOT:eGOT:lGOT:lGOT:oGOT:\n", 30))

START_TEST(test_largest_chunk)
{
	struct daemon *daemon = daemon_start(LISTEN "chunk_size = 65536; "
						    "prefix = \"<\";");
	struct framing framing = framing_of("<", 65536);
	int fd = client_connect(daemon_port(daemon, 0));

	client_exchange(fd, &framing, 3000000, 65536);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A RST while the daemon has much to send, and one on an idle connection. */
START_TEST(test_reset)
{
	struct daemon *daemon = daemon_start(LISTEN);
	int fd = client_connect(daemon_port(daemon, 0));

	client_say_hello(fd);
	client_stuff(fd, 1 << 20);
	client_reset(fd);
	daemon_wait_line(daemon, " conn=1 reason=(reset|error) in=[0-9]+ "
				 "out=[0-9]+ ");

	fd = client_connect(daemon_port(daemon, 0));
	client_say_hello(fd);
	client_reset(fd);
	daemon_wait_line(daemon, " conn=2 reason=(reset|error) in=6 out=10 ");

	fd = client_connect(daemon_port(daemon, 0));
	client_say_hello(fd);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_hello, test_shipped_file, test_shipped_file_ipv6,
      test_many_side_by_side, test_chunks, test_byte_by_byte, test_prefix_host,
      test_prefix_listener, test_prefix_empty, test_prefix_binary,
      test_chunk_of_one, test_largest_chunk, test_reset)
