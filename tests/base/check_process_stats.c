#include "base/process_stats.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/suite.h"

static char directory[] = "/tmp/echod-process.XXXXXX";

/* A directory with this `stat`, and with this number of descriptors. */
static struct process_stats
read_fake(const char *text, int descriptors)
{
	char path[64], command[64];
	struct process_stats stats;
	FILE *file;

	strcpy(strrchr(directory, '.'), ".XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/stat", directory);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	snprintf(path, sizeof(path), "%s/fd", directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	for (int i = 0; i < descriptors; i++) {
		snprintf(path, sizeof(path), "%s/fd/%d", directory, i);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	stats = process_stats_read(directory);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
	return stats;
}

/* Fields 3 to 24 and some more of proc_pid_stat(5). */
#define NUMBERS \
	"S 1 2 3 0 -1 4194560 500 0 0 0 7 8 0 0 20 0 5 0 1234567 248594432 " \
	"2040 18446744073709551615 1 1\n"

START_TEST(test_a_name_with_parentheses)
{
	struct process_stats stats =
		read_fake("12 (a) R 1 (b)) " NUMBERS, 1001);

	ck_assert_double_eq(stats.threads, 5);
	ck_assert_double_eq(stats.virtual_bytes, 248594432);
	ck_assert_double_eq(stats.resident_bytes,
			    2040.0 * (double)sysconf(_SC_PAGESIZE));
	ck_assert_double_eq(stats.open_fds, 1000);
}
END_TEST

static void
expect_no_memory(const struct process_stats *stats)
{
	ck_assert(isnan(stats->threads));
	ck_assert(isnan(stats->virtual_bytes));
	ck_assert(isnan(stats->resident_bytes));
}

START_TEST(test_what_cannot_be_read_is_not_known)
{
	struct process_stats stats = process_stats_read("/nonexistent");
	struct rlimit limit;

	expect_no_memory(&stats);
	ck_assert(isnan(stats.open_fds));
	/* These need no /proc. */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_double_eq(stats.max_fds, (double)limit.rlim_cur);
	ck_assert_double_ge(stats.cpu_seconds, 0);

	stats = read_fake("", 1);
	expect_no_memory(&stats);
	stats = read_fake("12 (echod) S 1 2 3 0 -1 4194560 500", 1);
	expect_no_memory(&stats);
	stats = read_fake("12 echod " NUMBERS, 1);
	expect_no_memory(&stats);
}
END_TEST

static void *
read_byte(void *fd)
{
	char byte;

	return read(*(int *)fd, &byte, 1) == 1 ? fd : NULL;
}

START_TEST(test_own_process)
{
	struct process_stats before, after;
	struct rusage usage;
	int pipes[2];
	pthread_t thread;
	double cpu;

	before = process_stats_read("/proc/self");
	if (isnan(before.threads))
		skip("there is no /proc");
	ck_assert_double_gt(before.resident_bytes, 65536);
	ck_assert_double_gt(before.virtual_bytes, before.resident_bytes);
	ck_assert_int_eq(pipe(pipes), 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_ge(open("/dev/null", O_RDONLY), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, read_byte, &pipes[0]),
			 0);
	after = process_stats_read("/proc/self");
	ck_assert_double_eq(after.open_fds, before.open_fds + 12);
	/* ThreadSanitizer begins one of its own with the first thread. */
	ck_assert_double_ge(before.threads, 1);
	ck_assert_double_ge(after.threads, before.threads + 1);
	ck_assert_int_eq(write(pipes[1], "", 1), 1);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
	cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	      (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	ck_assert_double_ge(after.cpu_seconds, before.cpu_seconds);
	ck_assert_double_le(after.cpu_seconds, cpu);
}
END_TEST

SUITE(test_a_name_with_parentheses, test_what_cannot_be_read_is_not_known,
      test_own_process)
