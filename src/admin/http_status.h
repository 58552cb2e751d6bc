/*
 * http_status: the status port: HTTP (RFC 9110, 9112) for operators.
 *
 *	/metrics	for Prometheus (admin/metrics.h)
 *	/		the status page, drawn from /metrics
 *	/healthz	health check: 200, or 503 once the daemon drains
 *
 * Served by evhttp on the control thread, so that a client must not take much:
 * ten seconds for a request and ten for its answer, 8 KiB of headers, no body.
 * With 64 clients, the one that has been idle for longest is closed for a new
 * one.
 *
 * It opens no sockets: the listening set does.  Control thread only.
 */
#ifndef ECHOD_ADMIN_HTTP_STATUS_H
#define ECHOD_ADMIN_HTTP_STATUS_H

#include <stdbool.h>
#include <stddef.h>

struct listening_set;
struct event_base;
struct http_status;

struct http_status_content {
	/* The caller frees it.  NULL: out of memory. */
	char *(*metrics)(void *owner, size_t *length);
	bool (*is_draining)(void *owner);
	void *owner;
};

/* NULL: out of memory. */
struct http_status *http_status_new(struct event_base *base,
				    const struct http_status_content *content);
void http_status_free(struct http_status *status); /* NULL is fine */

/*
 * Takes the new sockets of the status port from a set (listen/listening_set.h).
 * Nothing changes until http_status_serve().  Called again before that, or
 * freed, it closes what it took.  False: out of memory.
 */
bool http_status_prepare(struct http_status *status, struct listening_set *set);

/*
 * Serves the sockets of http_status_prepare().  The others are closed after the
 * next turn of the event loop, which accepts the connections in their queues.
 */
void http_status_serve(struct http_status *status);

/* Logs the addresses, once for each change. */
void http_status_announce(struct http_status *status);

#endif
