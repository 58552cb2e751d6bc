/* Connections that send nothing, and those of log.quiet, in the log. */
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/proxy_headers.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "
#define FROM "proxy_protocol = { from = \"127.0.0.1\"; }; "

static int
connect_to(struct daemon *daemon)
{
	return client_connect(daemon_port(daemon, 0));
}

/* A client that is served: its lines come after those of the checks. */
static void
expect_only_client(struct daemon *daemon, int fd, unsigned conn)
{
	char pattern[64];

	client_say_hello(fd);
	client_end(fd);
	snprintf(pattern, sizeof(pattern),
		 "^Connection closed .* conn=%u reason=eof ", conn);
	daemon_wait_line(daemon, pattern);
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Connection "), 2);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

START_TEST(test_tcp)
{
	enum { CHECKS = 100 };
	struct daemon *daemon = daemon_start(LISTEN);

	for (int i = 0; i < CHECKS; i++) {
		int fd = connect_to(daemon);

		if (i % 2)
			client_reset(fd);
		else
			client_end(fd);
	}
	daemon_wait_counter(daemon, "closed.no_data", CHECKS);
	ck_assert_uint_eq(daemon_counter(daemon, "connections"), CHECKS);
	ck_assert_uint_eq(daemon_counter(daemon, "closed.eof"), 0);
	ck_assert_uint_eq(daemon_counter(daemon, "closed.reset"), 0);
	expect_only_client(daemon, connect_to(daemon), CHECKS + 1);
}
END_TEST

START_TEST(test_unix)
{
	char directory[] = "/tmp/echod-checks.XXXXXX";
	char path[64], config[100];
	struct daemon *daemon;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(config, sizeof(config), "listen = \"unix:%s\";", path);
	daemon = daemon_start(config);
	client_end(client_connect_unix(path));
	daemon_wait_counter(daemon, "closed.no_data", 1);
	expect_only_client(daemon, client_connect_unix(path), 2);
	rmdir(directory);
}
END_TEST

/* The header is the proxy's; the client behind it has sent nothing. */
START_TEST(test_behind_proxy)
{
	static const struct header *const headers[] = {
		&header_v1, &header_v1_unknown, &header_v2, &header_v2_local
	};
	struct daemon *daemon = daemon_start(LISTEN FROM);
	int fd;

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		fd = connect_to(daemon);
		client_send(fd, headers[i]->bytes, headers[i]->length);
		client_end(fd);
	}
	daemon_wait_counter(daemon, "closed.no_data", 4);
	ck_assert_uint_eq(daemon_count_lines(daemon, "Connection "), 0);

	fd = connect_to(daemon);
	client_send(fd, header_v1.bytes, header_v1.length);
	client_say_hello(fd);
	daemon_wait_line(daemon, "^Connection from 192\\.0\\.2\\.7:51234 .* "
				 "via=127\\.0\\.0\\.1:[0-9]+ peer=");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_debug)
{
	struct daemon *daemon =
		daemon_start(LISTEN FROM "log = { level = \"debug\"; };");
	int fd = connect_to(daemon);

	client_send(fd, header_v1.bytes, header_v1.length);
	client_end(fd);
	daemon_wait_line(daemon, "^debug: Connection closed 192\\.0\\.2\\.7:"
				 "51234 .* reason=no_data in=0 out=0 ");
	ck_assert_uint_eq(
		daemon_count_lines(daemon,
				   "^debug: Connection from 192\\.0\\.2\\.7:"
				   "51234 .* via=127\\.0\\.0\\.1:[0-9]+ peer="),
		1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A client that stays is logged, although it has sent nothing yet. */
START_TEST(test_silent_client)
{
	struct daemon *daemon = daemon_start(LISTEN FROM);
	int fd = connect_to(daemon);

	client_send(fd, header_v1.bytes, header_v1.length);
	daemon_wait_line(daemon, "^Connection from 192\\.0\\.2\\.7:51234 .* "
				 "via=127\\.0\\.0\\.1:[0-9]+ peer=");
	client_end(fd);
	daemon_wait_line(daemon, "^Connection closed .* reason=no_data ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Another end than the client's is logged. */
START_TEST(test_silent_until_drain)
{
	struct daemon *daemon =
		daemon_start(LISTEN "drain = { grace = 0.0; };");
	int fd = connect_to(daemon);

	daemon_wait_counter(daemon, "open", 1);
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Connection closed .* reason=drain in=0 ");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Connection from "), 1);
	ck_assert_int_eq(daemon_end(daemon), 0);
	close(fd);
}
END_TEST

#define QUIET(networks) "log = { quiet = [ " networks " ]; };"

START_TEST(test_quiet)
{
	struct daemon *daemon =
		daemon_start(LISTEN QUIET("\"127.0.0.0/8\", \"::1\""));
	int fd = connect_to(daemon);

	client_say_hello(fd);
	client_end(fd);
	daemon_wait_counter(daemon, "closed.eof", 1);
	daemon_reload(daemon, LISTEN QUIET("\"10.0.0.0/8\""));
	/* The setting is not one of the listener. */
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Listeners "), 0);
	expect_only_client(daemon, connect_to(daemon), 2);
}
END_TEST

/* Behind a proxy, the client's address counts. */
START_TEST(test_quiet_behind_proxy)
{
	struct daemon *daemon = daemon_start(
		LISTEN FROM QUIET("\"192.0.2.0/24\", \"127.0.0.1\""));
	int fd = connect_to(daemon);

	client_send(fd, header_v1.bytes, header_v1.length);
	client_say_hello(fd);
	client_end(fd);
	daemon_wait_counter(daemon, "closed.eof", 1);
	fd = connect_to(daemon);
	client_send(fd, header_v1_six.bytes, header_v1_six.length);
	expect_only_client(daemon, fd, 2);
}
END_TEST

SUITE(test_tcp, test_unix, test_behind_proxy, test_debug, test_silent_client,
      test_silent_until_drain, test_quiet, test_quiet_behind_proxy)
