#include "base/file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/suite.h"

static char directory[] = "/tmp/echod-file.XXXXXX";
static char path[64], other[64];

/* What happens to the file with each read(2) that gets something. */
static void (*change)(void);
static unsigned changes;

ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap___read_chk(int fd, void *data, size_t size, size_t room);

ssize_t
__wrap_read(int fd, void *data, size_t size)
{
	ssize_t got = __real_read(fd, data, size);

	if (got > 0 && changes > 0) {
		changes--;
		change();
	}
	return got;
}

/* What a fortified build calls. */
ssize_t
__wrap___read_chk(int fd, void *data, size_t size, size_t room)
{
	ck_assert_uint_le(size, room);
	return __wrap_read(fd, data, size);
}

static void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static void
set_up(const char *text)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/file", directory);
	snprintf(other, sizeof(other), "%s/other", directory);
	write_file(path, text);
}

static void
tear_down(void)
{
	unlink(path);
	unlink(other);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void
expect_text(const char *expected)
{
	char reason[FILE_REASON_SIZE] = "";
	size_t length = 0;
	char *text = file_read(path, &length, reason);

	ck_assert_msg(text != NULL, "%s", reason);
	ck_assert_str_eq(text, expected);
	ck_assert_uint_eq(length, strlen(expected));
	free(text);
}

static void
expect_reason(const char *expected)
{
	char reason[FILE_REASON_SIZE] = "";
	size_t length = 0;

	ck_assert_ptr_null(file_read(path, &length, reason));
	ck_assert_str_eq(reason, expected);
}

/* Of another size: the time of a file can be the same as before. */
static void
append(void)
{
	FILE *file = fopen(path, "a");

	fputs("more\n", file);
	fclose(file);
}

static void
replace(void)
{
	write_file(other, "after\n");
	ck_assert_int_eq(rename(other, path), 0);
}

static void
truncate_first(void)
{
	ck_assert_int_eq(truncate(path, 0), 0);
}

static void
shorten(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(truncate(path, st.st_size - 1), 0);
}

static void
remove_it(void)
{
	ck_assert_int_eq(unlink(path), 0);
}

START_TEST(test_a_file_is_read_byte_for_byte)
{
	set_up("one\ntwo");
	expect_text("one\ntwo");
	write_file(path, "");
	expect_text("");
	tear_down();
}
END_TEST

START_TEST(test_a_file_that_changed_is_read_again)
{
	static void (*const ways[])(void) = { append, replace, truncate_first };
	static const char *const texts[] = { "before\nmore\n", "after\n", "" };

	set_up("");
	for (size_t i = 0; i < 3; i++) {
		write_file(path, "before\n");
		change = ways[i];
		changes = 1;
		expect_text(texts[i]);
		ck_assert_uint_eq(changes, 0);
	}
	tear_down();
}
END_TEST

START_TEST(test_a_file_that_changes_again_is_an_error)
{
	set_up("before\n");
	change = shorten;
	changes = 2;
	expect_reason("the file changes while it is read");
	ck_assert_uint_eq(changes, 0);
	tear_down();
}
END_TEST

/* It is whole, and a reload follows for the file that replaced it. */
START_TEST(test_a_file_that_is_replaced_again_is_read)
{
	set_up("before\n");
	change = replace;
	changes = 2;
	expect_text("after\n");
	ck_assert_uint_eq(changes, 0);
	tear_down();
}
END_TEST

START_TEST(test_a_file_that_is_removed_is_an_error)
{
	set_up("before\n");
	change = remove_it;
	changes = 1;
	expect_reason("No such file or directory");
	tear_down();
}
END_TEST

static void
replace_link(void)
{
	char target[128];

	snprintf(target, sizeof(target), "%s/link", directory);
	ck_assert_int_eq(symlink(other, target), 0);
	ck_assert_int_eq(rename(target, path), 0);
}

/* As a directory is replaced that a whole configuration is mounted from. */
START_TEST(test_a_new_target_of_a_link_is_a_change)
{
	char first[64];

	set_up("");
	snprintf(first, sizeof(first), "%s/first", directory);
	write_file(first, "before\n");
	write_file(other, "after\n");
	unlink(path);
	ck_assert_int_eq(symlink(first, path), 0);
	change = replace_link;
	changes = 1;
	expect_text("after\n");
	unlink(first);
	tear_down();
}
END_TEST

SUITE(test_a_file_is_read_byte_for_byte, test_a_file_that_changed_is_read_again,
      test_a_file_that_changes_again_is_an_error,
      test_a_file_that_is_replaced_again_is_read,
      test_a_file_that_is_removed_is_an_error,
      test_a_new_target_of_a_link_is_a_change)
