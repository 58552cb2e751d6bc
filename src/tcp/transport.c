#include "tcp/transport.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>

#include "base/loop_timers.h"
#include "base/stats.h"
#include "listen/socket.h"
#include "tcp/coalesce.h"
#include "tcp/delay_buffer.h"
#include "tls/connection.h"

/* For flow.error: all is said. */
#define END_OF_INPUT (-1)

/* So long, in milliseconds, without a small message: nobody else is there. */
#define ALONE_MS 10

/* What is dropped at a time of what comes too late. */
#define DISCARD_MAX (16 * 1024)

int
transport_fd(const struct transport *transport)
{
	return bufferevent_getfd(transport->bev);
}

size_t
transport_unsent(const struct transport *transport)
{
	return evbuffer_get_length(bufferevent_get_output(transport->bev));
}

static struct ssl_st *
link_of(const struct transport *transport)
{
	return tls_connection_of(transport->bev);
}

static bool
has_tls(const struct transport *transport)
{
	return transport->path == STREAM_ECHO_BUFFERED && link_of(transport);
}

size_t
transport_detained(const struct transport *transport)
{
	return transport->delay ? delay_buffer_held(transport->delay) : 0;
}

size_t
transport_held(const struct transport *transport)
{
	return evbuffer_get_length(bufferevent_get_input(transport->bev));
}

uint64_t
transport_received(const struct transport *transport)
{
	return has_tls(transport) ?
		       tls_connection_received(link_of(transport)) :
		       transport->in + transport_held(transport);
}

uint64_t
transport_sent(const struct transport *transport)
{
	if (!has_tls(transport))
		return transport->out;
	return tls_connection_sent(link_of(transport)) +
	       transport_unsent(transport);
}

bool
transport_is_empty(const struct transport *transport)
{
	return transport_held(transport) == 0 &&
	       !(has_tls(transport) &&
		 tls_connection_is_amid(link_of(transport)));
}

/* close_notify waits for room. */
static bool
is_leaving(const struct transport *transport)
{
	return event_pending(&transport->readable, EV_WRITE, NULL);
}

static bool
start_reading(struct transport *transport)
{
	/* libevent does not tell of the end a second time. */
	if (transport->error == END_OF_INPUT)
		event_active(&transport->readable, EV_READ, 0);
	if (transport->path == STREAM_ECHO_BUFFERED)
		return bufferevent_enable(transport->bev, EV_READ) == 0;
	if (transport->reading == TRANSPORT_TURN &&
	    bulk_queue_wait(transport->context->bulk_queue, &transport->entry))
		return true;
	transport->reading = TRANSPORT_EVENT;
	return event_add(&transport->readable, NULL) == 0;
}

static bool
stop_reading(struct transport *transport)
{
	if (transport->path == STREAM_ECHO_BUFFERED)
		return bufferevent_disable(transport->bev, EV_READ) == 0;
	bulk_queue_cancel(&transport->entry);
	return event_del(&transport->readable) == 0;
}

bool
transport_read(struct transport *transport, enum transport_reading reading)
{
	enum transport_reading before = transport->reading;

	if (reading == before)
		return true;
	transport->reading = reading;
	return (before == TRANSPORT_STILL || stop_reading(transport)) &&
	       (reading == TRANSPORT_STILL || start_reading(transport));
}

/* Whether it is in bulk, and alone with its like. */
static bool
is_alone(const struct transport *transport)
{
	struct transport_context *context = transport->context;
	int64_t now = loop_timers_now();

	if (transport->bulk == 0)
		context->small_at = now;
	return now - context->small_at >= ALONE_MS;
}

/*
 * What comes after a turn.  In company who has not come to an end waits for
 * another turn, and everybody else is served in between.
 */
static enum transport_reading
next_reading(const struct stream_echo_job *job, enum stream_echo_state state,
	     uint64_t taken)
{
	if (state != STREAM_ECHO_EMPTY)
		return TRANSPORT_STILL;
	if (job->path == STREAM_ECHO_BUFFERED || job->bulk == 0 ||
	    job->absorb || job->budget > STREAM_ECHO_BUDGET_SHARED ||
	    taken < job->budget)
		return TRANSPORT_EVENT;
	return TRANSPORT_TURN;
}

/* Output that waits fills the room of what is to come. */
static size_t
room(const struct transport *transport, size_t output_limit)
{
	size_t unsent = transport_unsent(transport);

	return unsent < output_limit ? output_limit - unsent : 0;
}

bool
transport_release(struct transport *transport, size_t output_limit)
{
	ssize_t gone = delay_buffer_release(
		transport->delay, bufferevent_get_output(transport->bev),
		room(transport, output_limit));

	if (gone < 0) {
		errno = ENOMEM;
		return false;
	}
	transport->out += (uint64_t)gone;
	stats_add(transport->context->stats, STATS_bytes_out, (uint64_t)gone);
	return true;
}

