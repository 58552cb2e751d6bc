/*
 * http_status: the status port: HTTP (RFC 9110, 9112) for operators.
 *
 *	/metrics	for Prometheus (admin/metrics.h)
 *	/config		the configuration in force, as text
 *	/		the status page (admin/page.h), drawn from /metrics
 *	/healthz	health check: 200, or 503 once the daemon drains
 *	/readyz		the same
 *	/livez		200, during a drain too
 *
 * evhttp serves it on the control thread, so clients have limits: ten seconds
 * for a request and ten for its answer, 8 KiB of headers, no body.  At 64
 * clients, a new one closes the one that has been idle for longest.
 *
 * One for each process.  It opens no sockets: the listening set does.  Control
 * thread only.
 */
#ifndef ECHOD_ADMIN_HTTP_STATUS_H
#define ECHOD_ADMIN_HTTP_STATUS_H

#include <stdbool.h>
#include <stddef.h>

struct listening_set;
struct event_base;
struct http_status;
struct string_list;

struct http_status_content {
	/* The text of /metrics, which the caller frees.  NULL: no memory. */
	char *(*metrics)(void *owner, size_t *length);
	char *(*configuration)(void *owner, size_t *length); /* likewise */
	bool (*is_draining)(void *owner);
	void *owner;
};

/* `content` is copied; `base` is borrowed.  NULL: out of memory. */
struct http_status *http_status_new(struct event_base *base,
				    const struct http_status_content *content);
void http_status_free(struct http_status *status); /* NULL is fine */

/*
 * Takes the new sockets of the status port from a set (listen/listening_set.h),
 * and owns them from now on.  They are not served until http_status_serve().
 * If this is called again before that, the sockets that it took are closed.
 * False: out of memory; the sockets that it took are closed.
 */
bool http_status_prepare(struct http_status *status, struct listening_set *set);

/*
 * Serves the sockets of the last http_status_prepare().  Those that were served
 * before and are not among them are closed after the next pass of the event
 * loop, which accepts their queues.  If a listener has taken over the address,
 * it accepts the queue instead.
 *
 * `hosts` is the setting `status.hosts`, borrowed until the next call.
 */
void http_status_serve(struct http_status *status,
		       const struct string_list *hosts);

/* Logs the addresses, unless that has been done since they changed. */
void http_status_announce(struct http_status *status);

#endif
