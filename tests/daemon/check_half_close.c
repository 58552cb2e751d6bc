/* A client that sends FIN and reads on gets every byte, however slowly. */
#include <stdio.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "
#define RAW "prefix = \"\"; "

/* `buffer` is the receive buffer of the client; 0: the kernel's default. */
static void
check_exchange(const char *config, const char *prefix, uint64_t length,
	       int buffer, size_t piece)
{
	struct daemon *daemon = daemon_start(config);
	unsigned port = daemon_port(daemon, 0);
	int fd = buffer ? client_connect_small(port, buffer) :
			  client_connect(port);

	client_exchange_logged(fd, daemon, prefix, length, piece);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

TEST(test_nothing, check_exchange(LISTEN, "GOT:", 0, 0, 1000))

TEST(test_5, check_exchange(LISTEN, "GOT:", 5, 0, 1000))

TEST(test_40019, check_exchange(LISTEN, "GOT:", 40019, 0, 65536))

TEST(test_1000000, check_exchange(LISTEN, "GOT:", 1000000, 0, 65536))
FAULT(12, test_1000000)

TEST(test_40019_raw, check_exchange(LISTEN RAW, "", 40019, 0, 65536))

TEST(test_10000000_raw, check_exchange(LISTEN RAW, "", 10000000, 0, 65536))
FAULT(12, test_10000000_raw)

/* A window of a few kilobytes, read a little at a time. */
TEST(test_slow_reader, check_exchange(LISTEN, "GOT:", 1000000, 4096, 777))
FAULT(12, test_slow_reader)

TEST(test_slow_reader_raw, check_exchange(LISTEN RAW, "", 1000000, 4096, 777))
FAULT(12, test_slow_reader_raw)

TEST(test_slow_reader_low_limit,
     check_exchange(LISTEN "output_limit = 1024;", "GOT:", 300000, 4096, 500))

/* Everything and FIN are sent and received before the first byte is read. */
static void
check_late_reader(const char *config, const char *prefix)
{
	enum { SIZE = 100000 };
	struct daemon *daemon = daemon_start(config);
	struct framing framing = framing_of(prefix, 1000);
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);

	client_send_pattern(fd, SIZE);
	client_finish(fd);
	daemon_wait_counter(daemon, "bytes_in", SIZE);
	client_receive(fd, &framing, SIZE, 65536);
	daemon_wait_line(daemon, " reason=eof in=100000 ");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

TEST(test_late_reader, check_late_reader(LISTEN, "GOT:"))
FAULT(12, test_late_reader)

TEST(test_late_reader_raw, check_late_reader(LISTEN RAW, ""))
FAULT(12, test_late_reader_raw)

/* The client sends until nothing moves, and only then reads. */
static void
check_stalled(const char *config, const char *prefix)
{
	struct daemon *daemon = daemon_start(config);
	struct framing framing = framing_of(prefix, 1000);
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);
	uint64_t sent = client_stuff(fd, UINT64_MAX);

	client_finish(fd);
	client_receive(fd, &framing, sent, 65536);
	daemon_wait_line(daemon, " reason=eof ");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

TEST(test_stalled, check_stalled(LISTEN, "GOT:"))

TEST(test_stalled_raw, check_stalled(LISTEN RAW, ""))

SUITE(test_nothing, test_5, test_40019, test_1000000, test_40019_raw,
      test_10000000_raw, test_slow_reader, test_slow_reader_raw,
      test_slow_reader_low_limit, test_late_reader, test_late_reader_raw,
      test_stalled, test_stalled_raw)
