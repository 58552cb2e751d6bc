/*
 * Configuration files with the mistakes that people make, and some that are
 * right: what echod -t says about each, and its exit status.
 *
 * tests/daemon/config_errors has pairs: NAME.conf, and NAME.out with the output
 * and a line "exit status N".  The expected output contains the advice of each
 * error, so read it when it changes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/suite.h"

#define MINIMUM 100

static void
enter_directory(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/daemon/config_errors",
		 getenv("TOP_SRCDIR"));
	ck_assert_msg(chdir(path) == 0, "%s: %s", path, strerror(errno));
}

static void
become_echod(const char *file, int out)
{
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execl(getenv("ECHOD"), "echod", "-t", "-c", file, (char *)NULL);
	_exit(127);
}

/* The output of "echod -t -c FILE", and its exit status as the last line. */
static void
run_echod(const char *file, char *text, size_t size)
{
	size_t length = 0;
	int fds[2], status;
	ssize_t got;
	pid_t pid;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		become_echod(file, fds[1]);
	close(fds[1]);
	while ((got = read(fds[0], text + length, size - length - 1)) > 0)
		length += (size_t)got;
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "%s: signal %d", file,
		      WTERMSIG(status));
	snprintf(text + length, size - length, "exit status %d\n",
		 WEXITSTATUS(status));
}

static void
read_expected(const char *name, char *text, size_t size)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s.out", name);
	file = fopen(path, "r");
	ck_assert_msg(file, "%s: %s", path, strerror(errno));
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static bool
is_as_expected(const char *name)
{
	char file[300], got[8192], expected[8192];

	snprintf(file, sizeof(file), "%s.conf", name);
	run_echod(file, got, sizeof(got));
	read_expected(name, expected, sizeof(expected));
	if (strcmp(got, expected) == 0)
		return true;
	fprintf(stderr, "# %s gives:\n%s# not:\n%s", file, got, expected);
	return false;
}

/* Runs each file whose name begins with `prefix`, or with anything else. */
static unsigned
run_files(const char *prefix, bool with, unsigned *wrong)
{
	DIR *directory;
	const struct dirent *entry;
	unsigned count = 0;

	enter_directory();
	directory = opendir(".");
	ck_assert_ptr_nonnull(directory);
	while ((entry = readdir(directory))) {
		const char *end = strrchr(entry->d_name, '.');
		char name[256];

		if (strcmp(end, ".conf") != 0 ||
		    (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) !=
			    with)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(end - entry->d_name),
			 entry->d_name);
		*wrong += !is_as_expected(name);
		count++;
	}
	closedir(directory);
	return count;
}

START_TEST(test_each_mistake_has_its_error)
{
	unsigned wrong = 0;

	ck_assert_uint_ge(run_files("tls-", false, &wrong), MINIMUM);
	ck_assert_msg(wrong == 0, "%u files, see above", wrong);
}
END_TEST

START_TEST(test_each_mistake_about_tls_has_its_error)
{
	unsigned wrong = 0;

#ifndef HAVE_TLS
	skip("echod is built without TLS");
#endif
	ck_assert_uint_ge(run_files("tls-", true, &wrong), 8);
	ck_assert_msg(wrong == 0, "%u files, see above", wrong);
}
END_TEST

START_TEST(test_a_missing_file_is_named)
{
	char got[1024];

	enter_directory();
	run_echod("none.conf", got, sizeof(got));
	ck_assert_str_eq(got, "echod: none.conf: No such file or directory\n"
			      "exit status 78\n");
	run_echod("none/none.conf", got, sizeof(got));
	ck_assert_str_eq(got,
			 "echod: none/none.conf: No such file or directory\n"
			 "exit status 78\n");
	run_echod(".", got, sizeof(got));
	ck_assert_str_eq(got, "echod: .: Is a directory\nexit status 78\n");
}
END_TEST

SUITE(test_each_mistake_has_its_error,
      test_each_mistake_about_tls_has_its_error, test_a_missing_file_is_named)
