#include "worker/worker.h"

#include <poll.h>

#include "base/log.h"
#include "base/mailbox.h"
#include "base/stats_table.h"
#include "support/client.h"
#include "support/loop.h"
#include "support/snapshot.h"
#include "tcp/connection_limits.h"
#include "worker/balancer.h"
#include "worker/bindings.h"
#include "worker/worker_state.h"

enum { WORKERS = 2 };

/* What the control thread has. */
struct fixture {
	struct mailbox *home;
	struct worker *workers[WORKERS];
	struct balancer *balancer;
	struct limits *limits;
	struct limit *limit;
	struct stats_table *stats;
	struct config *config;
	struct sockaddr_in address;
	struct worker_task tasks[WORKERS];
	struct worker_task finishes[WORKERS];
	struct worker_task stops[WORKERS];
	/* Done, of these. */
	unsigned done;
	unsigned finished;
	unsigned stopped;
};

static void
count_up(void *counter)
{
	++*(unsigned *)counter;
}

/* Receives tasks that are done until the counter is that high. */
static void
wait_for(struct fixture *fixture, const unsigned *counter, unsigned wanted)
{
	struct pollfd mail = { .fd = mailbox_fd(fixture->home),
			       .events = POLLIN };

	while (*counter < wanted) {
		ck_assert_msg(poll(&mail, 1, 20000) == 1, "no task is done");
		mailbox_deliver(fixture->home, fixture);
	}
}

/* Gives the task to both workers. */
static void
run(struct fixture *fixture, struct worker_task tasks[WORKERS],
    void (*function)(struct worker_state *, void *), unsigned *counter)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		tasks[i].run = function;
		tasks[i].when_empty = tasks == fixture->finishes;
		tasks[i].done = count_up;
		tasks[i].owner = counter;
		worker_run(fixture->workers[i], &tasks[i]);
	}
}

static void
run_and_wait(struct fixture *fixture,
	     void (*function)(struct worker_state *, void *))
{
	unsigned before = fixture->done;

	run(fixture, fixture->tasks, function, &fixture->done);
	wait_for(fixture, &fixture->done, before + WORKERS);
}

/* For the first worker alone. */
static void
apply(struct fixture *fixture, struct bindings *bindings)
{
	struct worker_task task = {
		.run = worker_state_apply,
		.argument = bindings,
		.done = count_up,
		.owner = &fixture->done,
	};

	worker_run(fixture->workers[0], &task);
	wait_for(fixture, &fixture->done, fixture->done + 1);
}

static struct binding
binding_of(const struct fixture *fixture, unsigned id)
{
	return (struct binding){
		.id = id,
		.settings = fixture->config->listeners[0].settings,
		.limit = fixture->limit,
		.stats = limit_stats(fixture->limit, 0),
	};
}

/* The first worker accepts, for both. */
static void
begin(struct fixture *fixture)
{
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
	fixture->limits = limits_new();
	fixture->stats = stats_table_new(WORKERS);
	fixture->limit = limit_new(fixture->limits, "main",
				   stats_table_row(fixture->stats, "main"));
	fixture->config = accepted("");
	for (unsigned i = 0; i < WORKERS; i++) {
		fixture->workers[i] = worker_new(
			i, fixture->workers, fixture->balancer, fixture->home);
		ck_assert_ptr_nonnull(fixture->workers[i]);
	}
	binding = binding_of(fixture, 1);
	ck_assert(bindings_add(bindings, &binding,
			       loopback_listener(&fixture->address)));
	apply(fixture, bindings);
}

