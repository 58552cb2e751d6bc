#include "probe/report.h"

#include <string.h>

#include "probe/report_text.h"
#include "support/suite.h"
#include "support/text.h"

#define SECOND INT64_C(1000000000)
#define MS INT64_C(1000000)
#define BEGIN (INT64_C(77) * SECOND)

static struct tally tally;
static struct report report;
static char *text;
static size_t text_size;

static void
forward(void *owner, const struct failure *failure)
{
	report_failure(owner, failure);
}

static void
begin(const char *const *names, size_t count)
{
	struct backends *backends;
	char reason[64];

	ck_assert_ptr_null(
		backends_new(NULL, &backends, reason, sizeof(reason)));
	ck_assert(tally_init(&tally, names, count, backends));
	tally_begin(&tally, BEGIN);
	report.out = open_memstream(&text, &text_size);
	report.now = 1000000000;
	ck_assert_ptr_nonnull(report.out);
	tally.on_failure = forward;
	tally.owner = &report;
}

static void
begin_one(const char *name)
{
	begin(&name, 1);
}

static void
end(void)
{
	fclose(report.out);
	free(text);
	backends_free(tally.backends);
	tally_free(&tally);
}

static void
echo(unsigned count, const char *prefix, int64_t round_trip)
{
	struct backend *backend =
		backends_find(tally.backends, prefix, strlen(prefix), NULL);

	for (unsigned i = 0; i < count; i++) {
		tally_start(&tally, 0);
		tally_echo(&tally, 0, backend, 100, round_trip);
	}
}

static void
fail_one(enum outcome outcome, const char *prefix, const char *detail)
{
	struct backend *backend = NULL;
	struct failure failure = {
		.at = 12345 * MS, .outcome = outcome, .peer = 17, .began = -1
	};

	if (prefix)
		backend = backends_find(tally.backends, prefix, strlen(prefix),
					NULL);
	if (outcome_ends_message(outcome))
		tally_start(&tally, 0);
	failure.backend = backend;
	failure.detail = detail;
	tally_fail(&tally, 0, backend, 100, &failure);
}

static void
second(int number)
{
	const struct second *last = tally_tick(&tally, BEGIN + number * SECOND);

	ck_assert_ptr_nonnull(last);
	report_second(&report, &tally, last, number * SECOND + 3 * MS, 50);
}

/* What was written since the last call. */
static const char *
written(void)
{
	static char copy[65536];

	fflush(report.out);
	snprintf(copy, sizeof(copy), "%s", text);
	rewind(report.out);
	memset(text, 0, text_size);
	return copy;
}

static const char *
finish(int64_t after)
{
	tally_finish(&tally, BEGIN + after);
	report_end(&report, &tally);
	return written();
}

START_TEST(test_a_second_has_its_numbers_and_its_backends)
{
	begin_one("tcp://a:7");
	echo(3, "b1", 1230000);
	echo(1, "b2", 45600000);
	second(1);
	ck_assert_str_eq(
		written(),
		"  time  open started  echoed    p50    p99    max  failed    "
		"backends\n"
		"   1 s    50       4       4 1.25ms 45.6ms 45.6ms  -         "
		"b1 75%, b2 25%\n");
	second(2);
	ck_assert_str_eq(
		written(),
		"   2 s    50       0       0      -      -      -  -\n");
	end();
}
END_TEST

START_TEST(test_the_names_of_the_columns_come_back)
{
	unsigned headers = 0;

	begin_one("tcp://a:7");
	for (int i = 1; i <= 41; i++) {
		second(i);
		headers += strstr(written(), "started") != NULL;
	}
	ck_assert_uint_eq(headers, 3);
	end();
}
END_TEST

START_TEST(test_a_second_has_its_most_frequent_failure)
{
	const char *line;

	begin_one("tcp://a:7");
	fail_one(OUTCOME_RESET, NULL, "");
	second(1);
	assert_has(written(), "      -  1 reset\n");
	fail_one(OUTCOME_RESET, NULL, "");
	fail_one(OUTCOME_EARLY_FIN, NULL, "");
	fail_one(OUTCOME_EARLY_FIN, NULL, "");
	fail_one(OUTCOME_LATE, NULL, "");
	second(2);
	line = written();
	assert_has(line, "  3 (2 early FIN)\n");
	end();
}
END_TEST

START_TEST(test_each_failure_is_a_line)
{
	begin_one("tcp://a:7");
	fail_one(OUTCOME_RESET, "b1", "200 of 1000 bytes came back");
	ck_assert_str_eq(written(),
			 "12.345 s  reset  b1  connection 17: 200 of 1000 "
			 "bytes came back\n");
	fail_one(OUTCOME_CLOSED, NULL, "");
	ck_assert_str_eq(written(), "12.345 s  closed by the server  tcp://a:7"
				    "  connection 17\n");
	report.several = true;
	fail_one(OUTCOME_RESET, "b1", "a\x1B[2J\xFF");
	ck_assert_str_eq(written(), "12.345 s  reset  tcp://a:7  b1  "
				    "connection 17: a\\x1b[2J\\xff\n");
	end();
	report.several = false;
	begin_one("udp://a:7");
	fail_one(OUTCOME_TIMEOUT, "b1", "");
	ck_assert_str_eq(written(), "12.345 s  time-out  b1  peer 17\n");
	end();
}
END_TEST

