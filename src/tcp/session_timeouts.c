#include "tcp/session_timeouts.h"

#include "base/timers.h"
#include "config/config.h"
#include "tcp/connection_log.h"
#include "tcp/session_private.h"
#include "tcp/stream_socket.h"

/* How often, in ms, a session that is not watched checks its socket. */
#define CHECK_MS 2000

static struct deadlines_limits
limits_of(const struct session *session, const struct transport_status *status)
{
	const struct config_listener *listener = session->info.listener;

	return (struct deadlines_limits){
		/* A delay by fault injection is not the peer's. */
		.idle = status->is_timed ? 0 :
					   deadlines_ms(listener->idle_timeout),
		.unread = deadlines_ms(listener->write_timeout),
		.rate = listener->minimum_rate,
		.may_absorb = status->may_absorb &&
			      session->state != SESSION_FINISHING &&
			      session->state != SESSION_FAULT_END,
	};
}

/* It neither reads nor writes: the event loop would not report a RST. */
static bool
is_unwatched(const struct transport_status *status)
{
	return !status->is_reading && status->unsent == 0;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * The timer is lazy: progress only updates the deadlines, and a timer that
 * expires too early is set again.
 */
void
session_timeouts_set(struct session *session)
{
	struct transport_status status = transport_status(&session->transport);
	struct deadlines_limits limits = limits_of(session, &status);
	int64_t at;

	if (deadlines_next(&session->deadlines, &limits, &at) ==
	    DEADLINES_NOTHING)
		at = INT64_MAX;
	if (is_unwatched(&status))
		at = earlier(at, timers_now() + CHECK_MS);
	if (!session->is_logged)
		at = earlier(at, session->started + SESSION_SILENT_MS);
	if (at < INT64_MAX)
		timers_set(session_context_of(session)->timers, &session->timer,
			   at);
}

void
session_timeouts_note_output(struct session *session, uint64_t bytes)
{
	struct deadlines *deadlines = &session->deadlines;

	if (bytes == 0 || session->info.listener->write_timeout <= 0 ||
	    deadlines_is_owed(deadlines))
		return;

	struct transport_status status = transport_status(&session->transport);
	struct deadlines_limits limits = limits_of(session, &status);

	deadlines_owe(deadlines, &limits, deadlines->active, status.sent,
		      bytes);
	session_timeouts_set(session);
}

/*
 * After SIGSTOP the timer can expire before bytes that arrived in time are
 * read.  They get one more tick.  Not two: some bytes are never read.
 */
static bool
is_excused(struct session *session, const struct transport_status *status)
{
	session->is_excused = !session->is_excused && status->is_reading &&
			      socket_readable(session->info.fd) > 0;
	return session->is_excused;
}

/* Looks at what the peer has taken, if that is due. */
static enum deadlines_due
look(struct session *session, const struct transport_status *status,
     int64_t now, int64_t *at)
{
	struct deadlines *deadlines = &session->deadlines;
	struct deadlines_limits limits = limits_of(session, status);
	enum deadlines_due due = deadlines_next(deadlines, &limits, at);

	if (due <= DEADLINES_ABSORBS || *at > now ||
	    !deadlines_is_owed(deadlines))
		return due;
	deadlines_look(deadlines, &limits, now, status->sent,
		       status->unsent +
			       socket_unacknowledged(session->info.fd));
	return deadlines_next(deadlines, &limits, at);
}

enum session_timeout
session_timeouts_check(struct session *session, int64_t late,
		       enum close_reason *reason)
{
	struct transport_status status = transport_status(&session->transport);
	int fd = session->info.fd;
	int error = is_unwatched(&status) ? socket_end(fd) : 0;
	int64_t at, now = timers_now();
	enum deadlines_due due;

	if (error != 0) {
		*reason = connection_log_reason(error);
		return SESSION_CLOSES;
	}
	deadlines_excuse(&session->deadlines, late);
	due = look(session, &status, now, &at);
	if (due == DEADLINES_NOTHING || at > now ||
	    (due > DEADLINES_ABSORBS && is_excused(session, &status)))
		return SESSION_WAITS;
	if (due == DEADLINES_ABSORBS)
		return SESSION_ABSORBS;
	/* If the peer's host answers, the peer is slow; else it is lost. */
	*reason = due == DEADLINES_IDLE	   ? CLOSE_idle_timeout :
		  socket_is_unanswered(fd) ? CLOSE_vanished :
					     CLOSE_write_timeout;
	return SESSION_CLOSES;
}
