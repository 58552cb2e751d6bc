#include "worker.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "admit.h"
#include "config.h"
#include "log.h"
#include "mailbox.h"
#include "pump.h"
#include "session.h"
#include "stats.h"

struct plan_item {
	unsigned id;
	struct listener_terms terms;
	struct listener *listener; /* NULL: the one that serves already */
};

/* Once served it stays as the table of what the worker serves. */
struct worker_plan {
	struct mail mail;
	size_t count;
	struct plan_item items[];
};

struct worker {
	unsigned number;
	pthread_t thread;
	struct event_base *base;
	struct mailbox *mailbox;
	struct event mail_ready;
	struct stats stats;
	struct session_host sessions;
	struct listener_host listeners;
	struct worker_plan *plan;

	struct mailbox *home;
	struct worker_news news;
	struct mail finished_mail;
	struct mail drain_mail;
	struct mail stop_mail;
	bool draining;
	bool finished;
	unsigned drained;
	unsigned forced;
};

static struct worker *
worker_of_sessions(struct session_host *host)
{
	return (struct worker *)((char *)host -
				 offsetof(struct worker, sessions));
}

static struct worker *
worker_of_listeners(struct listener_host *host)
{
	return (struct worker *)((char *)host -
				 offsetof(struct worker, listeners));
}

/* Plans: made by the control thread, kept by the worker. */

struct worker_plan *
worker_plan_new(size_t size)
{
	return calloc(1, sizeof(struct worker_plan) +
				 size * sizeof(struct plan_item));
}

static void
append_item(struct worker_plan *plan, unsigned id,
	    const struct listener_terms *terms, struct listener *listener)
{
	plan->items[plan->count++] = (struct plan_item){
		.id = id,
		.terms = *terms,
		.listener = listener,
	};
	config_ref(terms->config);
	gate_ref(terms->gate);
}

void
worker_plan_keep(struct worker_plan *plan, unsigned id,
		 const struct listener_terms *terms)
{
	append_item(plan, id, terms, NULL);
}

bool
worker_plan_add(struct worker_plan *plan, unsigned id, int fd,
		const struct listener_terms *terms)
{
	struct listener *listener = listener_new(fd, terms);

	if (!listener)
		return false;
	append_item(plan, id, terms, listener);
	return true;
}

void
worker_plan_free(struct worker_plan *plan)
{
	for (size_t i = 0; plan && i < plan->count; i++) {
		listener_free(plan->items[i].listener);
		config_unref(plan->items[i].terms.config);
		gate_release(plan->items[i].terms.gate);
	}
	free(plan);
}

/* On the worker's thread. */

static struct listener *
take_listener(struct worker_plan *plan, unsigned id)
{
	for (size_t i = 0; plan && i < plan->count; i++) {
		struct listener *listener = plan->items[i].listener;

		if (plan->items[i].id != id)
			continue;
		plan->items[i].listener = NULL;
		return listener;
	}
	return NULL;
}

static void
close_listeners(struct worker_plan *plan)
{
	for (size_t i = 0; plan && i < plan->count; i++)
		if (plan->items[i].listener)
			listener_accept_queued(plan->items[i].listener);
	worker_plan_free(plan);
}

static void
apply_plan(struct mail *mail, void *owner)
{
	struct worker_plan *plan =
		(struct worker_plan *)((char *)mail -
				       offsetof(struct worker_plan, mail));
	struct worker *worker = owner;

	for (size_t i = 0; i < plan->count; i++) {
		struct plan_item *item = &plan->items[i];

		if (item->listener) {
			listener_start(item->listener, &worker->listeners);
			continue;
		}
		item->listener = take_listener(worker->plan, item->id);
		if (item->listener)
			listener_change(item->listener, &item->terms);
	}
	close_listeners(worker->plan);
	worker->plan = plan;
}

static void
finish_if_done(struct worker *worker)
{
	if (!worker->draining || worker->sessions.count > 0 || worker->finished)
		return;
	worker->finished = true;
	mailbox_post(worker->home, &worker->finished_mail);
	event_base_loopbreak(worker->base);
}

static void
on_accepted(struct listener_host *host, const struct session_origin *origin)
{
	struct worker *worker = worker_of_listeners(host);

	if (!session_new(&worker->sessions, origin))
		log_peer(LOG_WARNING,
			 "listener=%s: out of memory for a "
			 "connection",
			 origin->listener->name);
}

static void
on_session_closed(struct session_host *host)
{
	struct worker *worker = worker_of_sessions(host);

	if (!worker->draining)
		return;
	worker->drained++;
	finish_if_done(worker);
}

static void
stop_accepting(struct worker *worker)
{
	close_listeners(worker->plan);
	worker->plan = NULL;
}

static void
start_draining(struct mail *mail, void *owner)
{
	struct worker *worker = owner;
	struct session *session, *next;

	(void)mail;
	stop_accepting(worker);
	worker->draining = true;
	for (session = LIST_FIRST(&worker->sessions.sessions); session;
	     session = next) {
		next = session_next(session);
		session_drain(session);
	}
	finish_if_done(worker);
}

static void
stop_now(struct mail *mail, void *owner)
{
	struct worker *worker = owner;
	struct session *session;

	(void)mail;
	stop_accepting(worker);
	worker->draining = true;
	worker->forced = worker->sessions.count;
	worker->drained -= worker->forced;
	while ((session = LIST_FIRST(&worker->sessions.sessions)))
		session_close(session, CLOSE_drain);
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
tell_finished(struct mail *mail, void *owner)
{
	struct worker *worker =
		(struct worker *)((char *)mail -
				  offsetof(struct worker, finished_mail));

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
	worker->base = new_base();
	worker->mailbox = mailbox_new();
	worker->sessions.pump = pump_new();
	if (!worker->base || !worker->mailbox || !worker->sessions.pump)
		return false;

	worker->sessions.base = worker->listeners.base = worker->base;
	worker->sessions.stats = worker->listeners.stats = &worker->stats;
	worker->sessions.closed = on_session_closed;
	worker->listeners.accepted = on_accepted;
	worker->listeners.first = worker->number == 0;
	LIST_INIT(&worker->sessions.sessions);
	worker->finished_mail.deliver = tell_finished;
	worker->drain_mail.deliver = start_draining;
	worker->stop_mail.deliver = stop_now;
	event_assign(&worker->mail_ready, worker->base,
		     mailbox_fd(worker->mailbox), EV_READ | EV_PERSIST, on_mail,
		     worker);
	return event_add(&worker->mail_ready, NULL) == 0;
}

static void
tear_down(struct worker *worker)
{
	worker_plan_free(worker->plan);
	pump_free(worker->sessions.pump);
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
	int error = ENOMEM;

	if (!worker)
		return NULL;
	worker->number = number;
	worker->home = home;
	worker->news = *news;
	if (set_up(worker))
		error = start_thread(worker);
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

const struct stats *
worker_stats(const struct worker *worker)
{
	return &worker->stats;
}

void
worker_serve(struct worker *worker, struct worker_plan *plan)
{
	plan->mail.deliver = apply_plan;
	mailbox_post(worker->mailbox, &plan->mail);
}

void
worker_drain(struct worker *worker)
{
	mailbox_post(worker->mailbox, &worker->drain_mail);
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
