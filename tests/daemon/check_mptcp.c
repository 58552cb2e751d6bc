/*
 * Multipath TCP (RFC 8684): listeners with `mptcp`, and clients of them that
 * use it or TCP.
 */
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/sockets.h"
#include "support/suite.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* linux/mptcp.h */
#define LEVEL_MPTCP 284
#define OPTION_INFO 1

#define LISTEN "listen = \"127.0.0.1:0\"; mptcp = true; "

static void
need_mptcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	if (fd < 0)
		skip("the kernel has no Multipath TCP");
	close(fd);
}

/*
 * A network namespace in which the client uses 127.0.0.2, too.  The daemon
 * inherits it.
 */
static void
make_network(void)
{
	enter_network();
	if (system("ip mptcp limits set subflows 2 && "
		   "ip mptcp endpoint add 127.0.0.2 dev lo subflow") != 0)
		skip("ip or the kernel has no control of Multipath TCP");
}

/* Fails after a fallback to TCP. */
static bool
read_info(int fd, unsigned char *info, socklen_t size)
{
	memset(info, 0, size);
	return getsockopt(fd, LEVEL_MPTCP, OPTION_INFO, info, &size) == 0;
}

static bool
is_multipath(int fd)
{
	unsigned char info[128];

	return read_info(fd, info, sizeof(info));
}

/* mptcpi_subflows: those beside the first. */
static unsigned
count_more_subflows(int fd)
{
	unsigned char info[128];

	ck_assert(read_info(fd, info, sizeof(info)));
	return info[0];
}

static int
connect_mptcp_to(const char *host, unsigned port)
{
	struct address to = address_of(host);
	struct timeval timeout = { 40, 0 };
	int fd = socket(address_family(&to), SOCK_STREAM, IPPROTO_MPTCP);

	ck_assert_int_ge(fd, 0);
	address_set_port(&to, (uint16_t)port);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	ck_assert_int_eq(connect(fd, &to.sa, to.length), 0);
	return fd;
}

static int
connect_mptcp(unsigned port)
{
	return connect_mptcp_to("127.0.0.1:0", port);
}

