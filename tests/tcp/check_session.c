#include "tcp/session.h"

#include "base/log.h"
#include "support/client.h"
#include "support/loop.h"
#include "support/snapshot.h"
#include "tcp/connection_info.h"
#include "tcp/connection_limits.h"

static const struct log_settings quiet = {
	.sink = LOG_TO_STDERR,
	.level = LOG_ERR,
};

struct fixture {
	struct session_context context; /* first: the callback gets no other */
	struct stats stats;
	struct limits *limits;
	struct limit *limit;
	struct config *config;
	struct session *session;
	unsigned closed;
	unsigned loops;
	int peer;
};

static void
on_closed(struct session_context *context)
{
	struct fixture *fixture = (struct fixture *)context;

	fixture->closed++;
	fixture->session = NULL;
}

/* One session of a listener with these settings. */
static void
begin(struct fixture *fixture, const char *settings)
{
	struct connection_info info = { 0 };
	enum refuse_reason reason;
	int fds[2];

	log_configure(&quiet);
	memset(fixture, 0, sizeof(*fixture));
	ck_assert(session_context_init(&fixture->context, event_base_new(), 0));
	fixture->context.closed = on_closed;
	fixture->limits = limits_new();
	fixture->limit = limit_new(fixture->limits, "main", &fixture->stats);
	fixture->config = accepted(settings);

	loopback_pair(fds);
	fixture->peer = fds[0];
	info.fd = fds[1];
	info.limit = fixture->limit;
	info.listener = fixture->config->listeners[0].settings;
	ck_assert(
		limit_enter(fixture->limit, &info.peer, 0, &info.id, &reason));
	fixture->session = session_new(&fixture->context, &info);
	ck_assert_ptr_nonnull(fixture->session);
	ck_assert_uint_eq(fixture->context.count, 1);
	ck_assert_ptr_eq(LIST_FIRST(&fixture->context.sessions),
			 fixture->session);
	/* A session has a reference of its own. */
	config_unref(fixture->config);
}

static bool
is_closed(void *argument)
{
	return ((struct fixture *)argument)->closed > 0;
}

/* Waits for the session to close itself, which gives everything back. */
static void
end(struct fixture *fixture, enum close_reason reason)
{
	loop_until(fixture->context.transports.base, is_closed, fixture);
	ck_assert_uint_eq(fixture->closed, 1);
	ck_assert_uint_eq(fixture->context.count, 0);
	ck_assert(LIST_EMPTY(&fixture->context.sessions));
	ck_assert_uint_eq(limits_count(fixture->limits), 0);
	for (int i = 0; i < CLOSE_REASON_COUNT; i++)
		ck_assert_uint_eq(fixture->stats.closed[i], i == (int)reason);
	if (fixture->peer >= 0)
		close(fixture->peer);
	limit_unref(fixture->limit);
	limits_free(fixture->limits);
	session_context_release(&fixture->context);
	event_base_free(fixture->context.transports.base);
}

static void
say_hello(struct fixture *fixture)
{
	client_say(fixture->peer, "Hello\n");
	loop_expect_text(fixture->context.transports.base, fixture->peer,
			 "GOT:Hello\n");
}

static bool
stuff(void *argument)
{
	struct fixture *fixture = argument;

	return send(fixture->peer, pattern_from(0), PATTERN_RUN, MSG_NOSIGNAL) <
		       0 &&
	       fixture->stats.counter[STATS_bytes_in] > 100000;
}

START_TEST(test_it_echoes_until_the_peer_ends)
{
	struct fixture fixture;

	begin(&fixture, "");
	say_hello(&fixture);
	say_hello(&fixture);
	client_finish(fixture.peer);
	loop_expect_eof(fixture.context.transports.base, fixture.peer);
	ck_assert_uint_eq(fixture.stats.counter[STATS_connections], 1);
	ck_assert_uint_eq(fixture.stats.counter[STATS_chunks], 2);
	ck_assert_uint_eq(fixture.stats.counter[STATS_bytes_in], 12);
	ck_assert_uint_eq(fixture.stats.counter[STATS_bytes_out], 20);
	end(&fixture, CLOSE_eof);
}
END_TEST

