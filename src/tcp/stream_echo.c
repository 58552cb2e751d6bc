#include "tcp/stream_echo.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo/template.h"

/* Chains of input that are looked at together. */
#define SPANS 16
#define PARTS 1024

/* What one recv(2) may bring. */
#define SCRATCH_SIZE (256 * 1024)
#define PIPE_SIZE (1024 * 1024)

/*
 * Handing pages over is cheaper than copying their bytes, but not for few.  A
 * session is bulk from when so many bytes have come at once, until for so many
 * calls in a row they have been few.
 */
#define BULK_MANY (64 * 1024)
#define BULK_FEW (16 * 1024)
#define BULK_PATIENCE 32

struct stream_echo {
	int pipe[2]; /* empty between calls; -1 where there is none */
	struct iovec parts[PARTS];
	char memory[TEMPLATE_MAX + SCRATCH_SIZE]; /* see scratch() */
};

/* One call at work. */
struct run {
	struct stream_echo *stream_echo;
	struct stream_echo_job *job;
	struct stream_echo_tally *tally;
	struct evbuffer *output;
	int fd;
	bool direct; /* the socket has taken all so far */
	bool may_splice;
	size_t taken; /* bytes off the socket, and prefixes laid to them */
};

/* What is received, with room for a prefix before it. */
static char *
scratch(struct stream_echo *stream_echo)
{
	return stream_echo->memory + TEMPLATE_MAX;
}

