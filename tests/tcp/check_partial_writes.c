/*
 * Stream echo over a socket that takes as many bytes as the test says and then
 * fails with EAGAIN. The order of bytes is kept wherever output changes from
 * the socket to the output buffer and back.
 * The program is linked with --wrap, so that the calls of stream echo come
 * here first.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "support/suite.h"
#include "tcp/stream_echo.h"

#define LIMIT (256 * 1024)

/* Instead of a chunk size. */
#define LINES 0

ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_splice(int from, off64_t *from_at, int to, off64_t *to_at,
		      size_t size, unsigned flags);
ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at,
		      size_t size, unsigned flags);

/* Bytes that the socket takes before one EAGAIN. */
static size_t allowance = SIZE_MAX;
static unsigned refusals;
static unsigned splices;

/* Returns how much of `size` may pass, or -1 with EAGAIN. */
static ssize_t
allow(size_t size)
{
	size_t passing = size < allowance ? size : allowance;

	if (allowance == 0) {
		refusals++;
		errno = EAGAIN;
		return -1;
	}
	allowance -= passing;
	return (ssize_t)passing;
}

ssize_t
__wrap_send(int fd, const void *data, size_t size, int flags)
{
	ssize_t passing = allow(size);

	return passing < 0 ? -1 : __real_send(fd, data, (size_t)passing, flags);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct iovec parts[1024];
	struct msghdr shorter = *message;
	size_t total = 0;
	ssize_t passing;

	for (size_t i = 0; i < message->msg_iovlen; i++)
		total += message->msg_iov[i].iov_len;
	passing = allow(total);
	if (passing < 0)
		return -1;

	size_t left = (size_t)passing;
	shorter.msg_iov = parts;
	shorter.msg_iovlen = 0;
	for (size_t i = 0; left > 0; i++) {
		parts[i] = message->msg_iov[i];
		if (parts[i].iov_len > left)
			parts[i].iov_len = left;
		left -= parts[i].iov_len;
		shorter.msg_iovlen++;
	}
	return __real_sendmsg(fd, &shorter, flags);
}

ssize_t
__wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
	      unsigned flags)
{
	int type;
	socklen_t length = sizeof(type);
	ssize_t passing = (ssize_t)size;

	splices++;
	if (getsockopt(to, SOL_SOCKET, SO_TYPE, &type, &length) == 0)
		passing = allow(size);
	return passing < 0 ? -1 :
			     __real_splice(from, from_at, to, to_at,
					   (size_t)passing, flags);
}

/* A session's side of a connection, and its peer. */
struct fixture {
	struct event_base *base;
	struct bufferevent *bev;
	struct stream_echo *stream_echo;
	struct frame frame;
	struct stream_echo_job job;
	int peer;
};

static void
begin(struct fixture *fixture, const char *prefix, size_t chunk_size)
{
	int fds[2];
	int size = 4 * 1024 * 1024;

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	/* Large enough for everything, so that only the test causes EAGAIN. */
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));

	memset(fixture, 0, sizeof(*fixture));
	fixture->base = event_base_new();
	fixture->bev = bufferevent_socket_new(fixture->base, fds[0],
					      BEV_OPT_CLOSE_ON_FREE);
	fixture->stream_echo = stream_echo_new();
	fixture->peer = fds[1];
	fixture->frame = (struct frame){ .prefix = prefix,
					 .prefix_length = strlen(prefix),
					 .chunk_size = chunk_size };
	fixture->job = (struct stream_echo_job){
		.bev = fixture->bev,
		.frame = &fixture->frame,
		.output_limit = LIMIT,
		.budget = ECHO_BUDGET,
	};
	allowance = SIZE_MAX;
	refusals = 0;
	splices = 0;
}

static void
end(struct fixture *fixture)
{
	bufferevent_free(fixture->bev);
	event_base_free(fixture->base);
	stream_echo_free(fixture->stream_echo);
	close(fixture->peer);
}

