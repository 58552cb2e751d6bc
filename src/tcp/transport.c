#include "tcp/transport.h"

#include <errno.h>
#include <event2/buffer.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timers.h"
#include "config/config.h"
#include "tcp/coalesce.h"
#include "tcp/connection_info.h"
#include "tcp/delay_buffer.h"
#include "tcp/transport_kind.h"
#include "tls/connection.h"

static const struct transport_kind *
kind_of(const struct transport *transport)
{
	return &transport_kinds[transport->is_delayed][transport->is_tls];
}

size_t
transport_unsent(const struct transport *transport)
{
	return evbuffer_get_length(bufferevent_get_output(transport->bev));
}

static size_t
held(const struct transport *transport)
{
	return evbuffer_get_length(bufferevent_get_input(transport->bev));
}

static struct delay_buffer *
delay_of(const struct transport *transport)
{
	return transport->is_delayed ? transport->delay : NULL;
}

static size_t
pending(const struct transport *transport)
{
	const struct delay_buffer *delay = delay_of(transport);

	return transport_unsent(transport) +
	       (delay ? delay_buffer_length(delay) : 0);
}

static bool
set_reading(struct transport *transport, enum transport_reading reading)
{
	return reading == transport->reading ||
	       kind_of(transport)->read(transport, reading);
}

bool
transport_read(struct transport *transport, bool on)
{
	return set_reading(transport, on ? TRANSPORT_EVENT : TRANSPORT_STOPPED);
}

/*
 * libevent waits for room when output is added, and reports nothing if that
 * fails.  To enable what is enabled already costs no system call.
 */
static bool
watch_output(struct transport *transport, size_t unsent)
{
	if (unsent > 0)
		return bufferevent_enable(transport->bev, EV_WRITE) == 0;
	transport->absorb = false;
	return true;
}

/* Everything that was received has been sent. */
static bool
is_settled(const struct transport *transport, size_t unsent)
{
	const struct transport_kind *kind = kind_of(transport);

	return unsent == 0 && (kind->sends_all || (held(transport) == 0 &&
						   pending(transport) == 0));
}

/*
 * Returns transport_moved.delay after bytes were sent.  `received`: when bytes
 * were received, or 0.
 */
static int64_t
settle(struct transport *transport, int64_t received, size_t unsent)
{
	int64_t since = transport->owed_since;

	if (since == 0)
		since = received;
	transport->owed_since = 0;
	if (since == 0)
		return -1;
	if (is_settled(transport, unsent))
		return timers_now_ns() - since;
	transport->owed_since = since;
	return -1;
}

enum echo_state
transport_echo(struct transport *transport, const struct frame *frame,
	       bool absorb, struct transport_moved *moved)
{
	enum transport_reading next = TRANSPORT_EVENT;
	struct stream_echo_job job = {
		.bev = transport->bev,
		.frame = frame,
		.output_limit = transport->output_limit,
		.absorb = transport->absorb |= absorb,
		.in_line = transport->in_line,
		.bulk = transport->bulk,
	};
	enum echo_state state =
		kind_of(transport)->echo(transport, &job, &next);
	size_t unsent = transport_unsent(transport);

	*moved = (struct transport_moved){ job.in, job.out, job.chunks, -1 };
	transport->bulk = job.bulk;
	transport->in_line = job.in_line;
	transport->in += job.in;
	transport->out += job.out;
	if (state == ECHO_FAILED)
		return state;
	moved->delay = settle(transport, job.received, unsent);
	if (state != ECHO_MORE || transport_is_over(transport))
		next = TRANSPORT_STOPPED;
	if (watch_output(transport, unsent) && set_reading(transport, next))
		return state;
	errno = ENOMEM;
	return ECHO_FAILED;
}

enum echo_state
transport_flush(struct transport *transport, struct transport_moved *moved)
{
	const struct transport_kind *kind = kind_of(transport);
	ssize_t released =
		transport->is_delayed ? transport_release(transport) : 0;
	size_t unsent = transport_unsent(transport);

	*moved = (struct transport_moved){
		.out = released > 0 ? (uint64_t)released : 0,
		.delay = settle(transport, 0, unsent),
	};
	transport->out += moved->out;
	if (released < 0 || !watch_output(transport, unsent))
		return ECHO_FAILED;
	return transport->reading == TRANSPORT_STOPPED &&
			       pending(transport) <=
				       (kind->sends_all && !transport->absorb ?
						0 :
						transport->output_limit / 2) ?
		       ECHO_MORE :
		       ECHO_FULL;
}

ssize_t
transport_discard(struct transport *transport)
{
	return kind_of(transport)->discard(transport);
}

static bool
finish(struct transport *transport, bool shut)
{
	const struct transport_stream *stream = kind_of(transport)->stream;

	return !stream->finish || stream->finish(transport, shut);
}

