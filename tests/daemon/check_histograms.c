/*
 * Histograms on /metrics.  No upper bound of a time is tested but those that
 * are far away: a machine can be slow.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/http_client.h"
#include "support/suite.h"
#include "support/tls_client.h"

#define DURATION "connection_duration"
#define HANDSHAKE "tls_handshake"
#define DELAY "echo_delay"

/* More than both socket buffers of a connection can hold. */
#define PLENTY (256u << 20)

/* Time passes: this much of it, at least, is measured. */
static void
let_pass(int ms)
{
	poll(NULL, 0, ms);
}

/* Of echod_KIND_seconds_SAMPLE{listener="LISTENER"REST. */
static double
value_of(const char *answer, const char *kind, const char *sample,
	 const char *listener, const char *rest)
{
	char start[160];
	const char *at;

	snprintf(start, sizeof(start),
		 "\nechod_%s_seconds_%s{listener=\"%s\"%s} ", kind, sample,
		 listener, rest);
	contains(answer, start);
	at = strstr(answer, start);
	return strtod(at + strlen(start), NULL);
}

static double
count_of(const char *answer, const char *kind, const char *listener)
{
	double count = value_of(answer, kind, "count", listener, "");

	ck_assert_double_eq(value_of(answer, kind, "bucket", listener,
				     ",le=\"+Inf\""),
			    count);
	return count;
}

/* How many of the times are longer than `le` seconds. */
static double
longer(const char *answer, const char *kind, const char *listener,
       const char *le)
{
	char rest[40];

	snprintf(rest, sizeof(rest), ",le=\"%s\"", le);
	return count_of(answer, kind, listener) -
	       value_of(answer, kind, "bucket", listener, rest);
}

static double
seconds_of(const char *answer, const char *kind, const char *listener)
{
	return value_of(answer, kind, "sum", listener, "");
}

/* Waits for `count` times: a client can be faster than the counter. */
static const char *
wait_for(unsigned port, const char *kind, const char *listener, double count)
{
	const char *answer;

	do
		answer = ask(port, GET("/metrics") CLOSE);
	while (count_of(answer, kind, listener) < count);
	ck_assert_double_eq(count_of(answer, kind, listener), count);
	return answer;
}