/* Without a pipe bulk is copied, and that is all. */
static void
open_pipe(struct stream_echo *stream_echo)
{
	if (pipe2(stream_echo->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
		stream_echo->pipe[0] = stream_echo->pipe[1] = -1;
	else
		fcntl(stream_echo->pipe[1], F_SETPIPE_SZ, PIPE_SIZE);
}

static void
close_pipe(struct stream_echo *stream_echo)
{
	if (stream_echo->pipe[0] < 0)
		return;
	close(stream_echo->pipe[0]);
	close(stream_echo->pipe[1]);
}

struct stream_echo *
stream_echo_new(void)
{
	struct stream_echo *stream_echo = calloc(1, sizeof(*stream_echo));

	if (!stream_echo)
		return NULL;
	open_pipe(stream_echo);
	return stream_echo;
}

void
stream_echo_free(struct stream_echo *stream_echo)
{
	if (!stream_echo)
		return;
	close_pipe(stream_echo);
	free(stream_echo);
}

static size_t
room(const struct run *run)
{
	size_t waiting = evbuffer_get_length(run->output);
	size_t limit = run->job->output_limit;

	return waiting < limit ? limit - waiting : 0;
}

/* A prefix and one chunk from the scratch: the prefix goes before it there. */
static ssize_t
send_one_chunk(const struct run *run, const struct frame_layout *layout)
{
	struct stream_echo *stream_echo = run->stream_echo;
	size_t prefix = stream_echo->parts[0].iov_len;
	char *start = scratch(stream_echo) - prefix;

	memcpy(start, stream_echo->parts[0].iov_base, prefix);
	return send(run->fd, start, layout->produced, MSG_NOSIGNAL);
}

/* Returns how much the socket has taken, or -1. */
static ssize_t
transmit(const struct run *run, const struct frame_layout *layout)
{
	struct stream_echo *stream_echo = run->stream_echo;
	struct msghdr message = {
		.msg_iov = stream_echo->parts,
		.msg_iovlen = layout->parts,
	};
	ssize_t sent;

	if (layout->parts == 2 &&
	    stream_echo->parts[1].iov_base == scratch(stream_echo))
		sent = send_one_chunk(run, layout);
	else
		sent = sendmsg(run->fd, &message, MSG_NOSIGNAL);
	return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

/* Appends what the socket has not taken of a layout to the output. */
static bool
keep(const struct run *run, const struct frame_layout *layout, size_t sent)
{
	size_t left = layout->produced - sent;
	struct iovec *part = run->stream_echo->parts;
	struct iovec *end = part + layout->parts;

	while (sent >= part->iov_len)
		sent -= (part++)->iov_len;
	part->iov_base = (char *)part->iov_base + sent;
	part->iov_len -= sent;

	/* Copied, so that small pieces do not cost a chain each. */
	if (evbuffer_add_iovec(run->output, part, (int)(end - part)) == left)
		return true;
	errno = ENOMEM;
	return false;
}

static bool
pass_on(struct run *run, const struct frame_layout *layout)
{
	ssize_t sent = run->direct ? transmit(run, layout) : 0;

	if (sent < 0)
		return false;
	if ((size_t)sent < layout->produced) {
		run->direct = false;
		if (!keep(run, layout, (size_t)sent))
			return false;
	}
	run->taken += layout->produced;
	run->tally->in += layout->consumed;
	run->tally->out += layout->produced;
	run->tally->chunks += layout->chunks;
	return true;
}

/* While the socket takes all there is no end to it. */
static enum stream_echo_state
state_after(const struct run *run)
{
	if (run->direct || (run->job->absorb && room(run) > 0))
		return STREAM_ECHO_EMPTY;
	return STREAM_ECHO_FULL;
}

static enum stream_echo_state
run_buffered(struct run *run)
{
	struct evbuffer *input = bufferevent_get_input(run->job->bev);

	while (evbuffer_get_length(input) > 0) {
		struct iovec spans[SPANS];
		int count = evbuffer_peek(input, -1, NULL, spans, SPANS);
		size_t budget = room(run);

		if (budget == 0)
			return STREAM_ECHO_FULL;

		struct frame_layout layout =
			frame_layout(run->job->frame, &run->job->in_line, spans,
				     count < SPANS ? (size_t)count : SPANS,
				     budget, run->stream_echo->parts, PARTS);
		if (!pass_on(run, &layout))
			return STREAM_ECHO_FAILED;
		evbuffer_drain(input, layout.consumed);
	}
	return room(run) > 0 ? STREAM_ECHO_EMPTY : STREAM_ECHO_FULL;
}

/*
 * How much may be received at once: no more than the output has room for once
 * framed, should the socket take none of it.
 */
static size_t
receivable(const struct run *run)
{
	size_t most = run->job->budget;

	if (most > room(run))
		most = room(run);
	if (most > SCRATCH_SIZE)
		most = SCRATCH_SIZE;
	return frame_input(run->job->frame, most);
}

static bool
echo_scratch(struct run *run, size_t length)
{
	struct iovec span = { scratch(run->stream_echo), length };

	while (span.iov_len > 0) {
		struct frame_layout layout = frame_layout(
			run->job->frame, &run->job->in_line, &span, 1, SIZE_MAX,
			run->stream_echo->parts, PARTS);

		if (!pass_on(run, &layout))
			return false;
		span.iov_base = (char *)span.iov_base + layout.consumed;
		span.iov_len -= layout.consumed;
	}
	return true;
}

/* STREAM_ECHO_EMPTY where another try may bring more. */
static enum stream_echo_state
copy_through(struct run *run, bool *more)
{
	size_t wanted = receivable(run);
	ssize_t got;

	if (run->may_splice && wanted > BULK_MANY)
		wanted = BULK_MANY;
	got = recv(run->fd, scratch(run->stream_echo), wanted, 0);

	*more = got == (ssize_t)wanted;
	if (got == 0)
		return STREAM_ECHO_ENDED;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? STREAM_ECHO_EMPTY :
							   STREAM_ECHO_FAILED;
	if (run->may_splice && got == BULK_MANY)
		run->job->bulk = BULK_PATIENCE;
	if (!echo_scratch(run, (size_t)got))
		return STREAM_ECHO_FAILED;
	return state_after(run);
}

/* What the socket refuses leaves the pipe, which is every session's. */
static bool
empty_pipe(struct run *run, size_t bytes)
{
	run->direct = false;
	while (bytes > 0) {
		struct iovec space;
		ssize_t got;

		if (evbuffer_reserve_space(run->output, (ssize_t)bytes, &space,
					   1) < 0)
			return false;
		got = read(run->stream_echo->pipe[0], space.iov_base, bytes);
		if (got <= 0)
			return false;
		space.iov_len = (size_t)got;
		evbuffer_commit_space(run->output, &space, 1);
		bytes -= (size_t)got;
	}
	return true;
}

/* Sends on what is in the pipe. */
static bool
forward(struct run *run, size_t bytes)
{
	while (bytes > 0) {
		ssize_t sent = splice(run->stream_echo->pipe[0], NULL, run->fd,
				      NULL, bytes,
				      SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (sent < 0 && errno == EAGAIN)
			return empty_pipe(run, bytes);
		if (sent <= 0)
			return false;
		bytes -= (size_t)sent;
	}
	return true;
}

/*
 * Bulk without prefixes: its pages change hands, its bytes are not touched.
 * STREAM_ECHO_ENDED is for recv(2) to confirm: at an urgent mark (tcp(7)) splice(2)
 * moves nothing either, although bytes are queued behind it.
 */
static enum stream_echo_state
splice_through(struct run *run)
{
	struct stream_echo *stream_echo = run->stream_echo;
	size_t space = room(run);
	size_t budget = run->job->budget;
	size_t wanted = space < budget ? space : budget;
	ssize_t got = splice(run->fd, NULL, stream_echo->pipe[1], NULL, wanted,
			     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (got == 0)
		return STREAM_ECHO_ENDED;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? STREAM_ECHO_EMPTY :
							   STREAM_ECHO_FAILED;
	run->taken += (size_t)got;
	if (!forward(run, (size_t)got)) {
		/* The next session must not find these bytes in the pipe. */
		int error = errno;

		close_pipe(stream_echo);
		open_pipe(stream_echo);
		errno = error;
		return STREAM_ECHO_FAILED;
	}
	run->tally->in += (size_t)got;
	run->tally->out += (size_t)got;
	run->tally->chunks++;
	return state_after(run);
}

/*
 * Bytes that wait in the output are behind those in the kernel's buffer, which
 * is not small: where the peer reads, nothing is gained by copying more there.
 * All of it goes first, and what is read then goes the direct way again.
 */
static enum stream_echo_state
run_direct(struct run *run)
{
	enum stream_echo_state state;
	bool more;

	run->direct = evbuffer_get_length(run->output) == 0;
	state = state_after(run);
	if (state == STREAM_ECHO_FULL)
		return state;
	/* One splice takes what gathered: to look for more is a call too many. */
	if (run->may_splice && run->direct && run->job->bulk > 0) {
		state = splice_through(run);
		if (state != STREAM_ECHO_ENDED)
			return state;
	}
	do
		state = copy_through(run, &more);
	while (state == STREAM_ECHO_EMPTY && more &&
	       run->taken < run->job->budget);
	return state;
}

enum stream_echo_state
stream_echo_run(struct stream_echo *stream_echo, struct stream_echo_job *job,
		struct stream_echo_tally *tally)
{
	struct run run = {
		.stream_echo = stream_echo,
		.job = job,
		.tally = tally,
		.output = job->delay ? job->delay :
				       bufferevent_get_output(job->bev),
		.fd = bufferevent_getfd(job->bev),
	};
	enum stream_echo_state state;

	if (job->path == STREAM_ECHO_BUFFERED)
		return run_buffered(&run);

	run.may_splice = job->frame->prefix_length == 0 &&
			 stream_echo->pipe[0] >= 0;
	state = run_direct(&run);
	if (run.taken >= BULK_MANY)
		job->bulk = BULK_PATIENCE;
	else if (run.taken < BULK_FEW && job->bulk > 0)
		job->bulk--;
	return state;
}
