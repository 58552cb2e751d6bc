#include "tcp/transport_buffered.h"

#include <errno.h>
#include <event2/buffer.h>

#include "base/loop_timers.h"
#include "tcp/connection_info.h"
#include "tcp/delay_buffer.h"
#include "tcp/transport_kind.h"
#include "tcp/transport_plain.h"
#include "tls/connection.h"

static struct ssl_st *
tls_of(const struct transport *transport)
{
	return tls_connection_of(transport->bev);
}

/* close_notify waits for room. */
static bool
is_finishing(const struct transport *transport)
{
	return event_pending(&transport->readable, EV_WRITE, NULL);
}

/* Unsent output leaves less room for delayed output. */
static size_t
room(const struct transport *transport)
{
	size_t unsent = transport_unsent(transport);

	return unsent < transport->output_limit ?
		       transport->output_limit - unsent :
		       0;
}

/* Moves the input to `output`, or if that is NULL, to the bufferevent's. */
static enum echo_state
move_input(struct transport *transport, const struct frame *frame,
	   struct evbuffer *output, size_t output_limit,
	   struct stream_echo_tally *tally)
{
	struct transport_context *context = transport->context;
	struct stream_echo_job job = {
		.bev = transport->bev,
		.frame = frame,
		.output = output,
		.output_limit = output_limit,
		.in_line = transport->in_line,
	};
	enum echo_state state =
		stream_echo_buffered(context->stream_echo, &job, tally);

	context->small_at = loop_timers_now();
	transport->in_line = job.in_line;
	return state == ECHO_MORE &&
			       transport->error == TRANSPORT_END_OF_INPUT ?
		       ECHO_ENDED :
		       state;
}

static enum echo_state
echo(struct transport *transport, const struct frame *frame,
     struct stream_echo_tally *tally, enum transport_reading *next)
{
	(void)next;
	return move_input(transport, frame, NULL, transport->output_limit,
			  tally);
}

static enum echo_state
flush(struct transport *transport, uint64_t *moved)
{
	*moved = 0;
	return transport_unsent(transport) <= transport->output_limit / 2 ?
		       ECHO_MORE :
		       ECHO_FULL;
}

static enum echo_state
flush_delayed(struct transport *transport, uint64_t *moved)
{
	struct evbuffer *output = bufferevent_get_output(transport->bev);
	ssize_t released =
		delay_buffer_release(transport->delay, output, room(transport));

	*moved = released > 0 ? (uint64_t)released : 0;
	if (released < 0)
		return ECHO_FAILED;
	return transport_unsent(transport) +
				       delay_buffer_length(transport->delay) <=
			       transport->output_limit / 2 ?
		       ECHO_MORE :
		       ECHO_FULL;
}

static enum echo_state
echo_delayed(struct transport *transport, const struct frame *frame,
	     struct stream_echo_tally *tally, enum transport_reading *next)
{
	enum echo_state state = move_input(
		transport, frame, delay_buffer_buffer(transport->delay),
		room(transport), tally);

	(void)next;
	delay_buffer_add(transport->delay, tally->out);
	/* Output counts when it is released. */
	if (flush_delayed(transport, &tally->out) == ECHO_FAILED) {
		errno = ENOMEM;
		return ECHO_FAILED;
	}
	return state;
}

static bool
set_reading(struct transport *transport, enum transport_reading reading)
{
	transport->reading = reading;
	if (reading == TRANSPORT_STOPPED)
		return bufferevent_disable(transport->bev, EV_READ) == 0;
	/* libevent does not report the end a second time. */
	if (transport->error == TRANSPORT_END_OF_INPUT)
		event_active(&transport->readable, EV_READ, 0);
	return bufferevent_enable(transport->bev, EV_READ) == 0;
}

static ssize_t
discard(struct transport *transport)
{
	struct evbuffer *input = bufferevent_get_input(transport->bev);
	size_t length = evbuffer_get_length(input);

	evbuffer_drain(input, length);
	/* Reported once, and only after close_notify has been sent. */
	if (transport->error == TRANSPORT_END_OF_INPUT &&
	    !is_finishing(transport))
		return 0;
	if (length > 0)
		return (ssize_t)length;
	errno = EAGAIN;
	return -1;
}

