/* Counters per listener, on /metrics: where they count, and for how long. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/stats.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/http_client.h"
#include "support/suite.h"

static const char *
metrics(unsigned port)
{
	const char *answer = ask(port, GET("/metrics") CLOSE);

	starts(answer, "HTTP/1.1 200 OK\r\n");
	return answer;
}

/* `family` is without "echod_listener_" and "_total"; `reason` can be NULL. */
static void
counts(const char *answer, const char *family, const char *listener,
       const char *reason, unsigned value)
{
	char line[200];

	if (reason)
		snprintf(line, sizeof(line),
			 "\nechod_listener_%s_total{listener=\"%s\","
			 "reason=\"%s\"} %u\n",
			 family, listener, reason, value);
	else
		snprintf(line, sizeof(line),
			 "\nechod_listener_%s_total{listener=\"%s\"} %u\n",
			 family, listener, value);
	contains(answer, line);
}

/*
 * The sum of echod_listener_FAMILY_total{listener="..."REST over the listeners.
 * Fails if there is none.
 */
static unsigned long long
sum_of(const char *answer, const char *family, const char *rest)
{
	unsigned long long sum = 0;
	unsigned found = 0;
	char start[120];

	snprintf(start, sizeof(start), "\nechod_listener_%s_total{listener=\"",
		 family);
	while ((answer = strstr(answer, start))) {
		answer = strchr(answer + strlen(start), '"') + 1;
		if (strncmp(answer, rest, strlen(rest)) != 0)
			continue;
		sum += strtoull(answer + strlen(rest), NULL, 10);
		found++;
	}
	ck_assert_msg(found > 0, "no listener has %s%s", family, rest);
	return sum;
}

/* echod_FAMILY_total{reason="..."} is the sum of the listeners. */
static void
is_sum(const char *answer, const char *family, const char *reason)
{
	char sample[160], labels[80] = "", rest[80] = "} ";
	const char *at;

	if (reason) {
		snprintf(labels, sizeof(labels), "{reason=\"%s\"}", reason);
		snprintf(rest, sizeof(rest), ",reason=\"%s\"} ", reason);
	}
	snprintf(sample, sizeof(sample), "\nechod_%s_total%s ", family, labels);
	at = strstr(answer, sample);
	ck_assert_msg(at, "no%s", sample);
	ck_assert_msg(strtoull(at + strlen(sample), NULL, 10) ==
			      sum_of(answer, family, rest),
		      "%s%s is not the sum of the listeners", family, labels);
}

static void
check_sums(const char *answer)
{
#define COUNTED(name, what) is_sum(answer, #name, NULL);
#define CLOSED(name) is_sum(answer, "connections_closed", #name);
#define REFUSED(name) is_sum(answer, "connections_refused", #name);
#define DROPPED(name) is_sum(answer, "datagrams_dropped", #name);
	STATS_COUNTERS(COUNTED)
	CLOSE_REASONS(CLOSED)
	REFUSE_REASONS(REFUSED)
	DROP_REASONS(DROPPED)
}

static void
talk(int fd, const char *text)
{
	char echo[64];

	snprintf(echo, sizeof(echo), "GOT:%s", text);
	client_say(fd, text);
	client_hear(fd, echo);
}

