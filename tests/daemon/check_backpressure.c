/* Peers that do not read: bounded memory, time-outs, and nothing lost. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; workers = 1; log = { rate = 0; }; "

/* More than both socket buffers of a connection can hold. */
#define PLENTY (256u << 20)

/* Allowed growth of the daemon's memory, beside the output limits. */
#define SLACK_KIB 8192

/* The peak of the daemon's memory, without its program. */
static long
peak_kib(const struct daemon *daemon)
{
	return daemon_status_kib(daemon, "VmHWM");
}

/* Serves one connection, which allocates what all later ones share. */
static struct daemon *
start(const char *config)
{
	struct daemon *daemon = daemon_start(config);
	int fd = client_connect(daemon_port(daemon, 0));

	client_say(fd, "x");
	client_finish(fd);
	client_wait_closed(fd);
	close(fd);
	daemon_wait_line(daemon, "^Connection closed .* reason=eof");
	daemon_forget(daemon);
	return daemon;
}

/*
 * Peers that send without end and never read. Unbounded input would show in
 * the daemon's memory and in the bytes that a client can send.
 */
START_TEST(test_never_reads)
{
	enum { PEERS = 8 };
	struct daemon *daemon = start(LISTEN "output_limit = 65536; "
					     "write_timeout = 1.0;");
	long before = peak_kib(daemon);
	int fds[PEERS];

	for (int i = 0; i < PEERS; i++) {
		fds[i] = client_connect_small(daemon_port(daemon, 0), 4096);
		ck_assert_uint_lt(client_stuff(fds[i], PLENTY), PLENTY);
	}
	daemon_wait_lines(daemon, " reason=write_timeout ", PEERS);
	ck_assert_int_lt(peak_kib(daemon) - before, SLACK_KIB);
	for (int i = 0; i < PEERS; i++) {
		client_wait_closed(fds[i]);
		close(fds[i]);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(8, test_never_reads)

/* Many small segments must not cost more than they hold. */
START_TEST(test_dribble)
{
	enum { MOST = 1000000 };
	struct daemon *daemon =
		start(LISTEN "write_timeout = 0.5; chunk_size = 1; "
			     "prefix = \"forty bytes, prefixed to each "
			     "single byte:\"; ");
	long before = peak_kib(daemon);
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);
	int bytes = 4096;
	int sent = 0;

	/*
	 * A larger buffer could hold a million bytes although nothing is read.
	 */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	while (sent < MOST && send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		sent++;
	ck_assert_int_lt(sent, MOST);
	daemon_wait_line(daemon, " reason=write_timeout ");
	ck_assert_int_lt(peak_kib(daemon) - before, SLACK_KIB);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(9, test_dribble)

/* A prefix a thousand times as long as its chunk. */
START_TEST(test_amplification)
{
	enum { PREFIX = 1000, LIMIT = 65536 };
	struct daemon *daemon;
	char config[1400];
	char prefix[PREFIX + 1] = "";
	const char *line;
	int fd;

	memset(prefix, 'P', PREFIX);
	snprintf(config, sizeof(config),
		 LISTEN
		 "prefix = \"%s\"; "
		 "chunk_size = 1; output_limit = %d; write_timeout = 0.5;",
		 prefix, LIMIT);
	daemon = start(config);
	long before = peak_kib(daemon);
	fd = client_connect_small(daemon_port(daemon, 0), 4096);
	ck_assert_uint_lt(client_stuff(fd, PLENTY), PLENTY);

	line = daemon_wait_line(daemon, " reason=write_timeout ");
	unsigned long long made = line_number(line, "in") * (PREFIX + 1);
	/* out= does not include unsent bytes. */
	ck_assert_uint_gt(made, line_number(line, "out"));
	ck_assert_uint_le(made - line_number(line, "out"), LIMIT + PREFIX + 1);
	ck_assert_int_lt(peak_kib(daemon) - before, SLACK_KIB);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(8, test_amplification)

/* A peer stalls and then reads again: no byte is lost, and reading resumes. */
static void
check_stall(const char *config, const char *prefix, size_t chunk_size,
	    uint64_t rest)
{
	struct daemon *daemon = start(config);
	struct framing framing = framing_of(prefix, chunk_size);
	int fd = client_connect(daemon_port(daemon, 0));
	uint64_t stuffed = client_stuff(fd, PLENTY);

	ck_assert_uint_lt(stuffed, PLENTY);
	client_continue(fd, &framing, stuffed, stuffed + rest, 65536);
	daemon_wait_line(daemon, " reason=eof ");
	close(fd);

	/* The daemon serves other clients as before. */
	fd = client_connect(daemon_port(daemon, 0));
	framing = framing_of(prefix, chunk_size);
	client_exchange(fd, &framing, 5000, 65536);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

TEST(test_stall, check_stall(LISTEN, "GOT:", 1000, 3000000))

TEST(test_stall_raw, check_stall(LISTEN "prefix = \"\";", "", 1000, 3000000))

TEST(test_stall_small_chunks,
     check_stall(LISTEN "chunk_size = 3; output_limit = 1024;", "GOT:", 3,
		 100000))

/* A stalled peer does not block others of its worker. */
START_TEST(test_stall_alone)
{
	struct daemon *daemon = start(LISTEN);
	int stalled = client_connect_small(daemon_port(daemon, 0), 4096);
	int fd;

	ck_assert_uint_lt(client_stuff(stalled, PLENTY), PLENTY);
	fd = client_connect(daemon_port(daemon, 0));
	client_say_hello(fd);
	close(fd);
	client_reset(stalled);
	daemon_wait_line(daemon, " reason=(reset|error) ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* After FIN from a peer that does not read, the same time-out applies. */
START_TEST(test_fin_never_reads)
{
	struct daemon *daemon = start(LISTEN "write_timeout = 2.0;");
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);

	ck_assert_uint_lt(client_stuff(fd, PLENTY), PLENTY);
	client_finish(fd);
	daemon_wait_line(daemon, " reason=write_timeout ");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(13, test_fin_never_reads)

/* Bytes that wait only in the kernel count as unread as well. */
START_TEST(test_unread_in_kernel)
{
	struct daemon *daemon =
		start(LISTEN "prefix = \"\"; write_timeout = 0.5;");
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);
	const char *line;

	client_send_pattern(fd, 30000);
	line = daemon_wait_line(daemon, " reason=write_timeout ");
	ck_assert_uint_eq(line_number(line, "out"), 30000);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_idle_timeout)
{
	struct daemon *daemon = start(LISTEN "idle_timeout = 1.0;");
	int silent = client_connect(daemon_port(daemon, 0));
	int quiet = client_connect(daemon_port(daemon, 0));

	client_say_hello(quiet);
	client_expect_eof(silent);
	client_expect_eof(quiet);
	daemon_wait_line(daemon, " reason=idle_timeout in=0 out=0 ");
	daemon_wait_line(daemon, " reason=idle_timeout in=6 out=10 ");
	close(silent);
	close(quiet);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(11, test_idle_timeout)

/* An active peer outlives a silent one that connected later. */
START_TEST(test_not_idle)
{
	struct daemon *daemon = start(LISTEN "idle_timeout = 1.0;");
	int talking = client_connect(daemon_port(daemon, 0));
	int silent = client_connect(daemon_port(daemon, 0));
	struct pollfd end = { .fd = silent, .events = POLLIN };

	do {
		client_say(talking, "x");
		client_hear(talking, "GOT:x");
	} while (poll(&end, 1, 1) == 0);
	client_expect_eof(silent);
	client_say(talking, "x");
	client_hear(talking, "GOT:x");
	client_finish(talking);
	client_expect_eof(talking);
	daemon_wait_line(daemon, " conn=2 reason=eof ");
	daemon_wait_line(daemon, " conn=3 reason=idle_timeout ");
	close(silent);
	close(talking);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* The listener without time-outs keeps its peers. */
START_TEST(test_no_timeouts)
{
	struct daemon *daemon = start(
		"workers = 1; idle_timeout = 0.3; write_timeout = 0.3; "
		"listeners = ( { name = \"short\"; listen = \"127.0.0.1:0\"; "
		"}, "
		"{ name = \"never\"; listen = \"127.0.0.1:0\"; "
		"idle_timeout = 0.0; write_timeout = 0; } );");
	int idle = client_connect(daemon_port(daemon, 1));
	int stuck = client_connect_small(daemon_port(daemon, 1), 4096);
	struct framing framing = framing_of("GOT:", 1000);
	uint64_t sent = client_stuff(stuck, PLENTY);

	for (int i = 0; i < 3; i++) {
		int fd = client_connect(daemon_port(daemon, 0));

		client_expect_eof(fd);
		close(fd);
	}
	daemon_wait_lines(daemon, "listener=short .* reason=idle_timeout", 3);
	daemon_wait_counter(daemon, "open", 2);
	client_say(idle, "x");
	client_hear(idle, "GOT:x");
	client_finish(stuck);
	client_receive(stuck, &framing, sent, 65536);
	close(idle);
	close(stuck);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_never_reads, test_dribble, test_amplification, test_stall,
      test_stall_raw, test_stall_small_chunks, test_stall_alone,
      test_fin_never_reads, test_unread_in_kernel, test_idle_timeout,
      test_not_idle, test_no_timeouts)
