/* Connections that wait in the backlog. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/ports.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; workers = 1; "

/* Begins to connect; true if the kernel has accepted that at once. */
static bool
knock(unsigned port, struct pollfd *client)
{
	struct sockaddr_in address = client_loopback(port);

	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	client->events = POLLOUT;
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) <
	    0)
		ck_assert_int_eq(errno, EINPROGRESS);
	/* On loopback the handshake is done at once or not at all. */
	return poll(client, 1, 0) == 1;
}

/*
 * Twice as many clients connect to the stopped daemon as its backlog holds.
 * After SIGCONT all are served completely. Clients that the kernel did not
 * accept retry after a second, all at once. More of them could overflow the
 * backlog again, and with SYN cookies end in a RST.
 */
START_TEST(test_overflow)
{
	/*
	 * listen(2): the kernel accepts one connection more than the backlog.
	 */
	enum { BACKLOG = 20, QUEUE = BACKLOG + 1, CLIENTS = 2 * QUEUE };
	enum { SIZE = 20000 };
	struct daemon *daemon = daemon_start(LISTEN "backlog = 20;");
	struct pollfd clients[CLIENTS];
	int queued = 0;

	daemon_pause(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		if (!knock(daemon_port(daemon, 0), &clients[i]))
			continue;
		ck_assert_int_eq(queued++, i);
		client_send(clients[i].fd, pattern_from(0), SIZE);
	}
	ck_assert_int_eq(queued, QUEUE);
	daemon_resume(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		struct framing framing = framing_of("GOT:", 1000);

		ck_assert_int_eq(client_await(clients[i].fd), 0);
		fcntl(clients[i].fd, F_SETFL, 0);
		client_continue(clients[i].fd, &framing, i < queued ? SIZE : 0,
				2 * SIZE, 4096);
		close(clients[i].fd);
	}
	daemon_wait_counter(daemon, "closed.eof", CLIENTS);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(7, test_overflow)

static void
need_descriptors(rlim_t count)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < count + 100)
		skip("the limit of descriptors is too low");
}

/* The default backlog is large: connect() would block if it were full. */
START_TEST(test_default_backlog)
{
	enum { CLIENTS = 800 };
	struct daemon *daemon;
	int fds[CLIENTS];

	need_descriptors(CLIENTS);
	daemon = daemon_start(LISTEN);
	daemon_pause(daemon);
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client_connect(daemon_port(daemon, 0));
	daemon_resume(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		client_say_hello(fds[i]);
		close(fds[i]);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(7, test_default_backlog)

/* Over TCP a worker needs ten wake-ups to accept all of them. */
enum { MANY = 640, FEW = 10 };

static unsigned
count_of(enum port port)
{
	return port == PORT_TCP ? MANY : FEW;
}

static void
queue(const struct ports *ports, enum port port, struct probe *probes)
{
	for (unsigned i = 0; i < count_of(port); i++) {
		probes[i] = probe_begin(ports, port);
		probe_say(&probes[i]);
	}
}

static void
expect_served(enum port port, struct probe *probes)
{
	for (unsigned i = 0; i < count_of(port); i++) {
		ck_assert_msg(probe_is_answered(&probes[i]), "%s: not served",
			      port_names[port]);
		if (port != PORT_UDP)
			probe_expect_end(&probes[i]);
		probe_end(&probes[i]);
	}
}

/*
 * Clients of every port connect and send while the daemon is stopped; after
 * SIGCONT the first signal is SIGTERM.
 */
START_TEST(test_drain)
{
	static struct probe probes[PORTS][MANY];
	struct daemon *daemon;
	struct ports ports;

	need_descriptors(MANY + PORTS * FEW);
	daemon = daemon_start(
		ports_config("workers = 1; drain = { grace = 3600.0; };", ""));
	ports = ports_of(daemon);
	daemon_pause(daemon);
	for (enum port port = 0; port < PORTS; port++)
		if (port != PORT_STATUS)
			queue(&ports, port, probes[port]);
	daemon_signal(daemon, SIGTERM);
	daemon_resume(daemon);
	for (enum port port = 0; port < PORTS; port++)
		if (port != PORT_STATUS)
			expect_served(port, probes[port]);
	daemon_wait_line(daemon, "^Drained closed=[0-9]+ forced=0$");
	ck_assert_int_eq(daemon_end(daemon), 0);
	ports_clean();
}
END_TEST
FAULT(24, test_drain)

SUITE(test_overflow, test_default_backlog, test_drain)
