/*
 * log: writes lines to syslog(3) or to standard error.  A thread of its own
 * does the writing, so that no other thread waits for a log daemon that hangs.
 *
 * There is one log for the process, and every thread can write to it.
 * log_write() puts the line into a bounded queue.  If the queue is full, the
 * line is dropped and counted; the count is logged when there is room again.
 * Before log_start() and after log_stop(), lines go to standard error at once.
 *
 * Priorities are those of syslog(3), LOG_ERR to LOG_DEBUG.
 */
#ifndef ECHOD_BASE_LOG_H
#define ECHOD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

enum log_sink {
	LOG_TO_AUTO, /* standard error if it is a terminal, else syslog */
	LOG_TO_SYSLOG,
	LOG_TO_STDERR,
};

struct log_settings {
	int sink;	  /* enum log_sink */
	int facility;	  /* LOG_DAEMON ... */
	int level;	  /* the least urgent priority that is written */
	bool connections; /* log each connection when it opens and closes */
	unsigned rate;	  /* lines a second that peers can cause; 0: no limit */
};

/*
 * Starts the logger thread, which blocks all signals.  Returns 0 or an errno.
 */
int log_start(const struct log_settings *settings);

/* Other settings, from the next line on.  Only the thread of log_start(). */
void log_configure(const struct log_settings *settings);

/* Writes out the queue, for at most two seconds, and ends the thread. */
void log_stop(void);

/* Lines since log_start(): suppressed by `rate`; dropped by a full queue. */
uint64_t log_suppressed(void);
uint64_t log_dropped(void);

/* Whether lines of that priority, or about connections, are written. */
bool log_wants(int priority);
bool log_wants_connections(void);

/* Preserves errno.  Control characters become \xNN. */
void log_write(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* False, and counted, if peers have caused `rate` lines within this second. */
bool log_admits_peer(void);

#define log_error(...) log_write(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/*
 * A line that a peer can cause at will.  The arguments are evaluated only if
 * the line is written.
 */
#define log_peer(priority, ...) \
	do { \
		if (log_wants(priority) && log_admits_peer()) \
			log_write(priority, __VA_ARGS__); \
	} while (0)

#endif
