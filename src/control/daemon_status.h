/*
 * daemon_status: the daemon's reports on itself: counters in the log, status by
 * HTTP (admin/http_status.h), and the status that the service manager shows.
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
struct stats_table;
struct worker_pool;

/*
 * Reports on the workers of the pool, `limits` and `stats`, which are borrowed.
 * Once the pool has been freed, only daemon_status_free() can be called.  NULL:
 * out of memory.
 */
struct daemon_status *daemon_status_new(struct event_base *base,
					const struct limits *limits,
					const struct stats_table *stats,
					const struct worker_pool *pool);
void daemon_status_free(struct daemon_status *daemon_status); /* NULL is fine */

/*
 * Prepares the HTTP status of a deployment, before daemon_status_deployed().
 * False: out of memory; nothing has changed.
 */
bool daemon_status_prepare(struct daemon_status *daemon_status,
			   struct deployment *deployment);

/*
 * From now on, reports on this deployment and serves its HTTP status.  It is
 * borrowed until the next call; the previous one is not used any more.  For the
 * start and for each reload.
 */
void daemon_status_deployed(struct daemon_status *daemon_status,
			    const struct deployment *deployment);

/* A reload begins: the last reload counts as successful, unless refused. */
void daemon_status_reloading(struct daemon_status *daemon_status);

/*
 * The last reload was refused.  `reason` is borrowed until the next reload
 * begins.
 */
void daemon_status_refused(struct daemon_status *daemon_status,
			   const char *reason);

/* The drain begins: the health check fails from now on. */
void daemon_status_drain(struct daemon_status *daemon_status);

/*
 * Logs the address of the HTTP status, if that is new, and the listeners with
 * fault injection.
 */
void daemon_status_announce(struct daemon_status *daemon_status);

/* Logs the counters in one line, for SIGUSR1. */
void daemon_status_log_counters(const struct daemon_status *daemon_status);

/*
 * Sends `state` (assignments, see control/sd_notify.h) and a status line to the
 * service manager.  The status line is the text of `format` and then counters
 * (control/status_line.h).  The text describes what the daemon does from now
 * on; if it is long, it is cut.  Every few seconds, the line is sent again if
 * the counters have changed.
 */
void daemon_status_report(struct daemon_status *daemon_status,
			  const char *state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
