#include "worker.h"

#include <poll.h>

#include "admit.h"
#include "client.h"
#include "log.h"
#include "loop.h"
#include "mailbox.h"
#include "plan.h"
#include "snapshot.h"
#include "spread.h"

enum { WORKERS = 2 };

/* The control thread's part. */
struct fixture {
	struct mailbox *home;
	struct worker *workers[WORKERS];
	struct spread *spread;
	struct admit *admit;
	struct gate *gate;
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

static struct listener_terms
terms_of(const struct fixture *fixture)
{
	return (struct listener_terms){
		.listener = fixture->config->listeners[0].settings,
		.gate = fixture->gate,
	};
}

/* The first worker accepts, for both. */
static void
begin(struct fixture *fixture)
{
	static const struct worker_news news = {
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
	struct plan *plan = plan_new(1);
	struct listener_terms terms;

	log_configure(&settings);
	memset(fixture, 0, sizeof(*fixture));
	fixture->home = mailbox_new();
	fixture->spread = spread_new(WORKERS);
	fixture->admit = admit_new();
	fixture->gate = gate_new(fixture->admit, "main");
	fixture->config = accepted("");
	for (unsigned i = 0; i < WORKERS; i++) {
		fixture->workers[i] = worker_new(i, fixture->home, &news);
		ck_assert_ptr_nonnull(fixture->workers[i]);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		worker_meet(fixture->workers[i], fixture->workers,
			    fixture->spread);
	terms = terms_of(fixture);
	ck_assert(plan_add(plan, 1, loopback_listener(&fixture->address),
			   &terms));
	worker_serve(fixture->workers[0], plan);
	wait_news(fixture, &fixture->serving, 1);
}

static void
end(struct fixture *fixture)
{
	wait_news(fixture, &fixture->finished, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_free(fixture->workers[i]);
	spread_free(fixture->spread);
	ck_assert_uint_eq(admit_count(fixture->admit), 0);
	config_unref(fixture->config);
	gate_release(fixture->gate);
	admit_free(fixture->admit);
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

START_TEST(it_serves_and_stops)
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
START_TEST(long_connections_are_spread)
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

START_TEST(short_connections_stay_where_they_are)
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

START_TEST(it_answers_a_ping)
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
START_TEST(one_that_has_ended_answers)
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

START_TEST(it_drains)
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
START_TEST(it_stops_while_draining)
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
	while (admit_count(fixture.admit) != 3)
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

/* The next plan keeps one endpoint, adds one and drops what it does not name. */
START_TEST(plans_follow_each_other)
{
	struct fixture fixture;
	struct listener_terms terms;
	struct sockaddr_in other;
	struct plan *plan = plan_new(2);
	int fd;

	begin(&fixture);
	close(connect_and_talk(&fixture));
	terms = terms_of(&fixture);
	plan_keep(plan, 1, &terms);
	ck_assert(plan_add(plan, 2, loopback_listener(&other), &terms));
	worker_serve(fixture.workers[0], plan);
	wait_news(&fixture, &fixture.serving, 2);
	close(connect_and_talk(&fixture));
	fd = client_connect(ntohs(other.sin_port));
	client_say(fd, "x");
	client_hear(fd, "GOT:x");

	plan = plan_new(1);
	plan_keep(plan, 2, &terms);
	worker_serve(fixture.workers[0], plan);
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
START_TEST(it_yields_what_was_handed_over)
{
	struct fixture fixture;
	struct listener_terms terms;
	struct sockaddr_in address, other;
	int handed = loopback_listener(&address), late, fd;
	struct plan *plan = plan_new(2);

	begin(&fixture);
	terms = terms_of(&fixture);
	plan_keep(plan, 1, &terms);
	terms.inherited = true;
	ck_assert(plan_add(plan, 2, dup(handed), &terms));
	worker_serve(fixture.workers[0], plan);
	wait_news(&fixture, &fixture.serving, 2);
	fd = client_connect(ntohs(address.sin_port));
	client_say(fd, "x");
	client_hear(fd, "GOT:x");

	for (unsigned i = 0; i < WORKERS; i++)
		worker_yield(fixture.workers[i]);
	wait_news(&fixture, &fixture.yielded, WORKERS);
	late = client_connect(ntohs(address.sin_port));
	/* Neither that one nor another that a late reload brings. */
	plan = plan_new(2);
	ck_assert(plan_add(plan, 2, dup(handed), &terms));
	terms.inherited = false;
	ck_assert(plan_add(plan, 3, loopback_listener(&other), &terms));
	worker_serve(fixture.workers[0], plan);
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

START_TEST(unserved_plans_are_freed)
{
	struct fixture fixture;
	struct listener_terms terms;
	struct sockaddr_in other;
	struct plan *plan = plan_new(1);

	begin(&fixture);
	stop(&fixture);
	wait_news(&fixture, &fixture.finished, WORKERS);
	terms = terms_of(&fixture);
	ck_assert(plan_add(plan, 2, loopback_listener(&other), &terms));
	worker_serve(fixture.workers[0], plan);
	end(&fixture);
}
END_TEST

START_TEST(none_is_fine_to_free)
{
	worker_free(NULL);
}
END_TEST

SUITE(it_answers_a_ping, one_that_has_ended_answers, it_serves_and_stops,
      long_connections_are_spread, short_connections_stay_where_they_are,
      it_drains, it_stops_while_draining, it_yields_what_was_handed_over,
      plans_follow_each_other, unserved_plans_are_freed, none_is_fine_to_free)
