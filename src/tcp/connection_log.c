#include "tcp/connection_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

/* " via=PROXY", or "" without a proxy. */
#define VIA_SIZE (ADDRESS_TEXT_SIZE + 8)

static const char *
format_via(const struct connection_log_subject *subject, char text[VIA_SIZE])
{
	char via[ADDRESS_TEXT_SIZE];

	text[0] = '\0';
	if (subject->via)
		snprintf(text, VIA_SIZE, " via=%s",
			 address_format(subject->via, via));
	return text;
}

static int
priority(const struct connection_log_subject *subject, int usual)
{
	return subject->quiet ? LOG_DEBUG : usual;
}

/* " tls=VERSION", or "" without TLS. */
#define TLS_SIZE 24

static const char *
format_tls(const struct connection_log_subject *subject, char text[TLS_SIZE])
{
	text[0] = '\0';
	if (subject->tls)
		snprintf(text, TLS_SIZE, " tls=%s", subject->tls);
	return text;
}

void
connection_log_arrival(const struct connection_log_subject *subject)
{
	char peer[ADDRESS_TEXT_SIZE], via[VIA_SIZE], tls[TLS_SIZE];

	if (!log_wants_connections())
		return;
	log_peer(priority(subject, LOG_INFO),
		 "Connection from %s listener=%s conn=%" PRIu64
		 "%s%s%s peer=%s",
		 address_format(subject->peer, peer), subject->listener,
		 subject->id, format_via(subject, via),
		 format_tls(subject, tls), subject->fault ? " fault=yes" : "",
		 peer);
}

void
connection_log_departure(const struct connection_log_subject *subject,
			 enum close_reason reason,
			 const struct connection_log_totals *totals)
{
	char peer[ADDRESS_TEXT_SIZE];

	if (!log_wants_connections())
		return;
	log_peer(priority(subject, LOG_INFO),
		 "Connection closed %s listener=%s conn=%" PRIu64
		 " reason=%s in=%" PRIu64 " out=%" PRIu64
		 " seconds=%.3f peer=%s",
		 address_format(subject->peer, peer), subject->listener,
		 subject->id, stats_close_reason(reason), totals->in,
		 totals->out, (double)totals->ms / 1000.0, peer);
}

void
connection_log_failure(const struct connection_log_subject *subject,
		       enum close_reason reason, int64_t ms, const char *why)
{
	char peer[ADDRESS_TEXT_SIZE], via[VIA_SIZE];

	log_peer(priority(subject, LOG_NOTICE),
		 "Connection closed %s listener=%s conn=%" PRIu64
		 " reason=%s in=0 out=0 seconds=%.3f%s peer=%s%s%s",
		 address_format(subject->peer, peer), subject->listener,
		 subject->id, stats_close_reason(reason), (double)ms / 1000.0,
		 format_via(subject, via), peer, *why ? ": " : "", why);
}

void
connection_log_refusal(const struct connection_log_subject *subject,
		       enum refuse_reason reason)
{
	char peer[ADDRESS_TEXT_SIZE], via[VIA_SIZE];

	log_peer(LOG_NOTICE,
		 "Connection refused %s listener=%s reason=%s%s peer=%s",
		 address_format(subject->peer, peer), subject->listener,
		 stats_refuse_reason(reason), format_via(subject, via), peer);
}

enum close_reason
connection_log_reason(int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE:
		return CLOSE_reset;
	/* tcp(7): a time-out, or an error from a router or ARP. */
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return CLOSE_vanished;
	/* An error of TLS; see tcp/transport.h. */
	case EPROTO:
		return CLOSE_tls_failed;
	default:
		return CLOSE_error;
	}
}