static void
expect_echo(const char *settings, const char *prefix, size_t piece)
{
	char config[256];
	struct daemon *daemon;
	int fd;

	need_mptcp();
	snprintf(config, sizeof(config), LISTEN "prefix = \"%s\"; %s", prefix,
		 settings);
	daemon = daemon_start(config);
	fd = connect_mptcp(daemon_port(daemon, 0));
	ck_assert(is_multipath(fd));
	client_exchange_logged(fd, daemon, prefix, 16u << 20, piece);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

/* The client ends with FIN and reads on. */
START_TEST(test_echo)
{
	expect_echo("", "GOT:", 65536);
}
END_TEST

START_TEST(test_bulk)
{
	expect_echo("", "", 65536);
}
END_TEST

START_TEST(test_small_pieces)
{
	expect_echo("output_limit = 4096;", "GOT:", 8192);
}
END_TEST

/*
 * One connection over two paths.  The transfer begins when both are there:
 * Linux 6.18 damages data if a path is added during a transfer, also between
 * two programs that only send and receive.
 */
START_TEST(test_subflows)
{
	struct framing framing = framing_of("GOT:", 1000);
	struct daemon *daemon;
	int fd;

	need_mptcp();
	make_network();
	daemon = daemon_start(LISTEN "prefix = \"GOT:\";");
	fd = connect_mptcp(daemon_port(daemon, 0));
	do
		client_say_hello(fd);
	while (count_more_subflows(fd) == 0);
	client_exchange(fd, &framing, 16u << 20, 65536);
	daemon_wait_counter(daemon, "closed.eof", 1);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Urgent data is in its place in the stream, as with TCP listeners. */
static void
expect_urgent(int fd)
{
	client_say(fd, "a");
	client_hear(fd, "GOT:a");
	ck_assert_int_eq(send(fd, "b", 1, MSG_OOB), 1);
	client_hear(fd, "GOT:b");
	client_say(fd, "c");
	client_hear(fd, "GOT:c");
	client_end(fd);
}

START_TEST(test_clients)
{
	struct daemon *daemon;
	int fd;

	need_mptcp();
	daemon = daemon_start(LISTEN "workers = 1;");
	/* What is accepted first sets its options itself, as after a reload. */
	expect_urgent(client_connect(daemon_port(daemon, 0)));
	expect_urgent(client_connect(daemon_port(daemon, 0)));
	fd = connect_mptcp(daemon_port(daemon, 0));
	ck_assert(is_multipath(fd));
	expect_urgent(fd);
	daemon_reload(daemon, LISTEN "workers = 1; keepalive = 7;");
	expect_urgent(client_connect(daemon_port(daemon, 0)));
	expect_urgent(connect_mptcp(daemon_port(daemon, 0)));
	ck_assert_uint_eq(daemon_count_lines(daemon, "MPTCP|Restart|Cannot"),
			  0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_off)
{
	struct daemon *daemon;
	int fd;

	need_mptcp();
	daemon = daemon_start("listen = \"127.0.0.1:0\";");
	fd = connect_mptcp(daemon_port(daemon, 0));
	client_say_hello(fd);
	ck_assert(!is_multipath(fd));
	client_end(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static void
expect_header(int fd, const char *header)
{
	client_say(fd, "Hello");
	client_hear(fd, header);
	client_hear(fd, "Hello");
	close(fd);
}

/* The kernel keeps no SYN: there are warnings, none for a connection. */
START_TEST(test_header)
{
	struct daemon *daemon;
	int udp;

	need_mptcp();
	daemon = daemon_start("listen = [ \"127.0.0.1:0\", "
			      "\"udp:127.0.0.1:0\" ]; mptcp = true;\n"
			      "prefix = \"%{ttl} %{dscp} %{ecn} \";\n"
			      "dscp = \"reflect\";");
	daemon_wait_line(daemon, "^warning: .*:2: prefix: %\\{ttl\\}, ");
	daemon_wait_line(daemon, "^warning: .*:3: dscp: \"reflect\" has no ");
	expect_header(client_connect(daemon_port(daemon, 0)), "- - - ");
	expect_header(connect_mptcp(daemon_port(daemon, 0)), "- - - ");
	udp = udp_client("127.0.0.1:0", daemon_port(daemon, 1));
	udp_say(udp, "Hello");
	udp_hear(udp, "64 0 not-ect Hello");
	close(udp);
	daemon_wait_lines(daemon, "^Connection closed ", 2);
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning|^error"), 2);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* The TOS byte of the next packet with data from `port`. */
static int
tos_of_data(int raw, unsigned port)
{
	_Alignas(struct ip) unsigned char packet[65536];
	const struct ip *ip = (const void *)packet;
	const struct tcphdr *tcp;
	ssize_t length;

	do {
		length = recv(raw, packet, sizeof(packet), 0);
		ck_assert_int_gt(length, 0);
		tcp = (const void *)(packet + 4 * ip->ip_hl);
	} while (ntohs(tcp->th_sport) != port ||
		 length == 4 * (ip->ip_hl + tcp->th_off));
	return ip->ip_tos;
}

static void
expect_dscp(int fd, int raw, unsigned port, int dscp)
{
	client_say_hello(fd);
	/* The rest of the byte is ECN, and the kernel's. */
	ck_assert_int_eq(tos_of_data(raw, port) >> 2, dscp);
	close(fd);
}

START_TEST(test_dscp)
{
	struct daemon *daemon;
	unsigned port;
	int raw;

	need_mptcp();
	make_network();
	raw = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
	ck_assert_int_ge(raw, 0);
	daemon = daemon_start(LISTEN "dscp = 46;");
	port = daemon_port(daemon, 0);
	expect_dscp(client_connect(port), raw, port, 46);
	expect_dscp(connect_mptcp(port), raw, port, 46);
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning|^error"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close(raw);
}
END_TEST

/* The kernel does not set it: there is one warning, none for a connection. */
START_TEST(test_dscp_over_ipv6)
{
	struct daemon *daemon;
	int fd;

	need_mptcp();
	if (!has_ipv6())
		skip("no IPv6 here");
	daemon = daemon_start("listen = \"[::1]:0\"; mptcp = true; dscp = 46;");
	daemon_wait_line(daemon, "^warning: .*:1: dscp: it has no effect ");
	fd = connect_mptcp_to("[::1]:0", daemon_port(daemon, 0));
	client_say_hello(fd);
	ck_assert(is_multipath(fd));
	client_end(fd);
	daemon_wait_line(daemon, "^Connection closed ");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning|^error"), 1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* An address that stays open keeps its socket; a new one has what is set. */
START_TEST(test_reload)
{
	struct daemon *daemon;
	int fd;

	need_mptcp();
	daemon = daemon_start("listen = \"127.0.0.1:0\"; workers = 2;");
	daemon_reload(daemon, LISTEN "workers = 2;");
	daemon_wait_line(daemon,
			 "^warning: Restart needed tcp:127\\.0\\.0\\.1:[0-9]+ "
			 "mptcp=true$");
	ck_assert_uint_eq(daemon_count_lines(daemon, "Restart needed"), 1);
	fd = client_connect(daemon_port(daemon, 0));
	daemon_reload(daemon, "listen = \"127.0.0.2:0\"; mptcp = true; "
			      "workers = 2;");
	client_end(fd);
	daemon_reload(daemon, LISTEN "workers = 2;");
	fd = connect_mptcp(daemon_port(daemon, 0));
	ck_assert(is_multipath(fd));
	daemon_reload(daemon, "listen = \"127.0.0.1:0\"; workers = 2;");
	daemon_wait_line(daemon,
			 "^warning: Restart needed tcp:127\\.0\\.0\\.1:[0-9]+ "
			 "mptcp=false$");
	client_say_hello(fd);
	client_end(fd);
	ck_assert_uint_eq(daemon_count_lines(daemon, "Handshakes"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_drain)
{
	struct daemon *daemon;
	int fd;

	need_mptcp();
	daemon = daemon_start(LISTEN);
	fd = connect_mptcp(daemon_port(daemon, 0));
	client_say_hello(fd);
	daemon_signal(daemon, SIGTERM);
	client_expect_eof(fd);
	close(fd);
	daemon_wait_line(daemon, "^Drained closed=1 forced=0$");
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST

/* Linux sends MP_FASTCLOSE or RST: the client gets an error either way. */
START_TEST(test_reset)
{
	struct daemon *daemon;
	char byte;
	int fd;

	need_mptcp();
	daemon = daemon_start(LISTEN "fault = { end = \"reset\"; "
				     "after = 10; };");
	fd = connect_mptcp(daemon_port(daemon, 0));
	client_say_hello(fd);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static int handed;

static struct daemon *
inherit(int protocol, const char *settings)
{
	struct sockaddr_in any = client_loopback(0);
	char config[128];
	struct address bound;

	handed = socket(AF_INET, SOCK_STREAM, protocol);
	ck_assert_int_eq(bind(handed, (struct sockaddr *)&any, sizeof(any)), 0);
	ck_assert_int_eq(listen(handed, 16), 0);
	bound = bound_to(handed);
	snprintf(config, sizeof(config), "listen = \"127.0.0.1:%u\"; %s",
		 address_port(&bound), settings);
	return daemon_start_handed(config, handed);
}

/* The service manager decides. */
START_TEST(test_inherited)
{
	struct daemon *daemon;
	int fd;

	need_mptcp();
	daemon = inherit(IPPROTO_MPTCP, "mptcp = true;");
	expect_urgent(client_connect(daemon_port(daemon, 0)));
	fd = connect_mptcp(daemon_port(daemon, 0));
	ck_assert(is_multipath(fd));
	expect_urgent(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close(handed);
	daemon = inherit(IPPROTO_MPTCP, "prefix = \"%{ttl} \"; workers = 2;");
	daemon_wait_line(daemon, "^MPTCP used tcp:127\\.0\\.0\\.1:[0-9]+: the "
				 "service manager opened the socket$");
	expect_header(connect_mptcp(daemon_port(daemon, 0)), "- ");
	daemon_wait_line(daemon, "^Connection closed ");
	ck_assert_uint_eq(daemon_count_lines(daemon, "MPTCP|^warn|^error"), 1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close(handed);
	daemon = inherit(IPPROTO_TCP, "mptcp = true;");
	daemon_wait_line(daemon,
			 "^MPTCP not used tcp:127\\.0\\.0\\.1:[0-9]+: the "
			 "service manager opened the socket$");
	expect_urgent(connect_mptcp(daemon_port(daemon, 0)));
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close(handed);
}
END_TEST

/* In a network namespace with Multipath TCP switched off. */
START_TEST(test_fallback)
{
	FILE *enabled;
	struct daemon *daemon;
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		skip("network namespaces need privilege");
	if (system("ip link set lo up") != 0)
		skip("this needs the right to set network interfaces up");
	enabled = fopen("/proc/sys/net/mptcp/enabled", "w");
	if (enabled) {
		fputs("0\n", enabled);
		ck_assert_int_eq(fclose(enabled), 0);
	}
	daemon = daemon_start(LISTEN "workers = 2;");
	daemon_wait_line(daemon,
			 "^MPTCP not used tcp:127\\.0\\.0\\.1:[0-9]+: the "
			 "kernel has none$");
	fd = client_connect(daemon_port(daemon, 0));
	client_say_hello(fd);
	client_end(fd);
	ck_assert_uint_eq(daemon_count_lines(daemon, "MPTCP|Restart"), 1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_echo, test_bulk, test_small_pieces, test_subflows, test_clients,
      test_off, test_header, test_dscp, test_dscp_over_ipv6, test_reload,
      test_drain, test_reset, test_inherited, test_fallback)