/* When `counter` says that both workers have finished. */
static void
end(struct fixture *fixture, const unsigned *counter)
{
	wait_for(fixture, counter, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_join(fixture->workers[i]);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_free(fixture->workers[i]);
	balancer_free(fixture->balancer);
	ck_assert_uint_eq(limits_count(fixture->limits), 0);
	config_unref(fixture->config);
	limit_unref(fixture->limit);
	limits_free(fixture->limits);
	stats_table_free(fixture->stats);
	mailbox_free(fixture->home);
}

static void
drain(struct fixture *fixture)
{
	run_and_wait(fixture, worker_state_drain_sessions);
	run_and_wait(fixture, worker_state_close_listeners);
	run(fixture, fixture->finishes, worker_state_finish,
	    &fixture->finished);
}

static void
stop(struct fixture *fixture)
{
	run(fixture, fixture->stops, worker_state_stop, &fixture->stopped);
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

static void
expect_closed(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (const struct sockaddr *)address,
				 sizeof(*address)),
			 -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
}

static unsigned long long
connections(const struct fixture *fixture, unsigned worker)
{
	return limit_stats(fixture->limit, worker)->counter[STATS_connections];
}

START_TEST(test_it_serves_and_stops)
{
	struct fixture fixture;
	int fd;

	begin(&fixture);
	fd = connect_and_talk(&fixture);
	stop(&fixture);
	wait_for(&fixture, &fixture.stopped, WORKERS);
	ck_assert_uint_eq(worker_drained(fixture.workers[0]), 0);
	ck_assert_uint_eq(worker_forced(fixture.workers[0]), 1);
	ck_assert_uint_eq(worker_forced(fixture.workers[1]), 0);
	/*
	 * libevent may close a descriptor later, but not later than the base.
	 */
	end(&fixture, &fixture.stopped);
	client_wait_closed(fd);
	close(fd);
}
END_TEST

/* One worker accepts; long connections are spread evenly. */
START_TEST(test_long_connections_are_spread)
{
	enum { CLIENTS = 20 };
	struct fixture fixture;
	int fds[CLIENTS];

	begin(&fixture);
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = connect_and_talk(&fixture);
	ck_assert_uint_eq(connections(&fixture, 0) + connections(&fixture, 1),
			  CLIENTS);
	ck_assert_uint_ge(connections(&fixture, 1), CLIENTS / 3);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	drain(&fixture);
	end(&fixture, &fixture.finished);
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
	/* A connection may still be closing when the next one arrives. */
	ck_assert_uint_ge(connections(&fixture, 0), 25);
	drain(&fixture);
	end(&fixture, &fixture.finished);
}
END_TEST

START_TEST(test_it_runs_tasks)
{
	struct fixture fixture;
	struct worker_task *task = &fixture.tasks[1];

	begin(&fixture);
	task->done = count_up;
	task->owner = &fixture.done;
	fixture.done = 0;
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert(!task->running);
		worker_run(fixture.workers[1], task);
		ck_assert(task->running);
		wait_for(&fixture, &fixture.done, i);
		ck_assert_uint_eq(fixture.done, i);
		ck_assert(!task->running);
	}
	stop(&fixture);
	end(&fixture, &fixture.stopped);
}
END_TEST

/* A worker that has finished runs tasks all the same. */
START_TEST(test_one_that_has_finished_runs_tasks)
{
	struct fixture fixture;

	begin(&fixture);
	stop(&fixture);
	run_and_wait(&fixture, NULL);
	wait_for(&fixture, &fixture.stopped, WORKERS);
	for (int round = 0; round < 3; round++)
		run_and_wait(&fixture, NULL);
	ck_assert_uint_eq(fixture.stopped, WORKERS);
	end(&fixture, &fixture.stopped);
}
END_TEST

