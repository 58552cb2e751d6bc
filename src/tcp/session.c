#include "tcp/session.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/loop_timers.h"
#include "config/config.h"
#include "echo/prefix.h"
#include "listen/socket.h"
#include "tcp/connection_info.h"
#include "tcp/connection_limits.h"
#include "tcp/connection_log.h"
#include "tcp/deadlines.h"
#include "tcp/stream_socket.h"

enum session_state {
	SESSION_OPEN,
	SESSION_FINISHING, /* the peer's FIN is here, its echo not out */
	SESSION_DRAINING,  /* told to end, what was received not out */
	SESSION_CUT,	   /* its fault ends it, what goes before is not out */
	SESSION_LINGERING, /* our FIN is out, the peer's not here */
};

/* Who has come so recently and said nothing is about to say something. */
#define FRESH_MS 2000

/* How often a session that the event loop does not watch looks at its socket. */
#define LOOK_MS 2000

/* How often, in seconds, a client that is stalled is asked where none else is. */
#define STALL_KEEPALIVE 60

/* 10,000 idle ones are a usual sight: mind the size, and padding. */
struct session {
	struct transport transport;
	struct wheel_timer timer;
	const struct config_listener *listener; /* with a reference */
	const struct frame *frame;
	uint64_t due; /* of what comes in: as much had when it was to end */
	struct deadlines deadlines;
	int64_t started;
	uint64_t id;
	struct listener_limit *listener_limit;
	LIST_ENTRY(session) link;
	struct address peer;
	unsigned per_source;
	enum session_state state : 8;
	bool quiet;   /* see struct connection_info */
	bool ending;  /* told to */
	bool excused; /* see on_expired() */
};

/* The first member of a host is that of its flows. */
static struct session_context *
context_of(const struct session *session)
{
	return (struct session_context *)session->transport.context;
}

static struct session *
session_of(struct transport *transport)
{
	return (struct session *)((char *)transport -
				  offsetof(struct session, transport));
}

static struct connection_log_subject
subject_of(const struct session *session)
{
	return (struct connection_log_subject){
		.peer = &session->peer,
		.listener = session->listener->name,
		.id = session->id,
		.quiet = session->quiet,
		.fault = session->transport.delay != NULL,
	};
}

static void
log_begin(const struct session *session, const struct connection_info *info)
{
	struct connection_log_subject subject = connection_info_subject(info);

	subject.fault = session->transport.delay != NULL;
	connection_log_arrival(&subject);
}

static void
log_end(const struct session *session, enum close_reason reason)
{
	struct connection_log_subject subject = subject_of(session);
	struct connection_log_totals totals = {
		.in = session->transport.in,
		.out = session->transport.out -
		       transport_unsent(&session->transport),
		.ms = loop_timers_now() - session->started,
	};

	connection_log_departure(&subject, reason, &totals);
}

void
session_close(struct session *session, enum close_reason reason)
{
	struct session_context *context = context_of(session);

	/* First: who reads of it in the log may ask for the counters. */
	stats_bump(&context->transports.stats->closed[reason], 1);
	log_end(session, reason);
	loop_timers_cancel(context->timers, &session->timer);
	transport_close(&session->transport);
	listener_limit_leave(session->listener_limit, &session->peer,
			     session->per_source);
	prefix_release(&session->listener->frame, session->frame);
	config_listener_unref(session->listener);
	LIST_REMOVE(session, link);
	context->count--;
	free(session);
	if (context->closed)
		context->closed(context);
}

/* Whether input may be read although output waits. */
static bool
may_absorb(const struct session *session)
{
	const struct transport *transport = &session->transport;

	return transport->stuck && !transport->absorb && !transport->reading &&
	       session->state != SESSION_FINISHING &&
	       session->state != SESSION_CUT &&
	       transport_unsent(transport) < session->listener->output_limit;
}

