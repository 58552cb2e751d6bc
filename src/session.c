#include "session.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "admit.h"
#include "config.h"
#include "origin.h"
#include "patience.h"
#include "prefix.h"
#include "report.h"
#include "socket.h"
#include "timers.h"

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
	struct flow flow;
	struct wheel_timer timer;
	const struct config_listener *listener; /* with a reference */
	const struct frame *frame;
	uint64_t due; /* of what comes in: as much had when it was to end */
	struct patience patience;
	int64_t started;
	uint64_t id;
	struct gate *gate;
	LIST_ENTRY(session) link;
	struct address peer;
	unsigned per_source;
	enum session_state state : 8;
	bool quiet;   /* see struct origin */
	bool ending;  /* told to */
	bool excused; /* see on_expired() */
};

/* The first member of a host is that of its flows. */
static struct session_host *
host_of(const struct session *session)
{
	return (struct session_host *)session->flow.host;
}

static struct session *
session_of(struct flow *flow)
{
	return (struct session *)((char *)flow -
				  offsetof(struct session, flow));
}

static struct report_subject
subject_of(const struct session *session)
{
	return (struct report_subject){
		.peer = &session->peer,
		.listener = session->listener->name,
		.id = session->id,
		.quiet = session->quiet,
		.fault = session->flow.detour != NULL,
	};
}

static void
report_begin(const struct session *session, const struct origin *origin)
{
	struct report_subject subject = origin_subject(origin);

	subject.fault = session->flow.detour != NULL;
	report_arrival(&subject);
}

static void
report_end(const struct session *session, enum close_reason reason)
{
	struct report_subject subject = subject_of(session);
	struct report_totals totals = {
		.in = session->flow.in,
		.out = session->flow.out - flow_unsent(&session->flow),
		.ms = timers_now() - session->started,
	};

	report_departure(&subject, reason, &totals);
}

void
session_close(struct session *session, enum close_reason reason)
{
	struct session_host *host = host_of(session);

	/* First: who reads of it in the log may ask for the counters. */
	stats_bump(&host->flows.stats->closed[reason], 1);
	report_end(session, reason);
	timers_cancel(host->timers, &session->timer);
	flow_close(&session->flow);
	gate_leave(session->gate, &session->peer, session->per_source);
	prefix_release(session->listener, session->frame);
	config_listener_unref(session->listener);
	LIST_REMOVE(session, link);
	host->count--;
	free(session);
	if (host->closed)
		host->closed(host);
}

/* Whether input may be read although output waits. */
static bool
may_absorb(const struct session *session)
{
	const struct flow *flow = &session->flow;

	return flow->stuck && !flow->absorb && !flow->reading &&
	       session->state != SESSION_FINISHING &&
	       session->state != SESSION_CUT &&
	       flow_unsent(flow) < session->listener->output_limit;
}

static struct patience_limits
limits_of(const struct session *session)
{
	const struct config_listener *listener = session->listener;

	return (struct patience_limits){
		/* It is not the peer who makes itself wait. */
		.idle = flow_is_patient(&session->flow) ?
				0 :
				patience_ms(listener->idle_timeout),
		.unread = patience_ms(listener->write_timeout),
		.rate = listener->minimum_rate,
		.may_absorb = may_absorb(session),
	};
}

/* Neither reads nor writes: the event loop would not tell of a RST. */
static bool
is_unwatched(const struct session *session)
{
	const struct flow *flow = &session->flow;

	return flow->reading == FLOW_STILL && flow_unsent(flow) == 0;
}

/*
 * The timer is lazy: progress only notes the time, and a timer that expires too
 * early is set again for what is left.
 */
static void
set_timer(struct session *session)
{
	struct patience_limits limits = limits_of(session);
	int64_t at, look = timers_now() + LOOK_MS;
	bool is_due = patience_next(&session->patience, &limits, &at) !=
		      PATIENCE_NOTHING;

	if (is_unwatched(session) && (!is_due || look < at))
		at = look;
	else if (!is_due)
		return;
	timers_set(host_of(session)->timers, &session->timer, at);
}

