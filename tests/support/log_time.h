/*
 * log_time: the time that a line on standard error begins with, if standard
 * error is neither a terminal nor the journal.
 */
#ifndef ECHOD_TESTS_LOG_TIME_H
#define ECHOD_TESTS_LOG_TIME_H

#include <stdio.h>

/* The line without "2026-11-28T13:23:39.123Z "; or `line` as it is. */
static inline const char *
skip_log_time(const char *line)
{
	int end = 0;

	sscanf(line, "%*4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ%n", &end);
	return end == 24 && line[end] == ' ' ? line + end + 1 : line;
}

#endif
