/*
 * binding: the settings and limits with which one worker serves one endpoint.
 * A TCP or unix listener and a UDP socket have the same structure.
 *
 * A plain value.  The table that contains it (worker/bindings.h) owns the
 * references; the listener or UDP socket borrows the binding.
 */
#ifndef ECHOD_LISTEN_BINDING_H
#define ECHOD_LISTEN_BINDING_H

#include <stdbool.h>

struct config_listener;
struct limit;
struct stats;
struct udp_limits;

struct binding {
	unsigned id; /* of the endpoint (listen/endpoint.h) */
	const struct config_listener *settings;
	struct stats *stats; /* of this worker and listener; not owned */
	/*
	 * Connections queued at the end are left to the next process, or to the
	 * status port.
	 */
	bool inherited;
	struct limit *limit;	       /* NULL: a UDP socket */
	struct udp_limits *udp_limits; /* NULL: a listener */
};

#endif
