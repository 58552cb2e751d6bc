#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/log_time.h"
#include "support/suite.h"

static const struct log_settings everything = {
	.sink = LOG_TO_STDERR,
	.facility = LOG_DAEMON,
	.level = LOG_DEBUG,
	.connections = true,
};

static int pipe_fds[2];

/* Standard error is a pipe from here on; its lines are read from `log`. */
static FILE *
capture(void)
{
	ck_assert_int_eq(pipe(pipe_fds), 0);
	dup2(pipe_fds[1], STDERR_FILENO);
	close(pipe_fds[1]);
	return fdopen(pipe_fds[0], "r");
}

static const char *
next_line(FILE *log)
{
	static char line[4096];

	ck_assert_msg(fgets(line, sizeof(line), log) != NULL, "no line");
	line[strcspn(line, "\n")] = '\0';
	return skip_log_time(line);
}

static void
expect_line(FILE *log, const char *wanted)
{
	ck_assert_str_eq(next_line(log), wanted);
}

static void
start(const struct log_settings *settings)
{
	ck_assert_int_eq(log_start(settings), 0);
}

START_TEST(test_without_a_logger_lines_are_written_at_once)
{
	FILE *log = capture();

	log_error("one %d", 1);
	expect_line(log, "error: one 1");
	log_notice("two");
	expect_line(log, "two");
	start(&everything);
	log_stop();
	log_warning("three");
	expect_line(log, "warning: three");
}
END_TEST

START_TEST(test_lines_are_written_in_order)
{
	FILE *log = capture();
	char wanted[32];

	start(&everything);
	for (int i = 0; i < 500; i++)
		log_info("line %d", i);
	for (int i = 0; i < 500; i++) {
		snprintf(wanted, sizeof(wanted), "line %d", i);
		expect_line(log, wanted);
	}
	log_stop();
}
END_TEST

START_TEST(test_stopping_writes_out_the_queue)
{
	FILE *log = capture();

	for (int round = 0; round < 3; round++) {
		start(&everything);
		for (int i = 0; i < 500; i++)
			log_info("line");
		log_stop();
		for (int i = 0; i < 500; i++)
			expect_line(log, "line");
	}
}
END_TEST

START_TEST(test_lines_below_the_level_are_not_written)
{
	struct log_settings settings = everything;
	FILE *log = capture();

	settings.level = LOG_NOTICE;
	start(&settings);
	ck_assert(log_wants(LOG_ERR));
	ck_assert(log_wants(LOG_NOTICE));
	ck_assert(!log_wants(LOG_INFO));
	log_info("hidden");
	log_debug("hidden");
	log_notice("shown");
	expect_line(log, "shown");
	settings.level = LOG_DEBUG;
	settings.connections = false;
	ck_assert(log_wants_connections());
	log_configure(&settings);
	ck_assert(!log_wants_connections());
	log_debug("details");
	expect_line(log, "debug: details");
	log_stop();
}
END_TEST

START_TEST(test_errno_is_preserved)
{
	FILE *log = capture();

	errno = EXDEV;
	log_error("%s", strerror(ENOENT));
	ck_assert_int_eq(errno, EXDEV);
	start(&everything);
	errno = EXDEV;
	log_error("%s", strerror(ENOENT));
	ck_assert_int_eq(errno, EXDEV);
	log_stop();
	expect_line(log, "error: No such file or directory");
}
END_TEST

START_TEST(test_control_characters_are_escaped)
{
	FILE *log = capture();

	log_notice("%s", "a\nb\tc\033[2J\177");
	expect_line(log, "a\\x0ab\\x09c\\x1b[2J\\x7f");
	log_notice("%s", "gr\303\274n 100%");
	expect_line(log, "gr\303\274n 100%");
	start(&everything);
	log_notice("%s", "\r\001");
	expect_line(log, "\\x0d\\x01");
	log_stop();
}
END_TEST

