/* Reloads and a drain while many clients connect and close. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/sockets.h"
#include "support/suite.h"

enum { MEMBERS = 3, PIECE = 10000, PREFIX = 5 };

/* Like ck_assert_msg(), which several threads must not call. */
#define require(condition, ...) \
	do { \
		if (!(condition)) \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

/* Clients of one port, one after the other, a few at a time. */
struct crowd {
	pthread_t members[MEMBERS];
	unsigned port;
	atomic_bool enough;
	atomic_uint served;
	atomic_uint refused;
};

/* -1 if nothing listens there. */
static int
come(unsigned port)
{
	struct sockaddr_in address = client_loopback(port);
	struct timeval deadline = { .tv_sec = 40 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	require(errno == ECONNREFUSED, "connect: %s", strerror(errno));
	close(fd);
	return -1;
}

/* All chunks of a session have the prefix of the first one. */
static void
talk(int fd)
{
	char first[PREFIX + 1], prefix[PREFIX + 1] = "";
	struct framing framing;

	client_send(fd, pattern_from(0), 1);
	require(recv(fd, first, sizeof(first), MSG_WAITALL) == sizeof(first),
		"no echo of the first byte: %s", strerror(errno));
	memcpy(prefix, first, PREFIX);
	framing = framing_of(prefix, 1000);
	framing_feed(&framing, first, sizeof(first));
	client_continue(fd, &framing, 1, PIECE, PIECE);
	close(fd);
}

static void *
keep_coming(void *argument)
{
	struct crowd *crowd = argument;

	while (!crowd->enough) {
		int fd = come(crowd->port);

		require(fd >= 0, "connection refused");
		talk(fd);
		atomic_fetch_add(&crowd->served, 1);
	}
	return NULL;
}

static void *
keep_trying(void *argument)
{
	struct crowd *crowd = argument;

	while (!crowd->enough) {
		int fd = come(crowd->port);

		if (fd >= 0)
			talk(fd);
		atomic_fetch_add(fd >= 0 ? &crowd->served : &crowd->refused, 1);
	}
	return NULL;
}

static void
coalesce(struct crowd *crowd, void *(*member)(void *), unsigned port)
{
	/* Made once, before several threads ask for it. */
	pattern_from(0);
	memset(crowd, 0, sizeof(*crowd));
	crowd->port = port;
	for (int i = 0; i < MEMBERS; i++)
		ck_assert_int_eq(pthread_create(&crowd->members[i], NULL,
						member, crowd),
				 0);
}

static void
dismiss(struct crowd *crowd)
{
	crowd->enough = true;
	for (int i = 0; i < MEMBERS; i++)
		pthread_join(crowd->members[i], NULL);
	ck_assert_uint_gt(crowd->served, 0);
}

/* One listener stays, one is added and removed, one moves. */
static void
write_config(char *config, size_t size, unsigned round, unsigned comes,
	     unsigned moves)
{
	char other[100] = "";

	if (round % 2)
		snprintf(other, sizeof(other),
			 ", { name = \"comes\"; listen = \"127.0.0.1:%u\"; }",
			 comes);
	snprintf(config, size,
		 "workers = 2; log = { connections = false; rate = 0; }; "
		 "prefix = \"%04u:\"; backlog = %u; "
		 "listeners = ( { name = \"stays\"; listen = "
		 "\"127.0.0.1:0\"; }, "
		 "{ name = \"moves\"; listen = \"%s:%u\"; }%s );",
		 round, 1000 + round, round % 2 ? "0.0.0.0" : "127.0.0.1",
		 moves, other);
}

START_TEST(test_reloads)
{
	enum { ROUNDS = 100 };
	struct crowd stay, come_and_go, move;
	uint16_t comes, moves;
	int reserved[2] = { reserve_port(&comes), reserve_port(&moves) };
	struct daemon *daemon;
	char config[500];
	size_t fds;

	write_config(config, sizeof(config), 0, comes, moves);
	daemon = daemon_start(config);
	fds = daemon_count(daemon, "fd");
	coalesce(&stay, keep_coming, daemon_port(daemon, 0));
	coalesce(&come_and_go, keep_trying, comes);
	coalesce(&move, keep_coming, moves);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		write_config(config, sizeof(config), i, comes, moves);
		ck_assert_ptr_nonnull(
			strstr(daemon_reload(daemon, config), " reloaded "));
	}
	dismiss(&stay);
	dismiss(&come_and_go);
	dismiss(&move);
	ck_assert_uint_gt(come_and_go.refused, 0);

	daemon_wait_counter(daemon, "open", 0);
	daemon_wait_descriptors(daemon, fds);
	daemon_wait_counter(daemon, "closed.eof",
			    stay.served + come_and_go.served + move.served);
	ck_assert_uint_eq(daemon_counter(daemon, "closed.reset"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	close(reserved[0]);
	close(reserved[1]);
}
END_TEST
FAULT(20, test_reloads)

/* A client that sends until the daemon closes. */
struct sender {
	pthread_t thread;
	unsigned port; /* its own */
	int fd;
	uint64_t echoed;
	uint64_t received;
};

static void *
send_on(void *argument)
{
	struct sender *sender = argument;
	struct framing framing = framing_of("GOT:", 1000);
	struct pollfd pollfd = { .fd = sender->fd, .events = POLLIN | POLLOUT };
	uint64_t sent = 0;
	char data[PIECE];
	ssize_t got;

	do {
		got = 1;
		require(poll(&pollfd, 1, 40000) == 1,
			"no progress of the echo");
		if (pollfd.revents & POLLOUT) {
			ssize_t more = send(sender->fd, pattern_from(sent),
					    PIECE, MSG_DONTWAIT | MSG_NOSIGNAL);

			require(more >= 0 || errno == EAGAIN, "send: %s",
				strerror(errno));
			sent += more > 0 ? (uint64_t)more : 0;
		}
		if (pollfd.revents & ~POLLOUT) {
			got = recv(sender->fd, data, sizeof(data), 0);
			require(got >= 0, "recv: %s", strerror(errno));
			framing_feed(&framing, data, (size_t)got);
			sender->received += (uint64_t)got;
		}
	} while (got > 0);
	close(sender->fd);
	sender->echoed = framing.position;
	return NULL;
}

/* Everything received was echoed, followed by FIN. */
START_TEST(test_drain)
{
	enum { SENDERS = 10 };
	struct daemon *daemon =
		daemon_start("listen = \"127.0.0.1:0\"; workers = 2; "
			     "log = { rate = 0; }; "
			     "drain = { grace = 3600.0; };");
	struct sender senders[SENDERS] = { 0 };
	const char *drained;

	pattern_from(0);
	for (int i = 0; i < SENDERS; i++) {
		senders[i].fd = client_connect(daemon_port(daemon, 0));
		senders[i].port = client_port(senders[i].fd);
		ck_assert_int_eq(pthread_create(&senders[i].thread, NULL,
						send_on, &senders[i]),
				 0);
	}
	while (daemon_counter(daemon, "bytes_out") < 10u << 20)
		continue;
	daemon_signal(daemon, SIGTERM);
	for (int i = 0; i < SENDERS; i++) {
		const char *line;
		char pattern[100];

		pthread_join(senders[i].thread, NULL);
		snprintf(pattern, sizeof(pattern),
			 "^Connection closed 127.0.0.1:%u .* reason=drain ",
			 senders[i].port);
		line = daemon_wait_line(daemon, pattern);
		ck_assert_uint_eq(line_number(line, "in"), senders[i].echoed);
		ck_assert_uint_eq(line_number(line, "out"),
				  senders[i].received);
		ck_assert_uint_gt(senders[i].echoed, 0);
	}
	drained = daemon_wait_line(daemon, "^Drained ");
	ck_assert_str_eq(drained, "Drained closed=10 forced=0");
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST
FAULT(23, test_drain)

/*
 * Until connections are refused. FIN may come instead of an echo, RST may not.
 */
static void *
knock(void *argument)
{
	struct crowd *crowd = argument;
	char echo[PREFIX + 1];
	int fd;

	while ((fd = come(crowd->port)) >= 0) {
		ssize_t got;

		client_send(fd, "x", 1);
		got = recv(fd, echo, sizeof(echo), MSG_WAITALL);
		require(got == 0 || got == sizeof(echo), "%zd: %s", got,
			strerror(errno));
		close(fd);
		atomic_fetch_add(&crowd->served, 1);
	}
	return NULL;
}

/* A connection that is not refused is served and ends with FIN. */
START_TEST(test_drain_with_many_clients)
{
	struct daemon *daemon =
		daemon_start("listen = \"127.0.0.1:0\"; workers = 2; "
			     "log = { connections = false; }; "
			     "prefix = \"1234:\"; "
			     "drain = { grace = 3600.0; };");
	struct crowd crowd;

	coalesce(&crowd, knock, daemon_port(daemon, 0));
	while (crowd.served < 100)
		continue;
	daemon_signal(daemon, SIGTERM);
	dismiss(&crowd);
	daemon_wait_line(daemon, "^Drained closed=[0-9]+ forced=0$");
	ck_assert_int_eq(daemon_end(daemon), 0);
}
END_TEST
FAULT(23, test_drain_with_many_clients)

SUITE(test_reloads, test_drain, test_drain_with_many_clients)
