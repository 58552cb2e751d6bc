#include "probe/report_svg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/suite.h"

#define SECOND INT64_C(1000000000)

static const char *names[] = { "tcp://it's_\"a\"@b:7 `date` <&>",
			       "unix:/x\n\xFF", "tcp://[2001:db8::7]:7",
			       "tcp://c.example.a.long.name.of.a.host:7" };
static struct backends *backends;
static struct tally tally;
static char *text;
static char reason[REPORT_SVG_REASON_SIZE];
static char directory[] = "/tmp/check_report_svg.XXXXXX";
static char program[64], path[64];

static void
begin(size_t targets)
{
	char why[64];

	ck_assert_ptr_null(backends_new(NULL, &backends, why, sizeof(why)));
	ck_assert(tally_init(&tally, names, targets, backends));
	tally_begin(&tally, SECOND);
}

static void
lose(enum outcome outcome)
{
	struct failure failure = { .outcome = outcome, .detail = "" };

	tally_fail(&tally, 0, NULL, 0, &failure);
}

/* Two seconds and a half, the second of which has failures. */
static void
run(void)
{
	for (int i = 0; i < 10; i++)
		tally_echo(&tally, 0, NULL, 10, 1000 * (i + 1));
	tally_tick(&tally, 2 * SECOND);
	lose(OUTCOME_RESET);
	lose(OUTCOME_TIMEOUT);
	lose(OUTCOME_LATE); /* no message ends with it */
	tally_tick(&tally, 3 * SECOND);
	for (int i = 0; i < 10; i++)
		tally_echo(&tally, 0, NULL, 10, 2000000);
	tally_finish(&tally, 7 * SECOND / 2);
}

static void
print(void)
{
	size_t size;
	FILE *out = open_memstream(&text, &size);

	report_svg_script(out, &tally);
	fclose(out);
}

static void
end(void)
{
	tally_free(&tally);
	backends_free(backends);
	free(text);
	text = NULL;
}

static void
has(const char *part)
{
	ck_assert_msg(strstr(text, part), "not found: %s\nin: %s", part, text);
}

START_TEST(test_rows_are_rates_of_each_stretch)
{
	begin(1);
	run();
	print();
	has("$seconds << end\n"
	    "0.000 1.000 0.500 10.000 0.000 ");
	has("\n1.000 2.000 1.500 0.000 2.000 NaN NaN NaN\n");
	/* Half a second. */
	has("\n2.000 2.500 2.250 20.000 0.000 2000000e-9 2000000e-9 "
	    "2000000e-9\nend\n");
	end();
}
END_TEST

START_TEST(test_the_bars_are_all_echoes)
{
	double sum = 0, lowest, highest, share, before = 0;
	int length;
	const char *at;

	begin(1);
	run();
	print();
	at = strstr(text, "$bars << end\n");
	ck_assert_ptr_nonnull(at);
	at = strchr(at, '\n') + 1;
	while (sscanf(at, "%lf %lf %lf\n%n", &lowest, &highest, &share,
		      &length) == 3) {
		ck_assert(lowest >= before && highest > lowest);
		before = highest;
		sum += share;
		at += length;
	}
	ck_assert_msg(strncmp(at, "end\n", 4) == 0, "%s", at);
	ck_assert_msg(sum > 99.99 && sum < 100.01, "%f", sum);
	ck_assert(highest > 2e-3 && highest < 2.3e-3);
	end();
}
END_TEST

START_TEST(test_a_name_cannot_break_the_script)
{
	begin(2);
	print();
	has("title 'echoprobe tcp://it''s_\"a\"@b:7 `date` <&>, "
	    "unix:/x\\x0a\\xff' font");
	has(" noenhanced ");
	end();
}
END_TEST

START_TEST(test_a_long_title_counts_the_other_targets)
{
	begin(4);
	print();
	has("tcp://[2001:db8::7]:7 and 1 more' font");
	end();
}
END_TEST

