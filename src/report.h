/*
 * report: what the log says of a connection, in one form for all of them, and
 * the reason that goes with an error.
 */
#ifndef ECHOD_REPORT_H
#define ECHOD_REPORT_H

#include <stdint.h>

#include "address.h"
#include "stats.h"

/* Whom a line is about. */
struct report_subject {
	const struct address *peer;
	const char *listener;
	uint64_t id;
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

/* "Connection refused ...", always. */
void report_refusal(const struct address *peer, const char *listener,
		    enum refuse_reason reason);

/* Why a connection ends on which a call has failed with this errno. */
enum close_reason report_reason(int error);

#endif
