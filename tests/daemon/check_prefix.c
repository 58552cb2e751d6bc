/* Prefixes with the peer's address, the local address and the environment. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/sockets.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; workers = 2; log = { rate = 0; }; "

static void
say_hello(int fd, const char *prefix)
{
	char expected[512];

	snprintf(expected, sizeof(expected), "%sHello\n", prefix);
	client_say(fd, "Hello\n");
	client_hear(fd, expected);
}

static unsigned long long
number_in_log(struct daemon *daemon, unsigned port)
{
	char pattern[128];

	snprintf(pattern, sizeof(pattern), "^Connection from [^ ]*:%u ", port);
	return line_number(daemon_wait_line(daemon, pattern), "conn");
}

/* Each client has its own address, as in the log. */
START_TEST(test_two_clients)
{
	struct daemon *daemon =
		daemon_start(LISTEN "prefix = \"%{peer} #%{conn}: \";");
	char prefixes[2][128];
	int fds[2];

	for (int i = 0; i < 2; i++) {
		fds[i] = client_connect(daemon_port(daemon, 0));
		unsigned port = client_port(fds[i]);
		snprintf(prefixes[i], sizeof(prefixes[i]),
			 "127.0.0.1:%u #%llu: ", port,
			 number_in_log(daemon, port));
	}
	ck_assert_str_ne(prefixes[0], prefixes[1]);
	for (int i = 0; i < 6; i++)
		say_hello(fds[i % 2], prefixes[i % 2]);
	close(fds[0]);
	say_hello(fds[1], prefixes[1]);
	close(fds[1]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static int
connect_to(const char *host, unsigned port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(inet_pton(AF_INET, host, &address.sin_addr), 1);
	ck_assert_msg(connect(fd, (struct sockaddr *)&address,
			      sizeof(address)) == 0,
		      "%s: %s", host, strerror(errno));
	return fd;
}

/* %{local} is the address that the client connected to. */
START_TEST(test_local)
{
	static const char *const hosts[] = { "127.0.0.1", "127.0.0.9",
					     "127.42.0.1", "127.255.255.254" };
	struct daemon *daemon = daemon_start("listen = \"0.0.0.0:0\"; "
					     "prefix = \"%{local}|\";");
	unsigned port = daemon_port(daemon, 0);

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		char prefix[64];
		int fd = connect_to(hosts[i], port);

		snprintf(prefix, sizeof(prefix), "%s:%u|", hosts[i], port);
		say_hello(fd, prefix);
		close(fd);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_ipv6)
{
	struct daemon *daemon;
	char prefix[128];
	int fd;

	if (!has_ipv6())
		skip("no IPv6 here");
	daemon = daemon_start("listen = \"[::1]:0\"; "
			      "prefix = \"%{peer}>%{local} \";");
	fd = client_connect6(daemon_port(daemon, 0));
	snprintf(prefix, sizeof(prefix), "[::1]:%u>[::1]:%u ", client_port(fd),
		 daemon_port(daemon, 0));
	say_hello(fd, prefix);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_environment)
{
	struct daemon *daemon;
	int fd;

	setenv("ECHOD_TEST_POD", "pod-7.\n%{host}", 1);
	daemon = daemon_start(LISTEN "prefix = \"%{env:ECHOD_TEST_POD}> \";");
	fd = client_connect(daemon_port(daemon, 0));
	say_hello(fd, "pod-7.\n%{host}> ");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_environment_that_is_not_set)
{
	const struct daemon_setup setup = {
		.config = "\nprefix = \"%{env:ECHOD_TEST_NOT_SET}\";",
		.arguments = { "-e" },
	};
	struct daemon *daemon = daemon_spawn(&setup);

	daemon_wait_line(daemon, ":2: prefix: %\\{env:ECHOD_TEST_NOT_SET\\}: "
				 "the environment has no such variable$");
	ck_assert_int_eq(daemon_end(daemon), 78);
}
END_TEST

/* Every line of a client follows that client's prefix. */
START_TEST(test_bulk)
{
	struct daemon *daemon = daemon_start(
		LISTEN "prefix = \"<%{peer}>\"; chunk_size = 777;");
	int fd = client_connect(daemon_port(daemon, 0));
	struct framing framing;
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "<127.0.0.1:%u>", client_port(fd));
	framing = framing_of(prefix, 777);
	client_exchange(fd, &framing, 3000000, 65536);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* As %{time}, so that strcmp() orders them. */
static const char *
now(char text[32])
{
	struct timespec time;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &time);
	gmtime_r(&time.tv_sec, &utc);
	snprintf(text + strftime(text, 32, "%FT%T", &utc), 8, ".%03uZ",
		 (unsigned)(time.tv_nsec / 1000000));
	return text;
}

/* A prefix of 24 bytes, between `before` and now, and the byte after it. */
static void
hear_time(int fd, const char *before, char expected)
{
	char got[26] = "", after[32];

	ck_assert_int_eq(recv(fd, got, 25, MSG_WAITALL), 25);
	ck_assert_int_eq(got[24], expected);
	got[24] = '\0';
	ck_assert_str_ge(got, before);
	ck_assert_str_le(got, now(after));
}

/* Each exchange begins when the clock shows another time. */
static void
check_times(int fd, const char *say)
{
	char before[32], last[32] = "";

	for (int i = 0; i < 3; i++) {
		while (strcmp(now(before), last) == 0)
			continue;
		client_say(fd, say);
		for (const char *at = say; *at; at++) {
			hear_time(fd, before, *at);
			if (at[1] == '\n')
				client_hear(fd, "\n"), at++;
		}
		now(last);
	}
	close(fd);
}

START_TEST(test_time)
{
	struct daemon *daemon = daemon_start(
		"prefix = \"%{time}\"; listeners = (\n"
		"{ name = \"a\"; listen = \"127.0.0.1:0\"; chunk_size = 1; },\n"
		"{ name = \"b\"; listen = \"127.0.0.1:0\";\n"
		"  framing = \"line\"; },\n"
		"{ name = \"c\"; listen = \"udp:127.0.0.1:0\"; } );");

	check_times(client_connect(daemon_port(daemon, 0)), "abc");
	check_times(client_connect(daemon_port(daemon, 1)), "a\nb\nc\n");
	check_times(udp_client("127.0.0.1:0", daemon_port(daemon, 2)), "a");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A session keeps its first prefix. */
START_TEST(test_reload)
{
	struct daemon *daemon = daemon_start(LISTEN "prefix = \"%{conn}:\";");
	int before = client_connect(daemon_port(daemon, 0));
	int after;

	say_hello(before, "1:");
	daemon_reload(daemon, LISTEN "prefix = \"%{listener} %{conn}:\";");
	after = client_connect(daemon_port(daemon, 0));
	say_hello(after, "main 2:");
	say_hello(before, "1:");
	close(before);
	close(after);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_two_clients, test_local, test_ipv6, test_environment,
      test_environment_that_is_not_set, test_bulk, test_time, test_reload)
