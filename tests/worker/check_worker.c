#include "worker/worker.h"

#include <poll.h>

#include "base/log.h"
#include "base/mailbox.h"
#include "support/client.h"
#include "support/loop.h"
#include "support/snapshot.h"
#include "tcp/connection_limits.h"
#include "worker/balancer.h"
#include "worker/bindings.h"

enum { WORKERS = 2 };

/* The control thread's part. */
struct fixture {
	struct mailbox *home;
	struct worker *workers[WORKERS];
	struct balancer *balancer;
	struct connection_limits *connection_limits;
	struct listener_limit *listener_limit;
	struct config *config;
	struct sockaddr_in address;
	unsigned serving;
	unsigned answered;
	unsigned yielded;
	unsigned quiet;
	unsigned finished;
};

static void
on_serving(struct worker *worker, void *owner)
{
	struct fixture *fixture = owner;

	(void)worker;
	fixture->serving++;
}

static void
on_answered(struct worker *worker, void *owner)
{
	struct fixture *fixture = owner;

	(void)worker;
	fixture->answered++;
}

static void
on_yielded(struct worker *worker, void *owner)
{
	struct fixture *fixture = owner;

	(void)worker;
	fixture->yielded++;
}

static void
on_quiet(struct worker *worker, void *owner)
{
	struct fixture *fixture = owner;

	(void)worker;
	fixture->quiet++;
}

static void
on_finished(struct worker *worker, void *owner)
{
	struct fixture *fixture = owner;

	(void)worker;
	fixture->finished++;
}

/* Takes in news until the counter is that high. */
static void
wait_news(struct fixture *fixture, const unsigned *counter, unsigned wanted)
{
	struct pollfd mail = { .fd = mailbox_fd(fixture->home),
			       .events = POLLIN };

	while (*counter < wanted) {
		ck_assert_msg(poll(&mail, 1, 20000) == 1, "no news");
		mailbox_deliver(fixture->home, fixture);
	}
}

static struct binding
binding_of(const struct fixture *fixture, unsigned id)
{
	return (struct binding){
		.id = id,
		.settings = fixture->config->listeners[0].settings,
		.listener_limit = fixture->listener_limit,
	};
}