static char
pattern(size_t position)
{
	return position % 11 == 7 ? '\n' : (char)('a' + position * 7 % 26);
}

static void
say(struct fixture *fixture, size_t from, size_t length)
{
	char *data = malloc(length);

	for (size_t i = 0; i < length; i++)
		data[i] = pattern(from + i);
	ck_assert_int_eq(write(fixture->peer, data, length), (ssize_t)length);
	free(data);
}

/* Lets libevent send what is in the output. */
static void
flush(struct fixture *fixture)
{
	struct evbuffer *output = bufferevent_get_output(fixture->bev);

	while (evbuffer_get_length(output) > 0)
		event_base_loop(fixture->base, EVLOOP_ONCE);
}

/* How many bytes of the pattern have come, framed as they have to be. */
static size_t
unframe(const struct frame *frame, const char *data, size_t size, size_t from)
{
	size_t in_chunk = frame->chunk_size;
	size_t prefix = frame->prefix_length;
	const char *end = data + size;
	size_t done = 0;

	while (data < end) {
		if (prefix > 0 && *data == frame->prefix[0]) {
			if (memcmp(data, frame->prefix, prefix) != 0)
				break;
			data += prefix;
			in_chunk = 0;
		}
		if (prefix > 0 && in_chunk++ == frame->chunk_size)
			break;
		if (*data++ != pattern(from + done))
			break;
		done++;
	}
	return done;
}

/* The same for lines; the first byte of the stream begins one. */
static size_t
unframe_lines(const struct frame *frame, const char *data, size_t size,
	      size_t from)
{
	const char *end = data + size;
	size_t done = 0;

	while (data < end) {
		size_t at = from + done;

		if (at == 0 || pattern(at - 1) == '\n') {
			if (strncmp(data, frame->prefix,
				    frame->prefix_length) != 0)
				break;
			data += frame->prefix_length;
		}
		if (*data++ != pattern(at))
			break;
		done++;
	}
	return done;
}

/* Reads the echo, which must be complete and correct. */
static void
hear(struct fixture *fixture, size_t from, size_t length)
{
	size_t size = (size_t)LIMIT * 4;
	char *data = malloc(size);
	ssize_t got = read(fixture->peer, data, size);
	size_t length_got;

	ck_assert_int_gt(got, 0);
	if (fixture->frame.kind == FRAME_LINE)
		length_got =
			unframe_lines(&fixture->frame, data, (size_t)got, from);
	else
		length_got = unframe(&fixture->frame, data, (size_t)got, from);
	ck_assert_uint_eq(length_got, length);
	free(data);
}

/* The socket takes `cut` bytes of one message, then all of the next. */
static void
cut_at(const char *prefix, size_t chunk_size, size_t length, size_t cut)
{
	struct fixture fixture;

	begin(&fixture, prefix, chunk_size);
	if (chunk_size == LINES)
		fixture.frame.kind = FRAME_LINE;
	say(&fixture, 0, length);
	allowance = cut;
	ck_assert_int_ne(stream_echo_direct(fixture.stream_echo, &fixture.job),
			 ECHO_FAILED);

	/* After the waiting bytes, even if the socket would take it. */
	allowance = SIZE_MAX;
	say(&fixture, length, 10);
	ck_assert_int_ne(stream_echo_direct(fixture.stream_echo, &fixture.job),
			 ECHO_FAILED);
	flush(&fixture);
	say(&fixture, length + 10, 5);
	ck_assert_int_ne(stream_echo_direct(fixture.stream_echo, &fixture.job),
			 ECHO_FAILED);
	ck_assert_uint_eq(
		evbuffer_get_length(bufferevent_get_output(fixture.bev)), 0);
	hear(&fixture, 0, length + 15);
	ck_assert_uint_eq(fixture.job.in, length + 15);
	end(&fixture);
}

START_TEST(test_one_chunk_cut_at_every_byte)
{
	for (size_t cut = 0; cut <= 24; cut++)
		cut_at("GOT:", 1000, 20, cut);
}
END_TEST
FAULT(16, test_one_chunk_cut_at_every_byte)

