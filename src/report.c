#include "report.h"

#include <errno.h>
#include <inttypes.h>

#include "log.h"

void
report_arrival(const struct report_subject *subject)
{
	char peer[ADDRESS_TEXT_SIZE];

	if (!log_wants_connections())
		return;
	log_peer(LOG_INFO, "Connection from %s listener=%s conn=%" PRIu64,
		 address_format(subject->peer, peer), subject->listener,
		 subject->id);
}

void
report_departure(const struct report_subject *subject, enum close_reason reason,
		 const struct report_totals *totals)
{
	char peer[ADDRESS_TEXT_SIZE];

	if (!log_wants_connections())
		return;
	log_peer(LOG_INFO,
		 "Connection closed %s listener=%s conn=%" PRIu64
		 " reason=%s in=%" PRIu64 " out=%" PRIu64 " seconds=%.3f",
		 address_format(subject->peer, peer), subject->listener,
		 subject->id, stats_close_reason(reason), totals->in,
		 totals->out, (double)totals->ms / 1000.0);
}

void
report_refusal(const struct address *peer, const char *listener,
	       enum refuse_reason reason)
{
	char text[ADDRESS_TEXT_SIZE];

	log_peer(LOG_NOTICE, "Connection refused %s listener=%s reason=%s",
		 address_format(peer, text), listener,
		 stats_refuse_reason(reason));
}

enum close_reason
report_reason(int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE:
		return CLOSE_reset;
	/* tcp(7): what the kernel gives up with; routers and ARP add theirs. */
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return CLOSE_vanished;
	default:
		return CLOSE_error;
	}
}
