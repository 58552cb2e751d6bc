/*
 * injection: a daemon that strace(1) has a hand on: it makes system calls fail,
 * or sends a signal at one.
 */
#ifndef ECHOD_TESTS_INJECTION_H
#define ECHOD_TESTS_INJECTION_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/suite.h"

static char injection_directory[] = "/tmp/echod-injection.XXXXXX";
static char injection_wrapper[64];

/*
 * From now on ECHOD is a daemon under strace, which has the options of the
 * environment's WHAT, where `$2` is the configuration file.  Skips the test
 * where that cannot be.
 */
static inline void
injection_set_up(void)
{
	FILE *file;

#ifdef SUITE_SANITIZED
	skip("a sanitizer does not like to be traced");
#endif
	if (system("strace -D -f -qq -o /dev/null "
		   "-e inject=listen:error=EIO true "
		   ">/dev/null 2>&1") != 0)
		skip("there is no strace, or it may not trace");
	ck_assert_ptr_nonnull(mkdtemp(injection_directory));
	snprintf(injection_wrapper, sizeof(injection_wrapper), "%s/echod",
		 injection_directory);
	file = fopen(injection_wrapper, "w");
	ck_assert_ptr_nonnull(file);
	/* -D: the daemon is the child of the test all the same. */
	fprintf(file,
		"#!/bin/sh\n"
		"eval \"exec strace -D -f -qq -o /dev/null "
		"$WHAT\" '%s \"$@\"'\n",
		getenv("ECHOD"));
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(injection_wrapper, 0700), 0);
	setenv("ECHOD", injection_wrapper, 1);
}

static inline void
injection_tear_down(void)
{
	unlink(injection_wrapper);
	rmdir(injection_directory);
}

#endif
