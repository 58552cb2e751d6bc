#include "worker.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "mailbox.h"
#include "origin.h"
#include "plan.h"
#include "service.h"
#include "spread.h"

struct worker {
	unsigned number;
	pthread_t thread;
	struct event_base *base;
	struct mailbox *mailbox;
	struct event mail_ready;
	struct service service;
	struct worker *const *all;
	struct spread *spread;

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
	bool may_finish;
	bool finished;
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
	    service_count(&worker->service) > 0)
		return;
	worker->finished = true;
	mailbox_post(worker->home, &worker->finished_mail);
	event_base_loopbreak(worker->base);
}

static void
on_left(struct service *service)
{
	struct worker *worker =
		container(service, offsetof(struct worker, service));

	spread_leave(worker->spread, worker->number);
	finish_if_done(worker);
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
		service_begin(&worker->service, &handover->origin);
	}
	config_listener_unref(handover->origin.listener);
	free(handover);
}

static void
hand_over(struct worker *worker, struct worker *to, const struct origin *origin)
{
	struct handover *handover = malloc(sizeof(*handover));

	if (!handover) {
		spread_leave(to->spread, to->number);
		service_report_no_memory(&worker->service, origin);
		origin_refuse(origin);
		return;
	}
	handover->mail.deliver = receive;
	handover->origin = *origin;
	config_listener_ref(origin->listener);
	mailbox_post(to->mailbox, &handover->mail);
}

static void
on_accepted(struct service *service, const struct origin *origin)
{
	struct worker *worker =
		container(service, offsetof(struct worker, service));
	unsigned to = service_is_draining(service) ?
			      worker->number :
			      spread_choose(worker->spread, worker->number);

	/* Counted at once, lest all others choose the same one. */
	spread_enter(worker->spread, to);
	if (to == worker->number)
		service_begin(service, origin);
	else
		hand_over(worker, worker->all[to], origin);
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
	service_apply(&worker->service, plan);
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
on_yield(struct mail *mail, void *owner)
{
	struct worker *worker = owner;

	(void)mail;
	if (worker->finished)
		return;
	service_yield(&worker->service);
	mailbox_post(worker->home, &worker->yielded_mail);
}

static void
on_drain(struct mail *mail, void *owner)
{
	struct worker *worker = owner;

	(void)mail;
	if (!worker->finished)
		service_drain(&worker->service);
}

static void
on_shut(struct mail *mail, void *owner)
{
	struct worker *worker = owner;

	(void)mail;
	if (worker->finished)
		return;
	service_shut(&worker->service);
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

	if (worker->finished)
		return;
	service_stop(&worker->service);
	on_finish(mail, owner);
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
	worker->service.accepted = on_accepted;
	worker->service.left = on_left;
	/* Stops at the first that fails, whose errno it is. */
	if (!(worker->base = new_base()) ||
	    !(worker->mailbox = mailbox_new()) ||
	    !service_init(&worker->service, worker->base, worker->number == 0))
		return false;

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
	service_release(&worker->service);
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
worker_meet(struct worker *worker, struct worker *const *all,
	    struct spread *spread)
{
	worker->all = all;
	worker->spread = spread;
}

const struct stats *
worker_stats(const struct worker *worker)
{
	return &worker->service.stats;
}

unsigned
worker_load(const struct worker *worker)
{
	return spread_load(worker->spread, worker->number);
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
	return worker->service.drained;
}

unsigned
worker_forced(const struct worker *worker)
{
	return worker->service.forced;
}