/* The first worker accepts, for both. */
static void
begin(struct fixture *fixture)
{
	static const struct worker_callbacks news = {
		.serving = on_serving,
		.answered = on_answered,
		.yielded = on_yielded,
		.quiet = on_quiet,
		.finished = on_finished,
	};
	static const struct log_settings settings = {
		.sink = LOG_TO_STDERR,
		.level = LOG_ERR,
	};
	struct bindings *bindings = bindings_new(1);
	struct binding binding;

	log_configure(&settings);
	memset(fixture, 0, sizeof(*fixture));
	fixture->home = mailbox_new();
	fixture->balancer = balancer_new(WORKERS);
	fixture->connection_limits = connection_limits_new();
	fixture->listener_limit =
		listener_limit_new(fixture->connection_limits, "main");
	fixture->config = accepted("");
	for (unsigned i = 0; i < WORKERS; i++) {
		fixture->workers[i] = worker_new(i, fixture->home, &news);
		ck_assert_ptr_nonnull(fixture->workers[i]);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		worker_meet(fixture->workers[i], fixture->workers,
			    fixture->balancer);
	binding = binding_of(fixture, 1);
	ck_assert(bindings_add(bindings, &binding,
			       loopback_listener(&fixture->address)));
	worker_serve(fixture->workers[0], bindings);
	wait_news(fixture, &fixture->serving, 1);
}

static void
end(struct fixture *fixture)
{
	wait_news(fixture, &fixture->finished, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_free(fixture->workers[i]);
	balancer_free(fixture->balancer);
	ck_assert_uint_eq(connection_limits_count(fixture->connection_limits),
			  0);
	config_unref(fixture->config);
	listener_limit_unref(fixture->listener_limit);
	connection_limits_free(fixture->connection_limits);
	mailbox_free(fixture->home);
}

static void
drain(struct fixture *fixture)
{
	for (unsigned i = 0; i < WORKERS; i++)
		worker_drain(fixture->workers[i]);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_shut(fixture->workers[i]);
	wait_news(fixture, &fixture->quiet, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_finish(fixture->workers[i]);
}

static void
stop(struct fixture *fixture)
{
	for (unsigned i = 0; i < WORKERS; i++)
		worker_stop(fixture->workers[i]);
}

static int
connect_and_talk_at(const struct sockaddr_in *address)
{
	int fd = client_connect(ntohs(address->sin_port));

	client_say(fd, "Hello\n");
	client_hear(fd, "GOT:Hello\n");
	return fd;
}

static int
connect_and_talk(const struct fixture *fixture)
{
	return connect_and_talk_at(&fixture->address);
}

static unsigned long long
connections(const struct worker *worker)
{
	return worker_stats(worker)->counter[STATS_connections];
}

START_TEST(test_it_serves_and_stops)
{
	struct fixture fixture;
	int fd;

	begin(&fixture);
	fd = connect_and_talk(&fixture);
	stop(&fixture);
	wait_news(&fixture, &fixture.finished, WORKERS);
	ck_assert_uint_eq(worker_drained(fixture.workers[0]), 0);
	ck_assert_uint_eq(worker_forced(fixture.workers[0]), 1);
	ck_assert_uint_eq(worker_forced(fixture.workers[1]), 0);
	/* libevent closes a descriptor by and by, at the latest with the base. */
	end(&fixture);
	client_wait_closed(fd);
	close(fd);
}
END_TEST

/* One accepts all; a few that stay are shared out evenly. */
START_TEST(test_long_connections_are_spread)
{
	enum { CLIENTS = 20 };
	struct fixture fixture;
	int fds[CLIENTS];

	begin(&fixture);
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = connect_and_talk(&fixture);
	ck_assert_uint_eq(connections(fixture.workers[0]) +
				  connections(fixture.workers[1]),
			  CLIENTS);
	ck_assert_uint_ge(connections(fixture.workers[1]), CLIENTS / 3);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	drain(&fixture);
	end(&fixture);
}
END_TEST

START_TEST(test_short_connections_stay_where_they_are)
{
	struct fixture fixture;

	begin(&fixture);
	for (int i = 0; i < 50; i++) {
		int fd = connect_and_talk(&fixture);

		client_finish(fd);
		client_expect_eof(fd);
		close(fd);
	}
	/* One may still be on its way out when the next comes in. */
	ck_assert_uint_ge(connections(fixture.workers[0]), 25);
	drain(&fixture);
	end(&fixture);
}
END_TEST

START_TEST(test_it_answers_a_ping)
{
	struct fixture fixture;

	begin(&fixture);
	ck_assert(!worker_is_pinged(fixture.workers[1]));
	for (unsigned i = 1; i <= 3; i++) {
		worker_ping(fixture.workers[1]);
		ck_assert(worker_is_pinged(fixture.workers[1]));
		wait_news(&fixture, &fixture.answered, i);
		ck_assert_uint_eq(fixture.answered, i);
		ck_assert(!worker_is_pinged(fixture.workers[1]));
	}
	stop(&fixture);
	end(&fixture);
}
END_TEST

/* Whether it comes to read the ping or ends before: there is one answer. */
START_TEST(test_one_that_has_ended_answers)
{
	struct fixture fixture;

	begin(&fixture);
	stop(&fixture);
	worker_ping(fixture.workers[0]);
	worker_ping(fixture.workers[1]);
	wait_news(&fixture, &fixture.finished, WORKERS);
	ck_assert_uint_eq(fixture.answered, 2);
	for (unsigned i = 3; i <= 5; i++) {
		worker_ping(fixture.workers[0]);
		wait_news(&fixture, &fixture.answered, i);
		ck_assert_uint_eq(fixture.answered, i);
	}
	end(&fixture);
}
END_TEST

START_TEST(test_it_drains)
{
	struct fixture fixture;
	unsigned drained = 0;
	int fds[4];

	begin(&fixture);
	for (int i = 0; i < 4; i++)
		fds[i] = connect_and_talk(&fixture);
	drain(&fixture);
	for (int i = 0; i < 4; i++) {
		client_expect_eof(fds[i]);
		close(fds[i]);
	}
	wait_news(&fixture, &fixture.finished, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		drained += worker_drained(fixture.workers[i]);
		ck_assert_uint_eq(worker_forced(fixture.workers[i]), 0);
	}
	ck_assert_uint_eq(drained, 4);
	end(&fixture);
}
END_TEST

/* A drain that somebody holds up can be cut short. */
START_TEST(test_it_stops_while_draining)
{
	struct fixture fixture;
	unsigned drained = 0, forced = 0;
	int fds[4];

	begin(&fixture);
	for (int i = 0; i < 4; i++)
		fds[i] = connect_and_talk(&fixture);
	drain(&fixture);
	for (int i = 0; i < 4; i++)
		client_expect_eof(fds[i]);
	close(fds[0]);
	while (connection_limits_count(fixture.connection_limits) != 3)
		continue;
	stop(&fixture);
	wait_news(&fixture, &fixture.finished, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		drained += worker_drained(fixture.workers[i]);
		forced += worker_forced(fixture.workers[i]);
	}
	ck_assert_uint_eq(drained, 1);
	ck_assert_uint_eq(forced, 3);
	for (int i = 1; i < 4; i++)
		close(fds[i]);
	end(&fixture);
}
END_TEST

/* The next table keeps one endpoint, adds one and drops what it does not name. */
START_TEST(test_tables_follow_each_other)
{
	struct fixture fixture;
	struct binding binding;
	struct sockaddr_in other;
	struct bindings *bindings = bindings_new(2);
	struct config *config;
	int fd;

	begin(&fixture);
	close(connect_and_talk(&fixture));
	binding = binding_of(&fixture, 1);
	bindings_keep(bindings, &binding);
	config = accepted("");
	binding.id = 2;
	binding.settings = config->listeners[0].settings;
	ck_assert(bindings_add(bindings, &binding, loopback_listener(&other)));
	/* The table has references of its own. */
	config_unref(config);
	worker_serve(fixture.workers[0], bindings);
	wait_news(&fixture, &fixture.serving, 2);
	close(connect_and_talk(&fixture));
	fd = client_connect(ntohs(other.sin_port));
	client_say(fd, "x");
	client_hear(fd, "GOT:x");

	bindings = bindings_new(1);
	binding = binding_of(&fixture, 2);
	bindings_keep(bindings, &binding);
	worker_serve(fixture.workers[0], bindings);
	wait_news(&fixture, &fixture.serving, 3);
	client_say(fd, "y");
	client_hear(fd, "GOT:y");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&fixture.address,
				 sizeof(fixture.address)),
			 -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
	stop(&fixture);
	end(&fixture);
}
END_TEST

/* Who comes to a socket that was handed over is left to the next process. */
START_TEST(test_it_yields_what_was_handed_over)
{
	struct fixture fixture;
	struct binding binding;
	struct sockaddr_in address, other;
	int handed = loopback_listener(&address), late, fd;
	struct bindings *bindings = bindings_new(2);

	begin(&fixture);
	binding = binding_of(&fixture, 1);
	bindings_keep(bindings, &binding);
	binding.id = 2;
	binding.inherited = true;
	ck_assert(bindings_add(bindings, &binding, dup(handed)));
	worker_serve(fixture.workers[0], bindings);
	wait_news(&fixture, &fixture.serving, 2);
	fd = client_connect(ntohs(address.sin_port));
	client_say(fd, "x");
	client_hear(fd, "GOT:x");

	for (unsigned i = 0; i < WORKERS; i++)
		worker_yield(fixture.workers[i]);
	wait_news(&fixture, &fixture.yielded, WORKERS);
	late = client_connect(ntohs(address.sin_port));
	/* Neither that one nor another that a late reload brings. */
	bindings = bindings_new(2);
	ck_assert(bindings_add(bindings, &binding, dup(handed)));
	binding.id = 3;
	binding.inherited = false;
	ck_assert(bindings_add(bindings, &binding, loopback_listener(&other)));
	worker_serve(fixture.workers[0], bindings);
	wait_news(&fixture, &fixture.serving, 3);
	close(connect_and_talk_at(&other));
	client_say(fd, "y");
	client_hear(fd, "GOT:y");
	close(fd);
	drain(&fixture);
	end(&fixture);
	/* It is in the queue yet. */
	ck_assert_int_ge(accept(handed, NULL, NULL), 0);
	close(late);
	close(handed);
}
END_TEST

START_TEST(test_unserved_tables_are_freed)
{
	struct fixture fixture;
	struct binding binding;
	struct sockaddr_in other;
	struct bindings *bindings = bindings_new(1);

	begin(&fixture);
	stop(&fixture);
	wait_news(&fixture, &fixture.finished, WORKERS);
	binding = binding_of(&fixture, 2);
	ck_assert(bindings_add(bindings, &binding, loopback_listener(&other)));
	worker_serve(fixture.workers[0], bindings);
	end(&fixture);
}
END_TEST

START_TEST(test_none_is_fine_to_free)
{
	worker_free(NULL);
}
END_TEST

SUITE(test_it_answers_a_ping, test_one_that_has_ended_answers,
      test_it_serves_and_stops, test_long_connections_are_spread,
      test_short_connections_stay_where_they_are, test_it_drains,
      test_it_stops_while_draining, test_it_yields_what_was_handed_over,
      test_tables_follow_each_other, test_unserved_tables_are_freed,
      test_none_is_fine_to_free)
