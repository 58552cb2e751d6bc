/*
 * log: writes lines to syslog(3), the journal or standard error.  A thread of
 * its own encodes and writes them, so that no other thread waits for a log
 * daemon that hangs.
 *
 * There is one log for the process, and every thread can write to it.
 * log_write() puts the line into a bounded queue.  If the queue is full, the
 * line is dropped and counted; the count is logged when there is room again.
 * A line that the journal does not accept is counted in the same way.
 * While there is no logger thread, the caller of log_write() writes the line:
 * before log_start() to standard error, after log_stop() to the sink in use.
 *
 * Priorities are those of syslog(3), LOG_ERR to LOG_DEBUG.
 */
#ifndef ECHOD_BASE_LOG_H
#define ECHOD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "base/log_sink.h"

struct log_settings {
	int sink;	  /* enum log_sink */
	int format;	  /* enum log_format */
	int facility;	  /* LOG_DAEMON ... */
	int level;	  /* the least urgent priority that is written */
	bool connections; /* log each connection when it opens and closes */
	unsigned rate;	  /* lines a second that peers can cause; 0: no limit */
};

/*
 * Copies the settings and starts the logger thread, which blocks all signals.
 * Returns 0 or a positive errno.
 *
 * Chooses the sink for LOG_TO_AUTO, for good: standard error if it is a
 * terminal or the journal; else syslog if its socket, /dev/log, accepts a
 * connection; else standard error.  From now on, a line of text on standard
 * error begins with the time, unless that is a terminal or the journal.
 */
int log_start(const struct log_settings *settings);

/*
 * Other settings, from the next line on.  If the sink is LOG_TO_SYSLOG or
 * LOG_TO_JOURNAL and its socket accepts no connection, standard error gets a
 * warning, unless it is a full pipe.  Does not wait.  Only the thread of
 * log_start().
 */
void log_configure(const struct log_settings *settings);

/* The sink in use: not LOG_TO_AUTO. */
enum log_sink log_sink_in_use(void);

/*
 * Writes out the queue and ends the thread.  Waits for two seconds at most; the
 * rest of the queue can then be lost.  Does nothing without a thread.
 */
void log_stop(void);

/*
 * Lines not written since the process began: those beyond `rate`; those for
 * which the queue was full, memory was out, or the journal was not reached.
 */
uint64_t log_suppressed(void);
uint64_t log_dropped(void);

/* True if lines of that priority, or about connections, are written. */
bool log_wants(int priority);
bool log_wants_connections(void);

/*
 * One line, in the form of base/log_line.h.  Preserves errno.  Control
 * characters become \xNN in text.
 */
void log_write(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Counts one line towards `rate`.  False if this second has had `rate` lines
 * already: the line is then counted as suppressed, and must not be written.
 */
bool log_admits_peer(void);

#define log_error(...) log_write(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/*
 * A line that a peer can cause as often as it likes.  The arguments are
 * evaluated only if the line is written.
 */
#define log_peer(priority, ...) \
	do { \
		if (log_wants(priority) && log_admits_peer()) \
			log_write(priority, __VA_ARGS__); \
	} while (0)

#endif
