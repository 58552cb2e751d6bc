/*
 * status: what there is to know about the daemon, by HTTP (RFC 9110, 9112):
 *
 *	/metrics	for Prometheus, as metrics.h has it
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
#ifndef ECHOD_STATUS_H
#define ECHOD_STATUS_H

#include <stdbool.h>
#include <stddef.h>

struct endpoint_set;
struct event_base;
struct status;

struct status_content {
	/* To be freed; NULL where memory is out. */
	char *(*metrics)(void *owner, size_t *length);
	bool (*is_draining)(void *owner);
	void *owner;
};

/* NULL where memory is out. */
struct status *status_new(struct event_base *base,
			  const struct status_content *content);
void status_free(struct status *status); /* NULL is fine */

/*
 * Gets ready to serve the status sockets of a set (endpoint.h): takes those that
 * are new.  Nothing changes before status_serve().  Called again instead, or freed,
 * it closes what it took.  False if memory is out.
 */
bool status_prepare(struct status *status, struct endpoint_set *set);

/*
 * Serves the sockets of status_prepare().  Those of before are closed after the
 * next turn of the loop, which accepts the connections in their queues.
 */
void status_serve(struct status *status);

/* Writes the addresses into the log, if that has not been done yet. */
void status_announce(struct status *status);

#endif
