/* HTTP status: what is served, and that its clients cannot harm the echo. */
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/http_client.h"
#include "support/sockets.h"
#include "support/suite.h"

static void
echoes(const struct daemon *daemon)
{
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello");
	client_hear(fd, "GOT:Hello");
	client_end(fd);
}

START_TEST(test_off_by_default)
{
	struct daemon *daemon = daemon_start(LISTEN);

	echoes(daemon);
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Status on"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_metrics_count_events)
{
	struct daemon *daemon = daemon_start(LISTEN STATUS "workers = 2;");
	unsigned port = status_port(daemon);
	int fd = client_connect(daemon_port(daemon, 0));
	const char *answer;

	client_say(fd, "Hello");
	client_hear(fd, "GOT:Hello");
	/* The echo is counted after it was sent. */
	daemon_wait_counter(daemon, "chunks", 1);
	answer = ask(port, GET("/metrics") CLOSE);
	starts(answer, "HTTP/1.1 200 OK\r\n");
	contains(answer, "\r\nContent-Type: text/plain; version=0.0.4; "
			 "charset=utf-8\r\n");
	contains(answer, "\r\nCache-Control: no-store\r\n");
	contains(answer, "\r\nContent-Security-Policy: default-src 'none';");
	contains(answer, "\r\nX-Content-Type-Options: nosniff\r\n");
	contains(answer, "\r\nReferrer-Policy: no-referrer\r\n");
	contains(answer, "\nechod_build_info{version=\"" PACKAGE_VERSION "\",");
	contains(answer, "\nechod_open_connections 1\n");
	contains(answer, "\nechod_listener_open_connections{listener=\"main\"} "
			 "1\n");
	contains(answer, "\nechod_listener_info{listener=\"main\","
			 "address=\"tcp:127.0.0.1:");
	contains(answer, "\nechod_connections_total 1\n");
	contains(answer, "\nechod_chunks_total 1\n");
	contains(answer, "\nechod_bytes_in_total 5\n");
	contains(answer, "\nechod_bytes_out_total 9\n");
	contains(answer, "\nechod_worker_open_connections{worker=\"1\"} ");
	contains(answer, "\nechod_draining 0\n");
	contains(answer, "\nechod_config_reloads_total{result=\"ok\"} 0\n");

	client_end(fd);
	daemon_wait_counter(daemon, "closed.eof", 1);
	daemon_wait_counter(daemon, "open", 0);
	daemon_reload(daemon, LISTEN STATUS "\nbacklog = 0;");
	daemon_reload(daemon, LISTEN STATUS "workers = 2; prefix = \"\";");
	contains(ask(port, GET("/metrics") CLOSE),
		 "\nechod_config_last_reload_successful 1\n");
	daemon_reload(daemon, LISTEN STATUS "\nbacklog = 0;");
	answer = ask(port, GET("/metrics") CLOSE);
	contains(answer, "\nechod_open_connections 0\n");
	contains(answer,
		 "\nechod_connections_closed_total{reason=\"eof\"} 1\n");
	contains(answer, "\nechod_config_reloads_total{result=\"ok\"} 1\n");
	contains(answer, "\nechod_config_reloads_total{result=\"failed\"} 2\n");
	contains(answer, "\nechod_config_last_reload_successful 0\n");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_health_check_fails_when_drain_starts)
{
	struct daemon *daemon =
		daemon_start(LISTEN STATUS "drain = { delay = 60.0; };");
	unsigned port = status_port(daemon);
	const char *answer = ask(port, GET("/healthz") CLOSE);

	starts(answer, "HTTP/1.1 200 OK\r\n");
	ends(answer, "\r\n\r\nok\n");
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining signal=SIGTERM");
	answer = ask(port, GET("/healthz") CLOSE);
	starts(answer, "HTTP/1.1 503 Service Unavailable\r\n");
	ends(answer, "\r\n\r\ndraining\n");
	contains(ask(port, GET("/metrics") CLOSE), "\nechod_draining 1\n");
	/* Meanwhile it serves on. */
	echoes(daemon);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_unknown_paths_and_methods_are_refused)
{
	static const struct {
		const char *request;
		const char *answer;
	} table[] = {
		{ GET("/nothing") CLOSE, "HTTP/1.1 404 Not Found\r\n" },
		{ GET("/metrics/") CLOSE, "HTTP/1.1 404 " },
		{ GET("/../metrics") CLOSE, "HTTP/1.1 404 " },
		{ GET("/metrics?name=x") CLOSE, "HTTP/1.1 200 " },
		{ "DELETE /metrics HTTP/1.1\r\nHost: [::1]:80\r\n" CLOSE,
		  "HTTP/1.1 405 Method Not Allowed\r\n"
		  "Allow: GET, HEAD, OPTIONS\r\n" },
		{ "POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		  "Content-Length: 0\r\n" CLOSE,
		  "HTTP/1.1 405 " },
		{ "POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		  "Content-Length: 1\r\n" CLOSE "x",
		  "HTTP/1.1 413 " },
		{ "POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		  "Transfer-Encoding: chunked\r\n" CLOSE "1\r\nx\r\n0\r\n\r\n",
		  "HTTP/1.1 413 " },
		{ "BREW /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n" CLOSE,
		  "HTTP/1.1 501 " },
		{ "\x16\x03\x01\r\n\r\n", "HTTP/1.1 400 " },
		{ "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.0 200 " },
	};
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	unsigned port = status_port(daemon);

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		starts(ask(port, table[i].request), table[i].answer);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/*
 * The policy allows only what the page contains; check-page shows that it
 * works.
 */
START_TEST(test_content_security_policy)
{
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	const char *answer = ask(status_port(daemon), GET("/") CLOSE);

	starts(answer, "HTTP/1.1 200 OK\r\n");
	contains(answer, "\r\nContent-Type: text/html; charset=utf-8\r\n");
	contains(answer, "\r\nCache-Control: no-store\r\n");
	contains(answer, "\r\nContent-Security-Policy: default-src 'none'; "
			 "script-src 'sha256-");
	ck_assert_ptr_null(strstr(answer, "'unsafe-"));
	contains(answer, "\r\n\r\n<!DOCTYPE html>\n");
	ends(answer, "</html>\n");
	/* No script, style, font or picture from anywhere. */
	ck_assert_ptr_null(strstr(answer, "src="));
	ck_assert_ptr_null(strstr(answer, "url("));
	ck_assert_ptr_null(strstr(answer, "@import"));
	ck_assert_uint_lt(strlen(answer), 30000);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_head_has_no_body)
{
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	const char *answer =
		ask(status_port(daemon),
		    "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n" CLOSE);

	starts(answer, "HTTP/1.1 200 OK\r\n");
	contains(answer, "\r\nContent-Length: 3\r\n");
	ends(answer, "\r\n\r\n");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_pipelined_requests_are_answered_in_order)
{
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	const char *answer =
		ask(status_port(daemon),
		    GET("/healthz") "\r\n" GET("/nothing") "\r\n" GET(
			    "/healthz") "\r\n" GET("/no") CLOSE);
	static const char *const status[] = { "200 OK", "404 Not Found",
					      "200 OK", "404 Not Found" };

	for (size_t i = 0; i < 4; i++) {
		answer = strstr(answer, "HTTP/1.1 ");
		ck_assert_ptr_nonnull(answer);
		starts(answer + 9, status[i]);
		answer++;
	}
	ck_assert_ptr_null(strstr(answer, "HTTP/1.1 "));
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Headers may have 8 KiB; more is answered with an error or closed. */
START_TEST(test_headers_are_bounded)
{
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	unsigned port = status_port(daemon);
	long before = daemon_status_kib(daemon, "VmRSS");
	static char header[7000], junk[65536];
	int fd = client_connect(port);

	memset(header, 'h', sizeof(header) - 1);
	client_say(fd, GET("/healthz") "X-Long: ");
	client_say(fd, header);
	client_say(fd, "\r\n" CLOSE);
	starts(read_all(fd), "HTTP/1.1 200 ");

	/* One without an end, in the first line and after it. */
	memset(junk, 'j', sizeof(junk));
	for (int line = 0; line < 2; line++) {
		fd = client_connect(port);
		if (line)
			client_say(fd, GET("/healthz") "X-Long: ");
		for (int i = 0; i < 1000; i++)
			if (send(fd, junk, sizeof(junk), MSG_NOSIGNAL) < 0)
				break;
		read_all(fd);
	}
	ck_assert_int_lt(daemon_status_kib(daemon, "VmRSS"), before + 8192);
	echoes(daemon);
	starts(ask(port, GET("/healthz") CLOSE), "HTTP/1.1 200 ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* One byte a second must not extend the time-out. */
START_TEST(test_request_timeout)
{
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	unsigned port = status_port(daemon);
	int slow = client_connect(port), silent = client_connect(port);
	struct pollfd ended[] = {
		{ .fd = slow, .events = POLLIN },
		{ .fd = silent, .events = POLLIN },
	};
	time_t begin = time(NULL);

	client_say(slow, "GET /healthz HTTP/1.1\r\n");
	for (int i = 0; i < 2; i++) {
		while (poll(&ended[i], 1, 500) == 0) {
			ck_assert_int_lt(time(NULL), begin + 40);
			send(slow, "X", 1, MSG_NOSIGNAL);
		}
		ck_assert_int_ge(time(NULL), begin + 8);
	}
	close(slow);
	close(silent);
	starts(ask(port, GET("/healthz") CLOSE), "HTTP/1.1 200 ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* An unread response times out as well. */
START_TEST(test_response_timeout)
{
	struct daemon *daemon = daemon_start(LISTEN STATUS);
	unsigned port = status_port(daemon);
	int fd = client_connect_small(port, 1024);
	struct pollfd ended = { .fd = fd, .events = POLLRDHUP };

	/*
	 * As many requests as the daemon takes before it waits for the reader.
	 */
	for (int i = 0; i < 10000; i++)
		if (send(fd, GET("/metrics") "\r\n",
			 strlen(GET("/metrics") "\r\n"),
			 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
	echoes(daemon);
	ck_assert_msg(poll(&ended, 1, 40000) == 1, "it waits for ever");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_idle_clients_do_not_block_others)
{
	enum { CROWD = 1000 };
	struct rlimit files = { 4096, 4096 };
	struct daemon *daemon;
	int fds[CROWD], kept;
	unsigned port;
	size_t before;

	setrlimit(RLIMIT_NOFILE, &files);
	daemon = daemon_start(LISTEN STATUS);
	port = status_port(daemon);
	before = daemon_count(daemon, "fd");
	kept = client_connect(port);
	client_say(kept, GET("/healthz") "\r\n");
	for (int i = 0; i < CROWD; i++) {
		fds[i] = client_connect(port);
		if (i % 100 == 0)
			echoes(daemon);
	}
	/* Other clients are answered meanwhile. */
	starts(ask(port, GET("/healthz") CLOSE), "HTTP/1.1 200 ");
	ck_assert_uint_le(daemon_count(daemon, "fd"), before + 70);
	contains(daemon_reload(daemon, LISTEN STATUS "prefix = \"GOT:\";"),
		 " reloaded ");
	echoes(daemon);
	starts(ask(port, GET("/healthz") CLOSE), "HTTP/1.1 200 ");
	for (int i = 0; i < CROWD; i++)
		close(fds[i]);
	close(kept);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static void
expect_nobody(unsigned port)
{
	struct sockaddr_in address = client_loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_lt(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

START_TEST(test_reload_moves_the_address)
{
	uint16_t port, other;
	/*
	 * No other process gets these ports, and none listens there
	 * afterwards.
	 */
	int reserved[] = { reserve_port(&port), reserve_port(&other) };
	char config[256], busy[256];
	struct daemon *daemon;
	unsigned echo;

	snprintf(config, sizeof(config),
		 LISTEN "status = { listen = \"127.0.0.1:%u\"; };", port);
	daemon = daemon_start(config);
	ck_assert_uint_eq(status_port(daemon), port);
	snprintf(config, sizeof(config),
		 LISTEN "status = { listen = \"127.0.0.1:%u\"; };", other);
	daemon_reload(daemon, config);
	ck_assert_uint_eq(status_port(daemon), other);
	starts(ask(other, GET("/healthz") CLOSE), "HTTP/1.1 200 ");
	expect_nobody(port);

	/* To an address in use: the whole configuration stays. */
	echo = daemon_port(daemon, 0);
	snprintf(busy, sizeof(busy),
		 LISTEN "prefix = \"new:\"; status = { listen = "
			"\"127.0.0.1:%u\"; };",
		 echo);
	contains(daemon_reload(daemon, busy), "keeping the running");
	daemon_wait_line(daemon, "status\\.listen: cannot listen on "
				 "tcp:127\\.0\\.0\\.1:[0-9]+: Address "
				 "already in use");
	echoes(daemon);
	starts(ask(other, GET("/healthz") CLOSE), "HTTP/1.1 200 ");

	/* From one address to all of them, and to none. */
	snprintf(config, sizeof(config),
		 LISTEN "status = { listen = \"*:%u\"; };", other);
	contains(daemon_reload(daemon, config), " reloaded ");
	starts(ask(other, GET("/healthz") CLOSE), "HTTP/1.1 200 ");
	contains(daemon_reload(daemon, LISTEN), " reloaded ");
	expect_nobody(other);
	close(reserved[0]);
	close(reserved[1]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_unix_socket)
{
	char config[256], path[64], answer[4096];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char directory[] = "/tmp/echod-status.XXXXXX";
	struct daemon *daemon;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/status.sock", directory);
	strcpy(address.sun_path, path);
	snprintf(config, sizeof(config),
		 LISTEN "status = { listen = \"unix:%s\"; };", path);
	daemon = daemon_start(config);
	daemon_wait_line(daemon, "^Status on unix:/tmp/echod-status\\.");
	ck_assert_int_eq(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	client_say(fd, GET("/healthz") CLOSE);
	strcpy(answer, read_all(fd));
	starts(answer, "HTTP/1.1 200 ");
	ends(answer, "\r\n\r\nok\n");

	contains(daemon_reload(daemon, LISTEN), " reloaded ");
	ck_assert_int_ne(access(path, F_OK), 0);
	contains(daemon_reload(daemon, config), " reloaded ");
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
	rmdir(directory);
}
END_TEST

START_TEST(test_address_in_use_fails_the_start)
{
	struct daemon *first = daemon_start(LISTEN STATUS);
	char config[256];

	snprintf(config, sizeof(config),
		 LISTEN "status = { listen = \"127.0.0.1:%u\"; };",
		 status_port(first));
	daemon_expect_failure(config,
			      "status.listen: cannot listen on .*: Address "
			      "already in use",
			      71);
	ck_assert_int_eq(daemon_stop(first), 0);
}
END_TEST

SUITE(test_off_by_default, test_metrics_count_events,
      test_health_check_fails_when_drain_starts,
      test_unknown_paths_and_methods_are_refused, test_content_security_policy,
      test_head_has_no_body, test_pipelined_requests_are_answered_in_order,
      test_headers_are_bounded, test_request_timeout, test_response_timeout,
      test_idle_clients_do_not_block_others, test_reload_moves_the_address,
      test_unix_socket, test_address_in_use_fails_the_start)
