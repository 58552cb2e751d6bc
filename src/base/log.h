/*
 * log: lines to syslog(3) or standard error, written by a thread of its own,
 * so that a log daemon that hangs never holds up who logs.
 *
 * log_write() composes the line and puts it into a bounded queue.  What does
 * not fit is dropped, counted, and told of once there is room.  The log is the
 * process's: there is one, and every thread may write to it.  Before log_start()
 * and after log_stop() lines go to standard error at once.
 *
 * Priorities are those of syslog(3), LOG_ERR to LOG_DEBUG.
 */
#ifndef ECHOD_BASE_LOG_H
#define ECHOD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

enum log_sink {
	LOG_TO_AUTO, /* standard error where it is a terminal, else syslog */
	LOG_TO_SYSLOG,
	LOG_TO_STDERR,
};

struct log_settings {
	int sink;	  /* enum log_sink */
	int facility;	  /* LOG_DAEMON ... */
	int level;	  /* the least urgent priority that is written */
	bool connections; /* tell of arrivals and departures */
	unsigned rate;	  /* lines a second that peers can provoke; 0: any */
};

/*
 * Starts the logger thread, which receives no signals.  Returns 0 or an errno.
 */
int log_start(const struct log_settings *settings);

/* Other settings from the next line on.  From the thread of log_start(). */
void log_configure(const struct log_settings *settings);

/* Writes out the queue, for at most two seconds, and ends the thread. */
void log_stop(void);

/* Since log_start(): kept back for `rate`, and lost to a log that is slow. */
uint64_t log_suppressed(void);
uint64_t log_dropped(void);

bool log_wants(int priority);
bool log_wants_connections(void);

/* Preserves errno.  Control characters are written as \xNN. */
void log_write(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* False, and counted, once peers have provoked `rate` lines this second. */
bool log_admits_peer(void);

#define log_error(...) log_write(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/*
 * A line that a peer can provoke at will.  The arguments are evaluated only
 * where the line is going to be written.
 */
#define log_peer(priority, ...) \
	do { \
		if (log_wants(priority) && log_admits_peer()) \
			log_write(priority, __VA_ARGS__); \
	} while (0)

#endif
