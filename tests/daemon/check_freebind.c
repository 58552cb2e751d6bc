/*
 * freebind: addresses that are added to an interface after the start, over TCP
 * and UDP.
 */

#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/suite.h"

#define LISTEN \
	"listen = [ \"198.51.100.7:0\", \"[2001:db8::7]:0\", " \
	"\"udp:198.51.100.7:0\", \"udp:[2001:db8::7]:0\" ]; " \
	"workers = 2; "

static const char *const hosts[] = { "198.51.100.7:0", "[2001:db8::7]:0" };

/* The kernel adds the route of an IPv6 address later, from a work queue. */
static void
add_addresses(void)
{
	ck_assert_int_eq(system("ip address add 198.51.100.7/32 dev lo && "
				"ip address add 2001:db8::7/128 dev lo nodad"),
			 0);
	ck_assert_int_eq(system("until ip -6 route get 2001:db8::7 2>/dev/null "
				"| grep -q ^local; do sleep 0.01; done"),
			 0);
}

static void
expect_echo(const struct daemon *daemon)
{
	for (size_t i = 0; i < 2; i++) {
		struct address address = address_of(hosts[i]);
		int fd;

		address_set_port(&address, (uint16_t)daemon_port(daemon, i));
		fd = connected_to(&address);
		client_say_hello(fd);
		client_end(fd);
		udp_check_hosts(&hosts[i], 1, daemon_port(daemon, 2 + i));
	}
}

START_TEST(test_late)
{
	struct daemon *daemon;

	enter_network();
	daemon = daemon_start(LISTEN "freebind = true;");
	add_addresses();
	expect_echo(daemon);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_without)
{
	enter_network();
	daemon_expect_failure(LISTEN,
			      ":1: listen: cannot listen on tcp:198\\.51\\.100"
			      "\\.7:0: Cannot assign requested address; an "
			      "address that comes later needs freebind = true$",
			      71);
	daemon_expect_failure("listen = \"udp:[2001:db8::7]:0\";",
			      ":1: listen: cannot listen on udp:\\[2001:db8::7"
			      "\\]:0: Cannot assign requested address; an "
			      "address that comes later needs freebind = true$",
			      71);
}
END_TEST

/* A reload opens an address that it adds, and keeps one that it has. */
START_TEST(test_reload)
{
	struct daemon *daemon;
	const char *line;

	enter_network();
	daemon = daemon_start("listen = \"127.0.0.1:0\"; workers = 2;");
	line = daemon_reload(daemon, LISTEN);
	ck_assert_ptr_nonnull(strstr(line, "keeping the running"));
	line = daemon_reload(daemon, LISTEN "freebind = true;");
	ck_assert_ptr_nonnull(strstr(line, " reloaded "));
	line = daemon_reload(daemon, LISTEN);
	ck_assert_ptr_nonnull(strstr(line, " reloaded "));
	add_addresses();
	expect_echo(daemon);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_late, test_without, test_reload)
