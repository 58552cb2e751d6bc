/* Certificates of a daemon: warnings about their dates. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"
#include "support/tls_client.h"

#define SERVER TLS_LISTEN "\ntls = { " TLS_SERVER "};"
#define EXPIRED \
	"conf:2: tls\\.certificate: .*/server\\.pem: the certificate of " \
	"\"/CN=localhost\" expired on "

/* Runs "echod -t", which must end with this status. */
static struct daemon *
check_file(const char *config, const char *option)
{
	return daemon_spawn(&(struct daemon_setup){ .config = config,
						    .arguments = { option } });
}

START_TEST(test_an_expired_certificate_is_valid_with_a_warning)
{
	static const char *const options[] = { "-t", "-T" };

	tls_set_dates("server", -2, -1);
	for (size_t i = 0; i < 2; i++) {
		struct daemon *echod =
			check_file(tls_config(SERVER), options[i]);

		daemon_wait_line(echod, "^warning: .*" EXPIRED);
		ck_assert_int_eq(daemon_end(echod), EX_OK);
	}
	tls_clean();
}
END_TEST

START_TEST(test_start_and_reload_log_the_warning)
{
	struct daemon *daemon;
	SSL *client;

	tls_set_dates("server", -2, -1);
	daemon = tls_start("", "");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning: .*expired on "),
			  1);
	client = tls_connect(daemon, &tls_any);
	tls_say_hello(client);
	tls_drop(client);
	daemon_forget(daemon);

	daemon_reload(daemon, tls_config(SERVER));
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning: .*" EXPIRED),
			  1);
	daemon_forget(daemon);
	tls_set_dates("server", -1, 30);
	daemon_reload(daemon, tls_config(SERVER));
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning: "), 0);
	tls_stop(daemon);
}
END_TEST

SUITE(test_an_expired_certificate_is_valid_with_a_warning,
      test_start_and_reload_log_the_warning)