START_TEST(test_many_chunks_cut_at_every_byte)
{
	for (size_t cut = 0; cut <= 100 + 15 * 4; cut++)
		cut_at("GOT:", 7, 100, cut);
}
END_TEST
FAULT(16, test_many_chunks_cut_at_every_byte)

START_TEST(test_lines_cut_at_every_byte)
{
	for (size_t cut = 0; cut <= 100 + 10 * 4; cut++)
		cut_at("GOT:", LINES, 100, cut);
}
END_TEST
FAULT(16, test_lines_cut_at_every_byte)

/* More lines than one sendmsg() takes, more bytes than one recv(). */
START_TEST(test_many_lines_cut_at_intervals)
{
	enum { LENGTH = 60000 };

	for (size_t cut = 0; cut <= LENGTH + LENGTH / 11 * 4; cut += 997)
		cut_at("GOT:", LINES, LENGTH, cut);
}
END_TEST

START_TEST(test_no_prefix_cut_at_every_byte)
{
	for (size_t cut = 0; cut <= 64; cut++)
		cut_at("", 1000, 64, cut);
}
END_TEST
FAULT(16, test_no_prefix_cut_at_every_byte)

/* More parts than one sendmsg() takes, cut here and there. */
START_TEST(test_more_than_one_call_cut_at_intervals)
{
	for (size_t cut = 0; cut <= 5 * 5000; cut += 97)
		cut_at("GOT:", 1, 5000, cut);
}
END_TEST

/* Bulk is spliced: unsent bytes must not stay in the pipe. */
START_TEST(test_bulk_cut_at_intervals)
{
	enum { LENGTH = 100000 };

	for (size_t cut = 0; cut <= LENGTH; cut += 4999) {
		struct fixture fixture;

		begin(&fixture, "", 1000);
		fixture.job.bulk = 1;
		say(&fixture, 0, LENGTH);
		allowance = cut;
		stream_echo_direct(fixture.stream_echo, &fixture.job);
		ck_assert_uint_gt(splices, 0);
		allowance = SIZE_MAX;
		while (fixture.job.in < LENGTH)
			stream_echo_direct(fixture.stream_echo, &fixture.job);
		flush(&fixture);
		hear(&fixture, 0, LENGTH);

		/* Another session finds the pipe empty. */
		struct fixture other;
		begin(&other, "", 1000);
		stream_echo_free(other.stream_echo);
		other.stream_echo = fixture.stream_echo;
		other.job.bulk = 1;
		say(&other, 5, 1000);
		stream_echo_direct(other.stream_echo, &other.job);
		hear(&other, 5, 1000);
		fixture.stream_echo = NULL;
		end(&other);
		end(&fixture);
	}
}
END_TEST
FAULT(16, test_bulk_cut_at_intervals)

/* Empty lines: their echo, all prefix, is bounded too. */
START_TEST(test_empty_lines_are_bounded)
{
	enum { PREFIX = 1000 };
	static char prefix[PREFIX + 1], lines[100000];
	struct fixture fixture;
	enum echo_state state = ECHO_MORE;
	size_t waiting;

	memset(prefix, 'P', PREFIX);
	memset(lines, '\n', sizeof(lines));
	begin(&fixture, prefix, LINES);
	fixture.frame.kind = FRAME_LINE;
	fixture.job.output_limit = 10000;
	fixture.job.absorb = true;
	ck_assert_int_eq(write(fixture.peer, lines, sizeof(lines)),
			 sizeof(lines));
	for (int i = 0; i < 100 && state == ECHO_MORE; i++) {
		allowance = 0;
		state = stream_echo_direct(fixture.stream_echo, &fixture.job);
	}
	ck_assert_int_eq(state, ECHO_FULL);
	waiting = evbuffer_get_length(bufferevent_get_output(fixture.bev));
	ck_assert_uint_ge(waiting, 10000);
	ck_assert_uint_le(waiting, 10000 + FRAME_LINES_LEAST * (PREFIX + 1));
	ck_assert_uint_eq(fixture.job.out, fixture.job.in * (PREFIX + 1));
	end(&fixture);
}
END_TEST

