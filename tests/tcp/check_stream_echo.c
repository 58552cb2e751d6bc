#include "tcp/stream_echo.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "support/client.h"
#include "support/loop.h"

typedef enum echo_state echo_function(struct stream_echo *stream_echo,
				      struct stream_echo_job *job);

/* A session's end of a connection with the pump at it, and the peer. */
struct fixture {
	struct event_base *base;
	struct stream_echo *stream_echo;
	echo_function *echo;
	struct frame frame;
	struct stream_echo_job job;
	enum echo_state state;
	struct event *readable; /* on the direct path */
	int peer;
};

static void
run(struct fixture *fixture)
{
	bool direct = fixture->echo == stream_echo_direct;

	fixture->state = fixture->echo(fixture->stream_echo, &fixture->job);
	if (fixture->state == ECHO_MORE) {
		if (direct)
			event_add(fixture->readable, NULL);
		else
			bufferevent_enable(fixture->job.bev, EV_READ);
	} else {
		event_del(fixture->readable);
		bufferevent_disable(fixture->job.bev, EV_READ);
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	run(argument);
}

static void
on_read(struct bufferevent *bev, void *argument)
{
	(void)bev;
	run(argument);
}

static void
on_write(struct bufferevent *bev, void *argument)
{
	struct fixture *fixture = argument;
	size_t left = evbuffer_get_length(bufferevent_get_output(bev));

	if (fixture->state == ECHO_FULL &&
	    left <= fixture->job.output_limit / 2)
		run(fixture);
}

static void
begin(struct fixture *fixture, struct stream_echo *stream_echo,
      echo_function *echo, const char *prefix)
{
	struct bufferevent *bev;
	int fds[2];

	loopback_pair(fds);
	memset(fixture, 0, sizeof(*fixture));
	fixture->base = event_base_new();
	fixture->stream_echo = stream_echo;
	fixture->echo = echo;
	fixture->peer = fds[0];
	bev = bufferevent_socket_new(fixture->base, fds[1],
				     BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, on_read, on_write, NULL, fixture);
	bufferevent_setwatermark(bev, EV_WRITE, SIZE_MAX, 0);
	fixture->readable = event_new(fixture->base, fds[1],
				      EV_READ | EV_PERSIST, on_readable,
				      fixture);
	fixture->frame = (struct frame){ .prefix = prefix,
					 .prefix_length = strlen(prefix),
					 .chunk_size = 1000 };
	fixture->job = (struct stream_echo_job){
		.bev = bev,
		.output = bufferevent_get_output(bev),
		.frame = &fixture->frame,
		.output_limit = 65536,
	};
	run(fixture);
	ck_assert_int_eq(fixture->state, ECHO_MORE);
}

static void
end(struct fixture *fixture)
{
	event_free(fixture->readable);
	bufferevent_free(fixture->job.bev);
	event_base_free(fixture->base);
	close(fixture->peer);
}

static void
check_small(echo_function *echo)
{
	struct stream_echo *stream_echo = stream_echo_new();
	struct fixture fixture;

	begin(&fixture, stream_echo, echo, "GOT:");
	ck_assert_uint_eq(fixture.job.in + fixture.job.out, 0);
	client_say(fixture.peer, "Hello\n");
	loop_expect_text(fixture.base, fixture.peer, "GOT:Hello\n");
	client_say(fixture.peer, "World\n");
	loop_expect_text(fixture.base, fixture.peer, "GOT:World\n");
	ck_assert_uint_eq(fixture.job.in, 12);
	ck_assert_uint_eq(fixture.job.out, 20);
	ck_assert_uint_eq(fixture.job.chunks, 2);
	end(&fixture);
	stream_echo_free(stream_echo);
}

START_TEST(test_small_messages_buffered)
{
	check_small(stream_echo_buffered);
}
END_TEST

START_TEST(test_small_messages_direct)
{
	check_small(stream_echo_direct);
}
END_TEST

/* Sends and receives by turns, each as much as it can. */
struct bulk {
	struct fixture *fixture;
	struct framing framing;
	uint64_t length;
	uint64_t sent;
};

static bool
move_bulk(void *argument)
{
	struct bulk *bulk = argument;
	uint64_t left = bulk->length - bulk->sent;
	char data[65536];
	ssize_t got;

	if (left > 0) {
		got = send(bulk->fixture->peer, pattern_from(bulk->sent),
			   left < PATTERN_RUN ? left : PATTERN_RUN,
			   MSG_NOSIGNAL);
		bulk->sent += got > 0 ? (uint64_t)got : 0;
	}
	do {
		got = recv(bulk->fixture->peer, data, sizeof(data), 0);
		if (got > 0)
			framing_feed(&bulk->framing, data, (size_t)got);
	} while (got > 0);
	return bulk->framing.position == bulk->length;
}

static void
check_bulk(echo_function *echo, const char *prefix)
{
	struct stream_echo *stream_echo = stream_echo_new();
	struct fixture fixture;
	struct bulk bulk = {
		.fixture = &fixture,
		.framing = framing_of(prefix, 1000),
		.length = 5000000,
	};

	begin(&fixture, stream_echo, echo, prefix);
	loop_until(fixture.base, move_bulk, &bulk);
	framing_end(&bulk.framing, bulk.length);
	ck_assert_uint_eq(fixture.job.in, bulk.length);
	ck_assert_uint_eq(fixture.job.out,
			  bulk.length + bulk.framing.chunks * strlen(prefix));
	if (*prefix)
		ck_assert_uint_eq(fixture.job.chunks, bulk.framing.chunks);
	end(&fixture);
	stream_echo_free(stream_echo);
}

START_TEST(test_bulk_buffered)
{
	check_bulk(stream_echo_buffered, "GOT:");
}
END_TEST

START_TEST(test_bulk_direct)
{
	check_bulk(stream_echo_direct, "GOT:");
}
END_TEST

START_TEST(test_bulk_raw_buffered)
{
	check_bulk(stream_echo_buffered, "");
}
END_TEST

START_TEST(test_bulk_raw_direct)
{
	check_bulk(stream_echo_direct, "");
}
END_TEST

static bool
stuff(void *argument)
{
	struct bulk *bulk = argument;
	ssize_t got = send(bulk->fixture->peer, pattern_from(bulk->sent),
			   PATTERN_RUN, MSG_NOSIGNAL);

	bulk->sent += got > 0 ? (uint64_t)got : 0;
	return bulk->fixture->state == ECHO_FULL;
}

/* A peer that does not read, and then does. */
static void
check_full(echo_function *echo, const char *prefix)
{
	struct stream_echo *stream_echo = stream_echo_new();
	struct fixture fixture;
	struct bulk bulk = {
		.fixture = &fixture,
		.framing = framing_of(prefix, 1000),
	};
	uint64_t taken;

	begin(&fixture, stream_echo, echo, prefix);
	loop_until(fixture.base, stuff, &bulk);
	ck_assert_uint_lt(
		evbuffer_get_length(bufferevent_get_output(fixture.job.bev)),
		fixture.job.output_limit + 1000 + strlen(prefix));

	/* To ask again brings nothing. */
	taken = fixture.job.in;
	run(&fixture);
	ck_assert_int_eq(fixture.state, ECHO_FULL);
	ck_assert_uint_eq(fixture.job.in, taken);

	bulk.length = bulk.sent;
	loop_until(fixture.base, move_bulk, &bulk);
	framing_end(&bulk.framing, bulk.length);
	ck_assert_int_eq(fixture.state, ECHO_MORE);
	end(&fixture);
	stream_echo_free(stream_echo);
}

START_TEST(test_full_buffered)
{
	check_full(stream_echo_buffered, "GOT:");
}
END_TEST

START_TEST(test_full_direct)
{
	check_full(stream_echo_direct, "GOT:");
}
END_TEST

START_TEST(test_full_raw_direct)
{
	check_full(stream_echo_direct, "");
}
END_TEST

static bool
has_stopped(void *argument)
{
	struct fixture *fixture = argument;

	return fixture->state != ECHO_MORE;
}

START_TEST(test_the_end_comes_after_all_else)
{
	struct stream_echo *stream_echo = stream_echo_new();
	struct fixture fixture;

	begin(&fixture, stream_echo, stream_echo_direct, "GOT:");
	client_say(fixture.peer, "last words");
	client_finish(fixture.peer);
	loop_until(fixture.base, has_stopped, &fixture);
	ck_assert_int_eq(fixture.state, ECHO_ENDED);
	ck_assert_uint_eq(fixture.job.in, 10);
	loop_expect_text(fixture.base, fixture.peer, "GOT:last words");
	end(&fixture);
	stream_echo_free(stream_echo);
}
END_TEST

START_TEST(test_a_reset_is_a_failure)
{
	struct stream_echo *stream_echo = stream_echo_new();
	struct fixture fixture;

	begin(&fixture, stream_echo, stream_echo_direct, "GOT:");
	client_reset(fixture.peer);
	fixture.peer = -1;
	loop_until(fixture.base, has_stopped, &fixture);
	ck_assert_int_eq(fixture.state, ECHO_FAILED);
	run(&fixture);
	end(&fixture);
	stream_echo_free(stream_echo);
}
END_TEST

/* What one leaves unsent must not turn up at another. */
START_TEST(test_sessions_share_a_pump)
{
	struct stream_echo *stream_echo = stream_echo_new();
	struct fixture one, other, stuck;
	struct bulk stuffed = { .fixture = &stuck };
	struct bulk bulk = {
		.framing = framing_of("", 1000),
		.length = 3000000,
	};

	begin(&one, stream_echo, stream_echo_direct, "");
	begin(&other, stream_echo, stream_echo_direct, "");
	begin(&stuck, stream_echo, stream_echo_direct, "");
	loop_until(stuck.base, stuff, &stuffed);
	client_reset(stuck.peer);
	stuck.peer = -1;

	bulk.fixture = &one;
	loop_until(one.base, move_bulk, &bulk);
	client_say(other.peer, "Hello\n");
	loop_expect_text(other.base, other.peer, "Hello\n");
	end(&one);
	end(&other);
	end(&stuck);
	stream_echo_free(stream_echo);
}
END_TEST

START_TEST(test_none_is_fine_to_free)
{
	stream_echo_free(NULL);
}
END_TEST

SUITE(test_small_messages_buffered, test_small_messages_direct,
      test_bulk_buffered, test_bulk_direct, test_bulk_raw_buffered,
      test_bulk_raw_direct, test_full_buffered, test_full_direct,
      test_full_raw_direct, test_the_end_comes_after_all_else,
      test_a_reset_is_a_failure, test_sessions_share_a_pump,
      test_none_is_fine_to_free)