/* While a task waits for the last connection to leave, others are run. */
START_TEST(test_a_task_that_waits_lets_others_pass)
{
	struct fixture fixture;
	int fds[2];

	begin(&fixture);
	for (int i = 0; i < 2; i++)
		fds[i] = connect_and_talk(&fixture);
	ck_assert_uint_eq(worker_load(fixture.workers[0]), 1);
	ck_assert_uint_eq(worker_load(fixture.workers[1]), 1);
	run(&fixture, fixture.finishes, worker_state_finish, &fixture.finished);
	for (int round = 0; round < 3; round++)
		run_and_wait(&fixture, NULL);
	ck_assert_uint_eq(fixture.finished, 0);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	end(&fixture, &fixture.finished);
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
	wait_for(&fixture, &fixture.finished, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		drained += worker_drained(fixture.workers[i]);
		ck_assert_uint_eq(worker_forced(fixture.workers[i]), 0);
	}
	ck_assert_uint_eq(drained, 4);
	end(&fixture, &fixture.finished);
}
END_TEST

/* A drain that a client delays can be cut short. */
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
	while (limits_count(fixture.limits) != 3)
		continue;
	stop(&fixture);
	wait_for(&fixture, &fixture.stopped, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		drained += worker_drained(fixture.workers[i]);
		forced += worker_forced(fixture.workers[i]);
	}
	ck_assert_uint_eq(drained, 1);
	ck_assert_uint_eq(forced, 3);
	for (int i = 1; i < 4; i++)
		close(fds[i]);
	end(&fixture, &fixture.stopped);
}
END_TEST

/* The next bindings keep one socket, add one and drop what they do not name. */
START_TEST(test_bindings_follow_each_other)
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
	apply(&fixture, bindings);
	close(connect_and_talk(&fixture));
	fd = client_connect(ntohs(other.sin_port));
	client_say(fd, "x");
	client_hear(fd, "GOT:x");

	bindings = bindings_new(1);
	binding = binding_of(&fixture, 2);
	bindings_keep(bindings, &binding);
	apply(&fixture, bindings);
	client_say(fd, "y");
	client_hear(fd, "GOT:y");
	close(fd);
	expect_closed(&fixture.address);
	stop(&fixture);
	end(&fixture, &fixture.stopped);
}
END_TEST

/* Clients that connect to an inherited socket are left to the next process. */
START_TEST(test_it_releases_inherited_sockets)
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
	apply(&fixture, bindings);
	fd = client_connect(ntohs(address.sin_port));
	client_say(fd, "x");
	client_hear(fd, "GOT:x");

	run_and_wait(&fixture, worker_state_release_inherited);
	late = client_connect(ntohs(address.sin_port));
	/* The same for an inherited socket that a late reload brings. */
	bindings = bindings_new(2);
	ck_assert(bindings_add(bindings, &binding, dup(handed)));
	binding.id = 3;
	binding.inherited = false;
	ck_assert(bindings_add(bindings, &binding, loopback_listener(&other)));
	apply(&fixture, bindings);
	close(connect_and_talk_at(&other));
	client_say(fd, "y");
	client_hear(fd, "GOT:y");
	close(fd);
	drain(&fixture);
	end(&fixture, &fixture.finished);
	/* It is still in the queue. */
	ck_assert_int_ge(accept(handed, NULL, NULL), 0);
	close(late);
	close(handed);
}
END_TEST

START_TEST(test_bindings_that_come_too_late_are_freed)
{
	struct fixture fixture;
	struct binding binding;
	struct sockaddr_in other;
	struct bindings *bindings = bindings_new(1);

	begin(&fixture);
	stop(&fixture);
	wait_for(&fixture, &fixture.stopped, WORKERS);
	binding = binding_of(&fixture, 2);
	ck_assert(bindings_add(bindings, &binding, loopback_listener(&other)));
	apply(&fixture, bindings);
	expect_closed(&other);
	end(&fixture, &fixture.stopped);
}
END_TEST

SUITE(test_it_runs_tasks, test_one_that_has_finished_runs_tasks,
      test_a_task_that_waits_lets_others_pass, test_it_serves_and_stops,
      test_long_connections_are_spread,
      test_short_connections_stay_where_they_are, test_it_drains,
      test_it_stops_while_draining, test_it_releases_inherited_sockets,
      test_bindings_follow_each_other,
      test_bindings_that_come_too_late_are_freed)
