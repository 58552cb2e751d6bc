/*
 * daemon_log: the log of the daemon, read line by line from a pipe.
 */
#ifndef ECHOD_STRESS_DAEMON_LOG_H
#define ECHOD_STRESS_DAEMON_LOG_H

struct event_base;
struct daemon_log;

enum log_line {
	LOG_STARTED,
	LOG_STATUS,
	LOG_RELOADED,
	LOG_REFUSED, /* a reload: the line that comes last */
	LOG_ERROR,   /* what a bad file causes */
	LOG_COUNTERS,
	LOG_DRAINED,
	LOG_USUAL,
	LOG_UNKNOWN,
};

/* Takes the descriptor.  `ended` is called at the end of the log. */
struct daemon_log *daemon_log_new(struct event_base *base, int fd,
				  void (*line)(void *owner, enum log_line kind,
					       const char *text),
				  void (*ended)(void *owner), void *owner);
void daemon_log_free(struct daemon_log *log);

/*
 * Prints the last lines and those that still arrive, as comments of TAP, and
 * the open connections.
 */
void daemon_log_show(struct daemon_log *log);

#endif
