/*
 * connection_setup: what comes before a session where the listener has it so: a proxy
 * tells who its client is (tcp/proxy_protocol.h), and then TLS is agreed on (tls/connection.h).
 * Each has to be over within an absolute time, so that nobody holds a place by
 * being slow.
 *
 * Openings belong to one worker, whose thread alone touches them.  One owns its
 * descriptor, its place at the gate and a reference to its snapshot.
 */
#ifndef ECHOD_TCP_CONNECTION_SETUP_H
#define ECHOD_TCP_CONNECTION_SETUP_H

#include <stdbool.h>
#include <sys/queue.h>

#include "tcp/connection_info.h"

struct config_listener;
struct connection_setup;

LIST_HEAD(connection_setup_list, connection_setup);

/* What a worker lends to its openings; zeroed before it is set up. */
struct connection_setup_context {
	struct event_base *base;
	struct stats *stats;
	struct loop_timers *timers;
	struct connection_setup_list setups;
	unsigned count;
	/*
	 * A session is to begin, of the client whom the origin names now.  The
	 * descriptor and the place at the gate go over to the callee.
	 */
	void (*opened)(struct connection_setup_context *context,
		       const struct connection_info *info);
	/* One has ended without a session, and is gone by then. */
	void (*failed)(struct connection_setup_context *context);
};

/* As session_context_init(). */
bool connection_setup_context_init(struct connection_setup_context *context,
				   struct event_base *base,
				   struct stats *stats);
void connection_setup_context_release(struct connection_setup_context *context);

/* False where a session may begin at once. */
bool connection_setup_is_due(const struct config_listener *listener);

/*
 * Opens an accepted connection.  The descriptor and the place at the gate are
 * the opening's from the call on: where memory is out they are given back and
 * false is returned.  The callbacks may run before it returns.
 */
bool connection_setup_new(struct connection_setup_context *context,
			  const struct connection_info *info);

/* Ends all of them at once. */
void connection_setup_close_all(struct connection_setup_context *context);

#endif