/* Echoes as far as to the detour, and from there what may go on. */
static enum stream_echo_state
echo_by_detour(struct transport *transport, struct stream_echo_job *job,
	       struct stream_echo_tally *tally)
{
	size_t output_limit = job->output_limit;
	enum stream_echo_state state;

	job->delay = delay_buffer_buffer(transport->delay);
	job->output_limit = room(transport, output_limit);
	state = stream_echo_run(transport->context->stream_echo, job, tally);
	delay_buffer_come(transport->delay, tally->out);
	/* It has gone out once it is let go. */
	tally->out = 0;
	return transport_release(transport, output_limit) ? state :
							    STREAM_ECHO_FAILED;
}

enum stream_echo_state
transport_echo(struct transport *transport, const struct frame *frame,
	       size_t output_limit, enum transport_reading *reading)
{
	struct stats *stats = transport->context->stats;
	bool alone = is_alone(transport);
	struct stream_echo_tally tally = { 0 };
	struct stream_echo_job job = {
		.bev = transport->bev,
		.frame = frame,
		.output_limit = output_limit,
		.budget = alone ? STREAM_ECHO_BUDGET :
				  STREAM_ECHO_BUDGET_SHARED,
		.path = transport->path,
		.absorb = transport->absorb,
		.in_line = transport->in_line,
		.bulk = transport->bulk,
	};
	enum stream_echo_state state =
		transport->delay ?
			echo_by_detour(transport, &job, &tally) :
			stream_echo_run(transport->context->stream_echo, &job,
					&tally);

	if (alone)
		coalesce_rest(transport->context->coalesce);
	if (state == STREAM_ECHO_EMPTY && transport->error == END_OF_INPUT)
		state = STREAM_ECHO_ENDED;
	*reading = next_reading(&job, state, tally.in);
	transport->bulk = job.bulk;
	transport->in_line = job.in_line;
	transport->in += tally.in;
	transport->out += tally.out;
	stats_add(stats, STATS_bytes_in, tally.in);
	stats_add(stats, STATS_bytes_out, tally.out);
	stats_add(stats, STATS_chunks, tally.chunks);
	return state;
}

/*
 * libevent begins to look for room when output is added, and says nothing if
 * that fails.  To enable what is enabled already costs no system call.
 */
bool
transport_note_output(struct transport *transport)
{
	transport->stuck = transport_unsent(transport) > 0;
	if (transport->stuck)
		return bufferevent_enable(transport->bev, EV_WRITE) == 0;
	transport->absorb = false;
	return true;
}

bool
transport_may_resume(const struct transport *transport, size_t output_limit)
{
	if (transport->path == STREAM_ECHO_DIRECT && !transport->absorb)
		return transport_unsent(transport) == 0;
	return transport_unsent(transport) + transport_detained(transport) <=
	       output_limit / 2;
}

bool
transport_is_patient(const struct transport *transport)
{
	return transport->delay && delay_buffer_waits(transport->delay);
}

bool
transport_is_over(const struct transport *transport)
{
	return transport->delay && delay_buffer_is_over(transport->delay);
}

void
transport_wake(struct transport *transport)
{
	delay_buffer_wake(transport->delay);
}

bool
transport_take_leave(struct transport *transport)
{
	if (!has_tls(transport) ||
	    tls_connection_take_leave(link_of(transport)))
		return true;
	return event_add(&transport->readable, NULL) < 0;
}

bool
transport_shut(struct transport *transport)
{
	transport->shut = true;
	/* ENOTCONN: the peer has reset it, which is told to who reads on. */
	return !transport_take_leave(transport) ||
	       shutdown(transport_fd(transport), SHUT_WR) == 0 ||
	       errno == ENOTCONN;
}

void
transport_abort(struct transport *transport)
{
	struct linger none = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(transport_fd(transport), SOL_SOCKET, SO_LINGER, &none,
		   sizeof(none));
	/* And not to take leave before that. */
	transport->error = ECONNRESET;
}

ssize_t
transport_discard(struct transport *transport)
{
	struct evbuffer *input = bufferevent_get_input(transport->bev);
	/* tcp(7) could do without a buffer, by MSG_TRUNC; unix(7) cannot. */
	char waste[DISCARD_MAX];

	if (transport->path == STREAM_ECHO_DIRECT)
		return recv(transport_fd(transport), waste, sizeof(waste), 0);

	size_t length = evbuffer_get_length(input);
	evbuffer_drain(input, length);
	/* It is told once, and not to come before close_notify is out. */
	if (transport->error == END_OF_INPUT && !is_leaving(transport))
		return 0;
	if (length > 0)
		return (ssize_t)length;
	errno = EAGAIN;
	return -1;
}

static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	struct transport *transport = argument;

	(void)fd;
	(void)what;
	transport->context->readable(transport);
}

static void
on_turn(struct bulk_queue_entry *entry)
{
	struct transport *transport =
		(struct transport *)((char *)entry -
				     offsetof(struct transport, entry));

	transport->reading = TRANSPORT_STILL;
	transport->context->readable(transport);
}

