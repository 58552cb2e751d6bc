/* Fault injection of the bytes inside TLS. */
#include <signal.h>
#include <stdio.h>

#include "support/certificates.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"
#include "support/tls_client.h"

static void
expect_cut(SSL *client)
{
	tls_say(client, "Hello, world\n");
	tls_hear(client, "GOT:Hello,");
	tls_expect_end(client);
}

/* The end is a close_notify. */
TEST(test_close_sends_close_notify,
     tls_check("fault = { end = \"close\"; after = 10; };", expect_cut,
	       " reason=fault in=13 out=10 "))

static void
end_and_expect_cut(SSL *client)
{
	tls_say(client, "Hello, world\n");
	tls_finish(client);
	tls_hear(client, "GOT:Hello,");
	tls_expect_end(client);
}

TEST(test_close_after_client_close_notify,
     tls_check("fault = { delay = 0.1; end = \"close\"; after = 10; };",
	       end_and_expect_cut, " reason=fault in=13 out=10 "))

/* More input than the limit, and then the end. */
static void
end_with_too_much(SSL *client)
{
	char got[2000];
	size_t have = 0;
	int more;

	ck_assert_int_eq(SSL_write(client, pattern_from(0), 6000), 6000);
	tls_finish(client);
	while ((more = SSL_read(client, got, sizeof(got))) > 0)
		have += (size_t)more;
	ck_assert_uint_eq(have, 2000);
	tls_expect_end(client);
}

TEST(test_unread_input_does_not_delay_close,
     tls_check("framing = \"line\"; output_limit = 1024; idle_timeout = 0;"
	       " fault = { end = \"close\"; after = 2000; };",
	       end_with_too_much, " reason=fault "))

static void
expect_reset(SSL *client)
{
	tls_say(client, "Hello, world\n");
	tls_hear(client, "GOT:Hello,");
	tls_expect_reset(client);
}

TEST(test_reset_follows_its_bytes,
     tls_check("fault = { end = \"reset\"; after = 10; };", expect_reset,
	       " reason=fault in=13 out=10 "))

/* Faults apply to the echo, not to the handshake. */
TEST(test_close_at_once_follows_handshake,
     tls_check("fault = { end = \"close\"; };", tls_expect_end,
	       " reason=fault in=0 out=0 "))

START_TEST(test_stall_ends_at_drain)
{
	struct daemon *daemon =
		tls_start("", "fault = { end = \"stall\"; after = 10; };");
	SSL *client = tls_connect(daemon, &tls_old);

	tls_say(client, "Hello, world\n");
	tls_hear(client, "GOT:Hello,");
	tls_say(client, "Are you there?\n");
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, " reason=drain in=13 out=10 ");
	daemon_wait_line(daemon, "^Drained closed=1 forced=0$");
	tls_drop(client);
	ck_assert_int_eq(daemon_end(daemon), 0);
	tls_clean();
}
END_TEST

/* Incomplete output must not end with close_notify. */
START_TEST(test_forced_drain_sends_no_close_notify)
{
	struct daemon *daemon = tls_start(
		"", "fault = { delay = 3600.0; }; drain = { grace = 0.1; };");
	SSL *client = tls_connect(daemon, &tls_any);
	char byte;

	tls_say(client, "Hello\n");
	daemon_wait_counter(daemon, "bytes_in", 6);
	daemon_signal(daemon, SIGTERM);
	ck_assert_int_le(SSL_read(client, &byte, 1), 0);
	ck_assert_int_eq(SSL_get_shutdown(client), 0);
	daemon_wait_line(daemon, " reason=drain in=6 out=0 ");
	tls_drop(client);
	ck_assert_int_eq(daemon_end(daemon), 0);
	tls_clean();
}
END_TEST

static void
expect_every_seventh_wrong(SSL *client)
{
	tls_say(client, "0123456789\n");
	tls_hear(client, "GOT:0133456788\n");
	tls_finish(client);
	tls_expect_end(client);
}

/* The payload is corrupt, not the records. */
TEST(test_corrupt_bytes_decrypt,
     tls_check("fault = { corrupt_every = 7; };", expect_every_seventh_wrong,
	       " reason=eof in=11 out=15 "))

static void
exchange_in_small_pieces(SSL *client)
{
	tls_exchange(client, 300000, 777, false);
}

TEST(test_rate_loses_no_byte,
     tls_check("fault = { delay = 0.05; rate = 1000000; };",
	       exchange_in_small_pieces, " reason=eof in=300000 "))

SUITE(test_close_sends_close_notify, test_close_after_client_close_notify,
      test_unread_input_does_not_delay_close, test_reset_follows_its_bytes,
      test_close_at_once_follows_handshake, test_stall_ends_at_drain,
      test_forced_drain_sends_no_close_notify, test_corrupt_bytes_decrypt,
      test_rate_loses_no_byte)
