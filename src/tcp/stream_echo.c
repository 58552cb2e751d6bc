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

#include "base/timers.h"
#include "echo/template.h"

/* Chains of input that are laid out together. */
#define SPANS 16
#define PARTS 1024

/* Bytes that one recv(2) returns at most. */
#define SCRATCH_SIZE (256 * 1024)
#define PIPE_SIZE (1024 * 1024)

/*
 * splice(2) moves pages, which is cheaper than copying many bytes, but not few.
 * A session becomes bulk when one call moves BULK_MANY bytes.  It stops being
 * bulk after BULK_PATIENCE calls that moved less than BULK_FEW.
 */
#define BULK_MANY (64 * 1024)
#define BULK_FEW (16 * 1024)
#define BULK_PATIENCE 32

struct stream_echo {
	int pipe[2]; /* empty between calls; -1: there is none */
	struct iovec parts[PARTS];
	char memory[TEMPLATE_MAX + SCRATCH_SIZE]; /* see scratch() */
};

/* The state of one call. */
struct run {
	struct stream_echo *stream_echo;
	struct stream_echo_job *job;
	struct evbuffer *output;
	int fd;
	bool direct; /* the socket has taken everything so far */
	bool may_splice;
	size_t taken; /* bytes read, and prefixes added to them */
};

/* The receive buffer; there is room for a prefix before it. */
static char *
scratch(struct stream_echo *stream_echo)
{
	return stream_echo->memory + TEMPLATE_MAX;
}

/* Without a pipe, bulk is copied. */
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

/* One chunk in the receive buffer: its prefix is copied to just before it. */
static ssize_t
send_one_chunk(const struct run *run, const struct frame_layout *layout)
{
	struct stream_echo *stream_echo = run->stream_echo;
	size_t prefix = stream_echo->parts[0].iov_len;
	char *start = scratch(stream_echo) - prefix;

	memcpy(start, stream_echo->parts[0].iov_base, prefix);
	return send(run->fd, start, layout->produced, MSG_NOSIGNAL);
}

/* Returns the bytes that the socket has taken, or -1. */
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

/* Appends the bytes that the socket has not taken to the output. */
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

	/* Copied: otherwise each small piece costs a chain. */
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
	run->job->in += layout->consumed;
	run->job->out += layout->produced;
	run->job->chunks += layout->chunks;
	return true;
}

/* If the socket has taken everything, more can be read. */
static enum echo_state
state_after(const struct run *run)
{
	if (run->direct || (run->job->absorb && room(run) > 0))
		return ECHO_MORE;
	return ECHO_FULL;
}

/*
 * Bytes that may be received at once.  The output must have room for all of
 * them, with prefixes, because the socket might take none.
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

static void
note_receipt(struct run *run)
{
	if (run->job->received == 0)
		run->job->received = timers_now_ns();
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

/* ECHO_MORE: another call may bring more; `more`: at once. */
static enum echo_state
copy_through(struct run *run, bool *more)
{
	size_t wanted = receivable(run);
	ssize_t got = recv(run->fd, scratch(run->stream_echo), wanted, 0);

	*more = got == (ssize_t)wanted;
	if (got == 0)
		return ECHO_ENDED;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? ECHO_MORE :
							   ECHO_FAILED;
	note_receipt(run);
	if (!echo_scratch(run, (size_t)got))
		return ECHO_FAILED;
	return state_after(run);
}

/* Moves the refused bytes to the output: all sessions share the pipe. */
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

/* Sends the bytes in the pipe. */
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
 * Bulk without prefixes: the kernel moves pages and copies no bytes.  The
 * caller must confirm ECHO_ENDED with recv(2): at an urgent mark (tcp(7))
 * splice(2) returns 0, too, although bytes are queued behind it.
 */
static enum echo_state
splice_through(struct run *run)
{
	struct stream_echo *stream_echo = run->stream_echo;
	size_t space = room(run);
	size_t budget = run->job->budget;
	size_t wanted = space < budget ? space : budget;
	ssize_t got = splice(run->fd, NULL, stream_echo->pipe[1], NULL, wanted,
			     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (got == 0)
		return ECHO_ENDED;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? ECHO_MORE :
							   ECHO_FAILED;
	note_receipt(run);
	run->taken += (size_t)got;
	if (!forward(run, (size_t)got)) {
		/* The next session must find the pipe empty. */
		int error = errno;

		close_pipe(stream_echo);
		open_pipe(stream_echo);
		errno = error;
		return ECHO_FAILED;
	}
	run->job->in += (size_t)got;
	run->job->out += (size_t)got;
	run->job->chunks++;
	return state_after(run);
}

/*
 * Nothing is read while output waits: the send buffer of the kernel is full
 * then, and large, so copying more bytes to the output gains nothing.  When the
 * output is empty, the socket is written to directly again.
 */
static enum echo_state
run_direct(struct run *run)
{
	enum echo_state state;
	bool more;

	run->direct = evbuffer_get_length(run->output) == 0;
	state = state_after(run);
	if (state == ECHO_FULL)
		return state;
	/*
	 * One splice moves all that has arrived: a second call is not worth it.
	 */
	if (run->may_splice && run->direct && run->job->bulk > 0) {
		state = splice_through(run);
		if (state != ECHO_ENDED)
			return state;
	}
	do
		state = copy_through(run, &more);
	while (state == ECHO_MORE && more && run->taken < run->job->budget);
	return state;
}

enum echo_state
stream_echo_direct(struct stream_echo *stream_echo, struct stream_echo_job *job)
{
	struct run run = {
		.stream_echo = stream_echo,
		.job = job,
		.output = bufferevent_get_output(job->bev),
		.fd = bufferevent_getfd(job->bev),
		.may_splice = job->frame->prefix_length == 0 &&
			      stream_echo->pipe[0] >= 0,
	};
	enum echo_state state;

	state = run_direct(&run);
	if (run.taken >= BULK_MANY)
		job->bulk = BULK_PATIENCE;
	else if (run.taken < BULK_FEW && job->bulk > 0)
		job->bulk--;
	return state;
}

enum echo_state
stream_echo_buffered(struct stream_echo *stream_echo,
		     struct stream_echo_job *job)
{
	struct run run = {
		.stream_echo = stream_echo,
		.job = job,
		.output = job->output,
	};
	struct evbuffer *input = bufferevent_get_input(run.job->bev);

	if (evbuffer_get_length(input) > 0)
		note_receipt(&run);
	while (evbuffer_get_length(input) > 0) {
		struct iovec spans[SPANS];
		int count = evbuffer_peek(input, -1, NULL, spans, SPANS);
		size_t budget = room(&run);

		if (budget == 0)
			return ECHO_FULL;

		struct frame_layout layout =
			frame_layout(run.job->frame, &run.job->in_line, spans,
				     count < SPANS ? (size_t)count : SPANS,
				     budget, run.stream_echo->parts, PARTS);
		if (!pass_on(&run, &layout))
			return ECHO_FAILED;
		evbuffer_drain(input, layout.consumed);
	}
	return room(&run) > 0 ? ECHO_MORE : ECHO_FULL;
}
