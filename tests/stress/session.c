#include "session.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "proxy.h"
#include "run.h"
#include "session_check.h"
#include "target.h"

/* Calls of each direction before other sessions have their turn. */
#define CALLS 4

/* No room for this many milliseconds counts as back-pressure. */
#define STUCK_MS 150

static void on_event(evutil_socket_t fd, short what, void *argument);

static void
end(struct session *session, bool served)
{
	struct run *run = session->run;

	event_del(&session->event);
	run->bytes_sent += session->sent;
	run->bytes_received += session->model.received;
	if (served)
		run->endings[session->script.ending]++;
	run_end(run, session->script.kind, served);
	free(session);
}

static void
leave(struct session *session)
{
	if (session->script.ending == ENDING_reset)
		stream_reset(&session->stream);
	else
		stream_close(&session->stream);
	end(session, true);
}

/* The stream has ended, by an error or 0. */
static void
end_of_stream(struct session *session, int error)
{
	/* The reset was reported to the last write. */
	if (session->deaf)
		error = ECONNRESET;
	if (error == 0 ? !session_may_finish(session) :
			 !session_may_reset(session))
		session_fail_errno(session, "the end comes", error);
	stream_close(&session->stream);
	end(session, true);
}

static void
stall(struct session *session, unsigned percent, int64_t *until)
{
	if (percent > 0 && random_chance(&session->random, percent))
		*until = run_now() + session->script.stall_ms;
}

/* False if there is no more for now; the session may have been freed. */
static bool
read_some(struct session *session)
{
	static unsigned char data[PIECE_MAX];
	ssize_t got =
		stream_read(&session->stream, data, session->script.read_piece);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		end_of_stream(session, got < 0 ? errno : 0);
		return false;
	}
	session->active = run_now();
	if (!model_feed(&session->model, data, (size_t)got,
			target_newest(session->run->target)))
		session_fail(session, session->model.wrong);
	session_check_time(session);
	stall(session, session->script.read_stalls, &session->read_after);
	return true;
}

static bool
is_heard(const struct session *session)
{
	return model_is_whole(&session->model, session->sent);
}

static bool
wants_to_write(const struct session *session)
{
	const struct script *script = &session->script;

	if (session->deaf || session->finished)
		return false;
	if (session->sent == script->total)
		return script->ending == ENDING_finish ||
		       script->ending == ENDING_silent;
	return !script->lockstep || is_heard(session);
}

static bool
wants_to_read(struct session *session)
{
	int64_t now = run_now();

	if (session->late && now - session->written < STUCK_MS &&
	    wants_to_write(session))
		return false;
	session->late = false;
	return now >= session->read_after;
}

static bool
failed_to_write(struct session *session)
{
	/* ENOTCONN is what shutdown(2) says after a reset. */
	if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
		session->deaf = true;
	else if (errno != EAGAIN && errno != EINTR)
		session_fail_errno(session, "cannot write", errno);
	return false;
}

/* False when there is no room, or nothing to write. */
static bool
write_some(struct session *session)
{
	size_t length;
	const unsigned char *from = pattern_at(&session->run->pattern,
					       session->model.seed,
					       session->sent, &length);
	uint64_t left = session->script.total - session->sent;
	ssize_t sent;

	if (left == 0) {
		session->finished = stream_finish(&session->stream);
		return session->finished || failed_to_write(session);
	}
	if (length > session->script.write_piece)
		length = session->script.write_piece;
	if (length > left)
		length = (size_t)left;
	if (session->sent == 0)
		session->first_sent = run_now();
	sent = stream_write(&session->stream, from, length);
	if (sent <= 0)
		return failed_to_write(session);
	session->sent += (uint64_t)sent;
	session->active = session->written = run_now();
	stall(session, session->script.write_stalls, &session->write_after);
	return true;
}

/* Nothing more will arrive, and the script does not wait for the end. */
static bool
is_tired(const struct session *session)
{
	return model_is_cut(&session->model) && !session->script.waits &&
	       session->script.kind->fault.end == FAULT_stall;
}

/* Whether its script is at the end. */
static bool
is_done(const struct session *session)
{
	if (is_tired(session))
		return true;
	switch (session->script.ending) {
	case ENDING_reset:
	case ENDING_leave:
		return session->sent >= session->script.point;
	case ENDING_hear:
		return session->sent == session->script.total &&
		       is_heard(session) && !model_is_cut(&session->model);
	default:
		return false;
	}
}

/* False if the session was freed. */
static bool
talk(struct session *session)
{
	for (int i = 0; i < CALLS && wants_to_write(session) &&
			run_now() >= session->write_after && !is_done(session);
	     i++)
		if (!write_some(session))
			break;
	for (int i = 0; i < CALLS && wants_to_read(session); i++) {
		struct run *run = session->run;
		size_t live = run->live;

		if (!read_some(session)) {
			if (run->live < live)
				return false;
			break;
		}
	}
	if (!is_done(session))
		return true;
	leave(session);
	return false;
}

static bool
aborts(const struct session *session)
{
	return session->script.ending == ENDING_abort;
}

static bool
begin_to_talk(struct session *session)
{
	/* echod may answer this fast. */
	if (aborts(session)) {
		leave(session);
		return false;
	}
	session->state = STATE_TALKS;
	session->written = run_now();
	session->write_after = run_now() + session->script.pause_ms;
	return talk(session);
}

