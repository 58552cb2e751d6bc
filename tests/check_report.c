#include "report.h"

#include <unistd.h>

#include "log.h"
#include "sockets.h"

static struct log_settings settings = {
	.sink = LOG_TO_STDERR,
	.level = LOG_INFO,
	.connections = true,
};

/* Standard error is a pipe from here on; its lines are read from what returns. */
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
	struct report_subject subject = { .peer = &peer,
					  .listener = "main",
					  .id = 41 };
	struct report_totals totals = { 12, 20, 3412 };

	report_arrival(&subject);
	report_departure(&subject, CLOSE_eof, &totals);
	report_refusal(&subject, REFUSE_denied);
}

START_TEST(lines_have_the_form_that_the_manual_promises)
{
	FILE *log = capture();

	report_all();
	expect_line(log, "Connection from 192.0.2.7:51234 listener=main "
			 "conn=41");
	expect_line(log, "Connection closed 192.0.2.7:51234 listener=main "
			 "conn=41 reason=eof in=12 out=20 seconds=3.412");
	expect_line(log, "Connection refused 192.0.2.7:51234 listener=main "
			 "reason=denied");
	fclose(log);
}
END_TEST

START_TEST(only_refusals_are_told_where_connections_are_not)
{
	settings.connections = false;

	FILE *log = capture();

	report_all();
	expect_line(log, "Connection refused 192.0.2.7:51234 listener=main "
			 "reason=denied");
	fclose(log);
}
END_TEST

START_TEST(errors_have_their_reasons)
{
	ck_assert_int_eq(report_reason(ECONNRESET), CLOSE_reset);
	ck_assert_int_eq(report_reason(EPIPE), CLOSE_reset);
	ck_assert_int_eq(report_reason(ETIMEDOUT), CLOSE_vanished);
	ck_assert_int_eq(report_reason(EHOSTUNREACH), CLOSE_vanished);
	ck_assert_int_eq(report_reason(ENOMEM), CLOSE_error);
}
END_TEST

START_TEST(a_proxy_is_named_besides_its_client)
{
	struct address peer = address_of("192.0.2.7:51234");
	struct address via = address_of("10.0.0.1:4000");
	struct report_subject subject = {
		.peer = &peer,
		.via = &via,
		.listener = "main",
		.id = 41,
	};
	FILE *log = capture();

	report_arrival(&subject);
	report_refusal(&subject, REFUSE_denied);
	report_failure(&subject, CLOSE_proxy_invalid, 12, "why");
	expect_line(log, "Connection from 192.0.2.7:51234 listener=main "
			 "conn=41 via=10.0.0.1:4000");
	expect_line(log, "Connection refused 192.0.2.7:51234 listener=main "
			 "reason=denied via=10.0.0.1:4000");
	expect_line(log, "Connection closed 192.0.2.7:51234 listener=main "
			 "conn=41 reason=proxy_invalid in=0 out=0 "
			 "seconds=0.012 via=10.0.0.1:4000: why");
	fclose(log);
}
END_TEST

START_TEST(who_misbehaves_on_purpose_is_said_to)
{
	struct address peer = address_of("192.0.2.7:51234");
	struct report_subject subject = {
		.peer = &peer,
		.listener = "bad",
		.id = 41,
		.fault = true,
	};
	FILE *log = capture();

	report_arrival(&subject);
	expect_line(log, "Connection from 192.0.2.7:51234 listener=bad "
			 "conn=41 fault=yes");
	fclose(log);
}
END_TEST

START_TEST(what_is_quiet_is_told_to_those_who_debug)
{
	struct address peer = address_of("192.0.2.7:51234");
	struct report_subject subject = {
		.peer = &peer,
		.listener = "main",
		.id = 41,
		.quiet = true,
	};
	struct report_totals totals = { 0 };
	FILE *log = capture();

	report_arrival(&subject);
	report_departure(&subject, CLOSE_eof, &totals);
	report_failure(&subject, CLOSE_eof, 0, "");
	settings.level = LOG_DEBUG;
	log_configure(&settings);
	report_failure(&subject, CLOSE_eof, 0, "");
	expect_line(log, "debug: Connection closed 192.0.2.7:51234 "
			 "listener=main conn=41 reason=eof in=0 out=0 "
			 "seconds=0.000");
	fclose(log);
}
END_TEST

SUITE(a_proxy_is_named_besides_its_client, who_misbehaves_on_purpose_is_said_to,
      what_is_quiet_is_told_to_those_who_debug,
      lines_have_the_form_that_the_manual_promises,
      only_refusals_are_told_where_connections_are_not,
      errors_have_their_reasons)
