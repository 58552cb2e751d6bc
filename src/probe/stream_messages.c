#include "probe/stream_messages.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "probe/run.h"
#include "probe/stream_failures.h"

/* One call sends at most so many parts of the pattern. */
#define SEND_PARTS 8

bool
stream_is_awaiting(const struct stream *stream)
{
	return stream->ended < stream->started;
}

void
stream_count_echo(struct stream *stream, int64_t round_trip, int64_t now)
{
	size_t size = message_size(&stream->run->payload.sizes,
				   stream->out.seed,
				   stream->first + stream->messages);

	stream->run->last = now;
	stream->messages++;
	stream->ended++;
	stream->echoed++;
	stream->retried = false;
	if (!stream->backend)
		stream_find_backend(stream);
	stream_establish(stream);
	tally_echo(&stream->run->tally, stream->target->index, stream->backend,
		   size, round_trip);
}

bool
stream_may_begin(const struct stream *stream)
{
	return stream->started < stream->due && !stream->run->stopping &&
	       (stream->run->options->stream || !stream_is_awaiting(stream));
}

/* `now`: 0 if it is not known yet. */
void
stream_begin_message(struct stream *stream, int64_t now)
{
	struct run *run = stream->run;

	now = now ? now : run_now();
	stream->message_began = stream->load->rate > 0 && !run->warming ?
					load_time_of(stream->load,
						     stream->index,
						     stream->started) :
					now;
	stream->progress = now;
	stream->started++;
	stream->numbers++;
	tally_start(&run->tally, stream->target->index);
}

/* The message has begun; its bytes go to the connection. */
void
stream_put_message(struct stream *stream)
{
	if (!stream_is_awaiting(stream) || !stream->run->options->stream)
		verifier_expect_message(&stream->in);
	payload_next_message(&stream->out);
	stream->received = stream->in.received;
}

static bool
fails_to_send(struct stream *stream, enum connection_end end)
{
	switch (end) {
	case CONNECTION_RESET:
		/* What arrived before the reset is read first. */
		return false;
	case CONNECTION_FAILED:
		stream_fail_of_connection(stream);
		return true;
	default:
		return false;
	}
}

static int
gather(const struct payload *from, struct iovec parts[SEND_PARTS])
{
	struct payload payload = *from;
	int count = 0;

	while (count < SEND_PARTS && payload.position < payload.message_end) {
		size_t length;

		parts[count].iov_base = (void *)payload_span(&payload, &length);
		parts[count++].iov_len = length;
		payload_advance(&payload, length);
	}
	return count;
}

void
stream_finish(struct stream *stream)
{
	stream->phase = STREAM_FINISHING;
	connection_shutdown(&stream->connection);
}

/*
 * Sends what the socket accepts.  With --stream one message at a time: the echo
 * must be read in between.
 */
void
stream_push(struct stream *stream)
{
	const struct probe_options *options = stream->run->options;

	while (stream->out.position < stream->out.message_end) {
		struct iovec parts[SEND_PARTS];
		int count = gather(&stream->out, parts);
		size_t done = 0;
		enum connection_end end = connection_send(&stream->connection,
							  parts, count, &done);

		if (fails_to_send(stream, end))
			return;
		if (end == CONNECTION_AGAIN)
			connection_want_write(&stream->connection, true);
		if (end != CONNECTION_BYTES)
			return;
		payload_advance(&stream->out, done);
		stream->has_progress = true;
	}
	if (options->half_close && !stream->run->warming)
		stream_finish(stream);
	else
		connection_want_write(&stream->connection,
				      options->stream &&
					      stream_may_begin(stream));
}

void
stream_begin_next(struct stream *stream, int64_t now)
{
	stream_put_message(stream);
	stream_begin_message(stream, now);
	stream_push(stream);
}

/* Begins what may begin, on the open connection or on a new one. */
void
stream_continue(struct stream *stream)
{
	if (!stream_may_begin(stream))
		return;
	if (stream->phase == STREAM_OPEN)
		stream_begin_next(stream, 0);
	else if (stream->phase == STREAM_CLOSED && stream->retry_at == 0)
		stream_open(stream);
}

void
stream_on_writable(struct stream *stream)
{
	if (stream->phase != STREAM_OPEN)
		return;
	if (stream->out.position == stream->out.message_end &&
	    stream_may_begin(stream))
		stream_begin_next(stream, 0);
	else
		stream_push(stream);
}

/* At random, so as not to fall in step with other clients. */
static void
start_pause(struct stream *stream)
{
	double mean = stream->run->options->pause;
	double seconds = mean * (0.5 + (double)random() / RAND_MAX);
	struct timeval pause = { .tv_sec = (time_t)seconds };

	pause.tv_usec = (suseconds_t)((seconds - (double)pause.tv_sec) * 1e6);
	event_add(&stream->pause, &pause);
}

void
stream_go_on(struct stream *stream, int64_t now)
{
	if (!stream_may_begin(stream))
		return;
	if (stream->run->options->pause > 0)
		start_pause(stream);
	else if (stream->phase == STREAM_OPEN)
		stream_begin_next(stream, now);
	else
		stream_continue(stream);
}

/* The messages whose last byte has come back. */
static void
on_echoed(struct stream *stream)
{
	const struct payload *in = &stream->in.payload;
	const struct probe_options *options = stream->run->options;
	uint64_t whole =
		in->message - stream->first - (in->position < in->message_end);
	int64_t now, round_trip;

	if (stream->messages == whole)
		return;
	now = run_now();
	round_trip = now - stream->message_began;
	if (options->reconnect && !stream->run->warming) {
		/* It ends with the server's FIN. */
		stream->round_trip = round_trip;
		if (!options->half_close)
			stream_finish(stream);
		return;
	}
	while (stream->messages < whole)
		stream_count_echo(stream, options->stream ? -1 : round_trip,
				  now);
	if (!options->stream)
		stream_go_on(stream, now);
	stream->run->progress(stream->run);
}

void
stream_on_bytes(struct stream *stream, size_t length)
{
	struct verdict verdict = verifier_feed(&stream->in, stream->run->buffer,
					       length, stream->out.position);

	stream->has_progress = true;
	if (verdict.outcome != OUTCOME_ECHOED)
		stream_fail_at_byte(stream, &verdict);
	else
		on_echoed(stream);
}