START_TEST(test_traffic_counts_at_its_listener)
{
	char config[512], local[64];
	struct daemon *daemon;
	const char *answer;
	int fds[3], udp;

	snprintf(local, sizeof(local), "@echod-counters-%d", (int)getpid());
	snprintf(config, sizeof(config),
		 STATUS "workers = 2; listeners = ( "
			"{ name = \"one\"; " LISTEN "}, "
			"{ name = \"two\"; " LISTEN "}, "
			"{ name = \"local\"; listen = \"unix:%s\"; }, "
			"{ name = \"datagrams\"; "
			"listen = \"udp:127.0.0.1:0\"; } );",
		 local);
	daemon = daemon_start(config);
	fds[0] = client_connect(daemon_port(daemon, 0));
	fds[1] = client_connect(daemon_port(daemon, 1));
	fds[2] = client_connect_unix(local);
	udp = udp_client("127.0.0.1:0", daemon_port(daemon, 3));
	talk(fds[0], "1");
	client_end(fds[0]);
	talk(fds[1], "22");
	talk(fds[1], "4444");
	talk(fds[2], "local");
	client_end(fds[2]);
	udp_say(udp, "datagram");
	udp_hear(udp, "GOT:datagram");
	daemon_wait_counter(daemon, "closed.eof", 2);
	daemon_wait_counter(daemon, "bytes_out", 5 + 6 + 8 + 9 + 12);

	answer = metrics(status_port(daemon));
	counts(answer, "connections", "one", NULL, 1);
	counts(answer, "chunks", "one", NULL, 1);
	counts(answer, "bytes_in", "one", NULL, 1);
	counts(answer, "bytes_out", "one", NULL, 5);
	counts(answer, "connections_closed", "one", "eof", 1);
	counts(answer, "datagrams_in", "one", NULL, 0);
	counts(answer, "connections", "two", NULL, 1);
	counts(answer, "chunks", "two", NULL, 2);
	counts(answer, "bytes_in", "two", NULL, 6);
	counts(answer, "bytes_out", "two", NULL, 14);
	counts(answer, "connections_closed", "two", "eof", 0);
	counts(answer, "connections", "local", NULL, 1);
	counts(answer, "bytes_in", "local", NULL, 5);
	counts(answer, "connections_closed", "local", "eof", 1);
	counts(answer, "connections", "datagrams", NULL, 0);
	counts(answer, "datagrams_in", "datagrams", NULL, 1);
	counts(answer, "datagrams_out", "datagrams", NULL, 1);
	counts(answer, "bytes_in", "datagrams", NULL, 8);
	counts(answer, "bytes_out", "datagrams", NULL, 12);
	check_sums(answer);
	close(fds[1]);
	close(udp);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* One worker can accept a connection that another one serves. */
START_TEST(test_workers_add_up)
{
	enum { CLIENTS = 40 };
	struct daemon *daemon = daemon_start(STATUS LISTEN "workers = 4;");
	unsigned port = status_port(daemon);
	const char *answer;
	int fds[CLIENTS];

	for (unsigned i = 0; i < CLIENTS; i++)
		fds[i] = client_connect(daemon_port(daemon, 0));
	for (unsigned i = 0; i < CLIENTS; i++)
		talk(fds[i], "x");
	daemon_wait_counter(daemon, "chunks", CLIENTS);
	answer = metrics(port);
	counts(answer, "connections", "main", NULL, CLIENTS);
	counts(answer, "chunks", "main", NULL, CLIENTS);
	check_sums(answer);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_end(fds[i]);
	daemon_wait_counter(daemon, "closed.eof", CLIENTS);
	counts(metrics(port), "connections_closed", "main", "eof", CLIENTS);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A connection that is refused: echod closes it. */
static void
expect_refused(unsigned port)
{
	int fd = client_connect(port);

	client_wait_closed(fd);
	close(fd);
}

START_TEST(test_refusals_count_at_their_listener)
{
	static const struct {
		const char *name;
		const char *reason;
		unsigned refusals;
	} cases[] = {
		{ "full", "max_connections", 2 },
		{ "source", "per_source", 3 },
		{ "denied", "denied", 4 },
		{ "proxied", "unknown_proxy", 5 },
	};
	enum { CASES = sizeof(cases) / sizeof(*cases) };
	struct daemon *daemon = daemon_start(
		STATUS "workers = 2; listeners = ( "
		       "{ name = \"full\"; " LISTEN "max_connections = 1; }, "
		       "{ name = \"source\"; " LISTEN "per_source = 1; }, "
		       "{ name = \"denied\"; " LISTEN
		       "deny = \"127.0.0.0/8\"; }, "
		       "{ name = \"proxied\"; " LISTEN
		       "proxy_protocol = { from = \"192.0.2.0/24\"; }; }, "
		       "{ name = \"datagrams\"; deny = \"127.0.0.0/8\"; "
		       "listen = \"udp:127.0.0.1:0\"; } );");
	const char *answer;
	int fds[2], udp;

	for (unsigned i = 0; i < 2; i++) {
		fds[i] = client_connect(daemon_port(daemon, i));
		talk(fds[i], "x");
	}
	for (unsigned i = 0; i < CASES; i++)
		for (unsigned j = 0; j < cases[i].refusals; j++)
			expect_refused(daemon_port(daemon, i));
	udp = udp_client("127.0.0.1:0", daemon_port(daemon, CASES));
	udp_say(udp, "x");
	daemon_wait_counter(daemon, "dropped.denied", 1);
	for (unsigned i = 0; i < CASES; i++) {
		char key[64];

		snprintf(key, sizeof(key), "refused.%s", cases[i].reason);
		daemon_wait_counter(daemon, key, cases[i].refusals);
	}
	answer = metrics(status_port(daemon));
	for (unsigned i = 0; i < CASES; i++)
		for (unsigned j = 0; j < CASES; j++)
			counts(answer, "connections_refused", cases[i].name,
			       cases[j].reason, i == j ? cases[i].refusals : 0);
	counts(answer, "datagrams_dropped", "datagrams", "denied", 1);
	counts(answer, "datagrams_dropped", "denied", "denied", 0);
	counts(answer, "connections_refused", "datagrams", "denied", 0);
	check_sums(answer);
	close(fds[0]);
	close(fds[1]);
	close(udp);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

#define ONE "{ name = \"one\"; " LISTEN "}"
#define TWO "{ name = \"two\"; " LISTEN "}"

START_TEST(test_names_outlive_reloads)
{
	struct daemon *daemon =
		daemon_start(STATUS "listeners = ( " ONE ", " TWO " );");
	unsigned port = status_port(daemon);
	int before = client_connect(daemon_port(daemon, 1)), after;
	const char *answer;

	talk(before, "1");
	daemon_reload(daemon, STATUS "listeners = ( " ONE " );");
	/* Its connection is still open, and counts. */
	talk(before, "22");
	daemon_wait_counter(daemon, "chunks", 2);
	answer = metrics(port);
	counts(answer, "chunks", "two", NULL, 2);
	counts(answer, "bytes_in", "two", NULL, 3);
	counts(answer, "chunks", "one", NULL, 0);
	ck_assert_ptr_null(strstr(answer, "\nechod_listener_open_connections{"
					  "listener=\"two\"}"));
	check_sums(answer);

	daemon_read_ports(daemon,
			  daemon_reload(daemon, STATUS "listeners = ( " TWO
						       ", " ONE " );"));
	after = client_connect(daemon_port(daemon, 0));
	talk(after, "333");
	talk(before, "4444");
	daemon_wait_counter(daemon, "chunks", 4);
	answer = metrics(port);
	counts(answer, "chunks", "two", NULL, 4);
	counts(answer, "bytes_in", "two", NULL, 10);
	counts(answer, "connections", "two", NULL, 2);
	counts(answer, "chunks", "one", NULL, 0);
	check_sums(answer);
	close(before);
	close(after);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_names_of_a_refused_file_are_not_shown)
{
	struct address any = address_of("127.0.0.1:0");
	int busy = other_socket(&any, 0);
	struct address bound = bound_to(busy);
	struct daemon *daemon = daemon_start(STATUS LISTEN);
	unsigned port = status_port(daemon);
	const char *answer;
	char config[256];

	ck_assert_int_eq(listen(busy, 1), 0);
	snprintf(config, sizeof(config),
		 STATUS "listeners = ( { name = \"main\"; " LISTEN "}, "
			"{ name = \"other\"; listen = \"127.0.0.1:%u\"; } );",
		 address_port(&bound));
	daemon_reload(daemon, config);
	answer = metrics(port);
	contains(answer, "\nechod_config_last_reload_successful 0\n");
	ck_assert_ptr_null(strstr(answer, "\"other\""));

	close(busy);
	daemon_reload(daemon, config);
	counts(metrics(port), "connections", "other", NULL, 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_info_tells_the_kind)
{
	char config[512], line[200];
	struct daemon *daemon;
	const char *answer;

	snprintf(config, sizeof(config),
		 STATUS "listeners = ( { name = \"slow\"; " LISTEN
			"fault = { end = \"reset\"; after = 1; }; }, "
			"{ name = \"main\"; listen = \"udp:127.0.0.1:0\"; }, "
			"{ name = \"local\"; "
			"listen = \"unix:@echod-kind-%d\"; "
			"proxy_protocol = { from = \"192.0.2.1\"; }; } );",
		 (int)getpid());
	daemon = daemon_start(config);
	answer = metrics(status_port(daemon));
	snprintf(line, sizeof(line),
		 "\nechod_listener_info{listener=\"slow\","
		 "address=\"tcp:127.0.0.1:%u\",kind=\"tcp\",tls=\"no\","
		 "proxy_protocol=\"off\",fault=\"yes\"} 1\n",
		 daemon_port(daemon, 0));
	contains(answer, line);
	snprintf(line, sizeof(line),
		 "\nechod_listener_info{listener=\"main\","
		 "address=\"udp:127.0.0.1:%u\",kind=\"udp\",tls=\"no\","
		 "proxy_protocol=\"off\",fault=\"no\"} 1\n",
		 daemon_port(daemon, 1));
	contains(answer, line);
	snprintf(line, sizeof(line),
		 "\nechod_listener_info{listener=\"local\","
		 "address=\"unix:@echod-kind-%d\",kind=\"unix\",tls=\"no\","
		 "proxy_protocol=\"on\",fault=\"no\"} 1\n",
		 (int)getpid());
	contains(answer, line);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_traffic_counts_at_its_listener, test_workers_add_up,
      test_refusals_count_at_their_listener, test_names_outlive_reloads,
      test_names_of_a_refused_file_are_not_shown, test_info_tells_the_kind)
