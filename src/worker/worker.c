#include "worker/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "base/mailbox.h"
#include "config/config.h"
#include "tcp/connection_info.h"
#include "worker/balancer.h"
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
	struct worker_task *waiting; /* until there is no connection, or NULL */
};

/* A connection on its way to another worker. */
struct handover {
	struct mail mail;
	struct connection_info info; /* has a reference to its listener */
};

/* On the control thread. */
static void
on_task_done(struct mail *mail, void *owner)
{
	struct worker_task *task = container_of(mail, struct worker_task, mail);

	(void)owner;
	task->running = false;
	task->done(task->owner);
}

/* From here to run_loop(): on the worker's thread. */

static void
run_task(struct worker *worker, struct worker_task *task)
{
	if (task->run)
		task->run(&worker->state, task->argument);
	task->mail.deliver = on_task_done;
	mailbox_post(worker->home, &task->mail);
}

static void
on_task(struct mail *mail, void *owner)
{
	struct worker_task *task = container_of(mail, struct worker_task, mail);
	struct worker *worker = owner;

	if (task->when_empty && worker_state_count(&worker->state) > 0)
		worker->waiting = task;
	else
		run_task(worker, task);
}

static void
on_left(struct worker_state *state)
{
	struct worker *worker = container_of(state, struct worker, state);
	struct worker_task *task = worker->waiting;

	balancer_leave(worker->balancer, worker->number);
	if (!task || worker_state_count(state) > 0)
		return;
	worker->waiting = NULL;
	run_task(worker, task);
}

static void
on_handover(struct mail *mail, void *owner)
{
	struct handover *handover = container_of(mail, struct handover, mail);
	struct worker *worker = owner;

	worker_state_begin(&worker->state, &handover->info);
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
	handover->mail.deliver = on_handover;
	handover->info = *info;
	config_listener_ref(info->listener);
	mailbox_post(to->mailbox, &handover->mail);
}

static void
on_accepted(struct worker_state *state, const struct connection_info *info)
{
	struct worker *worker = container_of(state, struct worker, state);
	unsigned to = worker_state_is_draining(state) ?
			      worker->number :
			      balancer_choose(worker->balancer, worker->number);

	/* Counted at once: otherwise all workers would choose the same one. */
	balancer_enter(worker->balancer, to);
	if (to == worker->number)
		worker_state_begin(state, info);
	else
		hand_over(worker, worker->all[to], info);
}

static void
on_join(struct mail *mail, void *owner)
{
	struct worker *worker = owner;

	(void)mail;
	worker_state_stop(&worker->state, NULL);
	event_base_loopbreak(worker->base);
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
run_loop(void *argument)
{
	struct worker *worker = argument;
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", worker->number);
	pthread_setname_np(pthread_self(), name);
	event_base_dispatch(worker->base);
	return NULL;
}

/* On the control thread again. */

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
	/* Stops at the first failure, and errno is that failure's. */
	if (!(worker->base = new_base()) ||
	    !(worker->mailbox = mailbox_new()) ||
	    !worker_state_init(&worker->state, worker->base, worker->number))
		return false;
	event_assign(&worker->mail_ready, worker->base,
		     mailbox_fd(worker->mailbox), EV_READ | EV_PERSIST, on_mail,
		     worker);
	return event_add(&worker->mail_ready, NULL) == 0;
}

/* Signals are for the control thread. */
static int
start_thread(struct worker *worker)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&worker->thread, NULL, run_loop, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

struct worker *
worker_new(unsigned number, struct worker *const *all,
	   struct balancer *balancer, struct mailbox *home)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int error;

	if (!worker)
		return NULL;
	worker->number = number;
	worker->all = all;
	worker->balancer = balancer;
	worker->home = home;
	error = set_up(worker) ? start_thread(worker) : errno;
	if (error == 0)
		return worker;
	worker_free(worker);
	errno = error;
	return NULL;
}

void
worker_run(struct worker *worker, struct worker_task *task)
{
	task->running = true;
	task->mail.deliver = on_task;
	mailbox_post(worker->mailbox, &task->mail);
}

void
worker_join(struct worker *worker)
{
	struct mail mail = { .deliver = on_join };

	mailbox_post(worker->mailbox, &mail);
	pthread_join(worker->thread, NULL);
}

void
worker_free(struct worker *worker)
{
	/* A handed-over connection that came too late is closed here. */
	if (worker->mailbox)
		mailbox_deliver(worker->mailbox, worker);
	worker_state_destroy(&worker->state);
	if (worker->base)
		event_base_free(worker->base);
	mailbox_free(worker->mailbox);
	free(worker);
}

unsigned
worker_load(const struct worker *worker)
{
	return balancer_load(worker->balancer, worker->number);
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
