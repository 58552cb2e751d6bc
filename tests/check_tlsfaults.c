/* Misbehaviour on purpose, of the bytes that TLS carries. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "certificates.h"
#include "client.h"
#include "daemon.h"
#include "suite.h"
#include "tlspeer.h"

static const struct tls_wish versions[] = {
	{ .version = TLS1_2_VERSION },
	{ .version = 0 },
};

enum { VERSIONS = sizeof(versions) / sizeof(*versions) };

static struct daemon *
start(const char *fault)
{
	return daemon_start(tls_config(
		TLS_LISTEN "tls = { " TLS_SERVER "}; fault = { %s };", fault));
}

static void
stop(struct daemon *daemon)
{
	ck_assert_int_eq(daemon_stop(daemon), 0);
	tls_clean();
}

static SSL *
open_to(struct daemon *daemon, const struct tls_wish *wish)
{
	return tls_open(client_connect(daemon_port(daemon, 0)), wish);
}

static void
expect_reset(SSL *client)
{
	char byte;
	int got = SSL_read(client, &byte, 1);

	ck_assert_int_le(got, 0);
	ck_assert_int_eq(SSL_get_error(client, got), SSL_ERROR_SYSCALL);
	ck_assert_int_eq(errno, ECONNRESET);
}

/* An end that TLS takes for one. */
START_TEST(what_is_cut_short_ends_in_order)
{
	struct daemon *daemon = start("end = \"close\"; after = 10;");

	for (int i = 0; i < VERSIONS; i++) {
		SSL *client = open_to(daemon, &versions[i]);

		tls_say(client, "Hello, world\n");
		tls_hear(client, "GOT:Hello,");
		tls_expect_end(client);
		tls_drop(client);
	}
	daemon_wait_lines(daemon, " reason=fault in=13 out=10 ", VERSIONS);
	stop(daemon);
}
END_TEST

START_TEST(what_is_cut_short_may_have_ended_before)
{
	struct daemon *daemon =
		start("delay = 0.1; end = \"close\"; after = 10;");

	for (int i = 0; i < VERSIONS; i++) {
		SSL *client = open_to(daemon, &versions[i]);

		tls_say(client, "Hello, world\n");
		tls_finish(client);
		tls_hear(client, "GOT:Hello,");
		tls_expect_end(client);
		tls_drop(client);
	}
	daemon_wait_lines(daemon, " reason=fault in=13 out=10 ", VERSIONS);
	stop(daemon);
}
END_TEST

START_TEST(a_reset_comes_behind_its_bytes)
{
	struct daemon *daemon = start("end = \"reset\"; after = 10;");

	for (int i = 0; i < VERSIONS; i++) {
		SSL *client = open_to(daemon, &versions[i]);

		tls_say(client, "Hello, world\n");
		tls_hear(client, "GOT:Hello,");
		expect_reset(client);
		tls_drop(client);
	}
	daemon_wait_lines(daemon, " reason=fault in=13 out=10 ", VERSIONS);
	stop(daemon);
}
END_TEST

/* The handshake is no echo: faults are of what comes after it. */
START_TEST(an_end_at_once_is_behind_the_handshake)
{
	struct daemon *daemon = start("end = \"close\";");

	for (int i = 0; i < VERSIONS; i++) {
		SSL *client = open_to(daemon, &versions[i]);

		tls_expect_end(client);
		tls_drop(client);
	}
	daemon_wait_lines(daemon, " reason=fault in=0 out=0 ", VERSIONS);
	stop(daemon);
}
END_TEST

START_TEST(silence_ends_with_the_daemon)
{
	struct daemon *daemon = start("end = \"stall\"; after = 10;");
	SSL *client = open_to(daemon, &versions[0]);

	tls_say(client, "Hello, world\n");
	tls_hear(client, "GOT:Hello,");
	tls_say(client, "Are you there?\n");
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, " reason=drain in=13 out=10 ");
	daemon_wait_line(daemon, "^drained: closed=1 forced=0$");
	tls_drop(client);
	ck_assert_int_eq(daemon_end(daemon), 0);
	tls_clean();
}
END_TEST

/* What is wrong is what TLS has carried, not how. */
START_TEST(wrong_bytes_are_decrypted_well)
{
	struct daemon *daemon = start("corrupt_every = 7;");

	for (int i = 0; i < VERSIONS; i++) {
		SSL *client = open_to(daemon, &versions[i]);

		tls_say(client, "0123456789\n");
		tls_hear(client, "GOT:0133456788\n");
		tls_finish(client);
		tls_expect_end(client);
		tls_drop(client);
	}
	stop(daemon);
}
END_TEST

START_TEST(a_rate_loses_nothing)
{
	struct daemon *daemon = start("delay = 0.05; rate = 1000000;");

	for (int i = 0; i < VERSIONS; i++) {
		SSL *client = open_to(daemon, &versions[i]);

		tls_exchange(client, 300000, 777, false);
		tls_drop(client);
	}
	daemon_wait_lines(daemon, " reason=eof in=300000 ", VERSIONS);
	stop(daemon);
}
END_TEST

SUITE(what_is_cut_short_ends_in_order, what_is_cut_short_may_have_ended_before,
      a_reset_comes_behind_its_bytes, an_end_at_once_is_behind_the_handshake,
      silence_ends_with_the_daemon, wrong_bytes_are_decrypted_well,
      a_rate_loses_nothing)
