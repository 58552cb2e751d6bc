/*
 * service: what a worker serves: the listeners and datagrams of its plan, the
 * connections that are opening and the sessions; and how all of that ends.
 *
 * On the worker's thread, but for the beginning and the end of it.
 */
#ifndef ECHOD_SERVICE_H
#define ECHOD_SERVICE_H

#include <stdbool.h>

#include "datagram.h"
#include "listener.h"
#include "opening.h"
#include "session.h"
#include "stats.h"

struct event_base;
struct plan;

struct service {
	/* A listener has taken it in: for service_begin(), here or elsewhere. */
	void (*accepted)(struct service *service, const struct origin *origin);
	/* One that service_begin() had is gone. */
	void (*left)(struct service *service);

	struct stats stats;
	unsigned drained; /* connections that have ended in a drain */
	unsigned forced;  /* and that service_stop() has cut off */

	/* Its own. */
	struct opening_host openings;
	struct session_host sessions;
	struct listener_host listeners;
	struct datagram_host datagrams;
	struct plan *plan;
	bool yielded;
	bool draining;
};

/*
 * Makes it ready in zeroed memory, with the callbacks set.  `first` is for one
 * of all workers.  False, with errno set, where that cannot be;
 * service_release() is due then, too.
 */
bool service_init(struct service *service, struct event_base *base, bool first);

/* Frees what it has.  No connection may be left. */
void service_release(struct service *service);

/* Takes the connection. */
void service_begin(struct service *service, const struct origin *origin);

/* For a connection that nothing can be begun with: says so, and counts it. */
void service_report_no_memory(struct service *service,
			      const struct origin *origin);

/* Takes the plan and serves it instead of the one before. */
void service_apply(struct service *service, struct plan *plan);

/* Gives up listening sockets that were handed over, in later plans as well. */
void service_yield(struct service *service);

/* Lets sessions end, and those that are still to come. */
void service_drain(struct service *service);
bool service_is_draining(const struct service *service);

/* Accepts and answers what is queued, and closes the plan's sockets. */
void service_shut(struct service *service);

/* Drains, shuts and cuts off who is left. */
void service_stop(struct service *service);

/* Connections that are open or opening. */
unsigned service_count(const struct service *service);

#endif