START_TEST(test_duration)
{
	struct daemon *daemon = daemon_start(
		STATUS "listeners = ( { name = \"main\"; " LISTEN "}, "
		       "{ name = \"idle\"; " LISTEN "idle_timeout = 0.3; }, "
		       "{ name = \"proxied\"; " LISTEN
		       "proxy_protocol = { from = \"127.0.0.1\"; "
		       "timeout = 1; }; } );");
	unsigned port = status_port(daemon);
	int quick = client_connect(daemon_port(daemon, 0));
	int open = client_connect(daemon_port(daemon, 0));
	int idle = client_connect(daemon_port(daemon, 1));
	int silent = client_connect(daemon_port(daemon, 2));
	const char *answer;

	client_say_hello(quick);
	client_say_hello(open);
	client_end(quick);
	client_say_hello(idle);
	client_wait_closed(idle);
	client_wait_closed(silent);
	wait_for(port, DURATION, "idle", 1);
	wait_for(port, DURATION, "proxied", 1);
	answer = wait_for(port, DURATION, "main", 1);
	ck_assert_double_eq(longer(answer, DURATION, "main", "1800"), 0);
	ck_assert_double_eq(longer(answer, DURATION, "idle", "0.1"), 1);
	ck_assert_double_eq(longer(answer, DURATION, "idle", "1800"), 0);
	ck_assert_double_ge(seconds_of(answer, DURATION, "idle"), 0.29);
	ck_assert_double_eq(longer(answer, DURATION, "proxied", "0.1"), 1);
	close(idle);
	close(silent);
	client_end(open);
	wait_for(port, DURATION, "main", 2);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

#ifdef HAVE_TLS
START_TEST(test_handshake)
{
	struct daemon *daemon = daemon_start(
		tls_config(STATUS "workers = 1; listeners = ( "
				  "{ name = \"secure\"; " LISTEN
				  "tls = { " TLS_SERVER "}; }, "
				  "{ name = \"plain\"; " LISTEN "} );"));
	unsigned port = status_port(daemon);
	int failing = client_connect(daemon_port(daemon, 0));
	const char *answer;
	SSL *client;
	int fd, plain;

	/* Only complete ones count. */
	client_say(failing, "This is no handshake.\n");
	client_wait_closed(failing);
	fd = client_connect(daemon_port(daemon, 0));
	do
		answer = ask(port, GET("/metrics") CLOSE);
	while (!strstr(answer, "\nechod_listener_open_connections{"
			       "listener=\"secure\"} 1\n"));
	let_pass(300);
	client = tls_open(fd, &tls_any);
	tls_say_hello(client);
	plain = client_connect(daemon_port(daemon, 1));
	client_say_hello(plain);
	wait_for(port, DELAY, "plain", 1);
	wait_for(port, DELAY, "secure", 1);
	answer = wait_for(port, HANDSHAKE, "secure", 1);
	ck_assert_double_eq(longer(answer, HANDSHAKE, "secure", "0.1"), 1);
	ck_assert_double_gt(seconds_of(answer, HANDSHAKE, "secure"), 0.1);
	ck_assert_double_lt(seconds_of(answer, HANDSHAKE, "secure"), 60);
	ck_assert_double_eq(count_of(answer, HANDSHAKE, "plain"), 0);
	ck_assert_double_eq(seconds_of(answer, HANDSHAKE, "plain"), 0);
	tls_drop(client);
	close(failing);
	close(plain);
	tls_stop(daemon);
}
END_TEST
#else
TEST(test_handshake, skip("built without TLS"))
#endif

/* One time for each message that is received and sent alone. */
START_TEST(test_echo_delay_of_messages)
{
	enum { MESSAGES = 5 };
	struct daemon *daemon = daemon_start(
		STATUS "listeners = ( { name = \"main\"; " LISTEN "}, "
		       "{ name = \"datagrams\"; "
		       "listen = \"udp:127.0.0.1:0\"; }, "
		       "{ name = \"delayed\"; " LISTEN
		       "fault = { delay = 0.3; }; } );");
	unsigned port = status_port(daemon);
	int fd = client_connect(daemon_port(daemon, 0));
	int udp = udp_client("127.0.0.1:0", daemon_port(daemon, 1));
	int delayed = client_connect(daemon_port(daemon, 2));
	const char *answer;

	for (int i = 1; i <= MESSAGES; i++) {
		client_say_hello(fd);
		udp_say(udp, "datagram");
		udp_hear(udp, "GOT:datagram");
		wait_for(port, DELAY, "main", i);
	}
	client_say_hello(delayed);
	wait_for(port, DELAY, "datagrams", MESSAGES);
	answer = wait_for(port, DELAY, "delayed", 1);
	ck_assert_double_eq(longer(answer, DELAY, "delayed", "0.1"), 1);
	ck_assert_double_ge(seconds_of(answer, DELAY, "delayed"), 0.29);
	ck_assert_double_gt(seconds_of(answer, DELAY, "main"), 0);
	ck_assert_double_gt(seconds_of(answer, DELAY, "datagrams"), 0);
	/* All but one are quick on any machine. */
	ck_assert_double_lt(longer(answer, DELAY, "main", "0.1"), MESSAGES);
	ck_assert_double_lt(longer(answer, DELAY, "datagrams", "0.1"),
			    MESSAGES);
	close(fd);
	close(udp);
	close(delayed);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Output waits for the peer, and so do the bytes behind it. */
START_TEST(test_echo_delay_of_a_slow_reader)
{
	struct daemon *daemon =
		daemon_start(STATUS LISTEN "prefix = \"\"; workers = 1;");
	unsigned port = status_port(daemon);
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);
	struct framing framing = framing_of("", 1000);
	const char *answer;
	uint64_t sent = client_stuff(fd, PLENTY);

	ck_assert_uint_lt(sent, PLENTY);
	answer = ask(port, GET("/metrics") CLOSE);
	ck_assert_double_eq(longer(answer, DELAY, "main", "0.1"), 0);
	let_pass(300);
	client_finish(fd);
	client_receive(fd, &framing, sent, PATTERN_RUN);
	daemon_wait_counter(daemon, "closed.eof", 1);
	answer = ask(port, GET("/metrics") CLOSE);
	ck_assert_double_ge(longer(answer, DELAY, "main", "0.1"), 1);
	ck_assert_double_ge(seconds_of(answer, DELAY, "main"), 0.3);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

#define ONE "{ name = \"one\"; " LISTEN "}"
#define TWO "{ name = \"two\"; " LISTEN "}"

START_TEST(test_reload)
{
	struct daemon *daemon =
		daemon_start(STATUS "listeners = ( " ONE ", " TWO " );");
	unsigned port = status_port(daemon);
	int before = client_connect(daemon_port(daemon, 1)), after;
	const char *answer;
	double sum;

	client_say_hello(before);
	daemon_reload(daemon, STATUS "listeners = ( " ONE " );");
	/* Its connection is still open, and counts. */
	client_end(before);
	wait_for(port, DELAY, "two", 1);
	answer = wait_for(port, DURATION, "two", 1);
	sum = seconds_of(answer, DELAY, "two");
	ck_assert_double_gt(sum, 0);
	daemon_read_ports(daemon,
			  daemon_reload(daemon, STATUS "listeners = ( " TWO
						       ", " ONE " );"));
	after = client_connect(daemon_port(daemon, 0));
	client_say_hello(after);
	client_end(after);
	wait_for(port, DELAY, "two", 2);
	answer = wait_for(port, DURATION, "two", 2);
	ck_assert_double_gt(seconds_of(answer, DELAY, "two"), sum);
	ck_assert_double_eq(count_of(answer, DELAY, "one"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_duration, test_handshake, test_echo_delay_of_messages,
      test_echo_delay_of_a_slow_reader, test_reload)
