#include "control/drain.h"

#include <event2/event.h>
#include <stdio.h>

#include "base/log.h"
#include "base/timers.h"
#include "config/config.h"
#include "control/daemon_status.h"
#include "control/deployment.h"
#include "control/reload.h"
#include "control/worker_pool.h"
#include "listen/graceful_close.h"
#include "worker/worker_state.h"

/*
 * Seconds that ending takes besides delay and grace, the last lines of the log
 * included, and how many of them step 6 takes at most.
 */
#define STOPPING_SECONDS 5
#define WORKERS_SECONDS 3

static void release_inherited(struct drain *drain);
static void drain_sessions(void *owner);
static void finish(void *owner);
static void end(void *owner);
static void abandon(struct drain *drain);

static const struct config_drain *
settings(const struct drain *drain)
{
	return &deployment_config(drain->reload->deployment)->drain;
}

static void
on_timer(evutil_socket_t fd, short what, void *argument)
{
	struct drain *drain = argument;

	(void)fd;
	(void)what;
	drain->expired(drain);
}

static void
set_timer(struct drain *drain, double seconds,
	  void (*expired)(struct drain *drain))
{
	struct timeval timeout = {
		.tv_sec = (time_t)seconds,
		.tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) *
					 1e6),
	};

	drain->expired = expired;
	timers_add_event(drain->timer, &timeout);
}

/* How long it is to take: TimeoutStopSec= in the unit must not cut it short. */
static void
report(const struct drain *drain)
{
	double seconds = settings(drain)->delay + settings(drain)->grace +
			 STOPPING_SECONDS;
	char state[80];

	snprintf(state, sizeof(state), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%.0f",
		 seconds * 1e6);
	daemon_status_report(drain->reload->daemon_status, state, "draining");
}

/* Step 1. */
void
drain_begin(struct drain *drain)
{
	drain->phase = DRAIN_ACCEPTING;
	daemon_status_drain(drain->reload->daemon_status);
	report(drain);
	if (settings(drain)->delay > 0)
		set_timer(drain, settings(drain)->delay, release_inherited);
	else
		release_inherited(drain);
}

/*
 * Step 2.  A client that has seen a FIN and connects again must reach the next
 * process: so all workers come first.
 */
static void
release_inherited(struct drain *drain)
{
	set_timer(drain, settings(drain)->grace, drain_stop);
	broadcast_run(drain->steps, worker_state_release_inherited,
		      drain_sessions);
}

/* Step 3. */
static void
drain_sessions(void *owner)
{
	struct drain *drain = owner;

	drain->phase = DRAIN_HANDSHAKES;
	broadcast_run(drain->sessions, worker_state_drain_sessions, NULL);
	reload_close_all(drain->reload);
}

/* Step 4. */
void
drain_close_listeners(struct drain *drain)
{
	if (drain->phase != DRAIN_HANDSHAKES)
		return;
	drain->phase = DRAIN_SESSIONS;
	broadcast_run(drain->steps, worker_state_close_listeners, finish);
}

/* Step 5.  While a worker accepts, it hands over connections to others. */
static void
finish(void *owner)
{
	struct drain *drain = owner;

	broadcast_run_when_empty(drain->steps, worker_state_finish, end);
}

/* The end of step 5 or 6. */
static void
end(void *owner)
{
	struct drain *drain = owner;

	event_base_loopbreak(drain->base);
}

/* Step 6. */
void
drain_stop(struct drain *drain)
{
	if (drain->phase == DRAIN_STOPPING)
		return;
	drain->phase = DRAIN_STOPPING;
	graceful_close_cancel(drain->reload->graceful_close);
	broadcast_cancel(drain->steps);
	broadcast_run(drain->stop, worker_state_stop, end);
	set_timer(drain, WORKERS_SECONDS, abandon);
}

/* Step 7. */
static void
abandon(struct drain *drain)
{
	log_error("Exiting without the workers that hang");
	drain->abandoned = true;
	event_base_loopbreak(drain->base);
}

bool
drain_has_begun(const struct drain *drain)
{
	return drain->phase != DRAIN_NOT_BEGUN;
}

bool
drain_init(struct drain *drain)
{
	struct worker_pool *pool = drain->reload->pool;

	drain->steps = broadcast_new(pool, drain);
	drain->sessions = broadcast_new(pool, drain);
	drain->stop = broadcast_new(pool, drain);
	drain->timer = event_new(drain->base, -1, 0, on_timer, drain);
	return drain->steps && drain->sessions && drain->stop && drain->timer;
}

void
drain_destroy(struct drain *drain)
{
	broadcast_free(drain->steps);
	broadcast_free(drain->sessions);
	broadcast_free(drain->stop);
	if (drain->timer)
		event_free(drain->timer);
}
