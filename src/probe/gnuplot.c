#include "probe/gnuplot.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of what gnuplot said, with its NUL. */
#define LINE_SIZE 200

bool
gnuplot_is_installed(void)
{
	const char *directories = getenv("PATH");
	char program[PATH_MAX];

	if (!directories)
		directories = "/bin:/usr/bin"; /* of posix_spawnp() */
	while (true) {
		size_t length = strcspn(directories, ":");
		/* An empty one is the current directory. */
		int size = snprintf(program, sizeof(program), "%.*s/gnuplot",
				    length ? (int)length : 1,
				    length ? directories : ".");

		if (size < (int)sizeof(program) && access(program, X_OK) == 0)
			return true;
		if (directories[length] == '\0')
			return false;
		directories += length + 1;
	}
}

static FILE *
open_memory(void)
{
	int fd = memfd_create("gnuplot", MFD_CLOEXEC);
	FILE *file = fd >= 0 ? fdopen(fd, "w+") : NULL;

	if (!file && fd >= 0)
		close(fd);
	return file;
}

FILE *
gnuplot_script(void)
{
	return open_memory();
}

static int
start(int in, int out, int errors, pid_t *pid)
{
	/* -d: not the settings of ~/.gnuplot. */
	static char name[] = "gnuplot", plain[] = "-d", input[] = "-";
	char *const argv[] = { name, plain, input, NULL };
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return error;
	error = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, out,
							 STDOUT_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, errors,
							 STDERR_FILENO);
	if (!error)
		error = posix_spawnp(pid, name, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/*
 * The last line that gnuplot wrote, without spaces around it; "" if none.  A
 * longer line ends in "...".
 */
static void
last_line(int errors, char line[LINE_SIZE])
{
	char text[4096];
	const off_t most = sizeof(text) - 1;
	off_t size = lseek(errors, 0, SEEK_END);
	ssize_t length = pread(errors, text, (size_t)most,
			       size > most ? size - most : 0);
	char *begin;

	while (length > 0 && strchr(" \t\n", text[length - 1]))
		length--;
	text[length > 0 ? length : 0] = '\0';
	begin = strrchr(text, '\n');
	begin = begin ? begin + 1 : text;
	begin += strspn(begin, " \t");
	snprintf(line, LINE_SIZE, "%.*s%s", LINE_SIZE - 4, begin,
		 strlen(begin) > LINE_SIZE - 4 ? "..." : "");
}

/* Returns NULL, or `reason`. */
static const char *
await(pid_t pid, int errors, char *reason, size_t size)
{
	char line[LINE_SIZE];
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			snprintf(reason, size, "gnuplot: %s", strerror(errno));
			return reason;
		}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	last_line(errors, line);
	if (WIFSIGNALED(status))
		snprintf(reason, size, "gnuplot: %s",
			 strsignal(WTERMSIG(status)));
	else if (*line)
		snprintf(reason, size, "gnuplot: %s", line);
	else
		snprintf(reason, size, "gnuplot: exit status %d",
			 WEXITSTATUS(status));
	return reason;
}

const char *
gnuplot_run(FILE *script, int picture, char *reason, size_t size)
{
	FILE *errors = open_memory();
	const char *result = reason;
	int error = 0;
	pid_t pid = -1;

	if (!errors || fflush(script) != 0 || fseek(script, 0, SEEK_SET) != 0)
		error = errno;
	else
		error = start(fileno(script), picture, fileno(errors), &pid);
	if (error)
		snprintf(reason, size, "gnuplot: %s", strerror(error));
	else
		result = await(pid, fileno(errors), reason, size);
	if (errors)
		fclose(errors);
	return result;
}
