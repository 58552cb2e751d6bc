/*
 * Clients that close or reset while echod neither reads from them nor has
 * anything to send. Their connections end without any time-out.
 */
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef HAVE_TLS
#include "support/certificates.h"
#include "support/tls_client.h"
#endif
#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define PATIENT "prefix = \"\"; idle_timeout = 0; write_timeout = 0; "
#define LISTEN "listen = \"127.0.0.1:0\"; " PATIENT
#define NO_KEEPALIVE "keepalive = 0; "
#define STALL "fault = { end = \"stall\"; after = 5; }; "

static void
stop(struct daemon *daemon)
{
	daemon_wait_counter(daemon, "open", 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

/* A client that has received five bytes and gets no more. */
static int
stalled(struct daemon *daemon)
{
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello, world\n");
	client_hear(fd, "Hello");
	return fd;
}

static void
expect_stalled(int fd)
{
	char byte;

	ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(test_stall_and_reset)
{
	struct daemon *daemon = daemon_start(LISTEN STALL NO_KEEPALIVE);
	int fd = stalled(daemon);

	/* Unread input does not hide the RST that follows it. */
	client_say(fd, "Are you there?\n");
	client_reset(fd);
	daemon_wait_line(daemon, " reason=reset in=13 out=5 ");
	stop(daemon);
}
END_TEST

START_TEST(test_stall_and_fin_and_reset)
{
	struct daemon *daemon = daemon_start(LISTEN STALL NO_KEEPALIVE);
	int fd = stalled(daemon);

	client_finish(fd);
	client_reset(fd);
	daemon_wait_line(daemon, " reason=reset in=13 out=5 ");
	stop(daemon);
}
END_TEST

/* The client has no unread bytes, which would make its close(2) send a RST. */
static void
close_at_once(int fd)
{
	int second = 1;

	/* tcp(7): for this long the client's host remembers the connection. */
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_LINGER2, &second,
				    sizeof(second)),
			 0);
	close(fd);
}

/* By FIN: a closed peer is told from a half-closed one. */
START_TEST(test_stall_and_close)
{
	struct daemon *daemon =
		daemon_start(LISTEN STALL "keepalive = 1; workers = 1;");
	int half = stalled(daemon);
	int gone = stalled(daemon);
	unsigned port = client_port(gone);
	char line[128];

	client_finish(half);
	close_at_once(gone);
	snprintf(line, sizeof(line),
		 "^Connection closed 127\\.0\\.0\\.1:%u .* reason=reset in=13 "
		 "out=5 ",
		 port);
	daemon_wait_line(daemon, line);
	/* The client's FIN came first, and it was probed as often. */
	daemon_wait_counter(daemon, "open", 1);
	expect_stalled(half);
	client_reset(half);
	daemon_wait_counter(daemon, "closed.reset", 2);
	stop(daemon);
}
END_TEST

/* The timer of the daemon's end of a connection: proc_pid_net(5). */
static unsigned
kernel_timer(unsigned port, unsigned peer)
{
	FILE *file = fopen("/proc/net/tcp", "r");
	unsigned local, remote, timer, found = 0;
	char line[512];

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " %*u: %*x:%x %*x:%x %*x %*x:%*x %x:", &local,
			   &remote, &timer) == 3 &&
		    local == port && remote == peer)
			found = timer;
	fclose(file);
	return found;
}

/* Without `keepalive`, a stalled client is probed all the same. */
START_TEST(test_stall_probes_the_peer)
{
	enum { KEEPALIVE = 2 };
	struct daemon *daemon = daemon_start(LISTEN STALL NO_KEEPALIVE);
	int fd = stalled(daemon);

	while (kernel_timer(daemon_port(daemon, 0), client_port(fd)) !=
	       KEEPALIVE)
		ck_assert_uint_eq(daemon_counter(daemon, "open"), 1);
	client_reset(fd);
	stop(daemon);
}
END_TEST

START_TEST(test_stall_unix)
{
	char name[48], config[256];
	struct daemon *daemon;
	int half, gone;

	snprintf(name, sizeof(name), "@echod-check-gone-%d", getpid());
	snprintf(config, sizeof(config),
		 "listen = \"unix:%s\"; " PATIENT STALL NO_KEEPALIVE, name);
	daemon = daemon_start(config);
	half = client_connect_unix(name);
	client_say(half, "Hello");
	client_hear(half, "Hello");
	client_finish(half);
	gone = client_connect_unix(name);
	client_say(gone, "Hello");
	client_hear(gone, "Hello");
	close(gone);
	daemon_wait_counter(daemon, "closed.reset", 1);
	daemon_wait_counter(daemon, "open", 1);
	expect_stalled(half);
	close(half);
	daemon_wait_counter(daemon, "closed.reset", 2);
	stop(daemon);
}
END_TEST

/* Input up to the limit waits for its delay; more is not read. */
START_TEST(test_delay_and_reset)
{
	struct daemon *daemon = daemon_start(
		LISTEN NO_KEEPALIVE
		"output_limit = 1024; fault = { delay = 3600; }; ");
	int fd = client_connect(daemon_port(daemon, 0));

	client_send_pattern(fd, 5000);
	while (daemon_counter(daemon, "bytes_in") < 1024)
		continue;
	client_reset(fd);
	daemon_wait_line(daemon, " reason=reset in=[0-9]+ out=0 ");
	stop(daemon);
}
END_TEST

START_TEST(test_delay_and_fin_and_reset)
{
	struct daemon *daemon =
		daemon_start(LISTEN NO_KEEPALIVE "fault = { delay = 3600; };");
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "Hello\n");
	client_finish(fd);
	daemon_wait_counter(daemon, "bytes_in", 6);
	client_reset(fd);
	daemon_wait_line(daemon, " reason=reset in=6 out=0 ");
	stop(daemon);
}
END_TEST

/* The RST of echod waits while the client leaves bytes unread. */
START_TEST(test_reset_and_reset)
{
	enum { SIZE = 400000 };
	struct daemon *daemon = daemon_start(LISTEN
					     "output_limit = 1000000; "
					     "fault = { end = \"reset\"; "
					     "after = 400000; };");
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);

	client_send_pattern(fd, SIZE);
	daemon_wait_counter(daemon, "bytes_out", SIZE);
	client_reset(fd);
	daemon_wait_line(daemon, " reason=(fault|reset) in=400000 ");
	stop(daemon);
}
END_TEST

#ifdef HAVE_TLS
START_TEST(test_stall_tls)
{
	struct daemon *daemon = tls_start("", PATIENT STALL NO_KEEPALIVE);
	SSL *client = tls_connect(daemon, &tls_any);

	tls_say(client, "Hello, world\n");
	tls_hear(client, "Hello");
	client_reset(dup(SSL_get_fd(client)));
	tls_drop(client);
	daemon_wait_line(daemon, " reason=reset in=13 out=5 ");
	daemon_wait_counter(daemon, "open", 0);
	tls_stop(daemon);
}
END_TEST
#else
TEST(test_stall_tls, skip("built without TLS"))
#endif

SUITE(test_stall_and_reset, test_stall_and_fin_and_reset, test_stall_and_close,
      test_stall_probes_the_peer, test_stall_unix, test_delay_and_reset,
      test_delay_and_fin_and_reset, test_reset_and_reset, test_stall_tls)
