/*
 * monitor: what the daemon tells of itself: the counters in the log, what
 * is served by HTTP (status.h), and the status that the service manager shows, which is kept up to date.
 *
 * Control thread only.
 */
#ifndef ECHOD_MONITOR_H
#define ECHOD_MONITOR_H

#include <stdbool.h>

struct admit;
struct deployment;
struct event_base;
struct monitor;
struct worker;

/* NULL where memory is out. */
struct monitor *monitor_new(struct event_base *base, const struct admit *admit,
			    struct worker *const *workers, unsigned count);
void monitor_free(struct monitor *monitor); /* NULL is fine */

/*
 * Gets ready to serve the status port of a deployment.  False if memory is out:
 * all stays as it was.  To be called before monitor_deployed().
 */
bool monitor_prepare(struct monitor *monitor, struct deployment *deployment);

/*
 * This deployment is in force from now on, its status port is served, and the one
 * before is not looked at any more.  For the start and for each reload.
 */
void monitor_deployed(struct monitor *monitor,
		      const struct deployment *deployment);

/* A reload begins: it is the last one from now on, and was not refused yet. */
void monitor_reloading(struct monitor *monitor);

/* A reload was refused. */
void monitor_refused(struct monitor *monitor);

/* The daemon has been told to end. */
void monitor_drain(struct monitor *monitor);

/*
 * Logs where the status port is, if that is new, and which listeners misbehave on
 * purpose.
 */
void monitor_announce(struct monitor *monitor);

/* One line, for SIGUSR1. */
void monitor_log_counters(const struct monitor *monitor);

/*
 * Tells the service manager `state`, assignments as in notify.h, and what the
 * daemon is about from now on, which is a line.  How much it does follows that,
 * and the manager is told again every few seconds where it has changed.
 */
void monitor_tell(struct monitor *monitor, const char *state,
		  const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
