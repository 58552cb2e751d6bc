/*
 * opening: what comes before a session where the listener has it so: a proxy
 * tells who its client is (proxyproto.h), and then TLS is agreed on (tlslink.h).
 * Each has to be over within an absolute time, so that nobody holds a place by
 * being slow.
 *
 * Openings belong to one worker, whose thread alone touches them.  One owns its
 * descriptor, its place at the gate and a reference to its snapshot.
 */
#ifndef ECHOD_OPENING_H
#define ECHOD_OPENING_H

#include <stdbool.h>
#include <sys/queue.h>

#include "origin.h"

struct config_listener;
struct opening;

LIST_HEAD(opening_list, opening);

/* What a worker lends to its openings; zeroed before it is set up. */
struct opening_host {
	struct event_base *base;
	struct stats *stats;
	struct timers *timers;
	struct opening_list openings;
	unsigned count;
	/*
	 * A session is to begin, of the client whom the origin names now.  The
	 * descriptor and the place at the gate go over to the callee.
	 */
	void (*opened)(struct opening_host *host, const struct origin *origin);
	/* One has ended without a session, and is gone by then. */
	void (*failed)(struct opening_host *host);
};

/* As session_host_init(). */
bool opening_host_init(struct opening_host *host, struct event_base *base,
		       struct stats *stats);
void opening_host_release(struct opening_host *host);

/* False where a session may begin at once. */
bool opening_is_due(const struct config_listener *listener);

/*
 * Opens an accepted connection.  The descriptor and the place at the gate are
 * the opening's from the call on: where memory is out they are given back and
 * false is returned.  The callbacks may run before it returns.
 */
bool opening_new(struct opening_host *host, const struct origin *origin);

/* Ends all of them at once. */
void opening_close_all(struct opening_host *host);

#endif