static struct deadlines_limits
limits_of(const struct session *session)
{
	const struct config_listener *listener = session->listener;

	return (struct deadlines_limits){
		/* It is not the peer who makes itself wait. */
		.idle = transport_is_patient(&session->transport) ?
				0 :
				deadlines_ms(listener->idle_timeout),
		.unread = deadlines_ms(listener->write_timeout),
		.rate = listener->minimum_rate,
		.may_absorb = may_absorb(session),
	};
}

/* Neither reads nor writes: the event loop would not tell of a RST. */
static bool
is_unwatched(const struct session *session)
{
	const struct transport *transport = &session->transport;

	return transport->reading == TRANSPORT_STILL &&
	       transport_unsent(transport) == 0;
}

/*
 * The timer is lazy: progress only notes the time, and a timer that expires too
 * early is set again for what is left.
 */
static void
set_timer(struct session *session)
{
	struct deadlines_limits limits = limits_of(session);
	int64_t at, look = loop_timers_now() + LOOK_MS;
	bool is_due = deadlines_next(&session->deadlines, &limits, &at) !=
		      DEADLINES_NOTHING;

	if (is_unwatched(session) && (!is_due || look < at))
		at = look;
	else if (!is_due)
		return;
	loop_timers_set(context_of(session)->timers, &session->timer, at);
}

/*
 * From now on input is looked for like this.  False, with the session closed, if
 * that cannot be.
 */
static bool
set_reading(struct session *session, enum transport_reading reading)
{
	if (transport_read(&session->transport, reading))
		return true;
	session_close(session, CLOSE_error);
	return false;
}

/* From now on the peer is looked at, until it has taken everything. */
static void
owe(struct session *session, uint64_t bytes)
{
	struct deadlines_limits limits = limits_of(session);

	deadlines_owe(&session->deadlines, &limits, session->deadlines.active,
		      transport_sent(&session->transport), bytes);
	set_timer(session);
}

static void
look(struct session *session, const struct deadlines_limits *limits,
     int64_t now)
{
	const struct transport *transport = &session->transport;
	int fd = transport_fd(transport);

	deadlines_look(&session->deadlines, limits, now,
		       transport_sent(transport),
		       transport_unsent(transport) + socket_unacknowledged(fd));
}

/*
 * Our FIN; then the peer's is waited for, lest a RST overtake the echo.  May
 * free.
 */
static void
linger(struct session *session)
{
	session->state = SESSION_LINGERING;
	if (transport_shut(&session->transport))
		set_reading(session, TRANSPORT_EVENT);
	else
		session_close(session, CLOSE_error);
}

static bool
is_fresh(const struct session *session)
{
	return session->transport.in == 0 &&
	       loop_timers_now() - session->started < FRESH_MS;
}

/*
 * Told to end, a session has done its duty when what had come by then has been
 * taken in.  Who sends without end would never find the socket empty.
 */
static bool
may_end(const struct session *session)
{
	return session->state == SESSION_DRAINING && !is_fresh(session) &&
	       transport_received(&session->transport) >= session->due &&
	       transport_is_empty(&session->transport);
}

/* What has come is to be echoed before the end. */
static void
note_due(struct session *session)
{
	const struct transport *transport = &session->transport;

	session->due = transport_received(transport) +
		       socket_readable(transport_fd(transport));
}

/*
 * A RST would overtake what the peer has not got yet, and on some systems what
 * it has not read; where it does not even get it, that is for write_timeout.
 */
static void
reset(struct session *session)
{
	struct transport *transport = &session->transport;
	int fd = transport_fd(transport);

	/* What a peer that has reset it did not acknowledge remains so. */
	if (socket_unacknowledged(fd) > 0 && socket_end(fd) == 0) {
		transport_wake(transport);
		return;
	}
	transport_abort(transport);
	session_close(session, CLOSE_fault);
}

/*
 * Nothing more either way.  A client that has closed looks like one that has shut
 * down its sending side, until its host is asked and answers by RST.  May free.
 */
