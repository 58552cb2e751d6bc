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

struct error_list;
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
 * Listens there, or nowhere where it is "", instead of where it did.  Where that
 * cannot be, all stays as it was, the reason is added to `errors`, `error` is
 * set to an errno and false is returned.
 */
bool status_listen(struct status *status, const char *listen,
		   struct error_list *errors, int *error);

/* Writes the address into the log, if that has not been done yet. */
void status_announce(struct status *status);

#endif
