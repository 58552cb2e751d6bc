/*
 * daemon_status: how the daemon reports on itself: counters in the log, the
 * status by HTTP (admin/http_status.h), and the status that the service manager
 * shows.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_DAEMON_STATUS_H
#define ECHOD_CONTROL_DAEMON_STATUS_H

#include <stdbool.h>

struct limits;
struct daemon_status;
struct deployment;
struct event_base;
struct worker_pool;

/*
 * Reports on the workers of the pool and on `limits`.  No function but
 * daemon_status_free() may be called after the pool has been freed.  NULL if
 * memory is out.
 */
struct daemon_status *daemon_status_new(struct event_base *base,
					const struct limits *limits,
					const struct worker_pool *pool);
void daemon_status_free(struct daemon_status *daemon_status); /* NULL is fine */

/*
 * Prepares the HTTP status of a deployment, before daemon_status_deployed().
 * False if memory is out: then nothing has changed.
 */
bool daemon_status_prepare(struct daemon_status *daemon_status,
			   struct deployment *deployment);

/*
 * From now on, reports on this deployment and serves its HTTP status; does not
 * use the one before any more.  For the start and for each reload.
 */
void daemon_status_deployed(struct daemon_status *daemon_status,
			    const struct deployment *deployment);

/* A reload begins: the last reload is this one, and it has not been refused. */
void daemon_status_reloading(struct daemon_status *daemon_status);

/* A reload was refused. */
void daemon_status_refused(struct daemon_status *daemon_status);

/* The drain begins. */
void daemon_status_drain(struct daemon_status *daemon_status);

/*
 * Logs the address of the HTTP status, if that is new, and the listeners with
 * fault injection.
 */
void daemon_status_announce(struct daemon_status *daemon_status);

/* Logs the counters in one line, for SIGUSR1. */
void daemon_status_log_counters(const struct daemon_status *daemon_status);

/*
 * Sends `state`, assignments as in control/sd_notify.h, to the service manager,
 * and a status line: the text of `format`, which says what the daemon does from
 * now on, and then counters (control/status_line.h).  Every few seconds, the
 * line is sent again if the counters have changed.
 */
void daemon_status_report(struct daemon_status *daemon_status,
			  const char *state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