static void
on_read(struct bufferevent *bev, void *argument)
{
	struct transport *transport = argument;

	(void)bev;
	transport->context->readable(transport);
}

/* Runs after every write that has sent something (see the watermark). */
static void
on_write(struct bufferevent *bev, void *argument)
{
	struct transport *transport = argument;

	(void)bev;
	transport->context->written(transport);
}

static void
on_due(struct wheel_timer *timer, int64_t late)
{
	struct transport *transport = delay_buffer_owner(timer);

	(void)late;
	transport->context->due(transport);
}

/*
 * With TLS libevent tells of the end in the midst of reading, when what came
 * before it is not in the input yet: the host is told when all that is done.
 * A write that fails is told as an end, too, and would fail for ever.
 */
static void
on_event(struct bufferevent *bev, short what, void *argument)
{
	int error = errno;
	struct transport *transport = argument;

	if (!has_tls(transport)) {
		transport->context->ended(transport, !(what & BEV_EVENT_EOF));
		return;
	}
	if ((what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING))
		transport->error = END_OF_INPUT;
	else
		transport->error = tls_connection_error(bev, error);
	event_active(&transport->readable, EV_READ, 0);
}

/* Input has ended, or all has.  libevent does not write from then on. */
static void
tell_end(struct transport *transport)
{
	if (transport->error == END_OF_INPUT &&
	    bufferevent_enable(transport->bev, EV_WRITE) == 0) {
		transport->context->readable(transport);
	} else {
		errno = transport->error == END_OF_INPUT ? ENOMEM :
							   transport->error;
		transport->context->ended(transport, true);
	}
}

/* There is room for close_notify, or for the rest of it. */
static void
go_on_leaving(struct transport *transport)
{
	if (!transport->shut)
		transport->context->written(transport);
	else if (!transport_shut(transport))
		transport->context->ended(transport, true);
	else if (transport->error == END_OF_INPUT && !is_leaving(transport))
		transport->context->readable(transport);
}

/* Activated by hand, or on its way because of transport_take_leave(). */
static void
on_news(evutil_socket_t fd, short what, void *argument)
{
	struct transport *transport = argument;

	(void)fd;
	if (!(what & EV_WRITE)) {
		tell_end(transport);
		return;
	}
	/* Before it is activated again, or that would be undone. */
	event_del(&transport->readable);
	/* The flow may be gone after either. */
	if (what & EV_READ)
		event_active(&transport->readable, EV_READ, 0);
	go_on_leaving(transport);
}

bool
transport_open(struct transport *transport, struct transport_context *context,
	       int fd, struct ssl_st *tls, enum stream_echo_path path)
{
	transport->context = context;
	transport->path = path;
	transport->bev = tls ? tls_connection_bufferevent(tls, context->base) :
			       bufferevent_socket_new(context->base, fd,
						      BEV_OPT_CLOSE_ON_FREE);
	if (!transport->bev)
		return false;
	bufferevent_setcb(transport->bev, on_read, on_write, on_event,
			  transport);
	/* No output is too much for the write callback to be told of. */
	bufferevent_setwatermark(transport->bev, EV_WRITE, SIZE_MAX, 0);
	if (tls)
		event_assign(&transport->readable, context->base, fd,
			     EV_WRITE | EV_PERSIST, on_news, transport);
	else
		event_assign(&transport->readable, context->base, fd,
			     EV_READ | EV_PERSIST, on_readable, transport);
	if (tls)
		bufferevent_disable(transport->bev, EV_READ);
	return true;
}

bool
transport_misbehave(struct transport *transport,
		    const struct fault_params *params)
{
	transport->delay =
		delay_buffer_new(transport->context->delays, params, transport);
	return transport->delay;
}

void
transport_close(struct transport *transport)
{
	/* Without close_notify the peer sees that its echo is incomplete. */
	bool is_cut = transport_unsent(transport) > 0 ||
		      transport_detained(transport) > 0;

	delay_buffer_free(transport->delay);
	transport_read(transport, TRANSPORT_STILL);
	if (has_tls(transport)) {
		if (transport->error <= 0 && !is_cut)
			tls_connection_take_leave(link_of(transport));
		event_del(&transport->readable);
	}
	/* BEV_OPT_CLOSE_ON_FREE: the descriptor goes with it. */
	bufferevent_free(transport->bev);
}

bool
transport_context_init(struct transport_context *context)
{
	context->stream_echo = stream_echo_new();
	context->bulk_queue = bulk_queue_new(context->base, on_turn);
	context->coalesce = coalesce_new(context->base);
	context->delays = loop_timers_new(context->base, on_due);
	return context->stream_echo && context->bulk_queue &&
	       context->coalesce && context->delays;
}

void
transport_context_release(struct transport_context *context)
{
	stream_echo_free(context->stream_echo);
	bulk_queue_free(context->bulk_queue);
	loop_timers_free(context->delays);
	coalesce_free(context->coalesce);
}
