#include "tcp/transport_kind.h"

#include <errno.h>
#include <event2/buffer.h>
#include <sys/socket.h>

#include "base/container_of.h"
#include "base/timers.h"
#include "tcp/coalesce.h"
#include "tcp/delay_buffer.h"
#include "tls/connection.h"

/* For transport.error: the peer has sent FIN or close_notify. */
#define END_OF_INPUT (-1)

/* After this many ms without a small message all sessions are bulk. */
#define ALONE_MS 10

/* ---- plain: the socket itself is read and written */

/* Whether this session is bulk, and all sessions of the worker are. */
static bool
is_alone(const struct transport *transport)
{
	return transport->bulk > 0 &&
	       timers_now() - transport->context->small_at >= ALONE_MS;
}

static enum echo_state
echo_plain(struct transport *transport, struct stream_echo_job *job,
	   enum transport_reading *next)
{
	struct transport_context *context = transport->context;
	bool alone = is_alone(transport);
	enum echo_state state;

	job->budget = alone ? ECHO_BUDGET : ECHO_BUDGET_SHARED;
	state = stream_echo_direct(context->stream_echo, job);
	if (transport->bulk == 0 && job->received > 0)
		context->small_at = job->received / 1000000;
	if (alone)
		coalesce_rest(context->coalesce);
	/*
	 * If other sessions are active, a bulk session that has used its budget
	 * waits in the bulk queue.
	 */
	if (!alone && job->bulk > 0 && !job->absorb && job->in >= job->budget)
		*next = TRANSPORT_TURN;
	return state;
}

static bool
read_plain(struct transport *transport, enum transport_reading reading)
{
	struct bulk_queue *bulk_queue = transport->context->bulk_queue;

	bulk_queue_cancel(bulk_queue, &transport->entry);
	if (event_del(&transport->readable) < 0)
		return false;
	transport->reading = reading;
	if (reading == TRANSPORT_STOPPED ||
	    (reading == TRANSPORT_TURN &&
	     bulk_queue_wait(bulk_queue, &transport->entry)))
		return true;
	transport->reading = TRANSPORT_EVENT;
	return event_add(&transport->readable, NULL) == 0;
}