/* Lines caused by peers, and the report of those that were suppressed. */
START_TEST(test_lines_caused_by_peers_are_limited)
{
	enum { LINES = 2000, RATE = 10 };
	struct log_settings settings = everything;
	unsigned written = 0;
	unsigned suppressed = 0;
	unsigned evaluated = 0;
	FILE *log = capture();

	settings.rate = RATE;
	start(&settings);
	for (int i = 0; i < LINES; i++)
		log_peer(LOG_INFO, "peer %u", ++evaluated);
	log_notice("others are not");
	while (written + suppressed < LINES) {
		const char *line = next_line(log);
		unsigned number;

		if (sscanf(line, "Log lines suppressed count=%u rate=10",
			   &number) == 1)
			suppressed += number;
		else if (strncmp(line, "peer ", 5) == 0)
			written++;
		else
			ck_assert_str_eq(line, "others are not");
	}
	ck_assert_uint_eq(written + suppressed, LINES);
	ck_assert_uint_eq(written, evaluated);
	/* Another second may have begun, or a few on a slow machine. */
	ck_assert_uint_ge(written, RATE);
	ck_assert_uint_lt(written, LINES / 2);
	log_stop();
}
END_TEST
FAULT(32, test_lines_caused_by_peers_are_limited)

START_TEST(test_lines_below_the_level_do_not_count_for_the_limit)
{
	struct log_settings settings = everything;
	unsigned evaluated = 0;

	settings.rate = 1;
	settings.level = LOG_NOTICE;
	capture();
	start(&settings);
	for (int i = 0; i < 100; i++)
		log_peer(LOG_INFO, "%u", ++evaluated);
	ck_assert_uint_eq(evaluated, 0);
	ck_assert(log_admits_peer());
	settings.rate = 0;
	log_configure(&settings);
	for (int i = 0; i < 10000; i++)
		ck_assert(log_admits_peer());
	log_stop();
}
END_TEST

/* If nobody reads, the caller goes on, and the lines that do not fit count. */
START_TEST(test_writing_does_not_block_on_a_log_that_hangs)
{
	enum { LINES = 20000 };
	FILE *log = capture();
	unsigned written = 0;
	unsigned dropped = 0;

	start(&everything);
	for (int i = 0; i < LINES; i++)
		log_info("a line that is long enough to fill a pipe %d", i);
	while (written + dropped < LINES) {
		const char *line = next_line(log);
		unsigned number;

		if (sscanf(line, "warning: Log lines dropped count=%u: the log",
			   &number) == 1) {
			dropped += number;
		} else {
			ck_assert(strncmp(line, "a line ", 7) == 0);
			written++;
		}
	}
	ck_assert_uint_eq(written + dropped, LINES);
	ck_assert_uint_gt(dropped, 0);
	log_stop();
}
END_TEST
FAULT(31, test_writing_does_not_block_on_a_log_that_hangs)

START_TEST(test_stopping_does_not_block_on_a_log_that_hangs)
{
	FILE *log = capture();

	start(&everything);
	for (int i = 0; i < 4000; i++)
		log_info("a line that is long enough to fill a pipe %d", i);
	log_stop();
	/* Otherwise the logger, still blocked, could block exit(). */
	signal(SIGPIPE, SIG_IGN);
	fclose(log);
}
END_TEST

/* sd-daemon(3) prefixes, if JOURNAL_STREAM is this pipe. */
START_TEST(test_the_journal_gets_priorities)
{
	FILE *log = capture();
	char stream[64];
	struct stat st;

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_error("one");
	expect_line(log, "<3>one");
	log_info("two");
	expect_line(log, "<6>two");

	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	log_error("three");
	expect_line(log, "error: three");
}
END_TEST

enum { THREADS = 4, LINES_A_THREAD = 500 };

static void *
write_lines(void *argument)
{
	int number = *(const int *)argument;

	for (int i = 0; i < LINES_A_THREAD; i++)
		log_info("thread %d line %d", number, i);
	return NULL;
}

START_TEST(test_threads_write_whole_lines)
{
	FILE *log = capture();
	pthread_t threads[THREADS];
	int numbers[THREADS];
	int next[THREADS] = { 0 };

	start(&everything);
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines,
						&numbers[i]),
				 0);
	}
	for (int i = 0; i < THREADS * LINES_A_THREAD; i++) {
		int number, line;

		ck_assert_int_eq(sscanf(next_line(log), "thread %d line %d",
					&number, &line),
				 2);
		ck_assert_int_eq(line, next[number]++);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	log_stop();
}
END_TEST

SUITE(test_without_a_logger_lines_are_written_at_once,
      test_lines_are_written_in_order, test_stopping_writes_out_the_queue,
      test_lines_below_the_level_are_not_written, test_errno_is_preserved,
      test_control_characters_are_escaped,
      test_lines_caused_by_peers_are_limited,
      test_lines_below_the_level_do_not_count_for_the_limit,
      test_writing_does_not_block_on_a_log_that_hangs,
      test_stopping_does_not_block_on_a_log_that_hangs,
      test_the_journal_gets_priorities, test_threads_write_whole_lines)
