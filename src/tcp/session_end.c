#include "tcp/session_end.h"

#include <errno.h>

#include "base/timers.h"
#include "config/config.h"
#include "listen/socket.h"
#include "tcp/connection_log.h"
#include "tcp/session_private.h"
#include "tcp/session_timeouts.h"
#include "tcp/stream_socket.h"

/* Grace period, in ms, for a new connection that has sent nothing yet. */
#define GRACE_MS 2000

/* Seconds of TCP keepalive for a stalled session, if none is configured. */
#define STALL_KEEPALIVE 60

/* The session has just started, and has received nothing. */
static bool
has_grace(const struct session *session)
{
	return transport_status(&session->transport).in == 0 &&
	       timers_now() < session->started + GRACE_MS;
}

void
session_end_note_due(struct session *session)
{
	session->due = transport_status(&session->transport).received +
		       socket_readable(session->info.fd);
}

/* A peer that sends all the time never leaves its socket empty. */
bool
session_end_may(const struct session *session)
{
	struct transport_status status;

	if (session->state != SESSION_DRAINING || has_grace(session))
		return false;
	status = transport_status(&session->transport);
	return status.received >= session->due && status.is_empty;
}

/* Stops or starts reading; if that fails, closes the session: false. */
static bool
set_reading(struct session *session, bool on)
{
	if (transport_read(&session->transport, on))
		return true;
	session_close(session, CLOSE_error);
	return false;
}

/*
 * Sends FIN, and waits for the peer's: to close now could send a RST, which
 * overtakes the echo.  Can free the session.
 */
static void
linger(struct session *session)
{
	session->state = SESSION_LINGERING;
	if (transport_shut_down(&session->transport))
		set_reading(session, true);
	else
		session_close(session, CLOSE_error);
}

/*
 * Sends RST when the peer has acknowledged everything.  The RST would overtake
 * unacknowledged bytes, and on some systems bytes that the peer has not read.
 * `write_timeout` limits the wait.  Can free the session.
 */
static void
reset(struct session *session)
{
	int fd = session->info.fd;

	/* After a RST of the peer, bytes remain unacknowledged. */
	if (socket_unacknowledged(fd) > 0 && socket_end(fd) == 0)
		transport_wake(&session->transport);
	else
		session_abort(session);
}

/*
 * Neither reads nor sends any more.  A client that has closed looks like one
 * that has shut down its sending side: its host answers a keepalive probe with
 * RST.  Can free the session.
 */
static void
stall(struct session *session)
{
	if (session->is_drained)
		/* Nothing more happens that a drain could wait for. */
		session_close(session, CLOSE_drain);
	else if (session->info.listener->keepalive == 0 &&
		 socket_set_keepalive(session->info.fd, STALL_KEEPALIVE) < 0)
		session_close(session, CLOSE_error);
	else
		session_timeouts_set(session);
}

/* All bytes before the end of the fault are sent.  Can free the session. */
static void
finish_fault(struct session *session)
{
	switch (session->info.listener->fault.end) {
	case FAULT_close:
		linger(session);
		break;
	case FAULT_reset:
		reset(session);
		break;
	default:
		stall(session);
	}
}

/* CLOSE_fault if the fault has ended the echo, else `reason`. */
static enum close_reason
reason_or_fault(const struct session *session, enum close_reason reason)
{
	return transport_is_over(&session->transport) ? CLOSE_fault : reason;
}

void
session_end_advance(struct session *session)
{
	struct transport_status status = transport_status(&session->transport);

	if (status.pending > 0) {
		if (!status.is_reading && status.unsent == 0)
			session_timeouts_set(session);
	} else if (session->state == SESSION_FINISHING) {
		/* With no input left to read, closing sends FIN. */
		if (transport_finish(&session->transport))
			session_close(session,
				      reason_or_fault(session, CLOSE_eof));
	} else if (session->state == SESSION_FAULT_END) {
		finish_fault(session);
	} else if (session_end_may(session)) {
		linger(session);
	}
}

void
session_end_stop(struct session *session)
{
	if (set_reading(session, false))
		session_end_advance(session);
}

bool
session_end_by_fault(struct session *session)
{
	if (!transport_is_over(&session->transport) ||
	    session->state >= SESSION_FAULT_END)
		return false;
	/* After the peer's FIN there is no need to wait for it. */
	if (session->state != SESSION_FINISHING ||
	    session->info.listener->fault.end != FAULT_close)
		session->state = SESSION_FAULT_END;
	session_end_stop(session);
	return true;
}

void
session_end_input(struct session *session)
{
	if (session->state == SESSION_LINGERING) {
		session_close(session, reason_or_fault(session, CLOSE_drain));
		return;
	}
	session->state = SESSION_FINISHING;
	session_end_stop(session);
}

enum close_reason
session_end_failure(const struct session *session)
{
	return session->state == SESSION_LINGERING ?
		       reason_or_fault(session, CLOSE_drain) :
		       connection_log_reason(errno);
}

void
session_drain(struct session *session)
{
	session->is_drained = true;
	if (session->state == SESSION_FAULT_END) {
		session_end_advance(session);
		return;
	}
	if (session->state != SESSION_OPEN)
		return;
	session->state = SESSION_DRAINING;
	session_end_note_due(session);
	if (has_grace(session))
		timers_set(session_context_of(session)->timers, &session->timer,
			   session->started + GRACE_MS);
	session_end_advance(session);
}
