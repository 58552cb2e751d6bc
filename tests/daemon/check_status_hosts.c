/* HTTP status: which hosts are accepted, and how probes are answered. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/http_client.h"
#include "support/suite.h"

/* The answer to GET with this Host. */
static const char *
ask_as(unsigned port, const char *path, const char *host)
{
	char request[1024];

	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: %s\r\n" CLOSE, path, host);
	return ask(port, request);
}

/* DNS rebinding: a foreign page's requests have a foreign Host header. */
START_TEST(test_unknown_host_is_refused)
{
	static const char *const own[] = {
		"127.0.0.1", "127.0.0.1:80", "[::1]:25080",
		"[fe80::1]", "localhost",    "LocalHost:1",
		"192.0.2.7", "localhost.",   "localhost.:",
		"",
	};
	static const char *const strange[] = {
		"example.com",
		"127.0.0.1.example.com",
		"localhost.co",
		"example.com:25080",
		"[::1].co",
		"1.2.3",
		"[example]",
		"localhost..",
		"localhost@evil.co",
		"localhost:80@evil.co",
		"evil.co:80:80",
		"localhost evil.co",
		"[localhost]",
		"[127.0.0.1]",
		"localhost/evil.co",
		"evil.co, localhost:",
		".",
	};
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	unsigned port = status_port(daemon);
	char host[300] = "";

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		starts(ask_as(port, "/metrics", own[i]), "HTTP/1.1 200 ");
	ck_assert_int_eq(gethostname(host, sizeof(host) - 8), 0);
	strcat(host, ".:25080");
	starts(ask_as(port, "/metrics", host), "HTTP/1.1 200 ");
	for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++) {
		starts(ask_as(port, "/metrics", strange[i]), "HTTP/1.1 421 ");
		starts(ask_as(port, "/", strange[i]), "HTTP/1.1 421 ");
		starts(ask_as(port, "/config", strange[i]), "HTTP/1.1 421 ");
	}
	contains(ask_as(port, "/metrics", "evil.co"), "\"status.hosts\"");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* In absolute form, Host does not count; a path never names the host. */