START_TEST(test_a_second_has_five_lines_of_failures)
{
	unsigned lines = 0;
	const char *all;

	begin_one("tcp://a:7");
	for (int i = 0; i < 8; i++)
		fail_one(OUTCOME_RESET, NULL, "");
	all = written();
	for (const char *at = all; (at = strchr(at, '\n')); at++)
		lines++;
	ck_assert_uint_eq(lines, REPORT_FAILURES_MAX);
	second(1);
	assert_has(written(), "... and 3 more in this second\n");
	fail_one(OUTCOME_RESET, NULL, "");
	assert_has(written(), "12.345 s  reset");
	second(2);
	assert_has_not(written(), "more in this second");
	for (int i = 0; i < 6; i++)
		fail_one(OUTCOME_RESET, NULL, "");
	assert_has(finish(2 * SECOND), "... and 1 more in this second\n");
	end();
}
END_TEST

START_TEST(test_a_terminal_has_one_line_that_changes)
{
	const char *line;

	report.live = true;
	begin_one("tcp://a:7");
	echo(1, "b1", MS);
	second(1);
	line = written();
	assert_has(line, "backends\n\r   1 s ");
	assert_has(line, "b1 100%\033[K");
	echo(1, "backend-with-a-long-name-\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9",
	     MS);
	second(2);
	line = written();
	ck_assert_int_eq(line[0], '\r');
	ck_assert_ptr_null(strchr(line, '\n'));
	assert_has(line, "...\033[K");
	ck_assert_uint_eq(report_width(line), 1 + REPORT_COLUMNS + 3);
	fail_one(OUTCOME_RESET, NULL, "");
	ck_assert_str_eq(written(), "\r\033[K12.345 s  reset  tcp://a:7  "
				    "connection 17\n");
	second(3);
	assert_has(finish(3 * SECOND), "\033[K\n\nWRONG: ");
	end();
}
END_TEST

START_TEST(test_a_quiet_report_has_only_an_end)
{
	report.quiet = true;
	begin_one("tcp://a:7");
	echo(1, "b1", MS);
	fail_one(OUTCOME_RESET, NULL, "");
	second(1);
	ck_assert_str_eq(written(), "");
	ck_assert_uint_eq(backends_at(tally.backends, 0)->last_second_echoed,
			  0);
	assert_has(finish(SECOND), "WRONG: 1 of 2 messages failed: 1 reset.\n");
	end();
}
END_TEST

START_TEST(test_a_good_run_is_all_right)
{
	const char *all;

	begin_one("tcp://a:7");
	tally_connected(&tally, 0, 2 * MS);
	echo(1000, "b1", MS);
	tally.targets[0].unfinished = 1;
	all = finish(SECOND / 2);
	ck_assert_ptr_eq(strstr(all, "All right: 1000 messages echoed, none "
				     "lost, none wrong; 1 still "
				     "awaited.\n\n"),
			 all);
	assert_has(all, "\nconnected   1\n"
			"messages    1000 started, 1000 echoed, 0 failed, "
			"1 unfinished\n"
			"payload     100 kB there and back, in 500 ms\n"
			"rate        2000 messages/s, 200 kB/s\n"
			"\n"
			"                   min       p50       p90       p99"
			"     p99.9       max\n"
			"round trip     1.00 ms   1.00 ms");
	assert_has(all, "\nconnect        2.00 ms");
	assert_has(all, "\nb1                                        1000"
			"     100%       0            0\n");
	assert_has_not(all, "silent");
	assert_has_not(all, "observed");
	assert_has_not(all, "TLS");
	assert_has_not(all, "sizes");
	assert_has_not(all, "time ");
	end();
}
END_TEST

START_TEST(test_the_verdict_has_all_reasons)
{
	const char *all;

	begin_one("tcp://a:7");
	echo(7, "b1", MS);
	fail_one(OUTCOME_EARLY_FIN, "b1", "");
	fail_one(OUTCOME_RESET, "b1", "");
	fail_one(OUTCOME_RESET, "b1", "");
	fail_one(OUTCOME_LATE, "b1", "");
	fail_one(OUTCOME_CLOSED, "b1", "");
	tally.targets[0].silent = 2;
	written();
	all = finish(SECOND);
	assert_has(all, "WRONG: 3 of 10 messages failed: 2 reset, 1 early FIN; "
			"also 1 late.\n");
	assert_has(all, "\nfailed      2 reset, 1 early FIN\n"
			"observed    1 late, 1 closed by the server\n"
			"silent      2: nothing was echoed over them\n");
	end();
}
END_TEST

