#include "support/syscall_faults.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/daemon.h"
#include "support/suite.h"

static char directory[] = "/tmp/echod-strace.XXXXXX";
static char wrapper[64], trace[64];

void
syscall_faults_set_up(void)
{
	FILE *file;

#ifdef SUITE_SANITIZED
	skip("a sanitizer does not like to be traced");
#endif
	if (system("strace -D -f --seccomp-bpf -qq -o /dev/null "
		   "-e inject=listen:error=EIO true "
		   ">/dev/null 2>&1") != 0)
		skip("there is no strace, or it may not trace");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(wrapper, sizeof(wrapper), "%s/echod", directory);
	snprintf(trace, sizeof(trace), "%s/trace", directory);
	file = fopen(wrapper, "w");
	ck_assert_ptr_nonnull(file);
	/* With -D the daemon is the child of the test, not of strace. */
	fprintf(file,
		"#!/bin/sh\n"
		"eval \"exec strace -D -f -qq -o %s "
		"$STRACE_OPTIONS\" '%s \"$@\"'\n",
		trace, getenv("ECHOD"));
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(wrapper, 0700), 0);
}

void
syscall_faults_tear_down(void)
{
	unlink(trace);
	unlink(wrapper);
	rmdir(directory);
}

void
syscall_faults_inject(const char *format, ...)
{
	char options[192];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(options, sizeof(options), format, arguments);
	va_end(arguments);
	unlink(trace);
	setenv("STRACE_OPTIONS", options, 1);
	setenv("ECHOD", wrapper, 1);
	printf("# strace %s\n", options);
	fflush(stdout);
}

pid_t
syscall_faults_attach(const struct daemon *daemon, const char *expression)
{
	char pid[16], line[256];
	int fds[2];
	pid_t tracer;
	FILE *output;

	snprintf(pid, sizeof(pid), "%d", (int)daemon_pid(daemon));
	ck_assert_int_eq(pipe(fds), 0);
	tracer = fork();
	if (tracer == 0) {
		dup2(fds[1], STDERR_FILENO);
		execlp("strace", "strace", "-f", "-o", trace, "-e", expression,
		       "-p", pid, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	output = fdopen(fds[0], "r");
	do
		ck_assert_msg(fgets(line, sizeof(line), output) != NULL,
			      "strace cannot attach");
	while (!strstr(line, "attached"));
	fclose(output);
	return tracer;
}

void
syscall_faults_detach(pid_t tracer)
{
	kill(tracer, SIGTERM);
	ck_assert_int_eq(waitpid(tracer, NULL, 0), tracer);
}

unsigned
syscall_faults_count(const char *text)
{
	FILE *file = fopen(trace, "r");
	char line[4096];
	unsigned count = 0;

	while (file && fgets(line, sizeof(line), file))
		count += strstr(line, text) != NULL;
	if (file)
		fclose(file);
	return count;
}
