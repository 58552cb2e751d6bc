#include "worker.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admit.h"
#include "batch.h"
#include "config.h"
#include "datagram.h"
#include "listener.h"
#include "log.h"
#include "mailbox.h"
#include "opening.h"
#include "origin.h"
#include "plan.h"
#include "session.h"
#include "stats.h"

/* Workers that are looked at to find one with less to do. */
#define CANDIDATES 8

struct worker {
	unsigned number;
	pthread_t thread;
	struct event_base *base;
	struct mailbox *mailbox;
	struct event mail_ready;
	struct stats stats;
	struct opening_host openings;
	struct session_host sessions;
	struct listener_host listeners;
	struct datagram_host datagrams;
	struct plan *plan;

	/* Connections that are here or on their way; others add to it. */
	atomic_uint load;
	struct worker *const *all;
	unsigned all_count;
	unsigned next_candidate;

	struct mailbox *home;
	struct worker_news news;
	struct mail serving_mail;
	struct mail ping_mail;
	struct mail answer_mail;
	struct mail yielded_mail;
	struct mail quiet_mail;
	struct mail finished_mail;
	struct mail yield_mail;
	struct mail drain_mail;
	struct mail shut_mail;
	struct mail finish_mail;
	struct mail stop_mail;
	bool pinged; /* the control thread's, as is the next */
	bool ended;
	bool yielded;
	bool draining;
	bool may_finish;
	bool finished;
	unsigned drained;
	unsigned forced;
};

/* A connection on its way to another worker. */
struct handover {
	struct mail mail;
	struct origin origin; /* its snapshot is referenced */
};

/* The structure that `member` is embedded in at `offset`. */
static void *
container(void *member, size_t offset)
{
	return (char *)member - offset;
}

/* On the worker's thread. */

static void
finish_if_done(struct worker *worker)
{
	if (!worker->may_finish || worker->finished ||
	    worker->sessions.count + worker->openings.count > 0)
		return;
	worker->finished = true;
	mailbox_post(worker->home, &worker->finished_mail);
	event_base_loopbreak(worker->base);
}

static void
forget_connection(struct worker *worker)
{
	atomic_fetch_sub(&worker->load, 1);
	if (!worker->draining)
		return;
	worker->drained++;
	finish_if_done(worker);
}

static void
on_session_closed(struct session_host *host)
{
	forget_connection(container(host, offsetof(struct worker, sessions)));
}

static void
on_opening_failed(struct opening_host *host)
{
	forget_connection(container(host, offsetof(struct worker, openings)));
}

static void
report_no_memory(struct worker *worker, const struct origin *origin)
{
	atomic_fetch_sub(&worker->load, 1);
	log_peer(LOG_WARNING, "listener=%s: out of memory for a connection",
		 origin->listener->name);
}

static void
begin_session(struct worker *worker, const struct origin *origin)
{
	struct session *session = session_new(&worker->sessions, origin);

	if (!session)
		report_no_memory(worker, origin);
	else if (worker->draining)
		session_drain(session);
}

static void
on_opened(struct opening_host *host, const struct origin *origin)
{
	begin_session(container(host, offsetof(struct worker, openings)),
		      origin);
}

static void
begin(struct worker *worker, const struct origin *origin)
{
	if (!opening_is_due(origin->listener))
		begin_session(worker, origin);
	else if (!opening_new(&worker->openings, origin))
		report_no_memory(worker, origin);
}

static void
receive(struct mail *mail, void *owner)
{
	struct handover *handover =
		container(mail, offsetof(struct handover, mail));
	struct worker *worker = owner;

	if (worker->finished) {
		/* Stopped at once: there is no loop any more to serve it. */
		origin_refuse(&handover->origin);
	} else {
		begin(worker, &handover->origin);
	}
	config_unref(handover->origin.listener->config);
	free(handover);
}

static void
hand_over(struct worker *to, const struct origin *origin)
{
	struct handover *handover = malloc(sizeof(*handover));

	if (!handover) {
		report_no_memory(to, origin);
		origin_refuse(origin);
		return;
	}
	handover->mail.deliver = receive;
	handover->origin = *origin;
	config_ref(origin->listener->config);
	mailbox_post(to->mailbox, &handover->mail);
}

/*
 * Who accepts serves, as long as the load is about even: then a short connection
 * does not pay for a change of threads.  A few long ones are spread evenly.
 */
