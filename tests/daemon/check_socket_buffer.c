/*
 * udp.socket_buffer: bursts that arrive while the daemon is stopped, so that
 * the size of the receive buffer alone decides how many are answered.
 */
#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/suite.h"

#define LISTEN "listen = \"udp:127.0.0.1:0\"; workers = 1; "

/*
 * More than net.core.rmem_default of Linux holds, 212992 bytes: each takes 768
 * bytes.  The same net.core.rmem_max counts double.
 */
enum { PEERS = 64, EACH = 8, BURST = PEERS * EACH };

static void
burst(struct daemon *daemon, const int *fds)
{
	daemon_pause(daemon);
	for (int n = 0; n < EACH; n++)
		for (int i = 0; i < PEERS; i++)
			udp_say(fds[i], "Hello");
	daemon_resume(daemon);
}

/*
 * The first answer shows that the daemon has emptied its queue: there is room
 * for one more.  One socket answers in the order of arrival: the last of all
 * ends the wait.
 */
static unsigned
count_answers(const int *fds, unsigned port)
{
	int last = udp_client("127.0.0.1:0", port);
	unsigned count = 1;
	char data[16];

	udp_hear(fds[0], "GOT:Hello");
	udp_say(last, "Hello");
	udp_hear(last, "GOT:Hello");
	close(last);
	for (int i = 0; i < PEERS; i++)
		while (recv(fds[i], data, sizeof(data), MSG_DONTWAIT) == 9)
			count++;
	return count;
}

static void
connect_all(int *fds, unsigned port)
{
	for (int i = 0; i < PEERS; i++)
		fds[i] = udp_client("127.0.0.1:0", port);
}

START_TEST(test_default)
{
	struct daemon *daemon = daemon_start(LISTEN);
	unsigned port = daemon_port(daemon, 0);
	int fds[PEERS];

	connect_all(fds, port);
	burst(daemon, fds);
	for (int i = 0; i < PEERS; i++)
		for (int n = 0; n < EACH; n++)
			udp_hear(fds[i], "GOT:Hello");
	ck_assert_uint_eq(daemon_counter(daemon, "dropped.overflow"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_reload)
{
	struct daemon *daemon =
		daemon_start(LISTEN "udp = { socket_buffer = 4096; };");
	unsigned port = daemon_port(daemon, 0);
	int fds[PEERS];

	connect_all(fds, port);
	burst(daemon, fds);
	ck_assert_uint_lt(count_answers(fds, port), BURST);
	daemon_wait_line(daemon,
			 "^Datagrams dropped listener=main overflow=[0-9]+ "
			 "last=[^ ]+: raise udp\\.socket_buffer and "
			 "net\\.core\\.rmem_max$");
	daemon_reload(daemon, LISTEN);
	ck_assert_uint_eq(daemon_port(daemon, 0), port);
	burst(daemon, fds);
	ck_assert_uint_eq(count_answers(fds, port), BURST);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* As echod counts: half of what the kernel counts. */
static int
buffer_of(int fd)
{
	int bytes;
	socklen_t length = sizeof(bytes);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &length),
			 0);
	return bytes / 2;
}

static int
most_of_kernel(void)
{
	int fd = udp_socket("127.0.0.1:0");
	int bytes = 1 << 30;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes,
				    sizeof(bytes)),
			 0);
	bytes = buffer_of(fd);
	close(fd);
	return bytes;
}

/* One line, although each worker has a socket. */
START_TEST(test_capped)
{
	int most = most_of_kernel();
	char config[256], line[256];
	struct daemon *daemon;

	if (most >= 1 << 29)
		skip("net.core.rmem_max is very large");
	snprintf(config, sizeof(config),
		 "listen = \"udp:127.0.0.1:0\"; workers = 3; "
		 "udp = { socket_buffer = %d; };",
		 most + 1);
	daemon = daemon_start(config);
	snprintf(line, sizeof(line),
		 "^Socket buffer capped udp:127\\.0\\.0\\.1:[0-9]+ "
		 "configured=%d actual=%d: net\\.core\\.rmem_max$",
		 most + 1, most);
	daemon_wait_line(daemon, line);
	daemon_forget(daemon);
	daemon_reload(daemon, config);
	daemon_wait_line(daemon, line);
	ck_assert_uint_eq(daemon_count_lines(daemon, "Socket buffer capped"),
			  1);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* `before` is its size, if not 0; `setting` that of the configuration. */
static void
inherit(int before, int setting, int expected)
{
	int handed = udp_socket("127.0.0.1:0");
	char config[128];
	struct daemon *daemon;

	if (before > 0 && setsockopt(handed, SOL_SOCKET, SO_RCVBUFFORCE,
				     &before, sizeof(before)) < 0)
		skip("a buffer above net.core.rmem_max needs privilege");
	snprintf(config, sizeof(config),
		 "listen = \"udp:127.0.0.1:%u\"; "
		 "udp = { socket_buffer = %d; };",
		 udp_port(handed), setting);
	daemon = daemon_start_handed(config, handed);
	ck_assert_int_eq(buffer_of(handed), expected);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close(handed);
}

/* A larger buffer, as with ReceiveBuffer= of the unit, stays by default. */
START_TEST(test_inherited)
{
	int most = most_of_kernel();
	int limit = 4 * 1024 * 1024;

	inherit(0, 0, most < limit ? most : limit);
	inherit(0, 8192, 8192);
	inherit(16 * limit, 0, 16 * limit);
	inherit(16 * limit, 8192, 8192);
}
END_TEST

START_TEST(test_too_small)
{
	daemon_expect_failure("udp = { socket_buffer = 4095; };",
			      ":1: udp\\.socket_buffer: must be 0 or at least "
			      "4096$",
			      78);
}
END_TEST

SUITE(test_default, test_reload, test_capped, test_inherited, test_too_small)
