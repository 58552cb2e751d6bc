#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "support/certificates.h"
#include "support/daemon.h"
#include "support/suite.h"

/* The listeners of every test. */
enum { PLAIN_TLS, MUTUAL_TLS, PROXIED_TLS, NO_TLS };

#define LISTENERS \
	"listeners = (" \
	"{ name = \"tls\"; " TLS_LISTEN "tls = { " TLS_SERVER \
	"alpn = [ \"echo\" ]; }; }," \
	"{ name = \"mutual\"; " TLS_LISTEN "tls = { " TLS_SERVER \
	"client_ca = \"DIR/ca.pem\"; require_client_certificate = true; }; }," \
	"{ name = \"proxied\"; " TLS_LISTEN "tls = { " TLS_SERVER " }; " \
	"prefix = \"%%{peer} \"; " \
	"proxy_protocol = { from = [ \"127.0.0.1\" ]; }; }," \
	"{ name = \"plain\"; " TLS_LISTEN " });"

#define TRUSTING "--ca=server.pem --server-name=localhost "

static pid_t probe; /* the last one that was begun */

static struct daemon *
started(void)
{
	return daemon_start(tls_config(LISTENERS));
}

static void
stop(struct daemon *daemon)
{
	ck_assert_int_eq(daemon_stop(daemon), 0);
	tls_clean();
}

/* echoprobe, in the directory of the certificates. */
static FILE *
begin(struct daemon *daemon, unsigned listener, const char *arguments)
{
	char command[1024];
	FILE *output;

	snprintf(command, sizeof(command),
		 "cd %s && echo $$ && exec %s/src/echoprobe %s "
		 "tls://127.0.0.1:%u "
		 "</dev/null 2>&1",
		 tls_directory(), getenv("TOP_BUILDDIR"), arguments,
		 daemon_port(daemon, listener));
	output = popen(command, "re");
	ck_assert_ptr_nonnull(output);
	ck_assert_int_eq(fscanf(output, "%d ", &probe), 1);
	return output;
}

/* It ends with this status, and what it prints has `text`. */
static void
finish(FILE *output, int status, const char *text)
{
	char printed[8192];
	size_t length = fread(printed, 1, sizeof(printed) - 1, output);
	int ended = pclose(output);

	printed[length] = '\0';
	ck_assert_msg(WIFEXITED(ended) && WEXITSTATUS(ended) == status &&
			      strstr(printed, text),
		      "%d instead of %d with \"%s\":\n%s", ended, status, text,
		      printed);
}

static void
check(struct daemon *daemon, unsigned listener, const char *arguments,
      int status, const char *text)
{
	finish(begin(daemon, listener, arguments), status, text);
}

START_TEST(test_every_way_of_sending_is_right)
{
	static const char *const ways[] = {
		TRUSTING,
		TRUSTING "--half-close -s 8-300000",
		TRUSTING "--reconnect",
		TRUSTING "--stream -n 500 -s 20000",
		TRUSTING "-c 50 -n 5000",
		TRUSTING "--alpn=h2,echo",
		"--insecure",
	};
	struct daemon *daemon = started();

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		check(daemon, PLAIN_TLS, ways[i], 0, "All right: ");
	stop(daemon);
}
END_TEST

START_TEST(test_a_handshake_that_fails_is_told)
{
	struct daemon *daemon = started();

	check(daemon, PLAIN_TLS, "-n 1 --ca=renewed.pem", 1,
	      "certificate verify failed: self-signed certificate");
	check(daemon, PLAIN_TLS,
	      "-n 1 --ca=server.pem --server-name=other.example", 1,
	      "certificate verify failed: hostname mismatch");
	check(daemon, PLAIN_TLS, "-n 1 " TRUSTING "--alpn=h2", 1,
	      "alert no application protocol");
	check(daemon, NO_TLS, "-n 1 " TRUSTING, 1,
	      "perhaps the server does not use TLS here");
	stop(daemon);
}
END_TEST

START_TEST(test_a_client_certificate_is_sent)
{
	struct daemon *daemon = started();

	check(daemon, MUTUAL_TLS, "-n 1 " TRUSTING, 1,
	      "alert certificate required");
	check(daemon, MUTUAL_TLS,
	      "-n 1 " TRUSTING "--cert=stranger.pem --key=stranger.key", 1,
	      "alert unknown ca");
	check(daemon, MUTUAL_TLS,
	      "-n 1 " TRUSTING "--cert=client.pem --key=client.key", 0,
	      "All right: 1 message echoed");
	check(daemon, MUTUAL_TLS,
	      "-n 1 " TRUSTING "--cert=server.pem --key=locked.key", 64,
	      "--key: locked.key: the key is encrypted");
	stop(daemon);
}
END_TEST

START_TEST(test_a_certificate_that_expires_soon_is_wrong)
{
	struct daemon *daemon = started();

	/* Of 30 days. */
	check(daemon, PLAIN_TLS, "-n 1 " TRUSTING "--expiry=40", 1,
	      "WRONG: 1 message echoed, but 1 certificate expires.");
	check(daemon, PLAIN_TLS, "-n 1 " TRUSTING "--expiry=20", 0,
	      "All right: 1 message echoed");
	stop(daemon);
}
END_TEST

START_TEST(test_the_proxy_header_precedes_tls)
{
	struct daemon *daemon = started();

	check(daemon, PROXIED_TLS,
	      "-n 1 " TRUSTING "--backend='.*' --proxy-from=192.0.2.7:99", 0,
	      "192.0.2.7:99");
	check(daemon, PROXIED_TLS,
	      "-n 1 " TRUSTING "--backend='.*' --proxy-from=192.0.2.7:99 "
	      "--proxy-version=1",
	      0, "192.0.2.7:99");
	check(daemon, PROXIED_TLS, "-n 1 " TRUSTING, 1,
	      "WRONG: 1 of 1 message failed");
	stop(daemon);
}
END_TEST

/* Reads up to a line with this text. */
static void
await(FILE *output, const char *text)
{
	char line[256];

	do
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), output));
	while (!strstr(line, text));
}

/* A connection has echoed a message, and is quiet; then it is closed. */
static void
check_idle_end(int (*end)(struct daemon *daemon))
{
	struct daemon *daemon = started();
	/* Its next message begins much later. */
	FILE *output = begin(daemon, PLAIN_TLS,
			     TRUSTING "--until-signal --every=1000");

	await(output, "GOT: 100%"); /* the first second */
	end(daemon);
	await(output, "closed by the server");
	ck_assert_int_eq(kill(probe, SIGINT), 0);
	finish(output, 0, "observed    1 closed by the server");
	tls_clean();
}

START_TEST(test_a_drain_closes_an_idle_connection_in_good_order)
{
	check_idle_end(daemon_stop);
}
END_TEST

static int
crash(struct daemon *daemon)
{
	daemon_kill(daemon);
	return 0;
}

START_TEST(test_a_crash_loses_no_message_of_an_idle_connection)
{
	check_idle_end(crash);
}
END_TEST

SUITE(test_every_way_of_sending_is_right, test_a_handshake_that_fails_is_told,
      test_a_client_certificate_is_sent,
      test_a_certificate_that_expires_soon_is_wrong,
      test_the_proxy_header_precedes_tls,
      test_a_drain_closes_an_idle_connection_in_good_order,
      test_a_crash_loses_no_message_of_an_idle_connection)
