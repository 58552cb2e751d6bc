#include "session.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admit.h"
#include "config.h"
#include "patience.h"
#include "prefix.h"
#include "pump.h"
#include "report.h"
#include "socket.h"
#include "timers.h"
#include "turns.h"

enum session_state {
	SESSION_OPEN,
	SESSION_FINISHING, /* the peer's FIN is here, its echo not out */
	SESSION_DRAINING,  /* told to end, what was received not out */
	SESSION_LINGERING, /* our FIN is out, the peer's not here */
};

/* What makes it look for input. */
enum session_reading {
	READING_NOT,
	READING_EVENT, /* that there is some */
	READING_TURN,  /* that it is its turn */
	READING_REST,  /* likewise, after a rest */
};

/* So many turns of bulk in a row mean that nobody else is there. */
#define ALONE_AFTER 32

/* Who has come so recently and said nothing is about to say something. */
#define FRESH_MS 2000

/* What is dropped at a time of what comes too late. */
#define DISCARD_MAX (16 * 1024)

/* 10,000 idle ones are a usual sight: mind the size, and padding. */
struct session {
	struct event readable; /* on the direct path */
	struct wheel_timer timer;
	struct turn turn;
	struct bufferevent *bev;
	const struct config_listener *listener; /* with a reference */
	const struct frame *frame;
	struct session_host *host;
	uint64_t in;
	uint64_t out; /* queued output included */
	uint64_t due; /* of `in`: what had come when it was told to end */
	struct patience patience;
	int64_t started;
	uint64_t id;
	struct gate *gate;
	LIST_ENTRY(session) link;
	struct address peer;
	unsigned per_source;
	enum session_state state : 8;
	enum pump_path path : 8;
	enum session_reading reading : 8;
	unsigned char bulk; /* see struct pump_job */
	bool in_line;	    /* likewise */
	bool stuck;	    /* output waits for the peer to read */
	bool absorb;	    /* see struct pump_job: the peer does not read */
	bool quiet;	    /* see struct session_origin */
};

static size_t
unsent(const struct session *session)
{
	return evbuffer_get_length(bufferevent_get_output(session->bev));
}

static struct report_subject
subject_of(const struct session *session)
{
	return (struct report_subject){
		.peer = &session->peer,
		.listener = session->listener->name,
		.id = session->id,
		.quiet = session->quiet,
	};
}

static void
report_begin(const struct session *session, const struct address *via)
{
	struct report_subject subject = subject_of(session);

	if (via->length > 0)
		subject.via = via;
	report_arrival(&subject);
}

static void
report_end(const struct session *session, enum close_reason reason)
{
	struct report_subject subject = subject_of(session);
	struct report_totals totals = {
		.in = session->in,
		.out = session->out - unsent(session),
		.ms = timers_now() - session->started,
	};

	report_departure(&subject, reason, &totals);
}

static bool
start_reading(struct session *session)
{
	struct turns *turns = session->host->turns;

	if (session->path == PUMP_BUFFERED)
		return bufferevent_enable(session->bev, EV_READ) == 0;
	if (session->reading == READING_TURN &&
	    turns_wait(turns, &session->turn))
		return true;
	if (session->reading == READING_REST &&
	    turns_rest(turns, &session->turn))
		return true;
	session->reading = READING_EVENT;
	return event_add(&session->readable, NULL) == 0;
}

static bool
stop_reading(struct session *session)
{
	if (session->path == PUMP_BUFFERED)
		return bufferevent_disable(session->bev, EV_READ) == 0;
	turns_cancel(&session->turn);
	return event_del(&session->readable) == 0;
}

/* Back-pressure: what is not read fills the peer's window. */
static bool
set_reading(struct session *session, enum session_reading reading)
{
	enum session_reading before = session->reading;

	if (reading == before)
		return true;
	session->reading = reading;
	return (before == READING_NOT || stop_reading(session)) &&
	       (reading == READING_NOT || start_reading(session));
}

void
session_close(struct session *session, enum close_reason reason)
{
	struct session_host *host = session->host;

	/* First: who reads of it in the log may ask for the counters. */
	stats_bump(&host->stats->closed[reason], 1);
	report_end(session, reason);
	timers_cancel(host->timers, &session->timer);
	set_reading(session, READING_NOT);
	/* BEV_OPT_CLOSE_ON_FREE: the descriptor goes with it. */
	bufferevent_free(session->bev);
	gate_leave(session->gate, &session->peer, session->per_source);
	prefix_release(session->listener, session->frame);
	config_unref(session->listener->config);
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
	return session->stuck && !session->absorb && !session->reading &&
	       session->state != SESSION_FINISHING &&
	       unsent(session) < session->listener->output_limit;
}