static bool
shake_hands(struct session *session)
{
	session->state = STATE_HANDSHAKE;
	if (stream_shake_hands(&session->stream))
		return begin_to_talk(session);
	/* Only the ClientHello was sent. */
	if (aborts(session)) {
		leave(session);
		return false;
	}
	if (errno != EAGAIN)
		session_fail_errno(session, "no handshake", errno);
	return true;
}

/* False if the session was freed. */
static bool
follow_header(struct session *session)
{
	if (!session->script.kind->tls)
		return begin_to_talk(session);
	if (!stream_begin_tls(&session->stream, session->script.old))
		session_fail(session, "no TLS in this program");
	return shake_hands(session);
}

static bool
send_header(struct session *session)
{
	size_t left = session->header_length - session->header_sent;
	size_t piece = session->script.header_piece;
	ssize_t sent;

	session->state = STATE_HEADER;
	if (left == 0)
		return follow_header(session);
	/* Only a part of the header was sent. */
	if (aborts(session) &&
	    session->header_sent >= session->header_length / 2) {
		leave(session);
		return false;
	}
	/* In the plain, TLS or not. */
	sent = send(session->stream.fd, session->header + session->header_sent,
		    piece < left ? piece : left, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		session_fail_errno(session, "cannot send the header", errno);
	session->header_sent += sent > 0 ? (size_t)sent : 0;
	return true;
}

static void
refused(struct session *session, int error)
{
	bool gone = error == ECONNREFUSED ||
		    (error == ENOENT &&
		     session->script.kind->protocol == OVER_UNIX);
	unsigned newest = target_newest(session->run->target);

	if (!gone || (!session->run->draining &&
		      !target_may_refuse(session->script.kind,
					 session->model.oldest, newest)))
		session_fail_errno(session, "cannot connect", error);
	end(session, false);
}

static bool
connected(struct session *session)
{
	int error = 0;
	socklen_t length = sizeof(error);

	getsockopt(session->stream.fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0) {
		stream_close(&session->stream);
		refused(session, error);
		return false;
	}
	if (!target_may_listen(session->script.kind, session->model.oldest,
			       target_newest(session->run->target)))
		session_fail(session,
			     "connected, and nothing should listen there");
	if (session->script.kind->proxy)
		session->header_length = proxy_header(
			&session->random, session->script.old, session->header);
	session->active = run_now();
	return send_header(session);
}

static bool
go_on(struct session *session)
{
	switch (session->state) {
	case STATE_CONNECTS:
		return connected(session);
	case STATE_HEADER:
		return send_header(session);
	case STATE_HANDSHAKE:
		return shake_hands(session);
	default:
		return talk(session);
	}
}

static int64_t
sooner(int64_t at, int64_t than)
{
	return at < than ? at : than;
}

/* What the session waits for. */
static void
arm(struct session *session)
{
	int64_t now = run_now(), wake = now + 1000;
	short what = 0;

	if (session->state != STATE_TALKS) {
		what = session->state == STATE_HANDSHAKE ? EV_READ : EV_WRITE;
	} else {
		if (wants_to_read(session))
			what |= EV_READ;
		else
			wake = sooner(wake,
				      session->late ?
					      session->written + STUCK_MS :
					      session->read_after);
		if (now < session->write_after)
			wake = sooner(wake, session->write_after);
		else if (wants_to_write(session))
			what |= EV_WRITE;
		if ((what & EV_READ) && stream_has_pending(&session->stream))
			wake = now;
	}
	wake = wake > now ? wake - now : 0;
	event_assign(&session->event, session->run->base, session->stream.fd,
		     what, on_event, session);
	event_add(&session->event,
		  &(struct timeval){ wake / 1000, wake % 1000 * 1000 });
}

static void
on_event(evutil_socket_t fd, short what, void *argument)
{
	struct session *session = argument;

	(void)fd;
	session_report_slow(session);
	if (run_now() - session->active > DEADLINES_MS)
		session_fail(session, "nothing has moved for too long");
	/* Nothing to look for before the connection is made. */
	if (session->state == STATE_CONNECTS && !(what & EV_WRITE)) {
		arm(session);
		return;
	}
	if (go_on(session))
		arm(session);
}

void
session_begin(struct run *run, uint64_t index, const struct script *script)
{
	struct session *session = calloc(1, sizeof(*session));
	struct sockaddr_storage address;
	socklen_t length = target_address(run->target, script->kind, &address);
	int error;

	run_begin(run);
	session->run = run;
	session->index = index;
	session->script = *script;
	session->late = script->late && !script->lockstep;
	session->random = random_of(run->seed, ~index);
	session->begun = session->active = run_now();
	session->model = (struct model){
		.kind = script->kind,
		.pattern = &run->pattern,
		.seed = (uint32_t)index,
		.oldest = target_oldest(run->target),
	};
	event_assign(&session->event, run->base, -1, 0, on_event, session);
	error = stream_connect(&session->stream, (struct sockaddr *)&address,
			       length, script->buffer);
	if (error != 0 && error != EINPROGRESS)
		refused(session, error);
	else
		arm(session);
}
