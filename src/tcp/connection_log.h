/*
 * connection_log: the log lines about a connection, all in one form, and the
 * close reason for an errno.  Any thread.
 */
#ifndef ECHOD_TCP_CONNECTION_LOG_H
#define ECHOD_TCP_CONNECTION_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "addr/address.h"
#include "base/stats.h"

/* The connection that a line is about.  All pointers are borrowed. */
struct connection_log_subject {
	const struct address *peer;
	const struct address *via; /* the proxy's own address, or NULL */
	const char *tls;	   /* version of TLS, or NULL */
	const char *listener;
	uint64_t id;
	bool quiet; /* a health check, or `log.quiet`: log at level debug */
	bool fault; /* the session has fault injection */
};

struct connection_log_totals {
	uint64_t in;  /* bytes received */
	uint64_t out; /* bytes sent */
	int64_t ms;   /* duration */
};

/*
 * "Connection from ..." and "Connection closed ...": the start and the end of a
 * session.  Nothing unless `log.connections` is set.
 */
void connection_log_arrival(const struct connection_log_subject *subject);
void connection_log_departure(const struct connection_log_subject *subject,
			      enum close_reason reason,
			      const struct connection_log_totals *totals);

/*
 * "Connection closed ...: WHY" for a connection that ended before its session
 * began.  Does not depend on `log.connections`.  `why` is "" or text.
 */
void connection_log_failure(const struct connection_log_subject *subject,
			    enum close_reason reason, int64_t ms,
			    const char *why);

/*
 * "Connection refused ...": one that is not allowed or exceeds a limit.  Does
 * not depend on `log.connections`.  `id` is not used.
 */
void connection_log_refusal(const struct connection_log_subject *subject,
			    enum refuse_reason reason);

/* The close reason for a system call that failed with the errno `error`. */
enum close_reason connection_log_reason(int error);

#endif
