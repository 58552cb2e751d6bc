#include "tcp/session.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/container_of.h"
#include "base/timers.h"
#include "config/config.h"
#include "echo/prefix.h"
#include "tcp/connection_limits.h"
#include "tcp/connection_log.h"
#include "tcp/session_end.h"
#include "tcp/session_private.h"
#include "tcp/session_timeouts.h"

struct session_context *
session_context_of(const struct session *session)
{
	return container_of(transport_context_of(&session->transport),
			    struct session_context, transports);
}

/* The counters of its listener that its worker writes. */
static struct stats *
stats_of(const struct session *session)
{
	return limit_stats(session->info.limit,
			   session_context_of(session)->worker);
}

static void
log_arrival(struct session *session)
{
	struct connection_log_subject subject =
		connection_info_subject(&session->info);

	session->is_logged = true;
	subject.fault = session->has_fault;
	connection_log_arrival(&subject);
	free((void *)session->info.proxied);
	session->info.proxied = NULL;
}

/*
 * The addresses of the proxy are kept until they are logged.  If memory is out,
 * the arrival is logged now.
 */
static void
defer_arrival(struct session *session)
{
	const struct connection_proxied *proxied = session->info.proxied;
	struct connection_proxied *copy = NULL;

	if (proxied)
		copy = malloc(sizeof(*copy));
	if (copy)
		*copy = *proxied;
	session->info.proxied = copy;
	if (proxied && !copy)
		log_arrival(session);
}

/* The reason if nothing was sent either way; health checks do that. */
static enum close_reason
reason_or_no_data(const struct session *session, enum close_reason reason)
{
	struct transport_status status = transport_status(&session->transport);

	return (reason == CLOSE_eof || reason == CLOSE_reset) &&
			       status.in == 0 && status.out == 0 ?
		       CLOSE_no_data :
		       reason;
}

static void
log_end(struct session *session, enum close_reason reason)
{
	if (!session->is_logged) {
		session->info.quiet |= reason == CLOSE_no_data;
		log_arrival(session);
	}

	struct connection_log_subject subject =
		connection_info_subject(&session->info);
	struct transport_status status = transport_status(&session->transport);
	struct connection_log_totals totals = {
		.in = status.in,
		.out = status.out - status.unsent,
		.ms = timers_now() - session->started,
	};

	connection_log_departure(&subject, reason, &totals);
}

static void
end(struct session *session, enum close_reason reason, bool reset)
{
	struct session_context *context = session_context_of(session);
	const struct connection_info *info = &session->info;

	reason = reason_or_no_data(session, reason);
	/* First: a reader of the log may ask for the counters. */
	stats_close(stats_of(session), reason, timers_now() - session->started);
	log_end(session, reason);
	timers_cancel(context->timers, &session->timer);
	transport_close(&session->transport, reset);
	connection_info_leave(info);
	prefix_release(&info->listener->frame, session->frame);
	config_listener_unref(info->listener);
	LIST_REMOVE(session, link);
	context->count--;
	free(session);
	if (context->closed)
		context->closed(context);
}

void
session_close(struct session *session, enum close_reason reason)
{
	end(session, reason, false);
}

void
session_abort(struct session *session)
{
	end(session, CLOSE_fault, true);
}

