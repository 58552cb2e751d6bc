/* Fields of received packets in the prefix, and the DSCP of what is sent. */
#include <netinet/in.h>
#include <netinet/ip.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/suite.h"

#define HEADER "prefix = \"%{ttl} %{dscp} %{ecn} \"; "
#define BOTH "listen = [ \"127.0.0.1:0\", \"udp:127.0.0.1:0\" ]; "
#define BOTH6 "listen = [ \"[::1]:0\", \"udp:[::1]:0\" ]; "

/* IPv6: the received options of a TCP socket (RFC 2292, 4.1). */
#define PACKET_OPTIONS 6

static void
set(int fd, int level, int option, int value)
{
	ck_assert_msg(setsockopt(fd, level, option, &value, sizeof(value)) == 0,
		      "option %d: %s", option, strerror(errno));
}

/* Of what the socket sends. */
static void
set_header(int fd, int ttl, int tos)
{
	struct address local = bound_to(fd);
	bool six = address_family(&local) == AF_INET6;

	set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP,
	    six ? IPV6_UNICAST_HOPS : IP_TTL, ttl);
	set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_TCLASS : IP_TOS,
	    tos);
}

static int
connect_with(const char *host, unsigned port, int ttl, int tos)
{
	struct address to = address_of(host);
	struct timeval deadline = { DEADLINE_MS / 1000, 0 };
	int fd = other_socket(&to, 0);

	address_set_port(&to, (uint16_t)port);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	set_header(fd, ttl, tos);
	udp_ask_for_tos(fd);
	ck_assert_int_eq(connect(fd, &to.sa, to.length), 0);
	return fd;
}

static void
say_and_hear(int fd, const char *expected)
{
	client_say(fd, "Hello");
	client_hear(fd, expected);
}

/* Each datagram has its own values; a stream has those of its SYN. */
static void
check_header(const char *config, const char *host)
{
	struct daemon *daemon = daemon_start(config);
	int udp = udp_client(host, daemon_port(daemon, 1));
	int tcp = connect_with(host, daemon_port(daemon, 0), 33, 0xb8);

	set_header(udp, 33, 0xb9);
	udp_say(udp, "one");
	set_header(udp, 255, 0x03);
	udp_say(udp, "two");
	set_header(udp, 1, 0xfe);
	udp_say(udp, "three");
	set_header(udp, 64, 0x28);
	udp_say(udp, "four");
	udp_hear(udp, "33 46 ect1 one");
	udp_hear(udp, "255 0 ce two");
	udp_hear(udp, "1 63 ect0 three");
	udp_hear(udp, "64 10 not-ect four");
	close(udp);

	say_and_hear(tcp, "33 46 not-ect Hello");
	set_header(tcp, 44, 0x28);
	say_and_hear(tcp, "33 46 not-ect Hello");
	close(tcp);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

START_TEST(test_ipv4)
{
	check_header(BOTH HEADER, "127.0.0.1:0");
}
END_TEST

START_TEST(test_ipv6)
{
	if (!has_ipv6())
		skip("no IPv6 here");
	check_header(BOTH6 HEADER, "[::1]:0");
}
END_TEST

/* A unix socket has no packets. */
START_TEST(test_unix)
{
	struct daemon *daemon = daemon_start("listen = \"unix:@echod-header\"; "
					     "dscp = \"reflect\"; " HEADER);
	int fd = client_connect_unix("@echod-header");

	say_and_hear(fd, "- - - Hello");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static void
expect_datagram(int fd, int sent, int expected)
{
	set_header(fd, 64, sent);
	udp_say(fd, "Hello");
	ck_assert_int_eq(udp_hear_tos(fd), expected);
}

static void
check_datagrams(const char *config, const char *host)
{
	struct daemon *daemon = daemon_start(config);
	int fd = udp_client(host, daemon_port(daemon, 1));
	char other[256];

	udp_ask_for_tos(fd);
	expect_datagram(fd, 0xb8, 0);
	snprintf(other, sizeof(other), "%sdscp = \"reflect\";", config);
	daemon_reload(daemon, other);
	/* The answer to a marked datagram is not marked. */
	expect_datagram(fd, 0xbb, 0xb8);
	expect_datagram(fd, 0x28, 0x28);
	expect_datagram(fd, 0, 0);
	snprintf(other, sizeof(other), "%sdscp = 46;", config);
	daemon_reload(daemon, other);
	expect_datagram(fd, 0x28, 0xb8);
	daemon_reload(daemon, config);
	expect_datagram(fd, 0x28, 0);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

START_TEST(test_dscp_of_datagrams)
{
	check_datagrams(BOTH, "127.0.0.1:0");
	if (!has_ipv6())
		skip("no IPv6 here");
	check_datagrams(BOTH6, "[::1]:0");
}
END_TEST

/* Answers to one peer that differ in DSCP leave one by one, in their order. */
START_TEST(test_dscp_of_a_burst)
{
	struct daemon *daemon = daemon_start(BOTH "dscp = \"reflect\"; "
						  "udp = { rate = 0; };");
	int fd = udp_client("127.0.0.1:0", daemon_port(daemon, 1));

	udp_ask_for_tos(fd);
	for (int i = 0; i < 64; i++) {
		set_header(fd, 64, i / 3 << 2);
		udp_say(fd, "Hello");
	}
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(udp_hear_tos(fd), i / 3 << 2);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Only for IPv6 does the kernel tell the client, of the latest packet. */
static int
tos_of_stream(unsigned port, int sent)
{
	_Alignas(struct cmsghdr) char control[128];
	socklen_t length = sizeof(control);
	int fd = connect_with("[::1]:0", port, 64, sent);

	say_and_hear(fd, "GOT:Hello");
	ck_assert_int_eq(getsockopt(fd, IPPROTO_IPV6, PACKET_OPTIONS, control,
				    &length),
			 0);
	close(fd);

	struct cmsghdr *got = (struct cmsghdr *)(void *)control;
	ck_assert_uint_ge(length, CMSG_LEN(sizeof(int)));
	ck_assert_int_eq(got->cmsg_type, IPV6_TCLASS);
	/* The rest of the byte is ECN, and the kernel's. */
	return *(int *)(void *)CMSG_DATA(got) & ~3;
}

START_TEST(test_dscp_of_streams)
{
	struct daemon *daemon;
	unsigned port;

	if (!has_ipv6())
		skip("no IPv6 here");
	daemon = daemon_start(BOTH6);
	port = daemon_port(daemon, 0);
	ck_assert_int_eq(tos_of_stream(port, 0xb8), 0);
	daemon_reload(daemon, BOTH6 "dscp = \"reflect\";");
	ck_assert_int_eq(tos_of_stream(port, 0xb8), 0xb8);
	ck_assert_int_eq(tos_of_stream(port, 0x28), 0x28);
	daemon_reload(daemon, BOTH6 "dscp = 8;");
	ck_assert_int_eq(tos_of_stream(port, 0xb8), 0x20);
	daemon_reload(daemon, BOTH6);
	ck_assert_int_eq(tos_of_stream(port, 0xb8), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_ipv4, test_ipv6, test_unix, test_dscp_of_datagrams,
      test_dscp_of_a_burst, test_dscp_of_streams)
