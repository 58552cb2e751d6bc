#include "probe/report_timeline.h"

#include <string.h>

#include "support/suite.h"
#include "support/text.h"

#define SECOND INT64_C(1000000000)
#define BEGIN (INT64_C(77) * SECOND)

static struct tally tally;
static char *text;

static void
begin(void)
{
	const char *name = "tcp://a:7";
	struct backends *backends;
	char reason[64];

	ck_assert_ptr_null(
		backends_new(NULL, &backends, reason, sizeof(reason)));
	ck_assert(tally_init(&tally, &name, 1, backends));
	tally_begin(&tally, BEGIN);
}

static void
end(void)
{
	free(text);
	text = NULL;
	backends_free(tally.backends);
	tally_free(&tally);
}

static void
echo(unsigned count, const char *prefix)
{
	struct backend *backend =
		backends_find(tally.backends, prefix, strlen(prefix), NULL);

	for (unsigned i = 0; i < count; i++) {
		tally_start(&tally, 0);
		tally_echo(&tally, 0, backend, 100, 1000);
	}
}

static void
fail_one(enum outcome outcome)
{
	struct failure failure = { .outcome = outcome, .detail = "" };

	tally_start(&tally, 0);
	tally_fail(&tally, 0, NULL, 100, &failure);
}

static void
tick(int number)
{
	ck_assert_ptr_nonnull(tally_tick(&tally, BEGIN + number * SECOND));
}

static const char *
finish(int64_t after)
{
	size_t size;
	FILE *out;

	free(text);
	out = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(out);
	tally_finish(&tally, BEGIN + after);
	report_timeline_write(out, &tally);
	fclose(out);
	return text;
}

START_TEST(test_a_roll_reads_off_the_timeline)
{
	const char *all;

	begin();
	for (int i = 1; i <= 9; i++) {
		if (i != 5)
			echo(50, "b1");
		if (i != 5 && i < 7)
			echo(50, "b2");
		if (i == 5)
			echo(80, "b2");
		if (i == 5)
			fail_one(OUTCOME_RESET);
		if (i < 9)
			tick(i);
	}
	all = finish(8 * SECOND + SECOND / 2);
	assert_has(all, "\n"
			"time          started   echoed  failed                "
			" backends\n"
			"0-4 s             400      400  -                     "
			" b1, b2\n"
			"4-5 s              81       80  1 reset               "
			" b2\n"
			"5-6 s             100      100  -                     "
			" b1, b2\n"
			"6-8.5 s           150      150  -                     "
			" b1\n");
	end();
}
END_TEST

START_TEST(test_a_pause_is_a_row_unless_messages_are_few)
{
	const char *all;

	begin();
	echo(50, "b1");
	tick(1);
	tick(2);
	echo(50, "b1");
	all = finish(3 * SECOND);
	assert_has(all,
		   "\n1-2 s               0        0  -                      "
		   "-\n");
	tally_begin(&tally, BEGIN);
	echo(1, "b1");
	tick(1);
	tick(2);
	echo(1, "b1");
	assert_has_not(finish(3 * SECOND), "1-2 s");
	end();
}
END_TEST

START_TEST(test_a_long_timeline_is_made_coarser)
{
	const char *all, *at;
	unsigned rows = 0;

	begin();
	for (int i = 1; i <= 200; i++) {
		echo(50, i % 2 ? "b1" : "b2");
		if (i == 100)
			fail_one(OUTCOME_RESET);
		tick(i);
	}
	all = finish(200 * SECOND);
	at = strstr(all, "\ntime ");
	ck_assert_ptr_nonnull(at);
	for (at++; (at = strchr(at, '\n')); at++)
		rows++;
	ck_assert_uint_le(rows, REPORT_TIMELINE_ROWS + 2);
	assert_has(all,
		   "98-100 s          101      100  1 reset                "
		   "b1, b2\n");
	assert_has(all, "b1, b2\n(in steps of 2 s)\n");
	assert_has_not(all, "201");
	end();
}
END_TEST

START_TEST(test_one_row_without_failures_is_none)
{
	begin();
	echo(50, "b1");
	ck_assert_str_eq(finish(SECOND), "");
	tally_begin(&tally, BEGIN);
	fail_one(OUTCOME_RESET);
	assert_has(finish(SECOND), "1 reset");
	end();
}
END_TEST

START_TEST(test_long_reasons_have_lines_of_their_own)
{
	begin();
	echo(50, "b1");
	fail_one(OUTCOME_NO_CLOSE_NOTIFY);
	fail_one(OUTCOME_TLS);
	tick(1);
	echo(50, "b1");
	ck_assert_str_eq(
		finish(2 * SECOND),
		"\n"
		"time          started   echoed  failed                      "
		"backends\n"
		"0-1 s              52       50  1 TLS handshake,            "
		"b1\n"
		"                                1 FIN without close_notify\n"
		"1-2 s              50       50  -                           "
		"b1\n");
	end();
}
END_TEST

/* A reason that is too long for its column is cut between two words. */
START_TEST(test_wide_cells_leave_the_columns_aligned)
{
	struct second *stretches;

	begin();
	echo(1, "a-backend.with-a-long-name.example");
	echo(1, "another-backend.example");
	fail_one(OUTCOME_RESET);
	tick(1);
	stretches = tally.stretches;
	stretches[0].started = 4000000000;
	stretches[0].outcomes[OUTCOME_ECHOED] = 2000000000;
	stretches[0].outcomes[OUTCOME_BYTES_FOREIGN] = 123456789;
	stretches[0].outcomes[OUTCOME_WRONG_SOURCE] = 12345;
	tally.stretches[1].started = 1;
	tally.stretches[1].outcomes[OUTCOME_RESET] = 1;
	tally.stretch_count = 3;
	tally.number = 2;
	tally.stretch_seconds = 100000;
	ck_assert_str_eq(
		finish(200000 * SECOND + SECOND / 2),
		"\n"
		"time                  started     echoed  failed              "
		"   backends\n"
		"0-100000 s         4000000000 2000000000  123456789 bytes of  "
		"   a-backen... +1\n"
		"                                          another "
		"connection,\n"
		"                                          12345 reply from\n"
		"                                          another address,\n"
		"                                          1 other\n"
		"100000-200000.5 s           1          0  1 reset             "
		"   -\n");
	end();
}
END_TEST

SUITE(test_a_roll_reads_off_the_timeline,
      test_a_pause_is_a_row_unless_messages_are_few,
      test_a_long_timeline_is_made_coarser,
      test_one_row_without_failures_is_none,
      test_long_reasons_have_lines_of_their_own,
      test_wide_cells_leave_the_columns_aligned)