/*
 * From now on input is looked for like this.  False, with the session closed, if
 * that cannot be.
 */
static bool
set_reading(struct session *session, enum flow_reading reading)
{
	if (flow_read(&session->flow, reading))
		return true;
	session_close(session, CLOSE_error);
	return false;
}

/* From now on the peer is looked at, until it has taken everything. */
static void
owe(struct session *session, uint64_t bytes)
{
	struct patience_limits limits = limits_of(session);

	patience_owe(&session->patience, &limits, session->patience.active,
		     flow_sent(&session->flow), bytes);
	set_timer(session);
}

static void
look(struct session *session, const struct patience_limits *limits, int64_t now)
{
	const struct flow *flow = &session->flow;
	int fd = flow_fd(flow);

	patience_look(&session->patience, limits, now, flow_sent(flow),
		      flow_unsent(flow) + socket_unacknowledged(fd));
}

/*
 * Our FIN; then the peer's is waited for, lest a RST overtake the echo.  May
 * free.
 */
static void
linger(struct session *session)
{
	session->state = SESSION_LINGERING;
	if (flow_shut(&session->flow))
		set_reading(session, FLOW_EVENT);
	else
		session_close(session, CLOSE_error);
}

static bool
is_fresh(const struct session *session)
{
	return session->flow.in == 0 &&
	       timers_now() - session->started < FRESH_MS;
}

/*
 * Told to end, a session has done its duty when what had come by then has been
 * taken in.  Who sends without end would never find the socket empty.
 */
static bool
may_end(const struct session *session)
{
	return session->state == SESSION_DRAINING && !is_fresh(session) &&
	       flow_received(&session->flow) >= session->due &&
	       flow_is_empty(&session->flow);
}

/* What has come is to be echoed before the end. */
static void
note_due(struct session *session)
{
	const struct flow *flow = &session->flow;

	session->due = flow_received(flow) + socket_readable(flow_fd(flow));
}

/*
 * A RST would overtake what the peer has not got yet, and on some systems what
 * it has not read; where it does not even get it, that is for write_timeout.
 */