/* Of the bytes that are read next. */
static void
set_time(const struct session *session)
{
	struct timespec now;

	if (session->frame->times == 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	prefix_set_time(session->frame, &now);
}

static void
count(const struct session *session, const struct transport_moved *moved)
{
	struct stats *stats = stats_of(session);

	stats_add(stats, STATS_bytes_in, moved->in);
	stats_add(stats, STATS_bytes_out, moved->out);
	stats_add(stats, STATS_chunks, moved->chunks);
	if (moved->delay >= 0)
		stats_measure(stats, HISTOGRAM_echo_delay,
			      (double)moved->delay * 1e-9, 1);
}

/* Echoes the available input, and acts on the result.  Can free the session. */
static void
echo(struct session *session, bool absorb)
{
	struct transport *transport = &session->transport;
	struct transport_moved moved;
	enum echo_state state;

	if (session_end_may(session)) {
		session_end_stop(session);
		return;
	}
	set_time(session);
	state = transport_echo(transport, session->frame, absorb, &moved);
	count(session, &moved);
	if (!session->is_logged && transport_status(transport).in > 0)
		log_arrival(session);
	if (state == ECHO_FAILED) {
		session_close(session, session_end_failure(session));
		return;
	}
	session_timeouts_note_output(session, moved.out);
	if (session_end_by_fault(session))
		return;
	/* After the grace period: the first bytes may arrive in pieces. */
	if (session->state == SESSION_DRAINING && session->due == 0)
		session_end_note_due(session);
	if (state == ECHO_FULL)
		session_timeouts_set(session);
	if (state == ECHO_ENDED)
		session_end_input(session);
	else if (session->state == SESSION_DRAINING)
		session_end_advance(session);
}

/* After our FIN nothing can be echoed: input is dropped. */
static void
discard(struct session *session)
{
	ssize_t got = transport_discard(&session->transport);

	if (got == 0)
		session_end_input(session);
	else if (got < 0 && errno != EAGAIN && errno != EINTR)
		session_close(session, session_end_failure(session));
}

static struct session *
session_of(struct transport *transport)
{
	return container_of(transport, struct session, transport);
}

static void
on_readable(struct transport *transport)
{
	struct session *session = session_of(transport);

	session->deadlines.active = timers_now();
	if (session->state == SESSION_LINGERING)
		discard(session);
	else
		echo(session, false);
}

/* Output has been sent or has become due.  Can free the session. */
static void
go_on(struct session *session)
{
	struct transport_moved moved;
	enum echo_state state = transport_flush(&session->transport, &moved);

	count(session, &moved);
	if (state == ECHO_FAILED) {
		session_close(session, CLOSE_error);
		return;
	}
	if (moved.out > 0)
		session->deadlines.active = timers_now();
	session_timeouts_note_output(session, moved.out);
	session_timeouts_set(session);
	if (session_end_by_fault(session))
		return;
	if (session->state == SESSION_FINISHING ||
	    session->state == SESSION_FAULT_END || session_end_may(session))
		session_end_advance(session);
	else if (state == ECHO_MORE)
		echo(session, false);
}

static void
on_written(struct transport *transport)
{
	struct session *session = session_of(transport);

	session->deadlines.active = timers_now();
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
		session_close(session, session_end_failure(session));
	else
		session_end_input(session);
}

static void
on_expired(struct wheel_timer *timer, int64_t late)
{
	struct session *session = container_of(timer, struct session, timer);
	enum close_reason reason;

	if (!session->is_logged &&
	    timers_now() >= session->started + SESSION_SILENT_MS)
		log_arrival(session);
	if (transport_status(&session->transport).in == 0 &&
	    session_end_may(session)) {
		/* The grace period is over, and nothing has arrived. */
		session_timeouts_set(session);
		session_end_advance(session);
		return;
	}
	switch (session_timeouts_check(session, late, &reason)) {
	case SESSION_WAITS:
		session_timeouts_set(session);
		break;
	case SESSION_ABSORBS:
		session_timeouts_set(session);
		echo(session, true);
		break;
	case SESSION_CLOSES:
		session_close(session, reason);
	}
}

struct session *
session_next(const struct session *session)
{
	return LIST_NEXT(session, link);
}

bool
session_context_init(struct session_context *context, struct event_base *base,
		     unsigned worker)
{
	LIST_INIT(&context->sessions);
	context->worker = worker;
	context->transports.base = base;
	context->transports.readable = on_readable;
	context->transports.written = on_written;
	context->transports.due = on_due;
	context->transports.ended = on_ended;
	context->timers = timers_new(base, on_expired);
	return transport_context_init(&context->transports) && context->timers;
}

void
session_context_release(struct session_context *context)
{
	transport_context_release(&context->transports);
	timers_free(context->timers);
}

/* Frame and transport.  False: what `info` holds has been given back. */
static bool
open_transport(struct session *session, struct session_context *context,
	       const struct fault_params *fault)
{
	const struct connection_info *info = &session->info;

	session->frame = connection_info_frame(info);
	if (!session->frame) {
		connection_info_refuse(info);
		return false;
	}
	if (transport_open(&session->transport, &context->transports, info,
			   fault))
		return true;
	connection_info_leave(info);
	prefix_release(&info->listener->frame, session->frame);
	return false;
}

struct session *
session_new(struct session_context *context, const struct connection_info *info)
{
	struct session *session = calloc(1, sizeof(*session));
	const struct fault_params *fault;

	if (!session) {
		connection_info_refuse(info);
		return NULL;
	}
	session->info = *info;
	session->started = session->deadlines.active = timers_now();
	fault = connection_info_fault(info);
	if (!open_transport(session, context, fault)) {
		free(session);
		return NULL;
	}
	config_listener_ref(info->listener);
	LIST_INSERT_HEAD(&context->sessions, session, link);
	context->count++;
	stats_add(stats_of(session), STATS_connections, 1);
	stats_add(stats_of(session), STATS_faults, fault != NULL);
	session->has_fault = fault != NULL;
	defer_arrival(session);
	session_timeouts_set(session);
	return session;
}