static struct patience_limits
limits_of(const struct session *session)
{
	const struct config_listener *listener = session->listener;

	return (struct patience_limits){
		.idle = patience_ms(listener->idle_timeout),
		.unread = patience_ms(listener->write_timeout),
		.rate = listener->minimum_rate,
		.may_absorb = may_absorb(session),
	};
}

/*
 * The timer is lazy: progress only notes the time, and a timer that expires too
 * early is set again for what is left.
 */
static void
set_timer(struct session *session)
{
	struct patience_limits limits = limits_of(session);
	int64_t at;

	if (patience_next(&session->patience, &limits, &at) != PATIENCE_NOTHING)
		timers_set(session->host->timers, &session->timer, at);
}

/* From now on the peer is looked at, until it has taken everything. */
static void
owe(struct session *session, uint64_t bytes)
{
	struct patience_limits limits = limits_of(session);

	patience_owe(&session->patience, &limits, session->patience.active,
		     session->out, bytes);
	set_timer(session);
}

static void
look(struct session *session, const struct patience_limits *limits, int64_t now)
{
	int fd = bufferevent_getfd(session->bev);

	patience_look(&session->patience, limits, now, session->out,
		      unsent(session) + socket_unacknowledged(fd));
}

/* Keeps track of whether the peer lets output wait. */
static void
note_output(struct session *session)
{
	bool stuck = unsent(session) > 0;

	if (!stuck)
		session->absorb = false;
	session->stuck = stuck;
}

/* Our FIN; then the peer's is waited for, lest a RST overtake the echo. */
static void
linger(struct session *session)
{
	session->state = SESSION_LINGERING;
	shutdown(bufferevent_getfd(session->bev), SHUT_WR);
	set_reading(session, READING_EVENT);
}

static bool
is_fresh(const struct session *session)
{
	return session->in == 0 && timers_now() - session->started < FRESH_MS;
}

/*
 * Told to end, a session has done its duty when what had come by then has been
 * taken in.  Who sends without end would never find the socket empty.
 */
static bool
may_end(const struct session *session)
{
	struct evbuffer *input = bufferevent_get_input(session->bev);

	return session->state == SESSION_DRAINING && !is_fresh(session) &&
	       session->in >= session->due && evbuffer_get_length(input) == 0;
}

/* What has come is to be echoed before the end. */
static void
note_due(struct session *session)
{
	session->due =
		session->in +
		evbuffer_get_length(bufferevent_get_input(session->bev)) +
		socket_readable(bufferevent_getfd(session->bev));
}

/* Goes on with ending once nothing waits to be sent.  May free the session. */
static void
advance(struct session *session)
{
	struct evbuffer *input = bufferevent_get_input(session->bev);

	if (unsent(session) > 0)
		return;
	/* With nothing left to read, closing sends FIN. */
	if (session->state == SESSION_FINISHING &&
	    evbuffer_get_length(input) == 0)
		session_close(session, CLOSE_eof);
	else if (may_end(session))
		linger(session);
}

static enum close_reason
failure(const struct session *session)
{
	return session->state == SESSION_LINGERING ? CLOSE_drain :
						     report_reason(errno);
}

/* The peer's FIN, and nothing before it is left to echo.  May free. */
static void
end_input(struct session *session)
{
	if (session->state == SESSION_LINGERING) {
		session_close(session, CLOSE_drain);
		return;
	}
	set_reading(session, READING_NOT);
	session->state = SESSION_FINISHING;
	advance(session);
}

/* Bulk gets more at a time while it is alone with its like. */
static size_t
budget(const struct session *session)
{
	struct session_host *host = session->host;

	if (session->bulk == 0)
		host->bulk_turns = 0;
	else if (host->bulk_turns < ALONE_AFTER)
		host->bulk_turns++;
	return host->bulk_turns < ALONE_AFTER ? PUMP_BUDGET_SHARED :
						PUMP_BUDGET;
}

