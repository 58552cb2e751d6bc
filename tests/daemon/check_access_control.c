/* allow and deny: what a client sees, and what is logged. */
#include <linux/filter.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/sockets.h"
#include "support/suite.h"

#define ADDRESSES "listen = [ \"127.0.0.1:0\", \"[::1]:0\" ]; "
#define LISTEN "listen = \"127.0.0.1:0\"; "

static void
expect_served(int fd)
{
	client_say_hello(fd);
	close(fd);
}

/* The connection is refused, and a line has the reason. */
static void
expect_refused(struct daemon *daemon, int fd, const char *listener,
	       const char *reason)
{
	char pattern[200];

	client_wait_closed(fd);
	snprintf(pattern, sizeof(pattern),
		 "^Connection refused .*:%u listener=%s reason=%s peer=",
		 client_port(fd), listener, reason);
	daemon_wait_line(daemon, pattern);
	close(fd);
}

START_TEST(test_deny)
{
	struct daemon *daemon =
		daemon_start(LISTEN "deny = [ \"127.0.0.0/8\", \"::1\" ];");
	unsigned port = daemon_port(daemon, 0);

	expect_refused(daemon, client_connect(port), "main", "denied");
	expect_refused(daemon, client_connect(port), "main", "denied");
	daemon_wait_counter(daemon, "refused.denied", 2);
	ck_assert_uint_eq(daemon_counter(daemon, "connections"), 0);
	daemon_wait_counter(daemon, "open", 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_allow)
{
	struct daemon *daemon = daemon_start(
		"allow = \"192.0.2.0/24\"; listeners = ( "
		"{ name = \"heir\"; " LISTEN "}, "
		"{ name = \"own\"; " LISTEN "allow = \"127.0.0.1\"; }, "
		"{ name = \"both\"; " LISTEN "allow = \"127.0.0.0/8\"; "
		"deny = \"127.0.0.1\"; }, "
		"{ name = \"all\"; " LISTEN "allow = [ ]; } );");

	expect_refused(daemon, client_connect(daemon_port(daemon, 0)), "heir",
		       "denied");
	expect_served(client_connect(daemon_port(daemon, 1)));
	expect_refused(daemon, client_connect(daemon_port(daemon, 2)), "both",
		       "denied");
	expect_served(client_connect(daemon_port(daemon, 3)));
	daemon_wait_counter(daemon, "refused.denied", 2);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_allow_by_family)
{
	struct daemon *daemon;

	if (!has_ipv6())
		skip("there is no IPv6 here");
	daemon = daemon_start(ADDRESSES "allow = \"::/0\";");
	expect_refused(daemon, client_connect(daemon_port(daemon, 0)), "main",
		       "denied");
	expect_served(client_connect6(daemon_port(daemon, 1)));
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A reload changes which clients are accepted; open connections stay. */
START_TEST(test_deny_by_reload)
{
	struct daemon *daemon = daemon_start(LISTEN);
	int before = client_connect(daemon_port(daemon, 0));

	client_say_hello(before);
	daemon_reload(daemon, LISTEN "deny = \"127.0.0.1\";");
	expect_refused(daemon, client_connect(daemon_port(daemon, 0)), "main",
		       "denied");
	client_say_hello(before);
	daemon_reload(daemon, LISTEN);
	expect_served(client_connect(daemon_port(daemon, 0)));
	expect_served(before);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* From now on the client's host acknowledges nothing and sends nothing. */
static void
vanish(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &nothing };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
		       sizeof(filter)) < 0)
		skip("no filter can be attached to a socket");
}

/* A silent peer is probed; one whose host answers may stay silent. */
START_TEST(test_vanished)
{
	struct daemon *daemon = daemon_start(LISTEN "keepalive = 1;");
	int gone = client_connect(daemon_port(daemon, 0));
	int there = client_connect(daemon_port(daemon, 0));

	client_say_hello(gone);
	client_say_hello(there);
	vanish(gone);
	daemon_wait_line(daemon, "^Connection closed .* reason=vanished ");
	daemon_wait_counter(daemon, "closed.vanished", 1);
	expect_served(there);
	close(gone);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Log lines are rate limited; the counter counts every refusal. */
START_TEST(test_refusals_are_rate_limited)
{
	enum { CLIENTS = 50 };
	struct daemon *daemon = daemon_start(
		LISTEN "deny = \"127.0.0.1\"; log = { rate = 5; };");
	size_t lines;

	for (int i = 0; i < CLIENTS; i++) {
		int fd = client_connect(daemon_port(daemon, 0));

		client_wait_closed(fd);
		close(fd);
	}
	daemon_wait_line(daemon, "Log lines suppressed");
	daemon_wait_counter(daemon, "refused.denied", CLIENTS);
	lines = daemon_count_lines(daemon, "Connection refused ");
	ck_assert_uint_ge(lines, 1);
	ck_assert_uint_lt(lines, CLIENTS);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(32, test_refusals_are_rate_limited)

SUITE(test_deny, test_allow, test_allow_by_family, test_deny_by_reload,
      test_vanished, test_refusals_are_rate_limited)
