/*
 * connection_info: an accepted connection: its descriptor, addresses, settings
 * and limits, from accept(2) until the session is closed.
 *
 * A plain value.  Its owner owns the descriptor, the TLS connection and the
 * entry in the connection limits, and hands them over with it.  The settings
 * and the addresses from a PROXY header are borrowed: an owner that keeps the
 * value takes its own reference to the settings.
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
	/* NULL: no proxy, or the session's arrival has been logged. */
	const struct connection_proxied *proxied;
	struct address peer;
	int fd;
	unsigned per_source; /* the limit it was entered with; 0: none */
	bool quiet;	     /* a health check: log at level debug */
	int16_t ttl;	     /* of the SYN, or the proxy's; -1: unknown */
	int16_t tos;	     /* likewise */
};

/*
 * Closes the connection without a session, and leaves the limits.  Logs and
 * counts nothing.
 */
void connection_info_refuse(const struct connection_info *info);

/* Only leaves the limits; the connection stays open. */
void connection_info_leave(const struct connection_info *info);

/* For a log line.  The result borrows from `info`; its `fault` is false. */
struct connection_log_subject
connection_info_subject(const struct connection_info *info);

/*
 * The fault to inject, or NULL.  Counts the connections of the listener for
 * `fault.every`, so call it once for each.
 */
const struct fault_params *
connection_info_fault(const struct connection_info *info);

/*
 * The frame with its prefix.  The caller releases it with prefix_release().
 * NULL: out of memory.
 */
const struct frame *connection_info_frame(const struct connection_info *info);

#endif