/*
 * libevent reports the end of a TLS stream while it still reads: the bytes
 * before the end are not in the input yet.  So the end is handled later.  Also,
 * libevent reports the end when a write fails, and would do so again forever.
 */
static void
on_end(struct bufferevent *bev, short what, void *argument)
{
	int error = errno;
	struct transport *transport = argument;

	if ((what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING))
		transport->error = TRANSPORT_END_OF_INPUT;
	else
		transport->error = tls_connection_error(bev, error);
	event_active(&transport->readable, EV_READ, 0);
}

/* After the end, libevent writes again only if it is enabled again. */
static void
report_end(struct transport *transport)
{
	if (transport->error == TRANSPORT_END_OF_INPUT &&
	    bufferevent_enable(transport->bev, EV_WRITE) == 0) {
		transport->context->readable(transport);
	} else {
		errno = transport->error == TRANSPORT_END_OF_INPUT ?
				ENOMEM :
				transport->error;
		transport->context->ended(transport, true);
	}
}

/* There is room for close_notify, or for the rest of it. */
static void
continue_finish(struct transport *transport)
{
	if (!transport->shut)
		transport->context->written(transport);
	else if (!transport_shut_down(transport))
		transport->context->ended(transport, true);
	else if (transport->error == TRANSPORT_END_OF_INPUT &&
		 !is_finishing(transport))
		transport->context->readable(transport);
}

/* EV_READ: activated by on_end(); EV_WRITE: added by finish(). */
static void
on_event(evutil_socket_t fd, short what, void *argument)
{
	struct transport *transport = argument;

	(void)fd;
	if (!(what & EV_WRITE)) {
		report_end(transport);
		return;
	}
	/* First: event_del() would undo the activation below. */
	event_del(&transport->readable);
	if (what & EV_READ)
		event_active(&transport->readable, EV_READ, 0);
	continue_finish(transport);
}

static struct bufferevent *
open_tls(const struct connection_info *info, struct event_base *base)
{
	struct bufferevent *bev = tls_connection_bufferevent(info->tls, base);

	if (bev)
		bufferevent_disable(bev, EV_READ);
	return bev;
}

static void
measure_tls(const struct transport *transport, struct transport_status *status)
{
	struct ssl_st *tls = tls_of(transport);
	struct evbuffer *input = bufferevent_get_input(transport->bev);

	status->is_empty = evbuffer_get_length(input) == 0 &&
			   !tls_connection_holds_input(tls);
	status->received = tls_connection_received(tls);
	status->sent = tls_connection_sent(tls) + status->unsent;
}

static bool
finish_tls(struct transport *transport, bool shut)
{
	transport->shut = shut;
	return tls_connection_close_notify(tls_of(transport)) ||
	       event_add(&transport->readable, NULL) < 0;
}

static void
close_tls(struct transport *transport, bool complete)
{
	/* Without close_notify the peer knows that its echo is incomplete. */
	if (transport->error <= 0 && complete)
		tls_connection_close_notify(tls_of(transport));
	event_del(&transport->readable);
}

static const struct transport_stream tls_stream = {
	.events = EV_WRITE,
	.on_event = on_event,
	.on_end = on_end,
	.open = open_tls,
	.measure = measure_tls,
	.finish = finish_tls,
	.close = close_tls,
};

const struct transport_kind transport_tls = {
	.stream = &tls_stream,
	.echo = echo,
	.flush = flush,
	.read = set_reading,
	.discard = discard,
};

const struct transport_kind transport_delayed = {
	.stream = &transport_plain_stream,
	.delayed = true,
	.echo = echo_delayed,
	.flush = flush_delayed,
	.read = set_reading,
	.discard = discard,
};

const struct transport_kind transport_delayed_tls = {
	.stream = &tls_stream,
	.delayed = true,
	.echo = echo_delayed,
	.flush = flush_delayed,
	.read = set_reading,
	.discard = discard,
};
