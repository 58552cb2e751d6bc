/*
 * Multipath TCP (RFC 8684): listeners with `mptcp`, and clients of them that
 * use it or TCP.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
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
	if (system("command -v ip >/dev/null") != 0)
		skip("there is no ip");
	if (unshare(CLONE_NEWNET) < 0)
		skip("network namespaces need privilege");
	if (system("ip link set lo up") != 0)
		skip("this needs the right to set network interfaces up");
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
connect_mptcp(unsigned port)
{
	struct sockaddr_in address = client_loopback(port);
	struct timeval timeout = { 40, 0 };
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	ck_assert_int_eq(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
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

/* One connection over two paths. */
START_TEST(test_subflows)
{
	struct daemon *daemon;
	int fd;

	need_mptcp();
	make_network();
	daemon = daemon_start(LISTEN "prefix = \"GOT:\";");
	fd = connect_mptcp(daemon_port(daemon, 0));
	do
		client_say_hello(fd);
	while (count_more_subflows(fd) == 0);
	client_say_hello(fd);
	close(fd);
	fd = connect_mptcp(daemon_port(daemon, 0));
	client_exchange_logged(fd, daemon, "GOT:", 16u << 20, 65536);
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
	daemon = daemon_start(LISTEN);
	expect_urgent(client_connect(daemon_port(daemon, 0)));
	fd = connect_mptcp(daemon_port(daemon, 0));
	ck_assert(is_multipath(fd));
	expect_urgent(fd);
	daemon_reload(daemon, LISTEN "keepalive = 7;");
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

static void
hand_over(void)
{
	char pid[16];

	dup2(handed, 3);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
}

static struct daemon *
inherit(int protocol)
{
	struct sockaddr_in any = client_loopback(0);
	char config[128];
	struct address bound;

	handed = socket(AF_INET, SOCK_STREAM, protocol);
	ck_assert_int_eq(bind(handed, (struct sockaddr *)&any, sizeof(any)), 0);
	ck_assert_int_eq(listen(handed, 16), 0);
	bound = bound_to(handed);
	snprintf(config, sizeof(config),
		 "listen = \"127.0.0.1:%u\"; mptcp = true;",
		 address_port(&bound));
	return daemon_start_prepared(config, hand_over);
}

/* The service manager decides. */
START_TEST(test_inherited)
{
	struct daemon *daemon;
	int fd;

	need_mptcp();
	daemon = inherit(IPPROTO_MPTCP);
	expect_urgent(client_connect(daemon_port(daemon, 0)));
	fd = connect_mptcp(daemon_port(daemon, 0));
	ck_assert(is_multipath(fd));
	expect_urgent(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close(handed);
	daemon = inherit(IPPROTO_TCP);
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
      test_off, test_reload, test_drain, test_reset, test_inherited,
      test_fallback)
