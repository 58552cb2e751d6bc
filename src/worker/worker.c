#include "worker/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mailbox.h"
#include "config/config.h"
#include "tcp/connection_info.h"
#include "worker/balancer.h"
#include "worker/bindings.h"
#include "worker/worker_state.h"

struct worker {
	unsigned number;
	pthread_t thread;
	struct event_base *base;
	struct mailbox *mailbox;
	struct event mail_ready;
	struct worker_state state;
	struct worker *const *all;
	struct balancer *balancer;

	struct mailbox *home;
	struct worker_callbacks news;
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
	struct connection_info info; /* its snapshot is referenced */
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
	    worker_state_count(&worker->state) > 0)
		return;
	worker->finished = true;
	mailbox_post(worker->home, &worker->finished_mail);
	event_base_loopbreak(worker->base);
}

static void
on_left(struct worker_state *state)
{
	struct worker *worker =
		container(state, offsetof(struct worker, state));

	balancer_leave(worker->balancer, worker->number);
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
		connection_info_refuse(&handover->info);
	} else {
		worker_state_begin(&worker->state, &handover->info);
	}
	config_listener_unref(handover->info.listener);
	free(handover);
}

static void
hand_over(struct worker *worker, struct worker *to,
	  const struct connection_info *info)
{
	struct handover *handover = malloc(sizeof(*handover));

	if (!handover) {
		balancer_leave(to->balancer, to->number);
		worker_state_report_no_memory(&worker->state, info);
		connection_info_refuse(info);
		return;
	}
	handover->mail.deliver = receive;
	handover->info = *info;
	config_listener_ref(info->listener);
	mailbox_post(to->mailbox, &handover->mail);
}

static void
on_accepted(struct worker_state *state, const struct connection_info *info)
{
	struct worker *worker =
		container(state, offsetof(struct worker, state));
	unsigned to = worker_state_is_draining(state) ?
			      worker->number :
			      balancer_choose(worker->balancer, worker->number);

	/* Counted at once, lest all others choose the same one. */
	balancer_enter(worker->balancer, to);
	if (to == worker->number)
		worker_state_begin(state, info);
	else
		hand_over(worker, worker->all[to], info);
}

static void
apply(struct mail *mail, void *owner)
{
	struct bindings *bindings =
		container(mail, offsetof(struct bindings, mail));
	struct worker *worker = owner;

	if (worker->finished) {
		bindings_free(bindings);
		return;
	}
	worker_state_apply(&worker->state, bindings);
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
	worker_state_yield(&worker->state);
	mailbox_post(worker->home, &worker->yielded_mail);
}

static void
on_drain(struct mail *mail, void *owner)
{
	struct worker *worker = owner;

	(void)mail;
	if (!worker->finished)
		worker_state_drain(&worker->state);
}

static void
on_shut(struct mail *mail, void *owner)
{
	struct worker *worker = owner;

	(void)mail;
	if (worker->finished)
		return;
	worker_state_shut(&worker->state);
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
	worker_state_stop(&worker->state);
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
	worker->state.accepted = on_accepted;
	worker->state.left = on_left;
	/* Stops at the first that fails, whose errno it is. */
	if (!(worker->base = new_base()) ||
	    !(worker->mailbox = mailbox_new()) ||
	    !worker_state_init(&worker->state, worker->base,
			       worker->number == 0))
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
	worker_state_release(&worker->state);
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
	   const struct worker_callbacks *news)
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
	    struct balancer *balancer)
{
	worker->all = all;
	worker->balancer = balancer;
}

const struct stats *
worker_stats(const struct worker *worker)
{
	return &worker->state.stats;
}

unsigned
worker_load(const struct worker *worker)
{
	return balancer_load(worker->balancer, worker->number);
}

void
worker_serve(struct worker *worker, struct bindings *bindings)
{
	bindings->mail.deliver = apply;
	mailbox_post(worker->mailbox, &bindings->mail);
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
	return worker->state.drained;
}

unsigned
worker_forced(const struct worker *worker)
{
	return worker->state.forced;
}
