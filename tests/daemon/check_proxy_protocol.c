/* The PROXY protocol: what a proxy sees, and what is logged. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/proxy_headers.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "
#define FROM "proxy_protocol = { from = \"127.0.0.0/8\"; }; "

/* "192.0.2.7:51234" as a pattern. */
static const char *
quoted(const char *text)
{
	static char quoted[128];
	char *to = quoted;

	for (; *text; text++) {
		if (strchr(".[]", *text))
			*to++ = '\\';
		*to++ = *text;
	}
	*to = '\0';
	return quoted;
}

static void
expect_arrival(struct daemon *daemon, int fd, const struct header *header)
{
	char pattern[256];

	if (header->client)
		snprintf(pattern, sizeof(pattern),
			 "^Connection from %s listener=main conn=[0-9]+ "
			 "via=127\\.0\\.0\\.1:%u peer=",
			 quoted(header->client), client_port(fd));
	else
		snprintf(pattern, sizeof(pattern),
			 "^Connection from 127\\.0\\.0\\.1:%u listener=main "
			 "conn=[0-9]+ peer=",
			 client_port(fd));
	daemon_wait_line(daemon, pattern);
}

static void
expect_failed(struct daemon *daemon, int fd, const char *reason,
	      const char *text)
{
	client_expect_failed(fd, daemon, reason, text);
	close(fd);
}

/* Waits until everything is acknowledged: later bytes get another segment. */
static void
flush(int fd)
{
	int waiting;

	do {
		ck_assert_int_eq(ioctl(fd, TIOCOUTQ, &waiting), 0);
	} while (waiting > 0);
}

