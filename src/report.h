/*
 * report: what the log says of a connection, in one form for all of them, and
 * the reason that goes with an error.
 */
#ifndef ECHOD_REPORT_H
#define ECHOD_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "stats.h"

/* Whom a line is about. */
struct report_subject {
	const struct address *peer;
	const struct address *via; /* the proxy it came through, or NULL */
	const char *tls;	   /* its version, or NULL */
	const char *listener;
	uint64_t id;
	bool quiet; /* of interest when debugging alone */
	bool fault; /* it misbehaves on purpose */
};

struct report_totals {
	uint64_t in; /* bytes received */
	uint64_t out;
	int64_t ms; /* that it has lasted */
};

/* "Connection from ..." and "Connection closed ...", where they are wanted. */
void report_arrival(const struct report_subject *subject);
void report_departure(const struct report_subject *subject,
		      enum close_reason reason,
		      const struct report_totals *totals);

/*
 * "Connection closed ...: WHY" of one that has never been served, wanted or not;
 * without the colon where `why` is empty.
 */
void report_failure(const struct report_subject *subject,
		    enum close_reason reason, int64_t ms, const char *why);

/* "Connection refused ...", always; it has no number. */
void report_refusal(const struct report_subject *subject,
		    enum refuse_reason reason);

/* Why a connection ends on which a call has failed with this errno. */
enum close_reason report_reason(int error);

#endif
