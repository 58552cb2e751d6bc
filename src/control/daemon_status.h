/*
 * daemon_status: what the daemon tells of itself: the counters in the log, what
 * is served by HTTP (admin/http_status.h), and the status that the service manager shows, which is kept up to date.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_DAEMON_STATUS_H
#define ECHOD_CONTROL_DAEMON_STATUS_H

#include <stdbool.h>

struct connection_limits;
struct deployment;
struct event_base;
struct daemon_status;
struct worker;

/* NULL where memory is out. */
struct daemon_status *
daemon_status_new(struct event_base *base,
		  const struct connection_limits *connection_limits,
		  struct worker *const *workers, unsigned count);
void daemon_status_free(struct daemon_status *daemon_status); /* NULL is fine */

/*
 * Gets ready to serve the status port of a deployment.  False if memory is out:
 * all stays as it was.  To be called before daemon_status_deployed().
 */
bool daemon_status_prepare(struct daemon_status *daemon_status,
			   struct deployment *deployment);

/*
 * This deployment is in force from now on, its status port is served, and the one
 * before is not looked at any more.  For the start and for each reload.
 */
void daemon_status_deployed(struct daemon_status *daemon_status,
			    const struct deployment *deployment);

/* A reload begins: it is the last one from now on, and was not refused yet. */
void daemon_status_reloading(struct daemon_status *daemon_status);

/* A reload was refused. */
void daemon_status_refused(struct daemon_status *daemon_status);

/* The daemon has been told to end. */
void daemon_status_drain(struct daemon_status *daemon_status);

/*
 * Logs where the status port is, if that is new, and which listeners misbehave on
 * purpose.
 */
void daemon_status_announce(struct daemon_status *daemon_status);

/* One line, for SIGUSR1. */
void daemon_status_log_counters(const struct daemon_status *daemon_status);

/*
 * Tells the service manager `state`, assignments as in control/sd_notify.h, and what the
 * daemon is about from now on, which is a line.  How much it does follows that,
 * and the manager is told again every few seconds where it has changed.
 */
void daemon_status_report(struct daemon_status *daemon_status,
			  const char *state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
