#include "base/replace_file.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/suite.h"

static char directory[] = "/tmp/check_replace_file.XXXXXX";
static char path[64];

static void
make_directory(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/file", directory);
}

static void
remove_directory(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static unsigned
count_files(void)
{
	DIR *dir = opendir(directory);
	unsigned count = 0;

	for (struct dirent *entry; (entry = readdir(dir));)
		if (*entry->d_name != '.')
			count++;
	closedir(dir);
	return count;
}

static void
expect(const char *wanted)
{
	char text[64] = "";
	FILE *in = fopen(path, "r");

	ck_assert_ptr_nonnull(in);
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	ck_assert_str_eq(text, wanted);
}

static void
replace(const char *contents)
{
	struct replace_file file;

	ck_assert_int_eq(replace_file_begin(&file, path), 0);
	fputs(contents, file.out);
	ck_assert_int_eq(replace_file_commit(&file), 0);
}

START_TEST(test_the_contents_are_replaced_in_one_step)
{
	struct replace_file file;

	make_directory();
	replace("old");
	ck_assert_int_eq(replace_file_begin(&file, path), 0);
	fputs("new", file.out);
	fflush(file.out);
	expect("old");
	ck_assert_int_eq(replace_file_commit(&file), 0);
	expect("new");
	ck_assert_uint_eq(count_files(), 1);
	remove_directory();
}
END_TEST

START_TEST(test_the_mode_honours_the_umask)
{
	struct stat status;

	make_directory();
	umask(022);
	replace("a");
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, 0644);
	umask(027);
	replace("a");
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, 0640);
	ck_assert_uint_eq(umask(0), 027);
	remove_directory();
}
END_TEST

START_TEST(test_a_discarded_file_leaves_nothing)
{
	struct replace_file file;

	make_directory();
	replace("old");
	ck_assert_int_eq(replace_file_begin(&file, path), 0);
	fputs("new", file.out);
	errno = EDOM;
	replace_file_discard(&file);
	ck_assert_int_eq(errno, EDOM);
	expect("old");
	ck_assert_uint_eq(count_files(), 1);
	remove_directory();
}
END_TEST

START_TEST(test_a_directory_that_is_missing_is_an_error)
{
	struct replace_file file;

	errno = 0;
	ck_assert_int_eq(replace_file_begin(&file, "/nonexistent/file"), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(test_a_rename_that_fails_leaves_nothing)
{
	struct replace_file file;

	make_directory();
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_int_eq(replace_file_begin(&file, path), 0);
	ck_assert_int_eq(replace_file_commit(&file), -1);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_uint_eq(count_files(), 1);
	ck_assert_int_eq(rmdir(path), 0);
	remove_directory();
}
END_TEST

START_TEST(test_a_write_that_fails_keeps_the_old_file)
{
	struct rlimit none = { 0, RLIM_INFINITY };
	struct rlimit limit;
	struct replace_file file;

	make_directory();
	replace("old");
	getrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(replace_file_begin(&file, path), 0);
	setrlimit(RLIMIT_FSIZE, &none);
	fputs("new", file.out);
	ck_assert_int_eq(replace_file_commit(&file), -1);
	ck_assert_int_eq(errno, EFBIG);
	setrlimit(RLIMIT_FSIZE, &limit);
	expect("old");
	ck_assert_uint_eq(count_files(), 1);
	remove_directory();
}
END_TEST

START_TEST(test_a_check_leaves_nothing)
{
	make_directory();
	ck_assert_int_eq(replace_file_check(path), 0);
	ck_assert_uint_eq(count_files(), 0);
	replace("old");
	ck_assert_int_eq(replace_file_check(path), 0);
	expect("old");
	ck_assert_uint_eq(count_files(), 1);
	remove_directory();
}
END_TEST

START_TEST(test_only_a_regular_file_can_be_replaced)
{
	make_directory();
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(replace_file_check(path), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_int_eq(replace_file_check(path), -1);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(replace_file_check("/nonexistent/file"), -1);
	ck_assert_int_eq(errno, ENOENT);
	remove_directory();
}
END_TEST

SUITE(test_a_check_leaves_nothing, test_only_a_regular_file_can_be_replaced,
      test_the_contents_are_replaced_in_one_step,
      test_the_mode_honours_the_umask, test_a_discarded_file_leaves_nothing,
      test_a_directory_that_is_missing_is_an_error,
      test_a_rename_that_fails_leaves_nothing,
      test_a_write_that_fails_keeps_the_old_file)
