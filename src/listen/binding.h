/*
 * binding: what one worker serves on one endpoint, and with what: the same for
 * a TCP or unix listener and for a UDP socket.
 *
 * A plain value.  The table that it is in (worker/bindings.h) owns the
 * references; the listener or UDP socket that is served by it borrows it.
 */
#ifndef ECHOD_LISTEN_BINDING_H
#define ECHOD_LISTEN_BINDING_H

#include <stdbool.h>

struct config_listener;
struct limit;
struct udp_limits;

struct binding {
	unsigned id; /* of the endpoint (listen/endpoint.h) */
	const struct config_listener *settings;
	/* The next process, or the status port, serves what is queued. */
	bool inherited;
	struct limit *limit;	       /* NULL: a UDP socket */
	struct udp_limits *udp_limits; /* NULL: a listener */
};

#endif
