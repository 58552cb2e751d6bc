/*
 * connection_setup: what comes before a session, if the listener is configured
 * for it: a PROXY header (tcp/proxy_protocol.h), then the TLS handshake
 * (tls/connection.h).  Each has an absolute time limit, so a slow client does
 * not keep its connection.
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
	struct stats *stats;
	struct timers *timers;
	struct connection_setup_list setups;
	unsigned count;
	/* Complete: the callee owns what `info` holds, and starts a session. */
	void (*opened)(struct connection_setup_context *context,
		       const struct connection_info *info);
	/* A setup has ended without a session, and has been freed. */
	void (*failed)(struct connection_setup_context *context);
};

/* As session_context_init(). */
bool connection_setup_context_init(struct connection_setup_context *context,
				   struct event_base *base,
				   struct stats *stats);
void connection_setup_context_release(struct connection_setup_context *context);

/* False: a session can begin at once. */
bool connection_setup_is_due(const struct config_listener *listener);

/*
 * Starts a setup, which owns what `info` holds from now on.  False: out of
 * memory, and everything has been given back.  The callbacks can run before it
 * returns.
 */
bool connection_setup_new(struct connection_setup_context *context,
			  const struct connection_info *info);

/* Ends all setups now. */
void connection_setup_close_all(struct connection_setup_context *context);

#endif