START_TEST(test_an_axis_of_a_small_range_has_labels)
{
	begin(1);
	for (int i = 0; i < 10; i++)
		tally_echo(&tally, 0, NULL, 10, 3000000);
	tally_finish(&tally, 2 * SECOND);
	print();
	has("set ytics ('2 ms' 2e-03, '3 ms' 3e-03, '4 ms' 4e-03)\n");
	has("set label 'max 3.00 ms' at 3.0000e-03,");
	end();
}
END_TEST

/* ---- with gnuplot, or a program of that name */

static void
make_directory(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(program, sizeof(program), "%s/gnuplot", directory);
	snprintf(path, sizeof(path), "%s/a.svg", directory);
}

static void
remove_directory(void)
{
	unlink(path);
	unlink(program);
	ck_assert_int_eq(rmdir(directory), 0); /* nothing else is there */
}

/* `commands` are those of the only gnuplot in PATH. */
static void
fake_gnuplot(const char *commands)
{
	FILE *out;

	make_directory();
	out = fopen(program, "w");
	ck_assert_ptr_nonnull(out);
	fprintf(out, "#!/bin/sh\nPATH=/bin:/usr/bin\n%s\n", commands);
	fclose(out);
	ck_assert_int_eq(chmod(program, 0755), 0);
	setenv("PATH", directory, 1);
}

static void
expect_file(const char *wanted)
{
	char contents[64] = "";
	FILE *in = fopen(path, "r");

	ck_assert_ptr_nonnull(in);
	contents[fread(contents, 1, sizeof(contents) - 1, in)] = '\0';
	fclose(in);
	ck_assert_str_eq(contents, wanted);
}

START_TEST(test_the_picture_is_what_gnuplot_writes)
{
	const char *error;

	fake_gnuplot("head -n 1; echo \"$*</svg>\"");
	begin(1);
	error = report_svg_save(path, &tally, reason);
	ck_assert_msg(!error, "%s", error);
	expect_file("$seconds << end\n-d -</svg>\n");
	end();
	remove_directory();
}
END_TEST

static void
expect_reason(const char *commands, const char *wanted)
{
	FILE *old;

	fake_gnuplot(commands);
	old = fopen(path, "w");
	fputs("old", old);
	fclose(old);
	begin(1);
	ck_assert_ptr_eq(report_svg_save(path, &tally, reason), reason);
	ck_assert_str_eq(reason, wanted);
	expect_file("old");
	end();
	remove_directory();
}

#define ZEROS "0000000000000000000000000000000000000000"

TEST(test_the_reason_is_what_gnuplot_says,
     expect_reason("printf 'gnuplot> x\\n   ^\\n   line 0: bad command\\n\\n' "
		   ">&2; exit 1",
		   "gnuplot: line 0: bad command"))
TEST(test_a_long_error_ends_in_dots,
     expect_reason("printf '%05000d\\n%0300d\\n' 1 1 >&2; exit 1",
		   "gnuplot: " ZEROS ZEROS ZEROS ZEROS
		   "000000000000000000000000000000000000..."))
TEST(test_a_gnuplot_that_says_nothing_has_its_status,
     expect_reason("echo part; exit 3", "gnuplot: exit status 3"))
TEST(test_a_gnuplot_that_crashes_is_an_error,
     expect_reason("kill -9 $$", "gnuplot: Killed"))

/* A disk is full. */
START_TEST(test_a_picture_that_is_cut_is_an_error)
{
	char wanted[sizeof(path) + 64];

	fake_gnuplot("echo '<svg>'");
	begin(1);
	ck_assert_ptr_eq(report_svg_save(path, &tally, reason), reason);
	snprintf(wanted, sizeof(wanted), "%s: only a part could be written",
		 path);
	ck_assert_str_eq(reason, wanted);
	ck_assert_int_ne(access(path, F_OK), 0);
	end();
	remove_directory();
}
END_TEST

