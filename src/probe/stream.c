#include "probe/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/container_of.h"
#include "probe/run.h"
#include "probe/stream_failures.h"
#include "probe/stream_messages.h"
#include "probe/tls_client.h"

static struct stream *
stream_of(struct connection *connection)
{
	return container_of(connection, struct stream, connection);
}

/* ---- the end of a connection */

/* A FIN too early, or after a prefix that no payload followed. */
static void
fail_at_fin(struct stream *stream)
{
	char text[CONNECTION_DETAIL_SIZE];

	if (stream->in.payload.position < stream->out.position) {
		stream_fail_incomplete(stream, OUTCOME_EARLY_FIN, "");
		return;
	}
	snprintf(text, sizeof(text),
		 "byte %llu of the echo: FIN after a prefix without payload",
		 (unsigned long long)stream->in.received);
	stream_fail_and_go_on(stream, OUTCOME_SURPLUS, text);
}

/* The server's FIN after ours. */
static void
on_finished(struct stream *stream)
{
	int64_t now = run_now();

	if (!verifier_complete(&stream->in, stream->out.position)) {
		fail_at_fin(stream);
		return;
	}
	if (stream_is_awaiting(stream))
		stream_count_echo(stream, stream->round_trip, now);
	stream_shut(stream);
	stream_go_on(stream, now);
	stream->run->progress(stream->run);
}

/*
 * True if the server has perhaps closed the connection before the last message
 * arrived; see the header.
 */
static bool
may_send_again(const struct stream *stream)
{
	return !stream->run->options->stream && stream->messages > 0 &&
	       !stream->retried && stream_is_awaiting(stream) &&
	       stream->in.received == stream->received;
}

static void
send_again(struct stream *stream)
{
	stream_count(stream, OUTCOME_RETRIED, "");
	stream->retried = true;
	stream_shut(stream);
	stream_open(stream);
}

/* Every message has been echoed, and nothing else has come. */
static bool
is_idle(const struct stream *stream)
{
	return !stream_is_awaiting(stream) &&
	       verifier_complete(&stream->in, stream->out.position);
}

/* No message can fail, whatever the end was like: `detail`. */
static void
on_idle_end(struct stream *stream, const char *detail)
{
	stream_count(stream, OUTCOME_CLOSED, detail);
	stream_shut(stream);
	/* A pause before the next message goes on. */
	if (!evtimer_pending(&stream->pause, NULL))
		stream_continue(stream);
	stream->run->progress(stream->run);
}

/* The server's FIN, unasked for. */
static void
on_fin(struct stream *stream)
{
	if (stream->phase == STREAM_FINISHING) {
		on_finished(stream);
	} else if (is_idle(stream)) {
		on_idle_end(stream, "");
	} else if (may_send_again(stream)) {
		send_again(stream);
	} else {
		fail_at_fin(stream);
	}
}

static void
on_bad_end(struct stream *stream, enum outcome outcome)
{
	if (is_idle(stream))
		on_idle_end(stream, outcome_name(outcome));
	else
		stream_fail_incomplete(stream, outcome, "");
}

static void
on_error(struct stream *stream)
{
	char reason[CONNECTION_DETAIL_SIZE];
	enum outcome outcome = connection_failure(&stream->connection, reason);

	if (is_idle(stream))
		on_idle_end(stream, reason);
	else
		stream_fail_incomplete(stream, outcome, reason);
}

static void
on_end(struct stream *stream, enum connection_end end)
{
	switch (end) {
	case CONNECTION_FIN:
		on_fin(stream);
		break;
	case CONNECTION_CUT:
		on_bad_end(stream, OUTCOME_NO_CLOSE_NOTIFY);
		break;
	case CONNECTION_RESET:
		on_bad_end(stream, OUTCOME_RESET);
		break;
	case CONNECTION_FAILED:
		on_error(stream);
		break;
	case CONNECTION_AGAIN:
	case CONNECTION_BYTES:
		break;
	}
}

/*
 * TLS gives one record at a time.  After a full one, more is likely; after a
 * smaller one, another read would only say that there is nothing.  It stops at
 * the size of a buffer, so that the other connections have their turn.
 */
static void
on_readable(struct connection *connection)
{
	struct stream *stream = stream_of(connection);
	unsigned char *buffer = stream->run->buffer;
	const struct ssl_st *tls = connection->tls;
	size_t total = 0, length = 0;
	enum connection_end end;

	do {
		end = connection_receive(connection, buffer, RUN_BUFFER_SIZE,
					 &length);
		if (end == CONNECTION_BYTES)
			stream_on_bytes(stream, length);
		else
			on_end(stream, end);
		total += length;
	} while (end == CONNECTION_BYTES && tls && connection->tls == tls &&
		 length >= TLS_CLIENT_RECORD && total < RUN_BUFFER_SIZE);
}

static void
on_writable(struct connection *connection)
{
	stream_on_writable(stream_of(connection));
}

/* ---- the beginning of a connection */

