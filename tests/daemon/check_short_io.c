/*
 * The whole daemon with short reads and writes and EAGAIN at random
 * (short_io.c): every byte is echoed, in order.
 */
#include <signal.h>
#include <stdlib.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

static void
preload(void)
{
	daemon_preload("short_io.so");
}

static void
exchange(const char *settings, struct framing framing, uint64_t length,
	 size_t piece)
{
	char config[256];
	struct daemon *daemon;
	const char *line;

#ifdef SUITE_SANITIZED
	skip("a sanitizer precedes the preloaded library");
#endif
	snprintf(config, sizeof(config), "listen = \"127.0.0.1:0\"; %s",
		 settings);
	daemon = daemon_start_prepared(config, preload);
	client_exchange(client_connect(daemon_port(daemon, 0)), &framing,
			length, piece);
	daemon_wait_line(daemon, "Connection closed .* reason=eof ");

	daemon_signal(daemon, SIGTERM);
	line = daemon_wait_line(daemon, "^short_io: ");
	ck_assert_uint_gt(line_number(line, "cut"), 0);
	ck_assert_uint_gt(line_number(line, "refused"), 0);
	ck_assert_int_eq(daemon_end(daemon), 0);
}

TEST(test_prefix, exchange("", framing_of("GOT:", 1000), 3000000, 65536))
FAULT(16, test_prefix)

TEST(test_small_chunks,
     exchange("chunk_size = 3;", framing_of("GOT:", 3), 300000, 65536))
FAULT(16, test_small_chunks)

TEST(test_raw,
     exchange("prefix = \"\";", framing_of("", 1000), 30000000, 262144))
FAULT(16, test_raw)

TEST(test_small_messages, exchange("", framing_of("GOT:", 1000), 1000000, 100))
FAULT(16, test_small_messages)

TEST(test_low_limit,
     exchange("output_limit = 1024;", framing_of("GOT:", 1000), 1000000, 65536))

SUITE(test_prefix, test_small_chunks, test_raw, test_small_messages,
      test_low_limit)