START_TEST(test_what_came_before_fin_is_echoed)
{
	struct fixture fixture;

	begin(&fixture, "prefix = \"\";");
	client_send(fixture.peer, pattern_from(0), 60000);
	client_finish(fixture.peer);
	loop_expect(fixture.context.transports.base, fixture.peer,
		    pattern_from(0), 60000);
	loop_expect_eof(fixture.context.transports.base, fixture.peer);
	end(&fixture, CLOSE_eof);
}
END_TEST
FAULT(12, test_what_came_before_fin_is_echoed)

START_TEST(test_a_reset_ends_it)
{
	struct fixture fixture;

	begin(&fixture, "");
	say_hello(&fixture);
	client_reset(fixture.peer);
	fixture.peer = -1;
	end(&fixture, CLOSE_reset);
}
END_TEST

START_TEST(test_a_reset_ends_a_stuck_one)
{
	struct fixture fixture;

	begin(&fixture, "output_limit = 1024; idle_timeout = 0; "
			"write_timeout = 0;");
	loop_until(fixture.context.transports.base, stuff, &fixture);
	client_reset(fixture.peer);
	fixture.peer = -1;
	end(&fixture, CLOSE_reset);
}
END_TEST

START_TEST(test_silence_ends_it)
{
	struct fixture fixture;

	begin(&fixture, "idle_timeout = 0.05;");
	say_hello(&fixture);
	loop_expect_eof(fixture.context.transports.base, fixture.peer);
	end(&fixture, CLOSE_idle_timeout);
}
END_TEST
FAULT(11, test_silence_ends_it)

size_t __real_socket_readable(int fd);
size_t __wrap_socket_readable(int fd);

static bool has_unread;

size_t
__wrap_socket_readable(int fd)
{
	return has_unread ? 1 : __real_socket_readable(fd);
}

/* TLS reads no more behind close_notify, whatever comes. */
START_TEST(test_unread_input_does_not_delay_the_end)
{
	struct fixture fixture;

	has_unread = true;
	begin(&fixture, "idle_timeout = 0.05;");
	loop_expect_eof(fixture.context.transports.base, fixture.peer);
	end(&fixture, CLOSE_idle_timeout);
	has_unread = false;
}
END_TEST
FAULT(11, test_unread_input_does_not_delay_the_end)

START_TEST(test_not_reading_ends_it)
{
	struct fixture fixture;

	begin(&fixture, "write_timeout = 0.3; output_limit = 1024;");
	loop_until(fixture.context.transports.base, stuff, &fixture);
	end(&fixture, CLOSE_write_timeout);
}
END_TEST

/* FIN, then that of the peer is waited for. */
START_TEST(test_draining_an_idle_one)
{
	struct fixture fixture;

	begin(&fixture, "");
	say_hello(&fixture);
	session_drain(fixture.session);
	session_drain(fixture.session);
	loop_expect_eof(fixture.context.transports.base, fixture.peer);
	ck_assert_uint_eq(fixture.closed, 0);
	/* Too late: there is no way to answer any more. */
	client_say(fixture.peer, "Hello\n");
	client_finish(fixture.peer);
	end(&fixture, CLOSE_drain);
}
END_TEST

START_TEST(test_draining_echoes_what_is_here)
{
	struct fixture fixture;

	begin(&fixture, "");
	client_say(fixture.peer, "Hello\n");
	session_drain(fixture.session);
	loop_expect_text(fixture.context.transports.base, fixture.peer,
			 "GOT:Hello\n");
	loop_expect_eof(fixture.context.transports.base, fixture.peer);
	client_finish(fixture.peer);
	end(&fixture, CLOSE_drain);
}
END_TEST

static bool
read_all(void *argument)
{
	char data[65536];
	int fd = *(int *)argument;
	ssize_t got;

	do {
		got = recv(fd, data, sizeof(data), MSG_DONTWAIT);
	} while (got > 0);
	ck_assert(got == 0 || errno == EAGAIN);
	return got == 0;
}

START_TEST(test_draining_one_that_lags)
{
	struct fixture fixture;

	begin(&fixture, "output_limit = 1024;");
	loop_until(fixture.context.transports.base, stuff, &fixture);
	session_drain(fixture.session);
	loop_until(fixture.context.transports.base, read_all, &fixture.peer);
	client_finish(fixture.peer);
	end(&fixture, CLOSE_drain);
}
END_TEST