static struct worker *
choose(struct worker *worker)
{
	unsigned mine = atomic_load(&worker->load);
	unsigned tries = worker->all_count < CANDIDATES ? worker->all_count :
							  CANDIDATES;
	struct worker *best = worker;
	unsigned least = mine;

	if (mine == 0 || worker->draining)
		return worker;
	for (; tries > 0; tries--) {
		unsigned at = worker->next_candidate++ % worker->all_count;
		unsigned load = atomic_load(&worker->all[at]->load);

		if (load < least) {
			least = load;
			best = worker->all[at];
		}
	}
	return mine > least + least / 2 ? best : worker;
}

static void
on_accepted(struct listener_host *host, const struct origin *origin)
{
	struct worker *worker =
		container(host, offsetof(struct worker, listeners));
	struct worker *to = choose(worker);

	/* Counted at once, lest all others choose the same one. */
	atomic_fetch_add(&to->load, 1);
	if (to == worker)
		begin(worker, origin);
	else
		hand_over(to, origin);
}

static void
apply(struct mail *mail, void *owner)
{
	struct plan *plan = container(mail, offsetof(struct plan, mail));
	struct worker *worker = owner;

	if (worker->finished) {
		plan_free(plan);
		return;
	}
	plan_apply(plan, worker->plan, &worker->listeners, &worker->datagrams);
	worker->plan = plan;
	if (worker->yielded)
		plan_yield(plan);
	mailbox_post(worker->home, &worker->serving_mail);
}

static void
on_ping(struct mail *mail, void *owner)
{
	struct worker *worker = owner;

	(void)mail;
	/* The news of its end is an answer. */
	if (!worker->finished)
		mailbox_post(worker->home, &worker->answer_mail);
}

static void
stop_accepting(struct worker *worker)
{
	plan_close(worker->plan);
	worker->plan = NULL;
}

static void
on_yield(struct mail *mail, void *owner)
{
	struct worker *worker = owner;

	(void)mail;
	if (worker->finished)
		return;
	worker->yielded = true;
	plan_yield(worker->plan);
	mailbox_post(worker->home, &worker->yielded_mail);
}

static void
on_drain(struct mail *mail, void *owner)
{
	struct worker *worker = owner;
	struct session *session = LIST_FIRST(&worker->sessions.sessions);

	(void)mail;
	if (worker->finished)
		return;
	worker->draining = true;
	while (session) {
		struct session *next = session_next(session);

		session_drain(session);
		session = next;
	}
}

static void
on_shut(struct mail *mail, void *owner)
{
	struct worker *worker = owner;

	(void)mail;
	if (worker->finished)
		return;
	stop_accepting(worker);
	mailbox_post(worker->home, &worker->quiet_mail);
}

static void
on_finish(struct mail *mail, void *owner)
{
	struct worker *worker = owner;

	(void)mail;
	worker->may_finish = true;
	finish_if_done(worker);
}

static void
on_stop(struct mail *mail, void *owner)
{
	struct worker *worker = owner;
	struct session *session;

	(void)mail;
	if (worker->finished)
		return;
	worker->draining = true;
	stop_accepting(worker);
	worker->forced = worker->sessions.count + worker->openings.count;
	worker->drained -= worker->forced;
	opening_close_all(&worker->openings);
	while ((session = LIST_FIRST(&worker->sessions.sessions)))
		session_close(session, CLOSE_drain);
	worker->may_finish = true;
	finish_if_done(worker);
}

static void
on_mail(evutil_socket_t fd, short what, void *argument)
{
	struct worker *worker = argument;

	(void)fd;
	(void)what;
	mailbox_deliver(worker->mailbox, worker);
}

static void *
run(void *argument)
{
	struct worker *worker = argument;
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", worker->number);
	pthread_setname_np(pthread_self(), name);
	event_base_dispatch(worker->base);
	return NULL;
}

/* On the control thread. */

static void
tell_serving(struct mail *mail, void *owner)
{
	struct worker *worker =
		container(mail, offsetof(struct worker, serving_mail));

	worker->news.serving(worker, owner);
}

static void
answered(struct worker *worker, void *owner)
{
	if (!worker->pinged)
		return;
	worker->pinged = false;
	worker->news.answered(worker, owner);
}

static void
tell_answer(struct mail *mail, void *owner)
{
	answered(container(mail, offsetof(struct worker, answer_mail)), owner);
}

static void
tell_yielded(struct mail *mail, void *owner)
{
	struct worker *worker =
		container(mail, offsetof(struct worker, yielded_mail));

	worker->news.yielded(worker, owner);
}

static void
tell_quiet(struct mail *mail, void *owner)
{
	struct worker *worker =
		container(mail, offsetof(struct worker, quiet_mail));

	worker->news.quiet(worker, owner);
}