static ssize_t
discard_plain(struct transport *transport)
{
	/* MSG_TRUNC would need no buffer (tcp(7)), but not for unix(7). */
	char waste[16 * 1024];

	return recv(bufferevent_getfd(transport->bev), waste, sizeof(waste), 0);
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

void
transport_kind_on_turn(struct bulk_queue_entry *entry)
{
	struct transport *transport =
		container_of(entry, struct transport, entry);

	transport->reading = TRANSPORT_STOPPED;
	transport->context->readable(transport);
}

static const struct transport_stream plain_stream = {
	EV_READ, on_readable, on_end, NULL, NULL,
};

/* ---- TLS and delayed: the bufferevent reads and writes */

static enum echo_state
move_input(struct transport *transport, struct stream_echo_job *job)
{
	struct transport_context *context = transport->context;
	enum echo_state state = stream_echo_buffered(context->stream_echo, job);

	context->small_at = timers_now();
	return state == ECHO_MORE && transport->error == END_OF_INPUT ?
		       ECHO_ENDED :
		       state;
}

static enum echo_state
echo_tls(struct transport *transport, struct stream_echo_job *job,
	 enum transport_reading *next)
{
	(void)next;
	job->output = bufferevent_get_output(transport->bev);
	return move_input(transport, job);
}

/* Unsent output leaves less room for delayed output. */
static size_t
room(const struct transport *transport)
{
	size_t unsent = transport_unsent(transport);
	size_t limit = transport->output_limit;

	return unsent < limit ? limit - unsent : 0;
}

ssize_t
transport_release(struct transport *transport)
{
	return delay_buffer_release(transport->delay,
				    bufferevent_get_output(transport->bev),
				    room(transport));
}

static enum echo_state
echo_delayed(struct transport *transport, struct stream_echo_job *job,
	     enum transport_reading *next)
{
	enum echo_state state;
	ssize_t released;

	(void)next;
	job->output = delay_buffer_buffer(transport->delay);
	job->output_limit = room(transport);
	state = move_input(transport, job);
	delay_buffer_add(transport->delay, job->out);
	released = transport_release(transport);
	/* Output counts when it is released. */
	job->out = released > 0 ? (uint64_t)released : 0;
	if (released >= 0)
		return state;
	errno = ENOMEM;
	return ECHO_FAILED;
}

static bool
read_buffered(struct transport *transport, enum transport_reading reading)
{
	transport->reading = reading;
	if (reading == TRANSPORT_STOPPED)
		return bufferevent_disable(transport->bev, EV_READ) == 0;
	/* libevent does not report the end a second time. */
	if (transport->error == END_OF_INPUT)
		event_active(&transport->readable, EV_READ, 0);
	return bufferevent_enable(transport->bev, EV_READ) == 0;
}

/* The end of the input is here, and close_notify does not wait for room. */
static bool
has_ended(const struct transport *transport)
{
	return transport->error == END_OF_INPUT &&
	       !event_pending(&transport->readable, EV_WRITE, NULL);
}

static ssize_t
discard_buffered(struct transport *transport)
{
	struct evbuffer *input = bufferevent_get_input(transport->bev);
	size_t length = evbuffer_get_length(input);

	evbuffer_drain(input, length);
	if (length > 0 || has_ended(transport))
		return has_ended(transport) ? 0 : (ssize_t)length;
	errno = EAGAIN;
	return -1;
}

/*
 * libevent reports the end of a TLS stream while it still reads: the bytes
 * before the end are not in the input yet.  So the end is handled later.  Also,
 * libevent reports the end when a write fails, and would do so again forever.
 */
static void
on_tls_end(struct bufferevent *bev, short what, void *argument)
{
	int error = errno;
	struct transport *transport = argument;

	if ((what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING))
		transport->error = END_OF_INPUT;
	else
		transport->error = tls_connection_error(bev, error);
	event_active(&transport->readable, EV_READ, 0);
}

/* After the end, libevent writes again only if it is enabled again. */
static void
report_end(struct transport *transport)
{
	bool ended = transport->error == END_OF_INPUT;

	if (ended && bufferevent_enable(transport->bev, EV_WRITE) == 0) {
		transport->context->readable(transport);
		return;
	}
	errno = ended ? ENOMEM : transport->error;
	transport->context->ended(transport, true);
}

/* There is room for close_notify, or for the rest of it. */
static void
continue_finish(struct transport *transport)
{
	if (!transport->shut)
		transport->context->written(transport);
	else if (!transport_shut_down(transport))
		transport->context->ended(transport, true);
	else if (has_ended(transport))
		transport->context->readable(transport);
}

/* EV_READ: activated by on_tls_end(); EV_WRITE: added by finish_tls(). */
static void
on_tls_event(evutil_socket_t fd, short what, void *argument)
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

static void
measure_tls(const struct transport *transport, struct transport_status *status)
{
	const struct ssl_st *tls = tls_connection_of(transport->bev);

	status->is_empty &= !tls_connection_holds_input(tls);
	status->received = tls_connection_received(tls);
	status->sent = tls_connection_sent(tls) + status->unsent;
}

static bool
finish_tls(struct transport *transport, bool shut)
{
	transport->shut = shut;
	return transport->error > 0 ||
	       tls_connection_close_notify(tls_connection_of(transport->bev)) ||
	       event_add(&transport->readable, NULL) < 0;
}

static const struct transport_stream tls_stream = {
	EV_WRITE, on_tls_event, on_tls_end, measure_tls, finish_tls,
};

const struct transport_kind transport_kinds[2][2] = {
	{
		{ &plain_stream, true, echo_plain, read_plain, discard_plain },
		{ &tls_stream, false, echo_tls, read_buffered,
		  discard_buffered },
	},
	{
		{ &plain_stream, false, echo_delayed, read_buffered,
		  discard_buffered },
		{ &tls_stream, false, echo_delayed, read_buffered,
		  discard_buffered },
	},
};
