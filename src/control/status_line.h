/*
 * status_line: the counters of the daemon as one line for the administrator:
 *
 *	3 connections, 41 served, 977 messages, 12.0 kB in, 15.9 kB out
 */
#ifndef ECHOD_CONTROL_STATUS_LINE_H
#define ECHOD_CONTROL_STATUS_LINE_H

#include "base/stats.h"

/* Enough for status_line_format() with any values. */
#define STATUS_LINE_SIZE 128

/* `open` is the number of open connections.  Returns `text`.  Any thread. */
const char *status_line_format(const struct stats *stats, unsigned open,
			       char text[STATUS_LINE_SIZE]);

#endif