static void
tell_finished(struct mail *mail, void *owner)
{
	struct worker *worker =
		container(mail, offsetof(struct worker, finished_mail));

	worker->ended = true;
	/* It may not have come to read its last mail. */
	answered(worker, owner);
	worker->news.finished(worker, owner);
}

static struct event_base *
new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (!config)
		return NULL;
	/* Only its own thread touches it: no locks. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static bool
set_up(struct worker *worker)
{
	/* Stops at the first that fails, whose errno it is. */
	if (!(worker->base = new_base()) ||
	    !(worker->mailbox = mailbox_new()) ||
	    !(worker->datagrams.batch = batch_new()) ||
	    !opening_host_init(&worker->openings, worker->base,
			       &worker->stats) ||
	    !session_host_init(&worker->sessions, worker->base, &worker->stats))
		return false;

	worker->listeners.base = worker->datagrams.base = worker->base;
	worker->listeners.stats = worker->datagrams.stats = &worker->stats;
	worker->openings.opened = on_opened;
	worker->openings.failed = on_opening_failed;
	worker->sessions.closed = on_session_closed;
	worker->listeners.accepted = on_accepted;
	worker->listeners.first = worker->number == 0;
	worker->serving_mail.deliver = tell_serving;
	worker->ping_mail.deliver = on_ping;
	worker->answer_mail.deliver = tell_answer;
	worker->yielded_mail.deliver = tell_yielded;
	worker->quiet_mail.deliver = tell_quiet;
	worker->finished_mail.deliver = tell_finished;
	worker->yield_mail.deliver = on_yield;
	worker->drain_mail.deliver = on_drain;
	worker->shut_mail.deliver = on_shut;
	worker->finish_mail.deliver = on_finish;
	worker->stop_mail.deliver = on_stop;
	event_assign(&worker->mail_ready, worker->base,
		     mailbox_fd(worker->mailbox), EV_READ | EV_PERSIST, on_mail,
		     worker);
	return event_add(&worker->mail_ready, NULL) == 0;
}

static void
tear_down(struct worker *worker)
{
	/* What came too late is given back. */
	worker->finished = true;
	if (worker->mailbox)
		mailbox_deliver(worker->mailbox, worker);
	plan_free(worker->plan);
	opening_host_release(&worker->openings);
	session_host_release(&worker->sessions);
	batch_free(worker->datagrams.batch);
	if (worker->base)
		event_base_free(worker->base);
	mailbox_free(worker->mailbox);
	free(worker);
}

/* Signals are the control thread's. */
static int
start_thread(struct worker *worker)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

struct worker *
worker_new(unsigned number, struct mailbox *home,
	   const struct worker_news *news)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int error;

	if (!worker)
		return NULL;
	worker->number = number;
	worker->home = home;
	worker->news = *news;
	error = set_up(worker) ? start_thread(worker) : errno;
	if (error == 0)
		return worker;
	tear_down(worker);
	errno = error;
	return NULL;
}

void
worker_free(struct worker *worker)
{
	if (!worker)
		return;
	pthread_join(worker->thread, NULL);
	tear_down(worker);
}

void
worker_meet(struct worker *worker, struct worker *const *all, unsigned count)
{
	worker->all = all;
	worker->all_count = count;
	worker->next_candidate = worker->number;
}

const struct stats *
worker_stats(const struct worker *worker)
{
	return &worker->stats;
}

unsigned
worker_load(const struct worker *worker)
{
	return atomic_load(&worker->load);
}

void
worker_serve(struct worker *worker, struct plan *plan)
{
	plan->mail.deliver = apply;
	mailbox_post(worker->mailbox, &plan->mail);
}

void
worker_ping(struct worker *worker)
{
	worker->pinged = true;
	if (worker->ended)
		mailbox_post(worker->home, &worker->answer_mail);
	else
		mailbox_post(worker->mailbox, &worker->ping_mail);
}

bool
worker_is_pinged(const struct worker *worker)
{
	return worker->pinged;
}

void
worker_yield(struct worker *worker)
{
	mailbox_post(worker->mailbox, &worker->yield_mail);
}

void
worker_drain(struct worker *worker)
{
	mailbox_post(worker->mailbox, &worker->drain_mail);
}

void
worker_shut(struct worker *worker)
{
	mailbox_post(worker->mailbox, &worker->shut_mail);
}

void
worker_finish(struct worker *worker)
{
	mailbox_post(worker->mailbox, &worker->finish_mail);
}

void
worker_stop(struct worker *worker)
{
	mailbox_post(worker->mailbox, &worker->stop_mail);
}

unsigned
worker_drained(const struct worker *worker)
{
	return worker->drained;
}

unsigned
worker_forced(const struct worker *worker)
{
	return worker->forced;
}