START_TEST(test_every_header)
{
	const struct header *const headers[] = {
		&header_v1,	&header_v1_six, &header_v1_unknown, &header_v2,
		&header_v2_crc, &header_v2_six, &header_v2_unspec,
	};
	struct daemon *daemon = daemon_start(LISTEN FROM);

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		int fd = client_connect(daemon_port(daemon, 0));
		char bytes[256];

		/* The client's first bytes are in the same segment. */
		memcpy(bytes, headers[i]->bytes, headers[i]->length);
		memcpy(bytes + headers[i]->length, "Hello\n", 6);
		client_send(fd, bytes, headers[i]->length + 6);
		client_hear(fd, "GOT:Hello\n");
		expect_arrival(daemon, fd, headers[i]);
		client_say_hello(fd);
		client_end(fd);
		if (headers[i]->client) {
			char pattern[256];

			snprintf(pattern, sizeof(pattern),
				 "^Connection closed %s listener=main "
				 "conn=[0-9]+ reason=eof in=12 out=20 ",
				 quoted(headers[i]->client));
			daemon_wait_line(daemon, pattern);
		}
		daemon_forget(daemon);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(43, test_every_header)

START_TEST(test_cut_everywhere)
{
	const struct header *const headers[] = { &header_v1, &header_v2_crc };
	struct daemon *daemon = daemon_start(LISTEN FROM);

	for (size_t i = 0; i < 2; i++)
		for (size_t at = 1; at < headers[i]->length; at++) {
			int fd = client_connect(daemon_port(daemon, 0));

			client_send(fd, headers[i]->bytes, at);
			flush(fd);
			client_send(fd, headers[i]->bytes + at,
				    headers[i]->length - at);
			client_say_hello(fd);
			close(fd);
		}
	daemon_wait_counter(daemon, "connections",
			    header_v1.length + header_v2_crc.length - 2);
	ck_assert_uint_eq(daemon_counter(daemon, "closed.proxy_invalid"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(41, test_cut_everywhere)

/* As without a proxy. */
START_TEST(test_names_in_the_prefix)
{
	struct daemon *daemon =
		daemon_start(LISTEN FROM "prefix = \"%{peer} %{local} \";");
	int fd = client_connect(daemon_port(daemon, 0));
	char expected[64];

	client_send(fd, header_v1.bytes, header_v1.length);
	client_say(fd, "Hello\n");
	client_hear(fd, "192.0.2.7:51234 10.0.0.1:25000 Hello\n");
	close(fd);
	fd = client_connect(daemon_port(daemon, 0));
	client_send(fd, header_v2_local.bytes, header_v2_local.length);
	client_say(fd, "Hello\n");
	snprintf(expected, sizeof(expected),
		 "127.0.0.1:%u 127.0.0.1:%u Hello\n", client_port(fd),
		 daemon_port(daemon, 0));
	client_hear(fd, expected);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Every byte is echoed, and no byte of the header. */
START_TEST(test_bulk)
{
	struct daemon *daemon = daemon_start(LISTEN FROM "prefix = \"\";");
	int fd = client_connect(daemon_port(daemon, 0));
	struct framing framing = framing_of("", 1000);

	client_send(fd, header_v2_crc.bytes, header_v2_crc.length);
	client_exchange(fd, &framing, 5000000, 70000);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_invalid)
{
	struct daemon *daemon = daemon_start(LISTEN FROM);
	char line[120];
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello\n");
	expect_failed(daemon, fd, "proxy_invalid", "not a PROXY header");
	fd = client_connect(daemon_port(daemon, 0));
	client_send(fd, header_v2_bad_crc.bytes, header_v2_bad_crc.length);
	expect_failed(daemon, fd, "proxy_invalid", "the CRC32C is wrong");

	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	fd = client_connect(daemon_port(daemon, 0));
	client_send(fd, line, sizeof(line));
	expect_failed(daemon, fd, "proxy_invalid",
		      "no CR LF where the line should end");
	fd = client_connect(daemon_port(daemon, 0));
	client_send(fd, V2 "\x21\x11\x10\x01", 16);
	expect_failed(daemon, fd, "proxy_invalid", "longer than 4096 bytes");

	fd = client_connect(daemon_port(daemon, 0));
	client_say(fd, "PROXY TCP4 192.0.2");
	flush(fd);
	client_finish(fd);
	expect_failed(daemon, fd, "proxy_invalid",
		      "connection ended within the PROXY header");
	daemon_wait_counter(daemon, "closed.proxy_invalid", 5);
	daemon_wait_counter(daemon, "open", 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(41, test_invalid)

/* Sends all but the last byte, one at a time, until the daemon closes. */
static void
drip(int fd, const struct header *header)
{
	struct pollfd end = { .fd = fd, .events = POLLIN };

	for (size_t at = 0; poll(&end, 1, 25) == 0;)
		if (at < header->length - 1 &&
		    send(fd, header->bytes + at, 1, MSG_NOSIGNAL) == 1)
			at++;
}

/* The time-out is for the whole header, whatever arrives. */
START_TEST(test_header_byte_by_byte_times_out)
{
	struct daemon *daemon =
		daemon_start(LISTEN FROM "max_connections = 2;");
	int silent = client_connect(daemon_port(daemon, 0));
	int dripping = client_connect(daemon_port(daemon, 0));

	/* Both count from the start, and may be on different workers. */
	daemon_wait_counter(daemon, "open", 2);
	int third = client_connect(daemon_port(daemon, 0));
	client_wait_closed(third);
	close(third);
	daemon_wait_line(daemon,
			 "^Connection refused .*=max_connections peer=");

	drip(dripping, &header_v1);
	expect_failed(daemon, silent, "proxy_timeout", "no PROXY header");
	expect_failed(daemon, dripping, "proxy_timeout",
		      "PROXY header incomplete");
	daemon_wait_counter(daemon, "open", 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(41, test_header_byte_by_byte_times_out)

/* A client that is no trusted proxy is refused, with a header or without. */
START_TEST(test_spoofed)
{
	struct daemon *daemon = daemon_start(
		LISTEN "proxy_protocol = { from = [ \"10.0.0.0/8\", "
		       "\"127.0.0.2\" ]; }; allow = [ \"127.0.0.1\", "
		       "\"192.0.2.7\" ];");

	for (int i = 0; i < 2; i++) {
		int fd = client_connect(daemon_port(daemon, 0));
		char pattern[128];

		if (i)
			send(fd, header_v1.bytes, header_v1.length,
			     MSG_NOSIGNAL);
		client_wait_closed(fd);
		snprintf(pattern, sizeof(pattern),
			 "^Connection refused 127\\.0\\.0\\.1:%u listener=main "
			 "reason=unknown_proxy peer=",
			 client_port(fd));
		daemon_wait_line(daemon, pattern);
		close(fd);
	}
	daemon_wait_counter(daemon, "refused.unknown_proxy", 2);
	ck_assert_uint_eq(daemon_counter(daemon, "connections"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(42, test_spoofed)

/* A unix socket is protected by its permissions, not by `from`. */
START_TEST(test_unix_socket)
{
	char config[160], name[32], pattern[256];
	struct daemon *daemon;
	int fd;

	snprintf(name, sizeof(name), "@echod-test-%d", getpid());
	snprintf(config, sizeof(config),
		 "listen = \"unix:%s\"; "
		 "proxy_protocol = { from = \"192.0.2.1\"; };",
		 name);
	daemon = daemon_start(config);
	fd = client_connect_unix(name);
	client_send(fd, header_v2_six.bytes, header_v2_six.length);
	client_say_hello(fd);
	snprintf(pattern, sizeof(pattern),
		 "^Connection from %s listener=main conn=1 "
		 "via=unix:pid=%d,uid=%u peer=",
		 quoted(header_v2_six.client), getpid(), getuid());
	daemon_wait_line(daemon, pattern);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A listener without proxy_protocol does not parse headers. */
START_TEST(test_unexpected_header_is_echoed)
{
	struct daemon *daemon = daemon_start(LISTEN);
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, header_v1.bytes);
	client_hear(fd, "GOT:PROXY TCP4 192.0.2.7 10.0.0.1 51234 25000\r\n");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(42, test_unexpected_header_is_echoed)

START_TEST(test_denied_client)
{
	struct daemon *daemon =
		daemon_start(LISTEN FROM "deny = \"192.0.2.0/24\";");
	int fd = client_connect(daemon_port(daemon, 0));
	char pattern[160];

	client_send(fd, header_v1.bytes, header_v1.length);
	client_wait_closed(fd);
	snprintf(pattern, sizeof(pattern),
		 "^Connection refused 192\\.0\\.2\\.7:51234 listener=main "
		 "reason=denied via=127\\.0\\.0\\.1:%u peer=",
		 client_port(fd));
	daemon_wait_line(daemon, pattern);
	close(fd);
	daemon_wait_counter(daemon, "refused.denied", 1);
	daemon_wait_counter(daemon, "open", 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Frequent health checks are not logged. */
START_TEST(test_health_checks_are_quiet)
{
	struct daemon *daemon =
		daemon_start(LISTEN FROM "allow = \"192.0.2.0/24\";");
	unsigned port = daemon_port(daemon, 0);
	int fd = client_connect(port);

	client_end(fd);
	client_reset(client_connect(port));
	fd = client_connect(port);
	client_send(fd, header_v2_local.bytes, header_v2_local.length);
	client_say_hello(fd);
	close(fd);
	daemon_wait_counter(daemon, "closed.eof", 1);
	daemon_wait_counter(daemon, "closed.no_data", 2);

	/* This client's line comes after any line about the checks. */
	fd = client_connect(port);
	client_send(fd, header_v1.bytes, header_v1.length);
	expect_arrival(daemon, fd, &header_v1);
	close(fd);
	ck_assert_uint_eq(
		daemon_count_lines(daemon,
				   "^Connection .*127\\.0\\.0\\.1:[0-9]+ "
				   "listener"),
		0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_health_checks_can_be_seen)
{
	struct daemon *daemon =
		daemon_start(LISTEN FROM "log = { level = \"debug\"; };");
	int fd = client_connect(daemon_port(daemon, 0));

	client_send(fd, header_v2_local.bytes, header_v2_local.length);
	client_say_hello(fd);
	close(fd);
	daemon_wait_line(daemon, "^debug: Connection from 127\\.0\\.0\\.1:");
	daemon_wait_line(daemon,
			 "^debug: Connection closed .* reason=eof in=6 ");
	fd = client_connect(daemon_port(daemon, 0));
	close(fd);
	daemon_wait_line(daemon,
			 "^debug: Connection closed .* reason=no_data in=0 ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A header received before the drain is parsed, and its client is served. */
START_TEST(test_drain)
{
	struct daemon *daemon = daemon_start(LISTEN FROM);
	int fd = client_connect(daemon_port(daemon, 0));

	daemon_pause(daemon);
	client_send(fd, header_v1.bytes, header_v1.length);
	client_say(fd, "Hello\n");
	daemon_signal(daemon, SIGTERM);
	daemon_resume(daemon);
	client_hear(fd, "GOT:Hello\n");
	client_expect_eof(fd);
	close(fd);
	daemon_wait_line(daemon, "^Drained closed=1 forced=0$");
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

START_TEST(test_stop_at_once)
{
	struct daemon *daemon = daemon_start(LISTEN FROM);
	int fd = client_connect(daemon_port(daemon, 0));

	daemon_wait_counter(daemon, "open", 1);
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining signal=SIGTERM");
	daemon_signal(daemon, SIGTERM);
	client_wait_closed(fd);
	close(fd);
	daemon_wait_line(daemon, "^Drained closed=0 forced=1$");
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

/* A header that arrived in time is accepted although the daemon was stopped. */
START_TEST(test_stopped_daemon)
{
	struct daemon *daemon =
		daemon_start(LISTEN "proxy_protocol = { from = \"127.0.0.1\"; "
				    "timeout = 1; };");
	int fd = client_connect(daemon_port(daemon, 0));

	daemon_wait_counter(daemon, "open", 1);
	daemon_pause(daemon);
	client_send(fd, header_v1.bytes, header_v1.length);
	usleep(1500000);
	daemon_resume(daemon);
	client_say_hello(fd);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_every_header, test_names_in_the_prefix, test_cut_everywhere,
      test_bulk, test_invalid, test_header_byte_by_byte_times_out, test_spoofed,
      test_unix_socket, test_unexpected_header_is_echoed, test_denied_client,
      test_health_checks_are_quiet, test_health_checks_can_be_seen, test_drain,
      test_stop_at_once, test_stopped_daemon)
