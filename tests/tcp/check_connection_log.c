#include "tcp/connection_log.h"

#include <unistd.h>

#include "base/log.h"
#include "support/sockets.h"

static struct log_settings settings = {
	.sink = LOG_TO_STDERR,
	.level = LOG_INFO,
	.connections = true,
};

/*
 * Standard error is a pipe from here on; its lines are read from what returns.
 */
static FILE *
capture(void)
{
	int fds[2];

	log_configure(&settings);
	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	return fdopen(fds[0], "r");
}

static void
expect_line(FILE *log, const char *wanted)
{
	char line[4096];

	ck_assert_msg(fgets(line, sizeof(line), log) != NULL, "no line");
	line[strcspn(line, "\n")] = '\0';
	ck_assert_str_eq(line, wanted);
}

static void
report_all(void)
{
	struct address peer = address_of("192.0.2.7:51234");
	struct connection_log_subject subject = { .peer = &peer,
						  .listener = "main",
						  .id = 41 };
	struct connection_log_totals totals = { 12, 20, 3412 };

	connection_log_arrival(&subject);
	connection_log_departure(&subject, CLOSE_eof, &totals);
	connection_log_refusal(&subject, REFUSE_denied);
}

START_TEST(test_lines_have_the_form_that_the_manual_promises)
{
	FILE *log = capture();

	report_all();
	expect_line(log, "Connection from 192.0.2.7:51234 listener=main "
			 "conn=41 peer=192.0.2.7:51234");
	expect_line(log, "Connection closed 192.0.2.7:51234 listener=main "
			 "conn=41 reason=eof in=12 out=20 seconds=3.412 "
			 "peer=192.0.2.7:51234");
	expect_line(log, "Connection refused 192.0.2.7:51234 listener=main "
			 "reason=denied peer=192.0.2.7:51234");
	fclose(log);
}
END_TEST

START_TEST(test_only_refusals_are_told_where_connections_are_not)
{
	settings.connections = false;

	FILE *log = capture();

	report_all();
	expect_line(log, "Connection refused 192.0.2.7:51234 listener=main "
			 "reason=denied peer=192.0.2.7:51234");
	fclose(log);
}
END_TEST

START_TEST(test_errors_have_their_reasons)
{
	ck_assert_int_eq(connection_log_reason(ECONNRESET), CLOSE_reset);
	ck_assert_int_eq(connection_log_reason(EPIPE), CLOSE_reset);
	ck_assert_int_eq(connection_log_reason(ETIMEDOUT), CLOSE_vanished);
	ck_assert_int_eq(connection_log_reason(EHOSTUNREACH), CLOSE_vanished);
	ck_assert_int_eq(connection_log_reason(ENOMEM), CLOSE_error);
}
END_TEST

START_TEST(test_a_proxy_is_named_besides_its_client)
{
	struct address peer = address_of("192.0.2.7:51234");
	struct address via = address_of("10.0.0.1:4000");
	struct connection_log_subject subject = {
		.peer = &peer,
		.via = &via,
		.listener = "main",
		.id = 41,
	};
	FILE *log = capture();

	connection_log_arrival(&subject);
	connection_log_refusal(&subject, REFUSE_denied);
	connection_log_failure(&subject, CLOSE_proxy_invalid, 12, "why");
	expect_line(log, "Connection from 192.0.2.7:51234 listener=main "
			 "conn=41 via=10.0.0.1:4000 "
			 "peer=192.0.2.7:51234");
	expect_line(log, "Connection refused 192.0.2.7:51234 listener=main "
			 "reason=denied via=10.0.0.1:4000 "
			 "peer=192.0.2.7:51234");
	expect_line(log, "Connection closed 192.0.2.7:51234 listener=main "
			 "conn=41 reason=proxy_invalid in=0 out=0 "
			 "seconds=0.012 via=10.0.0.1:4000 "
			 "peer=192.0.2.7:51234: why");
	fclose(log);
}
END_TEST

START_TEST(test_fault_injection_is_logged)
{
	struct address peer = address_of("192.0.2.7:51234");
	struct connection_log_subject subject = {
		.peer = &peer,
		.listener = "bad",
		.id = 41,
		.fault = true,
	};
	FILE *log = capture();

	connection_log_arrival(&subject);
	expect_line(log, "Connection from 192.0.2.7:51234 listener=bad "
			 "conn=41 fault=yes peer=192.0.2.7:51234");
	fclose(log);
}
END_TEST

START_TEST(test_quiet_connections_are_logged_at_debug)
{
	struct address peer = address_of("192.0.2.7:51234");
	struct connection_log_subject subject = {
		.peer = &peer,
		.listener = "main",
		.id = 41,
		.quiet = true,
	};
	struct connection_log_totals totals = { 0 };
	FILE *log = capture();

	connection_log_arrival(&subject);
	connection_log_departure(&subject, CLOSE_eof, &totals);
	connection_log_failure(&subject, CLOSE_eof, 0, "");
	settings.level = LOG_DEBUG;
	log_configure(&settings);
	connection_log_failure(&subject, CLOSE_eof, 0, "");
	expect_line(log, "debug: Connection closed 192.0.2.7:51234 "
			 "listener=main conn=41 reason=eof in=0 out=0 "
			 "seconds=0.000 peer=192.0.2.7:51234");
	fclose(log);
}
END_TEST

SUITE(test_a_proxy_is_named_besides_its_client, test_fault_injection_is_logged,
      test_quiet_connections_are_logged_at_debug,
      test_lines_have_the_form_that_the_manual_promises,
      test_only_refusals_are_told_where_connections_are_not,
      test_errors_have_their_reasons)