START_TEST(test_fin_while_draining)
{
	struct fixture fixture;

	begin(&fixture, "");
	client_say(fixture.peer, "Hello\n");
	client_finish(fixture.peer);
	session_drain(fixture.session);
	loop_expect_text(fixture.context.transports.base, fixture.peer,
			 "GOT:Hello\n");
	loop_expect_eof(fixture.context.transports.base, fixture.peer);
	loop_until(fixture.context.transports.base, is_closed, &fixture);
	ck_assert_uint_eq(fixture.stats.closed[CLOSE_eof] +
				  fixture.stats.closed[CLOSE_drain],
			  1);
	end(&fixture,
	    fixture.stats.closed[CLOSE_eof] ? CLOSE_eof : CLOSE_drain);
}
END_TEST

START_TEST(test_closing_it_gives_everything_back)
{
	struct fixture fixture;

	begin(&fixture, "");
	ck_assert_ptr_null(session_next(fixture.session));
	say_hello(&fixture);
	session_close(fixture.session, CLOSE_error);
	loop_expect_eof(fixture.context.transports.base, fixture.peer);
	end(&fixture, CLOSE_error);
}
END_TEST

/* More than once as much as the pump takes for bulk; all of it comes back. */
static void
transport(struct fixture *fixture)
{
	for (int i = 0; i < 4; i++) {
		client_send(fixture->peer, pattern_from(0), PATTERN_RUN);
		loop_expect(fixture->context.transports.base, fixture->peer,
			    pattern_from(0), PATTERN_RUN);
	}
}

static bool
has_looped(void *argument)
{
	struct fixture *fixture = argument;

	return fixture->loops++ > 0;
}

/* It has had a turn, and is in the middle of the rest that follows. */
static void
lay_to_rest(struct fixture *fixture)
{
	transport(fixture);
	client_send(fixture->peer, pattern_from(0), PATTERN_RUN);
	event_base_loop(fixture->context.transports.base, EVLOOP_ONCE);
}

/* Turns, rests and events, one after the other and again. */
START_TEST(test_a_stream_may_pause)
{
	struct fixture fixture;

	begin(&fixture, "prefix = \"\";");
	for (int i = 0; i < 20; i++) {
		transport(&fixture);
		fixture.loops = 0;
		loop_until(fixture.context.transports.base, has_looped,
			   &fixture);
	}
	client_finish(fixture.peer);
	loop_expect_eof(fixture.context.transports.base, fixture.peer);
	end(&fixture, CLOSE_eof);
}
END_TEST

START_TEST(test_draining_one_that_rests)
{
	struct fixture fixture;

	begin(&fixture, "prefix = \"\";");
	lay_to_rest(&fixture);
	session_drain(fixture.session);
	loop_expect(fixture.context.transports.base, fixture.peer,
		    pattern_from(0), PATTERN_RUN);
	loop_expect_eof(fixture.context.transports.base, fixture.peer);
	ck_assert_uint_eq(fixture.closed, 0);
	client_finish(fixture.peer);
	end(&fixture, CLOSE_drain);
}
END_TEST

/* Its turn comes no more. */
START_TEST(test_closing_one_that_rests)
{
	struct fixture fixture;

	begin(&fixture, "prefix = \"\";");
	lay_to_rest(&fixture);
	session_close(fixture.session, CLOSE_error);
	loop_until(fixture.context.transports.base, has_looped, &fixture);
	end(&fixture, CLOSE_error);
}
END_TEST

SUITE(test_it_echoes_until_the_peer_ends, test_what_came_before_fin_is_echoed,
      test_a_reset_ends_it, test_a_reset_ends_a_stuck_one, test_silence_ends_it,
      test_unread_input_does_not_delay_the_end, test_not_reading_ends_it,
      test_draining_an_idle_one, test_draining_echoes_what_is_here,
      test_draining_one_that_lags, test_fin_while_draining,
      test_closing_it_gives_everything_back, test_a_stream_may_pause,
      test_draining_one_that_rests, test_closing_one_that_rests)
