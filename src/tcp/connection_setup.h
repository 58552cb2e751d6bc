/*
 * connection_setup: the steps between accept(2) and the session, if the
 * listener is configured for them: PROXY header (tcp/proxy_protocol.h), then
 * TLS handshake (tls/connection.h).  Each has an absolute time limit, so a slow
 * client does not keep its connection.
 *
 * A setup belongs to one worker and is used by its thread only.  It owns its
 * descriptor, its entry in the connection limits and a reference to the
 * settings of its listener.
 */
#ifndef ECHOD_TCP_CONNECTION_SETUP_H
#define ECHOD_TCP_CONNECTION_SETUP_H

#include <stdbool.h>
#include <sys/queue.h>

#include "tcp/connection_info.h"

struct config_listener;
struct connection_setup;

LIST_HEAD(connection_setup_list, connection_setup);

/* What the setups of a worker share; zeroed by the caller. */
struct connection_setup_context {
	struct event_base *base;
	unsigned worker; /* which counters are its own: limit_stats() */
	struct timers *timers;
	struct connection_setup_list setups;
	unsigned count;
	/*
	 * Complete: the callee owns what `info` holds, and starts a session.
	 * The setup is freed; what `info` borrows lasts until the return.
	 */
	void (*opened)(struct connection_setup_context *context,
		       const struct connection_info *info);
	/*
	 * A setup has ended without a session: it is logged, counted, closed
	 * and freed.  Can be NULL.
	 */
	void (*failed)(struct connection_setup_context *context);
};

/*
 * `base` is borrowed; `worker` is the number of the worker; the caller sets the
 * callbacks.  False: out of memory.  The caller must call
 * connection_setup_context_release() in any case, when no setup is left.
 */
bool connection_setup_context_init(struct connection_setup_context *context,
				   struct event_base *base, unsigned worker);
void connection_setup_context_release(struct connection_setup_context *context);

/* False: the listener needs neither step, and a session can begin at once. */
bool connection_setup_is_due(const struct config_listener *listener);

/*
 * Starts a setup.  `info` is copied; the setup owns what it holds from now on.
 * A callback can run before this returns.  False: out of memory; the connection
 * is closed and has left the limits.  It is not logged, and no callback runs.
 */
bool connection_setup_new(struct connection_setup_context *context,
			  const struct connection_info *info);

/* Ends all setups now, with the reason "drain"; failed() runs for each. */
void connection_setup_close_all(struct connection_setup_context *context);

#endif