/* What comes after a turn: in a stream that flows, the next one. */
static enum session_reading
next_reading(const struct pump_job *job, enum pump_state state, uint64_t taken)
{
	if (state != PUMP_EMPTY)
		return READING_NOT;
	if (job->path == PUMP_BUFFERED || job->bulk == 0 || job->absorb ||
	    taken == 0)
		return READING_EVENT;
	return taken < job->budget ? READING_REST : READING_TURN;
}

static enum pump_state
run_pump(struct session *session, enum session_reading *reading)
{
	struct stats *stats = session->host->stats;
	struct pump_tally tally = { 0 };
	struct pump_job job = {
		.bev = session->bev,
		.frame = session->frame,
		.output_limit = session->listener->output_limit,
		.budget = budget(session),
		.path = session->path,
		.absorb = session->absorb,
		.in_line = session->in_line,
		.bulk = session->bulk,
	};
	enum pump_state state = pump_run(session->host->pump, &job, &tally);

	*reading = next_reading(&job, state, tally.in);
	session->bulk = job.bulk;
	session->in_line = job.in_line;
	session->in += tally.in;
	session->out += tally.out;
	stats_add(stats, STATS_bytes_in, tally.in);
	stats_add(stats, STATS_bytes_out, tally.out);
	stats_add(stats, STATS_chunks, tally.chunks);
	if (tally.out > 0 && session->listener->write_timeout > 0 &&
	    !patience_is_owed(&session->patience))
		owe(session, tally.out);
	return state;
}

/* Echoes what can be echoed, and goes on from there.  May free. */
static void
echo(struct session *session)
{
	bool was_stuck = session->stuck;
	enum session_reading reading;
	enum pump_state state;

	if (may_end(session)) {
		set_reading(session, READING_NOT);
		advance(session);
		return;
	}
	state = run_pump(session, &reading);
	if (state == PUMP_FAILED) {
		session_close(session, failure(session));
		return;
	}
	/* The first words of one who was fresh may come in pieces. */
	if (session->state == SESSION_DRAINING && session->due == 0)
		note_due(session);
	note_output(session);
	if (!set_reading(session, reading)) {
		session_close(session, CLOSE_error);
		return;
	}
	if (session->stuck && !was_stuck)
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
	/* tcp(7) could do without a buffer, by MSG_TRUNC; unix(7) cannot. */
	char waste[DISCARD_MAX];
	ssize_t got =
		recv(bufferevent_getfd(session->bev), waste, sizeof(waste), 0);

	if (got == 0)
		end_input(session);
	else if (got < 0 && errno != EAGAIN && errno != EINTR)
		session_close(session, failure(session));
}

static void
take_in(struct session *session)
{
	session->patience.active = timers_now();
	if (session->state == SESSION_LINGERING)
		discard(session);
	else
		echo(session);
}

static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	take_in(argument);
}

static void
on_turn(struct turn *turn)
{
	struct session *session =
		(struct session *)((char *)turn -
				   offsetof(struct session, turn));

	session->reading = READING_NOT;
	take_in(session);
}

static void
on_read(struct bufferevent *bev, void *argument)
{
	struct session *session = argument;
	struct evbuffer *input = bufferevent_get_input(bev);

	session->patience.active = timers_now();
	if (session->state == SESSION_LINGERING)
		evbuffer_drain(input, evbuffer_get_length(input));
	else
		echo(session);
}

/* Output waits, but so little that more may be read. */
static bool
may_resume(const struct session *session)
{
	if (session->path == PUMP_DIRECT && !session->absorb)
		return unsent(session) == 0;
	return unsent(session) <= session->listener->output_limit / 2;
}

/* Runs after every write that has sent something (see the watermark). */
static void
on_write(struct bufferevent *bev, void *argument)
{
	struct session *session = argument;

	(void)bev;
	session->patience.active = timers_now();
	note_output(session);
	if (session->state == SESSION_FINISHING || may_end(session))
		advance(session);
	else if (!session->reading && may_resume(session))
		echo(session);
}

/* After SIGSTOP time has passed, but there may be bytes that came in time. */
static bool
was_stopped(const struct session *session)
{
	return session->reading &&
	       socket_readable(bufferevent_getfd(session->bev)) > 0;
}

static void
absorb(struct session *session)
{
	session->absorb = true;
	set_timer(session);
	echo(session);
}

