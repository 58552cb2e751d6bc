/*
 * connection_info: what is known of an accepted connection and held for it,
 * from accept(2) until the session is closed.
 *
 * The owner of a connection_info owns its descriptor, its TLS connection and
 * its entry in the connection limits, and passes them on with it.  The settings
 * and the addresses from a PROXY header are borrowed.
 */
#ifndef ECHOD_TCP_CONNECTION_INFO_H
#define ECHOD_TCP_CONNECTION_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "addr/address.h"
#include "tcp/connection_log.h"

struct config_listener;
struct fault_params;
struct frame;
struct limit;
struct ssl_st;

/* The addresses of a connection that came through a proxy. */
struct connection_proxied {
	struct address via;   /* the proxy's own address */
	struct address local; /* the destination in the PROXY header */
};

/* In every session: mind the size. */
struct connection_info {
	struct ssl_st
		*tls; /* after the handshake (tls/connection.h), or NULL */
	uint64_t id;
	const struct config_listener *listener;
	struct limit *limit; /* entered */
	/* NULL: no proxy, or the session has begun and needs them no more. */
	const struct connection_proxied *proxied;
	struct address peer;
	int fd;
	unsigned per_source; /* the limit it was entered with; 0: none */
	bool quiet;	     /* a health check: log at level debug */
};

/* Closes the connection and leaves the limits: there will be no session. */
void connection_info_refuse(const struct connection_info *info);

/* Leaves the limits, no more. */
void connection_info_leave(const struct connection_info *info);

/* For a line in the log.  The result borrows from `info`. */
struct connection_log_subject
connection_info_subject(const struct connection_info *info);

/*
 * The fault to inject, or NULL.  Counts the connections of the listener for
 * `fault.every`, so call it once for each.
 */
const struct fault_params *
connection_info_fault(const struct connection_info *info);

/* The frame with its prefix, see prefix_frame().  NULL: out of memory. */
const struct frame *connection_info_frame(const struct connection_info *info);

#endif
