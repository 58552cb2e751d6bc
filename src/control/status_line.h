/*
 * status_line: how much the daemon does, in a line for people:
 *
 *	3 connections, 41 served, 977 messages, 12.0 kB in, 15.9 kB out
 */
#ifndef ECHOD_CONTROL_STATUS_LINE_H
#define ECHOD_CONTROL_STATUS_LINE_H

#include "base/stats.h"

/* Enough for status_line_format() whatever the values. */
#define STATUS_LINE_SIZE 128

/* Returns `text`. */
const char *status_line_format(const struct stats *stats, unsigned open,
			       char text[STATUS_LINE_SIZE]);

#endif
