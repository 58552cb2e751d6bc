/*
 * UDP at addresses that are routed to this host and are on no interface, as
 * with anycast. The answer comes from that address, over IPv4 and IPv6, from
 * opened and inherited sockets.
 */

#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/suite.h"

/* Of each family one that is on an interface, and others that are not. */
static const char *const hosts[] = {
	"127.0.0.1:0",
	"198.51.100.1:0",
	"198.51.100.200:0",
	"[::1]:0",
	"[2001:db8:1::]:0",
	"[2001:db8:1::5]:0",
	"[2001:db8:1:0:ffff::1]:0",
};

/* In a network namespace of its own, which the daemon inherits. */
static void
make_routes(void)
{
	enter_network();
	ck_assert_int_eq(system("ip route add local 198.51.100.0/24 dev lo && "
				"ip -6 route add local 2001:db8:1::/64 dev lo"),
			 0);
}

static void
expect_answers(struct daemon *daemon, unsigned port)
{
	udp_check_hosts(hosts, sizeof(hosts) / sizeof(*hosts), port);
	ck_assert_uint_eq(daemon_counter(daemon, "dropped.unsent"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

START_TEST(test_opened)
{
	struct daemon *daemon;

	make_routes();
	daemon = daemon_start("listen = \"udp:*:0\";");
	expect_answers(daemon, daemon_port(daemon, 0));
}
END_TEST

/* A dual-stack socket. */
START_TEST(test_inherited)
{
	char config[64];
	struct daemon *daemon;
	int handed;

	make_routes();
	handed = udp_socket("[::]:0");
	snprintf(config, sizeof(config), "listen = \"udp:*:%u\";",
		 udp_port(handed));
	daemon = daemon_start_handed(config, handed);
	expect_answers(daemon, udp_port(handed));
	close(handed);
}
END_TEST

SUITE(test_opened, test_inherited)