bool
transport_finish(struct transport *transport)
{
	return held(transport) == 0 && finish(transport, false);
}

bool
transport_shut_down(struct transport *transport)
{
	/* ENOTCONN: the peer has sent RST; the next read reports it. */
	return !finish(transport, true) ||
	       shutdown(bufferevent_getfd(transport->bev), SHUT_WR) == 0 ||
	       errno == ENOTCONN;
}

bool
transport_is_over(const struct transport *transport)
{
	const struct delay_buffer *delay = delay_of(transport);

	return delay && delay_buffer_is_over(delay);
}

void
transport_wake(struct transport *transport)
{
	delay_buffer_expire(transport->delay);
}

struct transport_status
transport_status(const struct transport *transport)
{
	const struct transport_stream *stream = kind_of(transport)->stream;
	const struct delay_buffer *delay = delay_of(transport);
	size_t unsent = transport_unsent(transport);
	struct transport_status status = {
		.in = transport->in,
		.out = transport->out,
		.unsent = unsent,
		.pending = pending(transport),
		.is_reading = transport->reading != TRANSPORT_STOPPED,
		.is_timed = delay && delay_buffer_is_timed(delay),
		.is_empty = held(transport) == 0,
		.received = transport->in + held(transport),
		.sent = transport->out,
	};

	status.may_absorb = unsent > 0 && unsent < transport->output_limit &&
			    !transport->absorb && !status.is_reading;
	if (stream->measure)
		stream->measure(transport, &status);
	return status;
}

struct transport_context *
transport_context_of(const struct transport *transport)
{
	return transport->context;
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

static bool
begin_delay(struct transport *transport, const struct fault_params *fault)
{
	transport->delay =
		delay_buffer_new(transport->context->delays, fault, transport);
	if (!transport->delay)
		return false;
	/* With `after` = 0 the fault is over at once: no read reports that. */
	if (transport_is_over(transport))
		transport_wake(transport);
	return true;
}

/* A bufferevent that does not read yet, or NULL. */
static struct bufferevent *
new_bufferevent(const struct connection_info *info, struct event_base *base)
{
	return info->tls ? tls_connection_bufferevent(info->tls, base) :
			   bufferevent_socket_new(base, info->fd,
						  BEV_OPT_CLOSE_ON_FREE);
}

bool
transport_open(struct transport *transport, struct transport_context *context,
	       const struct connection_info *info,
	       const struct fault_params *fault)
{
	const struct transport_kind *kind;
	struct bufferevent *bev = new_bufferevent(info, context->base);

	if (!bev) {
		close(info->fd);
		return false;
	}
	transport->is_delayed = fault != NULL;
	transport->is_tls = info->tls != NULL;
	kind = kind_of(transport);
	transport->context = context;
	transport->bev = bev;
	transport->output_limit = info->listener->output_limit;
	bufferevent_setcb(bev, on_read, on_write, kind->stream->on_end,
			  transport);
	/* The write callback runs however much output is left. */
	bufferevent_setwatermark(bev, EV_WRITE, SIZE_MAX, 0);
	event_assign(&transport->readable, context->base, info->fd,
		     (short)(kind->stream->events | EV_PERSIST),
		     kind->stream->on_event, transport);
	if (fault && !begin_delay(transport, fault)) {
		bufferevent_free(bev);
		return false;
	}
	if (transport_read(transport, !transport_is_over(transport)))
		return true;
	transport_close(transport, false);
	return false;
}

void
transport_close(struct transport *transport, bool reset)
{
	static const struct linger none = { .l_onoff = 1, .l_linger = 0 };

	transport_read(transport, false);
	if (reset)
		setsockopt(bufferevent_getfd(transport->bev), SOL_SOCKET,
			   SO_LINGER, &none, sizeof(none));
	else if (pending(transport) == 0)
		/*
		 * Without close_notify the peer knows that bytes are missing.
		 */
		finish(transport, false);
	event_del(&transport->readable);
	delay_buffer_free(delay_of(transport));
	/* BEV_OPT_CLOSE_ON_FREE: closes the descriptor. */
	bufferevent_free(transport->bev);
}

bool
transport_context_init(struct transport_context *context)
{
	context->stream_echo = stream_echo_new();
	context->bulk_queue =
		bulk_queue_new(context->base, transport_kind_on_turn);
	context->coalesce = coalesce_new(context->base);
	context->delays = timers_new(context->base, on_due);
	return context->stream_echo && context->bulk_queue &&
	       context->coalesce && context->delays;
}

void
transport_context_release(struct transport_context *context)
{
	stream_echo_free(context->stream_echo);
	bulk_queue_free(context->bulk_queue);
	timers_free(context->delays);
	coalesce_free(context->coalesce);
}