/* The first connection to a target tells about its certificate. */
static void
note_tls(struct stream *stream)
{
	struct run *run = stream->run;
	struct target_tally *tally = &run->tally.targets[stream->target->index];
	double days = run->options->tls.expiry_days;
	char text[CONNECTION_DETAIL_SIZE];
	double left;

	if (!stream->connection.tls || *tally->tls)
		return;
	tls_client_describe(stream->connection.tls, tally->tls,
			    sizeof(tally->tls), tally->certificate_name,
			    sizeof(tally->certificate_name),
			    &tally->certificate_expires);
	left = (tally->certificate_expires - (double)time(NULL)) / 86400;
	if (days <= 0 || left >= days)
		return;
	snprintf(text, sizeof(text), "%s, in %.1f days",
		 tally->certificate_name, left);
	stream_count(stream, OUTCOME_EXPIRY, text);
}

static void
on_opened(struct connection *connection)
{
	struct stream *stream = stream_of(connection);
	struct run *run = stream->run;

	stream->phase = STREAM_OPEN;
	stream->addresses_tried = 0;
	tally_connected(&run->tally, stream->target->index,
			(uint64_t)(connection->opened - connection->began));
	note_tls(stream);
	if (stream_is_awaiting(stream)) {
		/* It began with the connection, or is sent again. */
		stream_put_message(stream);
		stream->progress = run_now();
		if (stream->load->rate == 0 && !stream->retried)
			stream->message_began = stream->progress;
		stream_push(stream);
	} else {
		stream_continue(stream);
	}
	run->progress(run);
}

static void
on_failed(struct connection *connection, enum outcome outcome,
	  const char *detail)
{
	struct stream *stream = stream_of(connection);

	stream->addresses_tried++;
	stream->address = (stream->address + 1) % stream->target->address_count;
	if (stream->addresses_tried < stream->target->address_count) {
		stream_shut(stream);
		stream_open(stream);
		return;
	}
	stream->addresses_tried = 0;
	stream_fail_and_go_on(stream, outcome, detail);
}

static const struct connection_callbacks callbacks = {
	.opened = on_opened,
	.failed = on_failed,
	.readable = on_readable,
	.writable = on_writable,
};

static void
on_pause(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	stream_continue(argument);
}

struct stream *
stream_new(struct run *run, struct target *target, const struct load *load,
	   unsigned index)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->run = run;
	stream->target = target;
	stream->load = load;
	stream->index = index;
	connection_init(&stream->connection, run, target, &callbacks);
	evtimer_assign(&stream->pause, run->base, on_pause, stream);
	return stream;
}

void
stream_free(struct stream *stream)
{
	if (!stream)
		return;
	stream_shut(stream);
	event_del(&stream->pause);
	free(stream);
}

/* A message begins with the attempt to connect, so that this can fail it. */
void
stream_open(struct stream *stream)
{
	struct run *run = stream->run;
	unsigned number = run->connections++;

	stream->retry_at = 0;
	stream->phase = STREAM_OPENING;
	if (!stream_is_awaiting(stream))
		stream_begin_message(stream, 0);
	stream->progress = run_now();
	stream->first = stream->numbers - 1;
	payload_begin(&stream->out, &run->payload, number, stream->first);
	if (!verifier_init(&stream->in, &run->options->framing, &run->payload,
			   number, stream->first)) {
		stream_fail_and_go_on(stream, OUTCOME_LOCAL, strerror(ENOMEM));
		return;
	}
	connection_open(&stream->connection,
			&stream->target->addresses[stream->address], number);
}

void
stream_begin(struct stream *stream)
{
	stream->due = stream->started = stream->ended = stream->echoed = 0;
	stream->established = false;
}

bool
stream_is_open(const struct stream *stream)
{
	return stream->phase == STREAM_OPEN;
}

void
stream_due(struct stream *stream, uint64_t due)
{
	stream->due = due;
	stream_continue(stream);
}

static bool
is_waiting(const struct stream *stream)
{
	return stream->phase == STREAM_OPENING ||
	       stream->phase == STREAM_FINISHING || stream_is_awaiting(stream);
}

static void
time_out(struct stream *stream)
{
	bool handshake = stream->connection.state == CONNECTION_HANDSHAKE;

	if (stream->phase != STREAM_OPENING) {
		bool all = verifier_complete(&stream->in, stream->out.position);

		stream_fail_incomplete(stream, OUTCOME_TIMEOUT,
				       all ? "no FIN" : "");
		return;
	}
	connection_close(&stream->connection);
	on_failed(&stream->connection,
		  handshake ? OUTCOME_TLS : OUTCOME_CONNECT_TIMEOUT,
		  handshake ? "no answer" : "");
}

void
stream_tick(struct stream *stream, int64_t now)
{
	double timeout = stream->run->options->timeout;

	if (stream->retry_at > 0) {
		if (now < stream->retry_at)
			return;
		stream->retry_at = 0;
		stream_continue(stream);
		return;
	}
	if (stream->has_progress)
		stream->progress = now;
	stream->has_progress = false;
	if (stream->phase != STREAM_CLOSED && is_waiting(stream) &&
	    (double)(now - stream->progress) > timeout * 1e9)
		time_out(stream);
}

uint64_t
stream_awaited(const struct stream *stream)
{
	return stream->started - stream->ended;
}

uint64_t
stream_echoed(const struct stream *stream)
{
	return stream->echoed;
}

void
stream_close(struct stream *stream)
{
	stream->progress = run_now();
	stream->has_progress = false;
	if (stream->phase == STREAM_OPEN && !stream_is_awaiting(stream))
		stream_finish(stream);
	else
		stream_shut(stream);
}

bool
stream_is_closed(const struct stream *stream)
{
	return stream->phase == STREAM_CLOSED;
}