static void
reset(struct session *session)
{
	struct flow *flow = &session->flow;
	int fd = flow_fd(flow);

	/* What a peer that has reset it did not acknowledge remains so. */
	if (socket_unacknowledged(fd) > 0 && socket_end(fd) == 0) {
		flow_wake(flow);
		return;
	}
	flow_abort(flow);
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
	int fd = flow_fd(&session->flow);

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
	if (flow_unsent(&session->flow) + flow_detained(&session->flow) > 0) {
		if (is_unwatched(session))
			set_timer(session);
		return;
	}
	if (session->state == SESSION_FINISHING) {
		/* With nothing left to read, closing sends FIN. */
		if (flow_held(&session->flow) == 0 &&
		    flow_take_leave(&session->flow))
			session_close(session, flow_is_over(&session->flow) ?
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
	if (set_reading(session, FLOW_STILL))
		advance(session);
}

static bool
is_to_be_cut(const struct session *session)
{
	return flow_is_over(&session->flow) && session->state < SESSION_CUT;
}

/* Why our FIN came first. */
static enum close_reason
linger_reason(const struct session *session)
{
	return flow_is_over(&session->flow) ? CLOSE_fault : CLOSE_drain;
}

static enum close_reason
failure(const struct session *session)
{
	return session->state == SESSION_LINGERING ? linger_reason(session) :
						     report_reason(errno);
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
	if (set_reading(session, FLOW_STILL))
		advance(session);
}

/* So many bytes of output are new. */
static void
note_moved(struct session *session, uint64_t moved)
{
	if (moved > 0 && session->listener->write_timeout > 0 &&
	    !patience_is_owed(&session->patience))
		owe(session, moved);
}

static enum pump_state
move(struct session *session, enum flow_reading *reading)
{
	uint64_t before = session->flow.out;
	enum pump_state state = flow_echo(&session->flow, session->frame,
					  session->listener->output_limit,
					  reading);

	note_moved(session, session->flow.out - before);
	return state;
}

/* Echoes what can be echoed, and goes on from there.  May free. */
static void
echo(struct session *session)
{
	struct flow *flow = &session->flow;
	bool was_stuck = flow->stuck;
	enum flow_reading reading;
	enum pump_state state;

	if (may_end(session)) {
		if (set_reading(session, FLOW_STILL))
			advance(session);
		return;
	}
	state = move(session, &reading);
	if (state == PUMP_FAILED) {
		session_close(session, failure(session));
		return;
	}
	if (!flow_note_output(flow)) {
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
	if ((flow->stuck && !was_stuck) || state == PUMP_FULL)
		set_timer(session);
	if (state == PUMP_ENDED)
		end_input(session);
	else if (session->state == SESSION_DRAINING)
		advance(session);
}

/* After our FIN nothing can be echoed: what comes is read and dropped. */
static void
discard(struct session *session)
{
	ssize_t got = flow_discard(&session->flow);

	if (got == 0)
		end_input(session);
	else if (got < 0 && errno != EAGAIN && errno != EINTR)
		session_close(session, failure(session));
}

static void
on_readable(struct flow *flow)
{
	struct session *session = session_of(flow);

	session->patience.active = timers_now();
	if (session->state == SESSION_LINGERING)
		discard(session);
	else
		echo(session);
}

/* Sends on what may go by the detour; false where memory is out. */
static bool
release(struct session *session)
{
	struct flow *flow = &session->flow;
	uint64_t before = flow->out;

	if (!flow_release(flow, session->listener->output_limit))
		return false;
	if (flow->out > before) {
		session->patience.active = timers_now();
		note_moved(session, flow->out - before);
	}
	set_timer(session);
	return true;
}

/* Output has become less, or nearer to being sent.  May free. */
static void
go_on(struct session *session)
{
	struct flow *flow = &session->flow;

	if ((flow->detour && !release(session)) || !flow_note_output(flow)) {
		session_close(session, CLOSE_error);
		return;
	}
	if (is_to_be_cut(session))
		cut_short(session);
	else if (session->state == SESSION_FINISHING ||
		 session->state == SESSION_CUT || may_end(session))
		advance(session);
	else if (!flow->reading &&
		 flow_may_resume(flow, session->listener->output_limit))
		echo(session);
}

static void
on_written(struct flow *flow)
{
	struct session *session = session_of(flow);

	session->patience.active = timers_now();
	go_on(session);
}

static void
on_due(struct flow *flow)
{
	go_on(session_of(flow));
}

static void
on_ended(struct flow *flow, bool failed)
{
	struct session *session = session_of(flow);

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
	session->excused = !session->excused && session->flow.reading &&
			   socket_readable(flow_fd(&session->flow)) > 0;
	return session->excused;
}

static void
absorb(struct session *session)
{
	session->flow.absorb = true;
	set_timer(session);
	echo(session);
}

/* Whether its host is there tells one that does not read from one cut off. */
static enum close_reason
unread_reason(const struct session *session)
{
	return socket_is_unanswered(flow_fd(&session->flow)) ?
		       CLOSE_vanished :
		       CLOSE_write_timeout;
}

/* A session that is not watched looks at its socket.  May free: then true. */
static bool
has_ended(struct session *session)
{
	int error =
		is_unwatched(session) ? socket_end(flow_fd(&session->flow)) : 0;

	if (error != 0)
		session_close(session, report_reason(error));
	return error != 0;
}

static void
on_expired(struct wheel_timer *timer, int64_t late)
{
	struct session *session =
		(struct session *)((char *)timer -
				   offsetof(struct session, timer));
	struct patience *patience = &session->patience;
	struct patience_limits limits = limits_of(session);
	int64_t now = timers_now();
	enum patience_due due;
	int64_t at;

	if (session->flow.in == 0 && may_end(session)) {
		/* Nothing has come after all: see session_drain(). */
		set_timer(session);
		advance(session);
		return;
	}
	if (has_ended(session))
		return;
	patience_excuse(patience, late);
	due = patience_next(patience, &limits, &at);
	if (due > PATIENCE_ABSORBS && at <= now && patience_is_owed(patience)) {
		look(session, &limits, now);
		due = patience_next(patience, &limits, &at);
	}
	if (due == PATIENCE_NOTHING || at > now ||
	    (due > PATIENCE_ABSORBS && is_excused(session)))
		set_timer(session);
	else if (due == PATIENCE_ABSORBS)
		absorb(session);
	else
		session_close(session, due == PATIENCE_IDLE ?
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
		timers_set(host_of(session)->timers, &session->timer,
			   session->started + FRESH_MS);
	advance(session);
}

/* The one place that knows whether anything stands before the socket. */
static enum pump_path
choose_path(const struct fault_terms *fault, const struct ssl_st *tls)
{
	return fault || tls ? PUMP_BUFFERED : PUMP_DIRECT;
}

/* The end may come first of all: it is not to be waited for by reading. */
static bool
begin_fault(struct session *session, const struct fault_terms *fault)
{
	struct flow *flow = &session->flow;

	if (!flow_misbehave(flow, fault))
		return false;
	stats_add(flow->host->stats, STATS_faults, 1);
	if (flow_is_over(flow))
		flow_wake(flow);
	return true;
}

bool
session_host_init(struct session_host *host, struct event_base *base,
		  struct stats *stats)
{
	LIST_INIT(&host->sessions);
	host->flows.base = base;
	host->flows.stats = stats;
	host->flows.readable = on_readable;
	host->flows.written = on_written;
	host->flows.due = on_due;
	host->flows.ended = on_ended;
	host->timers = timers_new(base, on_expired);
	return flow_host_init(&host->flows) && host->timers;
}

void
session_host_release(struct session_host *host)
{
	flow_host_release(&host->flows);
	timers_free(host->timers);
}

/* Takes the descriptor and the place in any case. */
static bool
set_up(struct session *session, struct session_host *host,
       const struct origin *origin)
{
	const struct fault_terms *fault = origin_fault(origin);
	struct flow *flow = &session->flow;

	if (!flow_open(flow, &host->flows, origin->fd, origin->tls,
		       choose_path(fault, origin->tls))) {
		close(origin->fd);
		origin_leave(origin);
		return false;
	}
	session->frame = origin_frame(origin);
	if (session->frame && (!fault || begin_fault(session, fault)) &&
	    flow_read(flow, flow_is_over(flow) ? FLOW_STILL : FLOW_EVENT))
		return true;
	flow_close(&session->flow);
	origin_leave(origin);
	prefix_release(session->listener, session->frame);
	return false;
}

struct session *
session_new(struct session_host *host, const struct origin *origin)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session) {
		origin_refuse(origin);
		return NULL;
	}
	session->listener = origin->listener;
	session->gate = origin->gate;
	session->peer = origin->peer;
	session->per_source = origin->per_source;
	session->id = origin->id;
	session->quiet = origin->quiet;
	session->started = session->patience.active = timers_now();
	if (!set_up(session, host, origin)) {
		free(session);
		return NULL;
	}
	config_listener_ref(session->listener);
	LIST_INSERT_HEAD(&host->sessions, session, link);
	host->count++;
	stats_add(host->flows.stats, STATS_connections, 1);
	report_begin(session, origin);
	set_timer(session);
	return session;
}
