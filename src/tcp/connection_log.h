/*
 * connection_log: what the log says of a connection, in one form for all of
 * them, and the reason that goes with an error.
 */
#ifndef ECHOD_TCP_CONNECTION_LOG_H
#define ECHOD_TCP_CONNECTION_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "addr/address.h"
#include "base/stats.h"

/* Whom a line is about. */
struct connection_log_subject {
	const struct address *peer;
	const struct address *via; /* the proxy it came through, or NULL */
	const char *tls;	   /* its version, or NULL */
	const char *listener;
	uint64_t id;
	bool quiet; /* of interest when debugging alone */
	bool fault; /* it misbehaves on purpose */
};

struct connection_log_totals {
	uint64_t in; /* bytes received */
	uint64_t out;
	int64_t ms; /* that it has lasted */
};

/* "Connection from ..." and "Connection closed ...", where they are wanted. */
void connection_log_arrival(const struct connection_log_subject *subject);
void connection_log_departure(const struct connection_log_subject *subject,
			      enum close_reason reason,
			      const struct connection_log_totals *totals);

/*
 * "Connection closed ...: WHY" of one that has never been served, wanted or
 * not; without the colon where `why` is empty.
 */
void connection_log_failure(const struct connection_log_subject *subject,
			    enum close_reason reason, int64_t ms,
			    const char *why);

/* "Connection refused ...", always; it has no number. */
void connection_log_refusal(const struct connection_log_subject *subject,
			    enum refuse_reason reason);

/* Why a connection ends on which a call has failed with this errno. */
enum close_reason connection_log_reason(int error);

#endif