START_TEST(test_absolute_form)
{
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	unsigned port = status_port(daemon);

	starts(ask(port, "GET http://example.com/metrics HTTP/1.1\r\n"
			 "Host: 127.0.0.1\r\n" CLOSE),
	       "HTTP/1.1 421 ");
	starts(ask(port, "GET http://localhost@example.com/metrics HTTP/1.1\r\n"
			 "Host: 127.0.0.1\r\n" CLOSE),
	       "HTTP/1.1 421 ");
	starts(ask(port, "GET http://[::1]:80/metrics HTTP/1.1\r\n"
			 "Host: example.com\r\n" CLOSE),
	       "HTTP/1.1 200 ");
	starts(ask_as(port, "//localhost/metrics", "example.com"),
	       "HTTP/1.1 421 ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_probes_are_answered_whatever_the_host)
{
	static const char *const paths[] = { "/healthz", "/readyz", "/livez" };
	static const char *const hosts[] = {
		"echod.monitoring.svc",
		"my_service:25080",
		"localhost.",
		"evil.example",
		"",
		"a b",
		"[::",
		"@:/?#",
	};
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	unsigned port = status_port(daemon);
	char request[128];

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		for (size_t j = 0; j < sizeof(hosts) / sizeof(*hosts); j++) {
			const char *answer = ask_as(port, paths[i], hosts[j]);

			starts(answer, "HTTP/1.1 200 OK\r\n");
			ends(answer, "\r\n\r\nok\n");
		}
		snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n",
			 paths[i]);
		starts(ask(port, request), "HTTP/1.0 200 ");
	}
	ck_assert_uint_eq(daemon_count_lines(daemon, "refused"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_livez_is_ok_in_a_drain)
{
	struct daemon *daemon =
		daemon_start(LISTEN STATUS "drain = { delay = 60.0; };");
	unsigned port = status_port(daemon);

	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining signal=SIGTERM");
	starts(ask(port, GET("/livez") CLOSE), "HTTP/1.1 200 ");
	starts(ask(port, GET("/readyz") CLOSE), "HTTP/1.1 503 ");
	starts(ask(port, "OPTIONS /livez HTTP/1.0\r\n\r\n"), "HTTP/1.0 200 ");
	starts(ask(port, "OPTIONS /healthz HTTP/1.0\r\n\r\n"), "HTTP/1.0 503 ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* What haproxy sends for "option httpchk", with and without a path. */
START_TEST(test_options)
{
	static const char *const paths[] = {
		"/", "/metrics", "/config", "/healthz", "/readyz", "/livez",
	};
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	unsigned port = status_port(daemon);
	char request[128];

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const char *answer;

		snprintf(request, sizeof(request),
			 "OPTIONS %s HTTP/1.0\r\n\r\n", paths[i]);
		answer = ask(port, request);
		starts(answer, "HTTP/1.0 200 OK\r\n");
		contains(answer, "\r\nAllow: GET, HEAD, OPTIONS\r\n");
		ends(answer, i < 3 ? "\r\n\r\n" : "\r\n\r\nok\n");
	}
	starts(ask(port, "OPTIONS /nothing HTTP/1.0\r\n\r\n"), "HTTP/1.0 404 ");
	starts(ask(port, "OPTIONS / HTTP/1.1\r\nHost: evil.example\r\n" CLOSE),
	       "HTTP/1.1 421 ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

#define STATUS_FOR(hosts) \
	"status = { listen = \"127.0.0.1:0\"; hosts = " hosts "; }; "

/* A reload keeps the socket: its address is the same. */
START_TEST(test_a_reload_changes_the_hosts)
{
	struct daemon *daemon = daemon_start(
		LISTEN STATUS_FOR("[ \"Echod.svc\", \"*.example.com\" ]"));
	unsigned port = status_port(daemon);

	starts(ask_as(port, "/metrics", "echod.SVC.:25080"), "HTTP/1.1 200 ");
	starts(ask_as(port, "/metrics", "a.b.example.com"), "HTTP/1.1 200 ");
	starts(ask_as(port, "/metrics", "example.com"), "HTTP/1.1 421 ");
	daemon_reload(daemon, LISTEN STATUS_FOR("\"example.com\""));
	starts(ask_as(port, "/metrics", "example.com"), "HTTP/1.1 200 ");
	starts(ask_as(port, "/metrics", "a.b.example.com"), "HTTP/1.1 421 ");
	daemon_reload(daemon, LISTEN STATUS_FOR("\"*\""));
	starts(ask_as(port, "/metrics", "a.b.example.com"), "HTTP/1.1 200 ");
	starts(ask_as(port, "/metrics", "a b:c"), "HTTP/1.1 200 ");
	daemon_reload(daemon, LISTEN STATUS);
	starts(ask_as(port, "/metrics", "example.com"), "HTTP/1.1 421 ");
	starts(ask_as(port, "/metrics", "localhost"), "HTTP/1.1 200 ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_a_refused_host_is_logged_once)
{
	static const char refused[] =
		"^warning: Status request refused: Host \".*\" is not a name "
		"of this host, and not in status\\.hosts$";
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	unsigned port = status_port(daemon);

	ask_as(port, "/metrics", "one.example\x1b[1m");
	daemon_wait_line(daemon, "Host \"one\\.example\\\\x1b\\[1m\"");
	ask_as(port, "/metrics", "two.example");
	/* The line of counters comes after what is logged until then. */
	daemon_counter(daemon, "open");
	ck_assert_uint_eq(daemon_count_lines(daemon, refused), 1);
	daemon_reload(daemon, LISTEN STATUS);
	ask_as(port, "/metrics", "three.example");
	ask_as(port, "/metrics", "four.example");
	daemon_wait_line(daemon, "Host \"three\\.example\"");
	daemon_counter(daemon, "open");
	ck_assert_uint_eq(daemon_count_lines(daemon, refused), 1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A /etc/hosts of our own, with the qualified name. */
static void
mount_hosts_file(void)
{
	static char path[] = "/tmp/echod-hosts.XXXXXX";
	char name[256] = "";
	int fd = mkstemp(path);

	gethostname(name, sizeof(name) - 1);
	dprintf(fd, "127.0.1.1 %s.example.net %s\n", name, name);
	close(fd);
	if (mount(path, "/etc/hosts", NULL, MS_BIND, NULL) < 0)
		perror("/etc/hosts");
	unlink(path);
}

static void
enter_own_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip("needs mount(2)");
	mount_hosts_file();
}

START_TEST(test_the_qualified_name_is_accepted)
{
	struct daemon *daemon;
	char host[300] = "";
	unsigned port;

	enter_own_mounts();
	daemon = daemon_start(LISTEN STATUS);
	port = status_port(daemon);
	ck_assert_int_eq(gethostname(host, 256), 0);
	strcat(host, ".example.net");
	starts(ask_as(port, "/metrics", host), "HTTP/1.1 200 ");
	strcat(host, ".:80");
	starts(ask_as(port, "/metrics", host), "HTTP/1.1 200 ");
	*strstr(host, ".net") = '\0';
	starts(ask_as(port, "/metrics", host), "HTTP/1.1 421 ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_unknown_host_is_refused, test_absolute_form,
      test_probes_are_answered_whatever_the_host, test_livez_is_ok_in_a_drain,
      test_options, test_a_reload_changes_the_hosts,
      test_a_refused_host_is_logged_once, test_the_qualified_name_is_accepted)
