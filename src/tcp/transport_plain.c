#include "tcp/transport_plain.h"

#include <errno.h>
#include <event2/buffer.h>
#include <sys/socket.h>

#include "base/container_of.h"
#include "base/loop_timers.h"
#include "tcp/coalesce.h"
#include "tcp/connection_info.h"
#include "tcp/transport_kind.h"

/* After this many ms without a small message all sessions are bulk. */
#define ALONE_MS 10

/* Whether this session is bulk, and all sessions of the worker are. */
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
 * If other sessions are active, a bulk session that has used its budget waits in
 * the bulk queue.
 */
static bool
needs_turn(const struct stream_echo_job *job, uint64_t taken)
{
	return job->bulk > 0 && !job->absorb &&
	       job->budget <= ECHO_BUDGET_SHARED && taken >= job->budget;
}

static enum echo_state
echo(struct transport *transport, const struct frame *frame,
     struct stream_echo_tally *tally, enum transport_reading *next)
{
	struct transport_context *context = transport->context;
	bool alone = is_alone(transport);
	struct stream_echo_job job = {
		.bev = transport->bev,
		.frame = frame,
		.output_limit = transport->output_limit,
		.budget = alone ? ECHO_BUDGET : ECHO_BUDGET_SHARED,
		.absorb = transport->absorb,
		.in_line = transport->in_line,
		.bulk = transport->bulk,
	};
	enum echo_state state =
		stream_echo_direct(context->stream_echo, &job, tally);

	if (alone)
		coalesce_rest(context->coalesce);
	transport->bulk = job.bulk;
	transport->in_line = job.in_line;
	if (needs_turn(&job, tally->in))
		*next = TRANSPORT_TURN;
	return state;
}

static enum echo_state
flush(struct transport *transport, uint64_t *moved)
{
	size_t most = transport->absorb ? transport->output_limit / 2 : 0;

	*moved = 0;
	return transport_unsent(transport) <= most ? ECHO_MORE : ECHO_FULL;
}

static bool
stop_reading(struct transport *transport)
{
	bulk_queue_cancel(transport->context->bulk_queue, &transport->entry);
	return event_del(&transport->readable) == 0;
}

static bool
set_reading(struct transport *transport, enum transport_reading reading)
{
	enum transport_reading before = transport->reading;

	transport->reading = reading;
	if (before != TRANSPORT_STOPPED && !stop_reading(transport))
		return false;
	if (reading == TRANSPORT_STOPPED ||
	    (reading == TRANSPORT_TURN &&
	     bulk_queue_wait(transport->context->bulk_queue,
			     &transport->entry)))
		return true;
	transport->reading = TRANSPORT_EVENT;
	return event_add(&transport->readable, NULL) == 0;
}

static ssize_t
discard(struct transport *transport)
{
	/* MSG_TRUNC would need no buffer (tcp(7)), but not for unix(7). */
	char waste[16 * 1024];

	return recv(bufferevent_getfd(transport->bev), waste, sizeof(waste), 0);
}

const struct transport_kind transport_plain = {
	.stream = &transport_plain_stream,
	.echo = echo,
	.flush = flush,
	.read = set_reading,
	.discard = discard,
};

void
transport_plain_on_turn(struct bulk_queue_entry *entry)
{
	struct transport *transport =
		container_of(entry, struct transport, entry);

	transport->reading = TRANSPORT_STOPPED;
	transport->context->readable(transport);
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
on_end(struct bufferevent *bev, short what, void *argument)
{
	struct transport *transport = argument;

	(void)bev;
	transport->context->ended(transport, !(what & BEV_EVENT_EOF));
}

static struct bufferevent *
open_stream(const struct connection_info *info, struct event_base *base)
{
	return bufferevent_socket_new(base, info->fd, BEV_OPT_CLOSE_ON_FREE);
}

static void
measure(const struct transport *transport, struct transport_status *status)
{
	size_t held =
		evbuffer_get_length(bufferevent_get_input(transport->bev));

	status->is_empty = held == 0;
	status->received = status->in + held;
	status->sent = status->out;
}

static bool
finish(struct transport *transport, bool shut)
{
	(void)transport;
	(void)shut;
	return true;
}

static void
close_stream(struct transport *transport, bool complete)
{
	(void)transport;
	(void)complete;
}

const struct transport_stream transport_plain_stream = {
	.events = EV_READ,
	.on_event = on_readable,
	.on_end = on_end,
	.open = open_stream,
	.measure = measure,
	.finish = finish,
	.close = close_stream,
};