START_TEST(test_the_verdict_of_other_runs)
{
	begin_one("tcp://a:7");
	assert_has(finish(SECOND), "Nothing was sent: 0 connections.\n");
	tally_begin(&tally, BEGIN);
	tally_start(&tally, 0);
	tally.targets[0].unfinished = 1;
	assert_has(finish(SECOND), "NOT REACHED: 1 awaited in vain.\n");
	tally_begin(&tally, BEGIN);
	tally_connected(&tally, 0, MS);
	tally_start(&tally, 0);
	tally.targets[0].unfinished = 1;
	assert_has(finish(SECOND), "Nothing was echoed; 1 still awaited.\n");
	tally_begin(&tally, BEGIN);
	echo(1, "b1", MS);
	fail_one(OUTCOME_LATE, "b1", "");
	assert_has(finish(SECOND), "WRONG: 1 message echoed, but 1 late.\n");
	tally_begin(&tally, BEGIN);
	fail_one(OUTCOME_REFUSED, NULL, "");
	assert_has(finish(SECOND), "NOT REACHED: 1 refused.\n");
	end();
}
END_TEST

START_TEST(test_tls_and_sizes_have_rows)
{
	struct target_tally *target;
	const char *all;

	begin_one("udp://a:7");
	target = tally.targets;
	echo(1, "b1", MS);
	tally_echo(&tally, 0, NULL, 1472, MS);
	target->smallest_failed = 1473;
	target->path_mtu = 1500;
	strcpy(target->tls, "TLSv1.3 TLS_AES_256_GCM_SHA384");
	strcpy(target->certificate_name, "CN=a\x1B");
	target->certificate_expires = 1000000000 + 86400 * 3.5;
	all = finish(SECOND);
	assert_has(all, "\nTLS         TLSv1.3 TLS_AES_256_GCM_SHA384, "
			"certificate CN=a\\x1b, 3.5 days left\n"
			"sizes       up to 1472 bytes were echoed; 1473 and "
			"more were not: path MTU 1500\n");
	target->certificate_expires = 1000000000 - 86400 * 2;
	target->smallest_failed = 0;
	target->path_mtu = 0;
	report_end(&report, &tally);
	all = written();
	assert_has(all, "expired 2.0\n            days ago\n");
	assert_has(all, "\nsizes       up to 1472 bytes were echoed\n");
	end();
}
END_TEST

START_TEST(test_several_targets_have_a_table)
{
	static const char *const names[] = {
		"tcp://a:7", "tls://a-host-with-a-long-name.example:7"
	};
	const char *all;

	begin(names, 2);
	tally_connected(&tally, 0, MS);
	echo(3, "b1", MS);
	strcpy(tally.targets[1].tls, "TLSv1.2");
	all = finish(SECOND);
	assert_has(all, "wrong.\n"
			"\n"
			"target                     connected   echoed  failed"
			"     p50     p99     max\n"
			"tcp://a:7                          1        3       0"
			" 1.00 ms 1.00 ms 1.00 ms\n"
			"tls://a-host-with-a-long-name.example:7\n"
			"                                   0        0       0"
			"       -       -       -\n"
			"\n"
			"connected   1\n");
	assert_has(all, "\n\nTLS         tls://a-host-with-a-long-name.example"
			":7: TLSv1.2\n");
	strcpy(tally.targets[0].tls, "TLSv1.2");
	report_end(&report, &tally);
	assert_has(written(), "\n\nTLS         TLSv1.2\n");
	end();
}
END_TEST

START_TEST(test_no_line_of_the_end_is_too_wide)
{
	char name[100];
	char *all, *line;

	begin_one("tcp://a:7");
	report.quiet = true;
	for (int i = 0; i < 70; i++) {
		snprintf(name, sizeof(name), "backend %d of \xC3\xA9 %*s", i, i,
			 ".");
		echo(1, name, MS * i * i);
	}
	for (unsigned i = 1; i < OUTCOME_COUNT; i++)
		fail_one((enum outcome)i, "b", "");
	all = strdup(finish(SECOND));
	ck_assert_ptr_nonnull(all);
	for (line = strtok(all, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(report_width(line) <= REPORT_COLUMNS, "%s", line);
	free(all);
	end();
}
END_TEST

SUITE(test_a_second_has_its_numbers_and_its_backends,
      test_the_names_of_the_columns_come_back,
      test_a_second_has_its_most_frequent_failure, test_each_failure_is_a_line,
      test_a_second_has_five_lines_of_failures,
      test_a_terminal_has_one_line_that_changes,
      test_a_quiet_report_has_only_an_end, test_a_good_run_is_all_right,
      test_the_verdict_has_all_reasons, test_the_verdict_of_other_runs,
      test_tls_and_sizes_have_rows, test_several_targets_have_a_table,
      test_no_line_of_the_end_is_too_wide)
