/*
 * log_encode: a line of the log as text, as JSON, or as a message of the
 * journal.  Pure.  Any thread.
 *
 * The functions write to `out`, without a newline.  An error of `out` is for
 * the caller to notice.
 */
#ifndef ECHOD_BASE_LOG_ENCODE_H
#define ECHOD_BASE_LOG_ENCODE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct log_record {
	int priority;	  /* LOG_ERR ... LOG_DEBUG of syslog(3) */
	int64_t ms;	  /* time, in milliseconds since 1970 */
	const char *text; /* see base/log_line.h; any bytes */
};

/* Bytes of a time with its zero byte. */
#define LOG_TIME_SIZE sizeof("2026-11-28T13:23:39.123Z")

/* RFC 3339, UTC.  Returns `text`; the years 1970 to 9999. */
const char *log_encode_time(int64_t ms, char text[LOG_TIME_SIZE]);

/* "error", "warning", "notice", "info" or "debug". */
const char *log_encode_level(int priority);

/* The text; control characters become \xNN. */
void log_encode_text(const struct log_record *record, FILE *out);

/*
 * One JSON object: time, level, message (the sentence), each key, and the
 * cause.  A value that is a JSON number is written as one, except for names and
 * addresses.  Bytes that are not valid UTF-8 become \xNN.
 */
void log_encode_json(const struct log_record *record, FILE *out);

/*
 * The fields of the native journal protocol: MESSAGE is log_encode_text(), each
 * key is a field, in capitals and with '_' for '.', and CAUSE is the cause.
 * `facility` is LOG_DAEMON ... of syslog(3).
 */
void log_encode_journal(const struct log_record *record, int facility,
			pid_t pid, FILE *out);

#endif
