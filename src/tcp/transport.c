#include "tcp/transport.h"

#include <errno.h>
#include <event2/buffer.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop_timers.h"
#include "base/stats.h"
#include "config/config.h"
#include "tcp/coalesce.h"
#include "tcp/connection_info.h"
#include "tcp/delay_buffer.h"
#include "tcp/transport_buffered.h"
#include "tcp/transport_kind.h"
#include "tcp/transport_plain.h"

size_t
transport_unsent(const struct transport *transport)
{
	return evbuffer_get_length(bufferevent_get_output(transport->bev));
}

static struct delay_buffer *
delay_of(const struct transport *transport)
{
	return transport->kind->delayed ? transport->delay : NULL;
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
	       transport->kind->read(transport, reading);
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
watch_output(struct transport *transport)
{
	if (transport_unsent(transport) > 0)
		return bufferevent_enable(transport->bev, EV_WRITE) == 0;
	transport->absorb = false;
	return true;
}

static void
count_output(struct transport *transport, uint64_t bytes)
{
	transport->out += bytes;
	stats_add(transport->context->stats, STATS_bytes_out, bytes);
}

enum echo_state
transport_echo(struct transport *transport, const struct frame *frame,
	       uint64_t *moved)
{
	struct stats *stats = transport->context->stats;
	struct stream_echo_tally tally = { 0 };
	enum transport_reading next = TRANSPORT_EVENT;
	enum echo_state state =
		transport->kind->echo(transport, frame, &tally, &next);

	*moved = tally.out;
	transport->in += tally.in;
	count_output(transport, tally.out);
	stats_add(stats, STATS_bytes_in, tally.in);
	stats_add(stats, STATS_chunks, tally.chunks);
	if (state == ECHO_FAILED)
		return state;
	if (state != ECHO_MORE || transport_is_over(transport))
		next = TRANSPORT_STOPPED;
	if (watch_output(transport) && set_reading(transport, next))
		return state;
	errno = ENOMEM;
	return ECHO_FAILED;
}

enum echo_state
transport_flush(struct transport *transport, uint64_t *moved)
{
	enum echo_state state = transport->kind->flush(transport, moved);

	count_output(transport, *moved);
	if (state == ECHO_FAILED || !watch_output(transport))
		return ECHO_FAILED;
	return transport->reading == TRANSPORT_STOPPED ? state : ECHO_FULL;
}

void
transport_absorb(struct transport *transport)
{
	transport->absorb = true;
}

ssize_t
transport_discard(struct transport *transport)
{
	return transport->kind->discard(transport);
}

bool
transport_finish(struct transport *transport)
{
	struct evbuffer *input = bufferevent_get_input(transport->bev);

	return evbuffer_get_length(input) == 0 &&
	       transport->kind->stream->finish(transport, false);
}

bool
transport_shut_down(struct transport *transport)
{
	/* ENOTCONN: the peer has sent RST; the next read reports it. */
	return !transport->kind->stream->finish(transport, true) ||
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
	const struct delay_buffer *delay = delay_of(transport);
	size_t unsent = transport_unsent(transport);
	struct transport_status status = {
		.in = transport->in,
		.out = transport->out,
		.unsent = unsent,
		.pending = pending(transport),
		.is_reading = transport->reading != TRANSPORT_STOPPED,
		.is_timed = delay && delay_buffer_is_timed(delay),
	};

	status.may_absorb = unsent > 0 && unsent < transport->output_limit &&
			    !transport->absorb && !status.is_reading;
	transport->kind->stream->measure(transport, &status);
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
	/* The end can come first: reading does not find it. */
	if (transport_is_over(transport))
		transport_wake(transport);
	return true;
}

bool
transport_open(struct transport *transport, struct transport_context *context,
	       const struct connection_info *info,
	       const struct fault_params *fault)
{
	static const struct transport_kind *const kinds[2][2] = {
		{ &transport_plain, &transport_tls },
		{ &transport_delayed, &transport_delayed_tls },
	};
	const struct transport_kind *kind =
		kinds[fault != NULL][info->tls != NULL];
	struct bufferevent *bev = kind->stream->open(info, context->base);

	if (!bev) {
		close(info->fd);
		return false;
	}
	transport->kind = kind;
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
	if (kind->delayed && !begin_delay(transport, fault)) {
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
	bool complete = !reset && pending(transport) == 0;

	if (reset)
		setsockopt(bufferevent_getfd(transport->bev), SOL_SOCKET,
			   SO_LINGER, &none, sizeof(none));
	transport_read(transport, false);
	transport->kind->stream->close(transport, complete);
	delay_buffer_free(delay_of(transport));
	/* BEV_OPT_CLOSE_ON_FREE: closes the descriptor. */
	bufferevent_free(transport->bev);
}

bool
transport_context_init(struct transport_context *context)
{
	context->stream_echo = stream_echo_new();
	context->bulk_queue =
		bulk_queue_new(context->base, transport_plain_on_turn);
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