/* Whether its host is there tells one that does not read from one cut off. */
static enum close_reason
unread_reason(const struct session *session)
{
	return socket_is_unanswered(bufferevent_getfd(session->bev)) ?
		       CLOSE_vanished :
		       CLOSE_write_timeout;
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

	if (session->state == SESSION_DRAINING && session->in == 0) {
		/* Nothing has come after all: see session_drain(). */
		set_timer(session);
		advance(session);
		return;
	}
	patience_excuse(patience, late);
	due = patience_next(patience, &limits, &at);
	if (due > PATIENCE_ABSORBS && at <= now && patience_is_owed(patience)) {
		look(session, &limits, now);
		due = patience_next(patience, &limits, &at);
	}
	if (due == PATIENCE_NOTHING)
		return;
	if (at > now || (due > PATIENCE_ABSORBS && was_stopped(session)))
		set_timer(session);
	else if (due == PATIENCE_ABSORBS)
		absorb(session);
	else
		session_close(session, due == PATIENCE_IDLE ?
					       CLOSE_idle_timeout :
					       unread_reason(session));
}

static void
on_event(struct bufferevent *bev, short what, void *argument)
{
	struct session *session = argument;

	(void)bev;
	if (what & BEV_EVENT_EOF)
		end_input(session);
	else
		session_close(session, failure(session));
}

struct session *
session_next(const struct session *session)
{
	return LIST_NEXT(session, link);
}

void
session_drain(struct session *session)
{
	if (session->state != SESSION_OPEN)
		return;
	session->state = SESSION_DRAINING;
	note_due(session);
	if (is_fresh(session))
		timers_set(session->host->timers, &session->timer,
			   session->started + FRESH_MS);
	advance(session);
}

/* The one place that knows whether anything stands before the socket. */
static enum pump_path
choose_path(void)
{
	return PUMP_DIRECT;
}

/* What is told of the peer by a prefix has to be known by then. */
static bool
choose_frame(struct session *session, const struct session_origin *origin)
{
	const struct prefix_subject subject = {
		.fd = bufferevent_getfd(session->bev),
		.peer = &session->peer,
		.local = origin->via.length > 0 ? &origin->local : NULL,
		.number = session->id,
	};

	session->frame = prefix_frame(session->listener, &subject);
	return session->frame;
}

static bool
set_up(struct session *session, const struct session_origin *origin)
{
	int fd = origin->fd;
	struct event_base *base = session->host->base;
	struct bufferevent *bev =
		bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	if (!bev)
		return false;
	session->bev = bev;
	session->path = choose_path();
	bufferevent_setcb(bev, on_read, on_write, on_event, session);
	/* No output is too much for the write callback to be told of. */
	bufferevent_setwatermark(bev, EV_WRITE, SIZE_MAX, 0);
	event_assign(&session->readable, base, fd, EV_READ | EV_PERSIST,
		     on_readable, session);
	return choose_frame(session, origin) &&
	       set_reading(session, READING_EVENT);
}

bool
session_host_init(struct session_host *host, struct event_base *base,
		  struct stats *stats)
{
	LIST_INIT(&host->sessions);
	host->base = base;
	host->stats = stats;
	host->pump = pump_new();
	host->turns = turns_new(base, on_turn);
	host->timers = timers_new(base, on_expired);
	return host->pump && host->turns && host->timers;
}

void
session_host_release(struct session_host *host)
{
	pump_free(host->pump);
	turns_free(host->turns);
	timers_free(host->timers);
}

static void
leave_gate(const struct session_origin *origin)
{
	gate_leave(origin->gate, &origin->peer, origin->per_source);
}

void
session_refuse(const struct session_origin *origin)
{
	close(origin->fd);
	leave_gate(origin);
}

struct session *
session_new(struct session_host *host, const struct session_origin *origin)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session) {
		session_refuse(origin);
		return NULL;
	}
	session->host = host;
	session->listener = origin->listener;
	session->gate = origin->gate;
	session->peer = origin->peer;
	session->per_source = origin->per_source;
	session->id = origin->id;
	session->quiet = origin->quiet;
	session->started = session->patience.active = timers_now();
	if (!set_up(session, origin)) {
		if (session->bev)
			bufferevent_free(session->bev);
		else
			close(origin->fd);
		leave_gate(origin);
		prefix_release(session->listener, session->frame);
		free(session);
		return NULL;
	}
	config_ref(session->listener->config);
	LIST_INSERT_HEAD(&host->sessions, session, link);
	host->count++;
	stats_add(host->stats, STATS_connections, 1);
	report_begin(session, &origin->via);
	set_timer(session);
	return session;
}
