/*
 * summary: how much the daemon does, in a line for people:
 *
 *	3 connections, 41 served, 977 messages, 12.0 kB in, 15.9 kB out
 */
#ifndef ECHOD_SUMMARY_H
#define ECHOD_SUMMARY_H

#include "stats.h"

/* Enough for summary_format() whatever the values. */
#define SUMMARY_TEXT_SIZE 128

/* Returns `text`. */
const char *summary_format(const struct stats *stats, unsigned open,
			   char text[SUMMARY_TEXT_SIZE]);

#endif