/* Prefixes count towards the limit of one call. */
START_TEST(test_one_call_of_empty_lines_is_bounded)
{
	enum { LENGTH = 1000, PREFIX = 1000 };
	static char prefix[PREFIX + 1], lines[LENGTH];
	struct fixture fixture;

	memset(prefix, 'P', PREFIX);
	memset(lines, '\n', sizeof(lines));
	begin(&fixture, prefix, LINES);
	fixture.frame.kind = FRAME_LINE;
	fixture.job.budget = ECHO_BUDGET_SHARED;
	ck_assert_int_eq(write(fixture.peer, lines, LENGTH), LENGTH);
	stream_echo_direct(fixture.stream_echo, &fixture.job);
	ck_assert_uint_ge(fixture.job.out, ECHO_BUDGET_SHARED);
	ck_assert_uint_le(fixture.job.out, 2 * ECHO_BUDGET_SHARED);
	end(&fixture);
}
END_TEST

/* Output is bounded by its limit; further input stays in the socket. */
START_TEST(test_unsent_bytes_are_bounded)
{
	struct fixture fixture;
	enum echo_state state = ECHO_MORE;
	size_t waiting;

	begin(&fixture, "GOT:", 1);
	fixture.job.output_limit = 10000;
	say(&fixture, 0, 50000);
	for (int i = 0; i < 100 && state == ECHO_MORE; i++) {
		allowance = 0;
		state = stream_echo_direct(fixture.stream_echo, &fixture.job);
	}
	ck_assert_int_eq(state, ECHO_FULL);
	waiting = evbuffer_get_length(bufferevent_get_output(fixture.bev));
	ck_assert_uint_ge(waiting, 10000);
	ck_assert_uint_le(waiting, 10000 + 5);
	ck_assert_uint_gt(refusals, 0);
	end(&fixture);
}
END_TEST

START_TEST(test_end_is_reported_after_the_last_byte)
{
	struct fixture fixture;
	enum echo_state state;

	begin(&fixture, "GOT:", 1000);
	say(&fixture, 0, 2500);
	shutdown(fixture.peer, SHUT_WR);
	state = stream_echo_direct(fixture.stream_echo, &fixture.job);
	ck_assert_int_eq(state, ECHO_MORE);
	state = stream_echo_direct(fixture.stream_echo, &fixture.job);
	ck_assert_int_eq(state, ECHO_ENDED);
	hear(&fixture, 0, 2500);
	end(&fixture);
}
END_TEST

/* One call takes a bounded amount, so that other sessions are served. */
START_TEST(test_one_call_is_bounded)
{
	enum { LENGTH = 1500 * 1000 };
	struct fixture fixture;

	begin(&fixture, "", 1000);
	say(&fixture, 0, LENGTH);
	stream_echo_direct(fixture.stream_echo, &fixture.job);
	ck_assert_uint_lt(fixture.job.in, LENGTH);

	size_t before = fixture.job.in;
	fixture.job.budget = ECHO_BUDGET_SHARED;
	stream_echo_direct(fixture.stream_echo, &fixture.job);
	ck_assert_uint_le(fixture.job.in - before, 2 * ECHO_BUDGET_SHARED);
	end(&fixture);
}
END_TEST

SUITE(test_one_chunk_cut_at_every_byte, test_many_chunks_cut_at_every_byte,
      test_lines_cut_at_every_byte, test_many_lines_cut_at_intervals,
      test_no_prefix_cut_at_every_byte,
      test_more_than_one_call_cut_at_intervals, test_bulk_cut_at_intervals,
      test_unsent_bytes_are_bounded, test_empty_lines_are_bounded,
      test_one_call_of_empty_lines_is_bounded,
      test_end_is_reported_after_the_last_byte, test_one_call_is_bounded)