START_TEST(test_gnuplot_must_be_in_path)
{
	fake_gnuplot("");
	ck_assert_ptr_null(report_svg_check(path, reason));
	setenv("PATH", "/nonexistent", 1);
	ck_assert_ptr_eq(report_svg_check(path, reason), reason);
	ck_assert_msg(strstr(reason, "gnuplot is not in PATH"), "%s", reason);
	/* An empty directory is the current one. */
	setenv("PATH", "/nonexistent:", 1);
	ck_assert_int_eq(chdir(directory), 0);
	ck_assert_ptr_null(report_svg_check("a.svg", reason));
	remove_directory();
}
END_TEST

START_TEST(test_the_directory_must_be_there)
{
	fake_gnuplot("");
	ck_assert_ptr_eq(report_svg_check("/nonexistent/a", reason), reason);
	ck_assert_str_eq(reason, "/nonexistent/a: No such file or directory");
	ck_assert_ptr_eq(report_svg_check("/dev/null/a", reason), reason);
	ck_assert_str_eq(reason, "/dev/null/a: Not a directory");
	ck_assert_ptr_eq(report_svg_check("/tmp", reason), reason);
	ck_assert_str_eq(reason, "/tmp: Is a directory");
	remove_directory();
}
END_TEST

START_TEST(test_the_directory_must_be_writable)
{
	if (geteuid() == 0)
		skip("root can write everywhere");
	fake_gnuplot("");
	ck_assert_int_eq(chmod(directory, 0555), 0);
	ck_assert_ptr_eq(report_svg_check(path, reason), reason);
	ck_assert_msg(strstr(reason, ": Permission denied"), "%s", reason);
	ck_assert_int_eq(chmod(directory, 0755), 0);
	remove_directory();
}
END_TEST

/* gnuplot draws it, and has nothing to complain of. */
static void
draw(void)
{
	char line[256] = "";
	const char *error;
	FILE *in;

	make_directory();
	error = report_svg_save(path, &tally, reason);
	ck_assert_msg(!error, "%s", error);
	in = fopen(path, "r");
	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), in));
	ck_assert_msg(strncmp(line, "<?xml", 5) == 0, "%s", line);
	while (fgets(line, sizeof(line), in))
		continue;
	fclose(in);
	ck_assert_msg(strstr(line, "</svg>") || *line == '\n', "%s", line);
	remove_directory();
}

static void
skip_without_gnuplot(void)
{
	if (system("command -v gnuplot >/dev/null") != 0)
		skip("gnuplot is not installed (package gnuplot-nox)");
}

START_TEST(test_gnuplot_draws_a_run)
{
	skip_without_gnuplot();
	begin(4);
	run();
	draw();
	end();
}
END_TEST

START_TEST(test_gnuplot_draws_a_run_without_a_second)
{
	skip_without_gnuplot();
	begin(1);
	draw();
	end();
}
END_TEST

START_TEST(test_gnuplot_draws_a_run_without_an_echo)
{
	skip_without_gnuplot();
	begin(1);
	lose(OUTCOME_REFUSED);
	tally_finish(&tally, SECOND);
	draw();
	end();
}
END_TEST

START_TEST(test_gnuplot_draws_a_run_whose_round_trips_are_unknown)
{
	skip_without_gnuplot();
	begin(1);
	tally_echo(&tally, 0, NULL, 10, -1);
	tally_finish(&tally, 2 * SECOND);
	draw();
	end();
}
END_TEST

SUITE(test_rows_are_rates_of_each_stretch, test_the_bars_are_all_echoes,
      test_a_name_cannot_break_the_script,
      test_a_long_title_counts_the_other_targets,
      test_an_axis_of_a_small_range_has_labels,
      test_the_picture_is_what_gnuplot_writes,
      test_the_reason_is_what_gnuplot_says,
      test_a_gnuplot_that_says_nothing_has_its_status,
      test_a_long_error_ends_in_dots, test_a_gnuplot_that_crashes_is_an_error,
      test_a_picture_that_is_cut_is_an_error, test_gnuplot_must_be_in_path,
      test_the_directory_must_be_there, test_the_directory_must_be_writable,
      test_gnuplot_draws_a_run, test_gnuplot_draws_a_run_without_a_second,
      test_gnuplot_draws_a_run_whose_round_trips_are_unknown,
      test_gnuplot_draws_a_run_without_an_echo)
