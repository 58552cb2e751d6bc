/*
 * suite: makes the main() of a test program from Check's START_TESTs, with a
 * TAP report on standard output:
 *
 *     SUITE(test_this, test_that)
 *
 * Every test runs in its own process. skip("REASON") in a test reports it as
 * skipped and ends it.
 *
 * After its END_TEST, FAULT(12, test_this) says that the test proves row 12 of
 * tests/faults. It fails if echod has that fault.
 */
#ifndef ECHOD_TESTS_SUITE_H
#define ECHOD_TESTS_SUITE_H

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A sanitizer's malloc() and send() precede those of a preloaded library. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SUITE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SUITE_SANITIZED 1
#endif
#endif

/* configure --enable-coverage defines SUITE_COVERAGE. */

/* libconfig 1.5 loses a string at which a syntax error is found. */
#define SUITE_SUPPRESSIONS "leak:strbuf_append\nleak:libconfig_yylex\n"

#define SUITE(...) \
	const char *__lsan_default_suppressions(void); \
	const char *__lsan_default_suppressions(void) \
	{ \
		return SUITE_SUPPRESSIONS; \
	} \
	int main(void) \
	{ \
		const TTest *const tests[] = { __VA_ARGS__ }; \
		return suite_run(tests, sizeof(tests) / sizeof(*tests)); \
	}

/*
 * Prints a line for tests/fault-report before any test runs, so that a program
 * that crashes has still named its tests.
 */
#define FAULT(row, test) \
	__attribute__((constructor)) static void suite_fault_##row##_##test( \
		void) \
	{ \
		printf("# fault %d: %s\n", row, test->name); \
	}

/* A test of one statement: TEST(test_this, check("this")) */
#define TEST(test, ...) \
	START_TEST(test) \
	{ \
		__VA_ARGS__; \
	} \
	END_TEST

/* The test takes minutes, not seconds: "make fault-check LONG=1" runs it. */
#define skip_unless_long() \
	do { \
		if (!getenv("LONG")) \
			skip("it runs with LONG=1 only"); \
	} while (0)

/* Check cannot skip; suite_print() changes its report. */
#define SUITE_SKIP "SKIP: "
#define skip(reason) ck_abort_msg(SUITE_SKIP "%s", reason)

/* "not ok 3 - TEST: SKIP: REASON" becomes "ok 3 - TEST # SKIP REASON". */
static inline void
suite_print(const char *line)
{
	const char *mark = strstr(line, ": " SUITE_SKIP);

	if (mark && strncmp(line, "not ", 4) == 0)
		printf("%.*s # SKIP %s", (int)(mark - line - 4), line + 4,
		       mark + strlen(": " SUITE_SKIP));
	else
		fputs(line, stdout);
}

static inline int
suite_run(const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(program_invocation_short_name);
	SRunner *runner = srunner_create(suite);
	int fd = memfd_create("tap", MFD_CLOEXEC);
	char path[32], line[4096];

	/* One test case for each test, so that CK_RUN_CASE selects one. */
	for (size_t i = 0; i < count; i++) {
		TCase *tcase = tcase_create(tests[i]->name);

		tcase_add_test(tcase, tests[i]);
		suite_add_tcase(suite, tcase);
	}

	/* Otherwise Check's child processes print it again. */
	fflush(stdout);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	srunner_set_tap(runner, path);
	srunner_run_all(runner, CK_SILENT);
	srunner_free(runner);

	FILE *report = fopen(path, "r");
	while (report && fgets(line, sizeof(line), report))
		suite_print(line);
	if (!report)
		perror(path);
	else
		fclose(report);
	/*
	 * The TAP report has the results; the status is for a missing report.
	 */
	return report ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
