/*
 * connection_info: an accepted connection on its way to a session: who it is, and what is
 * held for it.  Whoever has one owns its descriptor, its link and its place at
 * the gate, and hands them on with it; the settings are borrowed.
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
struct listener_limit;
struct ssl_st;

struct connection_info {
	int fd;
	struct ssl_st *tls; /* an open link, tls/connection.h; NULL: none */
	uint64_t id;
	struct address peer;
	struct address via;   /* its proxy; length 0: it has none */
	struct address local; /* where it came to, as that proxy says */
	struct listener_limit *listener_limit; /* entered, with this limit */
	unsigned per_source;
	const struct config_listener *listener;
	bool quiet; /* of no interest in the log: a health check */
};

/* Gives back all that it holds, where there is to be no session. */
void connection_info_refuse(const struct connection_info *info);

/* The place at the gate alone. */
void connection_info_leave(const struct connection_info *info);

/* Whom a line in the log is about; it borrows from the origin. */
struct connection_log_subject
connection_info_subject(const struct connection_info *info);

/*
 * How it is to misbehave, NULL: not at all.  Those who come are counted for that,
 * so that each is to be asked about once.
 */
const struct fault_params *
connection_info_fault(const struct connection_info *info);

/* What goes before its echo, as prefix_frame(): NULL where memory is out. */
const struct frame *connection_info_frame(const struct connection_info *info);

#endif
