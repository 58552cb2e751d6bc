/*
 * http_status: what there is to know about the daemon, by HTTP (RFC 9110, 9112):
 *
 *	/metrics	for Prometheus, as admin/metrics.h has it
 *	/		a page to look at, drawn from /metrics
 *	/healthz	200, or 503 once the daemon has been told to end
 *
 * Served by evhttp on the control thread, whose duties come first: a client has
 * ten seconds for a request and as many to take the answer, headers are of 8 KiB
 * at most, there are no bodies, and of more than 64 clients the one that has
 * been idle for longest has to go.
 *
 * Control thread only.
 */
#ifndef ECHOD_ADMIN_HTTP_STATUS_H
#define ECHOD_ADMIN_HTTP_STATUS_H

#include <stdbool.h>
#include <stddef.h>

struct listening_set;
struct event_base;
struct http_status;

struct http_status_content {
	/* To be freed; NULL where memory is out. */
	char *(*metrics)(void *owner, size_t *length);
	bool (*is_draining)(void *owner);
	void *owner;
};

/* NULL where memory is out. */
struct http_status *http_status_new(struct event_base *base,
				    const struct http_status_content *content);
void http_status_free(struct http_status *status); /* NULL is fine */

/*
 * Gets ready to serve the status sockets of a set (listen/listening_set.h): takes those that
 * are new.  Nothing changes before http_status_serve().  Called again instead, or freed,
 * it closes what it took.  False if memory is out.
 */
bool http_status_prepare(struct http_status *status, struct listening_set *set);

/*
 * Serves the sockets of http_status_prepare().  Those of before are closed after the
 * next turn of the loop, which accepts the connections in their queues.
 */
void http_status_serve(struct http_status *status);

/* Writes the addresses into the log, if that has not been done yet. */
void http_status_announce(struct http_status *status);

#endif