static void
stall(struct session *session)
{
	unsigned keepalive = session->listener->keepalive;
	int fd = transport_fd(&session->transport);

	if (session->ending)
		/* In silence, there is nothing that a drain could wait for. */
		session_close(session, CLOSE_drain);
	else if (keepalive == 0 &&
		 socket_set_keepalive(fd, STALL_KEEPALIVE) < 0)
		session_close(session, CLOSE_error);
	else
		set_timer(session);
}

/* What comes behind the bytes that its fault leaves.  May free. */
static void
end_by_fault(struct session *session)
{
	switch (session->listener->fault.end) {
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

/* Goes on with ending once nothing waits to be sent.  May free the session. */
static void
advance(struct session *session)
{
	if (transport_unsent(&session->transport) +
		    transport_detained(&session->transport) >
	    0) {
		if (is_unwatched(session))
			set_timer(session);
		return;
	}
	if (session->state == SESSION_FINISHING) {
		/* With nothing left to read, closing sends FIN. */
		if (transport_held(&session->transport) == 0 &&
		    transport_take_leave(&session->transport))
			session_close(session,
				      transport_is_over(&session->transport) ?
					      CLOSE_fault :
					      CLOSE_eof);
	} else if (session->state == SESSION_CUT) {
		end_by_fault(session);
	} else if (may_end(session)) {
		linger(session);
	}
}

/* Its fault leaves no more than is on its way out.  May free. */
static void
cut_short(struct session *session)
{
	/* Who sends no more is not to be waited for behind our FIN. */
	if (session->state != SESSION_FINISHING ||
	    session->listener->fault.end != FAULT_close)
		session->state = SESSION_CUT;
	if (set_reading(session, TRANSPORT_STILL))
		advance(session);
}

static bool
is_to_be_cut(const struct session *session)
{
	return transport_is_over(&session->transport) &&
	       session->state < SESSION_CUT;
}

/* Why our FIN came first. */
static enum close_reason
linger_reason(const struct session *session)
{
	return transport_is_over(&session->transport) ? CLOSE_fault :
							CLOSE_drain;
}

static enum close_reason
failure(const struct session *session)
{
	return session->state == SESSION_LINGERING ?
		       linger_reason(session) :
		       connection_log_reason(errno);
}

/* The peer's FIN, and nothing before it is left to echo.  May free. */
static void
end_input(struct session *session)
{
	if (session->state == SESSION_LINGERING) {
		session_close(session, linger_reason(session));
		return;
	}
	session->state = SESSION_FINISHING;
	if (set_reading(session, TRANSPORT_STILL))
		advance(session);
}

/* So many bytes of output are new. */
static void
note_moved(struct session *session, uint64_t moved)
{
	if (moved > 0 && session->listener->write_timeout > 0 &&
	    !deadlines_is_owed(&session->deadlines))
		owe(session, moved);
}

static enum stream_echo_state
move(struct session *session, enum transport_reading *reading)
{
	uint64_t before = session->transport.out;
	enum stream_echo_state state =
		transport_echo(&session->transport, session->frame,
			       session->listener->output_limit, reading);

	note_moved(session, session->transport.out - before);
	return state;
}

/* Echoes what can be echoed, and goes on from there.  May free. */
static void
echo(struct session *session)
{
	struct transport *transport = &session->transport;
	bool was_stuck = transport->stuck;
	enum transport_reading reading;
	enum stream_echo_state state;

	if (may_end(session)) {
		if (set_reading(session, TRANSPORT_STILL))
			advance(session);
		return;
	}
	state = move(session, &reading);
	if (state == STREAM_ECHO_FAILED) {
		session_close(session, failure(session));
		return;
	}
	if (!transport_note_output(transport)) {
		session_close(session, CLOSE_error);
		return;
	}
	if (is_to_be_cut(session)) {
		cut_short(session);
		return;
	}
	/* The first words of one who was fresh may come in pieces. */
	if (session->state == SESSION_DRAINING && session->due == 0)
		note_due(session);
	if (!set_reading(session, reading))
		return;
	if ((transport->stuck && !was_stuck) || state == STREAM_ECHO_FULL)
		set_timer(session);
	if (state == STREAM_ECHO_ENDED)
		end_input(session);
	else if (session->state == SESSION_DRAINING)
		advance(session);
}

/* After our FIN nothing can be echoed: what comes is read and dropped. */
static void
discard(struct session *session)
{
	ssize_t got = transport_discard(&session->transport);

	if (got == 0)
		end_input(session);
	else if (got < 0 && errno != EAGAIN && errno != EINTR)
		session_close(session, failure(session));
}

static void
on_readable(struct transport *transport)
{
	struct session *session = session_of(transport);

	session->deadlines.active = loop_timers_now();
	if (session->state == SESSION_LINGERING)
		discard(session);
	else
		echo(session);
}

/* Sends on what may go by the detour; false where memory is out. */
static bool
release(struct session *session)
{
	struct transport *transport = &session->transport;
	uint64_t before = transport->out;

	if (!transport_release(transport, session->listener->output_limit))
		return false;
	if (transport->out > before) {
		session->deadlines.active = loop_timers_now();
		note_moved(session, transport->out - before);
	}
	set_timer(session);
	return true;
}

/* Output has become less, or nearer to being sent.  May free. */
static void
go_on(struct session *session)
{
	struct transport *transport = &session->transport;

	if ((transport->delay && !release(session)) ||
	    !transport_note_output(transport)) {
		session_close(session, CLOSE_error);
		return;
	}
	if (is_to_be_cut(session))
		cut_short(session);
	else if (session->state == SESSION_FINISHING ||
		 session->state == SESSION_CUT || may_end(session))
		advance(session);
	else if (!transport->reading &&
		 transport_may_resume(transport,
				      session->listener->output_limit))
		echo(session);
}

static void
on_written(struct transport *transport)
{
	struct session *session = session_of(transport);

	session->deadlines.active = loop_timers_now();
	go_on(session);
}

static void
on_due(struct transport *transport)
{
	go_on(session_of(transport));
}

static void
on_ended(struct transport *transport, bool failed)
{
	struct session *session = session_of(transport);

	if (failed)
		session_close(session, failure(session));
	else
		end_input(session);
}

/*
 * After SIGSTOP a timer can expire before bytes that arrived in time are read.
 * They get one more tick.  Not two: some bytes are never read.
 */
static bool
is_excused(struct session *session)
{
	session->excused = !session->excused && session->transport.reading &&
			   socket_readable(transport_fd(&session->transport)) >
				   0;
	return session->excused;
}

static void
absorb(struct session *session)
{
	session->transport.absorb = true;
	set_timer(session);
	echo(session);
}

/* Whether its host is there tells one that does not read from one cut off. */
static enum close_reason
unread_reason(const struct session *session)
{
	return socket_is_unanswered(transport_fd(&session->transport)) ?
		       CLOSE_vanished :
		       CLOSE_write_timeout;
}

/* A session that is not watched looks at its socket.  May free: then true. */
static bool
has_ended(struct session *session)
{
	int error = is_unwatched(session) ?
			    socket_end(transport_fd(&session->transport)) :
			    0;

	if (error != 0)
		session_close(session, connection_log_reason(error));
	return error != 0;
}

static void
on_expired(struct wheel_timer *timer, int64_t late)
{
	struct session *session =
		(struct session *)((char *)timer -
				   offsetof(struct session, timer));
	struct deadlines *deadlines = &session->deadlines;
	struct deadlines_limits limits = limits_of(session);
	int64_t now = loop_timers_now();
	enum deadlines_due due;
	int64_t at;

	if (session->transport.in == 0 && may_end(session)) {
		/* Nothing has come after all: see session_drain(). */
		set_timer(session);
		advance(session);
		return;
	}
	if (has_ended(session))
		return;
	deadlines_excuse(deadlines, late);
	due = deadlines_next(deadlines, &limits, &at);
	if (due > DEADLINES_ABSORBS && at <= now &&
	    deadlines_is_owed(deadlines)) {
		look(session, &limits, now);
		due = deadlines_next(deadlines, &limits, &at);
	}
	if (due == DEADLINES_NOTHING || at > now ||
	    (due > DEADLINES_ABSORBS && is_excused(session)))
		set_timer(session);
	else if (due == DEADLINES_ABSORBS)
		absorb(session);
	else
		session_close(session, due == DEADLINES_IDLE ?
					       CLOSE_idle_timeout :
					       unread_reason(session));
}

struct session *
session_next(const struct session *session)
{
	return LIST_NEXT(session, link);
}

void
session_drain(struct session *session)
{
	session->ending = true;
	if (session->state == SESSION_CUT) {
		advance(session);
		return;
	}
	if (session->state != SESSION_OPEN)
		return;
	session->state = SESSION_DRAINING;
	note_due(session);
	if (is_fresh(session))
		loop_timers_set(context_of(session)->timers, &session->timer,
				session->started + FRESH_MS);
	advance(session);
}

/* The one place that knows whether anything stands before the socket. */
static enum stream_echo_path
choose_path(const struct fault_params *fault, const struct ssl_st *tls)
{
	return fault || tls ? STREAM_ECHO_BUFFERED : STREAM_ECHO_DIRECT;
}

/* The end may come first of all: it is not to be waited for by reading. */
static bool
begin_fault(struct session *session, const struct fault_params *fault)
{
	struct transport *transport = &session->transport;

	if (!transport_misbehave(transport, fault))
		return false;
	stats_add(transport->context->stats, STATS_faults, 1);
	if (transport_is_over(transport))
		transport_wake(transport);
	return true;
}

bool
session_context_init(struct session_context *context, struct event_base *base,
		     struct stats *stats)
{
	LIST_INIT(&context->sessions);
	context->transports.base = base;
	context->transports.stats = stats;
	context->transports.readable = on_readable;
	context->transports.written = on_written;
	context->transports.due = on_due;
	context->transports.ended = on_ended;
	context->timers = loop_timers_new(base, on_expired);
	return transport_context_init(&context->transports) && context->timers;
}

void
session_context_release(struct session_context *context)
{
	transport_context_release(&context->transports);
	loop_timers_free(context->timers);
}

/* Takes the descriptor and the place in any case. */
static bool
set_up(struct session *session, struct session_context *context,
       const struct connection_info *info)
{
	const struct fault_params *fault = connection_info_fault(info);
	struct transport *transport = &session->transport;

	if (!transport_open(transport, &context->transports, info->fd,
			    info->tls, choose_path(fault, info->tls))) {
		close(info->fd);
		connection_info_leave(info);
		return false;
	}
	session->frame = connection_info_frame(info);
	if (session->frame && (!fault || begin_fault(session, fault)) &&
	    transport_read(transport, transport_is_over(transport) ?
					      TRANSPORT_STILL :
					      TRANSPORT_EVENT))
		return true;
	transport_close(&session->transport);
	connection_info_leave(info);
	prefix_release(&session->listener->frame, session->frame);
	return false;
}

struct session *
session_new(struct session_context *context, const struct connection_info *info)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session) {
		connection_info_refuse(info);
		return NULL;
	}
	session->listener = info->listener;
	session->listener_limit = info->listener_limit;
	session->peer = info->peer;
	session->per_source = info->per_source;
	session->id = info->id;
	session->quiet = info->quiet;
	session->started = session->deadlines.active = loop_timers_now();
	if (!set_up(session, context, info)) {
		free(session);
		return NULL;
	}
	config_listener_ref(session->listener);
	LIST_INSERT_HEAD(&context->sessions, session, link);
	context->count++;
	stats_add(context->transports.stats, STATS_connections, 1);
	log_begin(session, info);
	set_timer(session);
	return session;
}
