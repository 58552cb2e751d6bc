#include "probe/stream_failures.h"

#include <errno.h>
#include <stdio.h>

#include "probe/run.h"
#include "probe/stream_messages.h"

void
stream_establish(struct stream *stream)
{
	if (stream->established)
		return;
	stream->established = true;
	stream->run->established++;
}

void
stream_find_backend(struct stream *stream)
{
	struct backends *backends = stream->run->backends;
	char client[TARGET_ADDRESS_SIZE];
	const char *prefix;
	size_t length;

	prefix = verifier_prefix(&stream->in, &length);
	if (!prefix || stream->backend)
		return;
	stream->backend = backends_known(backends, prefix, length);
	if (!stream->backend) {
		connection_local(&stream->connection, client, sizeof(client));
		stream->backend =
			backends_find(backends, prefix, length, client);
	}
	stream->backend->connections++;
}

void
stream_count(struct stream *stream, enum outcome outcome, const char *detail)
{
	const struct connection *connection = &stream->connection;
	int64_t begin = stream->run->tally.begin, now = run_now();
	struct failure failure = {
		.at = now - begin,
		.outcome = outcome,
		.backend = stream->backend,
		.peer = stream->index,
		.began = connection->opened ? connection->opened - begin : -1,
		.detail = detail,
	};

	stream->run->last = now;
	tally_fail(&stream->run->tally, stream->target->index, stream->backend,
		   message_size(&stream->run->payload.sizes, stream->out.seed,
				stream->numbers - 1),
		   &failure);
}

/* ---- the end of a connection */

void
stream_shut(struct stream *stream)
{
	connection_close(&stream->connection);
	verifier_free(&stream->in);
	stream->phase = STREAM_CLOSED;
	stream->backend = NULL;
	stream->messages = 0;
}

/* The last message of the connection is awaited again. */
static void
take_back_echo(struct stream *stream)
{
	tally_take_back(&stream->run->tally, stream->target->index,
			stream->backend,
			message_size(&stream->run->payload.sizes,
				     stream->out.seed, stream->numbers - 1));
	stream->echoed--;
	stream->ended--;
}

/*
 * Something is wrong although nothing is awaited.  Each failure is that of a
 * message: the next one, or after the last one this, whose echo was not all.
 */
static void
find_message(struct stream *stream)
{
	bool last = stream->run->stopping ||
		    stream->started >= load_quota(stream->load, stream->index);

	if (last && stream->echoed > 0)
		take_back_echo(stream);
	else
		stream_begin_message(stream, 0);
}

/* All messages that are awaited end. */
static void
fail(struct stream *stream, enum outcome outcome, const char *detail)
{
	stream_find_backend(stream);
	if (!stream_is_awaiting(stream))
		find_message(stream);
	while (stream_is_awaiting(stream)) {
		stream_count(stream, outcome, detail);
		stream->ended++;
	}
	stream_establish(stream);
	stream->retried = false;
	/* A server that only accepts and resets must not be flooded. */
	if (stream->messages == 0)
		stream->retry_at =
			run_now() + STREAM_RETRY_MS * INT64_C(1000000);
	stream_shut(stream);
}

void
stream_fail_and_go_on(struct stream *stream, enum outcome outcome,
		      const char *detail)
{
	fail(stream, outcome, detail);
	stream_continue(stream);
	stream->run->progress(stream->run);
}

void
stream_fail_at_byte(struct stream *stream, const struct verdict *verdict)
{
	char text[CONNECTION_DETAIL_SIZE];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text),
			     "byte %llu of the echo (payload byte %llu)",
			     (unsigned long long)verdict->offset,
			     (unsigned long long)verdict->position);
	if (verdict->expected >= 0)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      ": expected 0x%02x",
				      (unsigned)verdict->expected);
	if (verdict->got >= 0)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s got 0x%02x",
				      verdict->expected >= 0 ? "," : ":",
				      (unsigned)verdict->got);
	if (verdict->moved > 0)
		snprintf(text + n, sizeof(text) - n, ", %llu bytes %s",
			 (unsigned long long)verdict->moved,
			 verdict->outcome == OUTCOME_BYTES_LOST ? "missing" :
								  "again");
	stream_fail_and_go_on(stream, verdict->outcome, text);
}

void
stream_fail_incomplete(struct stream *stream, enum outcome outcome,
		       const char *reason)
{
	char text[CONNECTION_DETAIL_SIZE + 64];

	snprintf(text, sizeof(text), "%s%s%llu of %llu bytes came back", reason,
		 *reason ? ", " : "",
		 (unsigned long long)stream->in.payload.position,
		 (unsigned long long)stream->out.position);
	stream_fail_and_go_on(stream, outcome, text);
}

void
stream_fail_of_connection(struct stream *stream)
{
	char reason[CONNECTION_DETAIL_SIZE];
	enum outcome outcome = connection_failure(&stream->connection, reason);

	stream_fail_incomplete(stream, outcome, reason);
}
