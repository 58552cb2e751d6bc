#include "worker/worker_state.h"

#include "base/container_of.h"
#include "base/log.h"
#include "config/config.h"
#include "tcp/connection_info.h"
#include "tcp/connection_limits.h"
#include "udp/udp_batch.h"
#include "worker/bindings.h"

static void
leave(struct worker_state *state)
{
	state->drained += state->draining;
	state->left(state);
}

static void
on_session_closed(struct session_context *context)
{
	leave(container_of(context, struct worker_state, sessions));
}

static void
on_setup_failed(struct connection_setup_context *context)
{
	leave(container_of(context, struct worker_state, setups));
}

static void
on_accepted(struct listener_context *context,
	    const struct connection_info *info)
{
	struct worker_state *state =
		container_of(context, struct worker_state, listeners);

	state->accepted(state, info);
}

void
worker_state_report_no_memory(struct worker_state *state,
			      const struct connection_info *info)
{
	struct stats *stats = limit_stats(info->limit, state->worker);

	stats_add(stats, STATS_connections, 1);
	stats_close(stats, CLOSE_error, 0);
	log_peer(LOG_WARNING, "Connection lost listener=%s: out of memory",
		 info->listener->name);
}

/* Memory was out, and what the connection held has been given back. */
static void
lose(struct worker_state *state, const struct connection_info *info)
{
	worker_state_report_no_memory(state, info);
	state->left(state);
}

static void
begin_session(struct worker_state *state, const struct connection_info *info)
{
	struct session *session = session_new(&state->sessions, info);

	if (!session)
		lose(state, info);
	else if (state->draining)
		session_drain(session);
}

static void
on_setup_done(struct connection_setup_context *context,
	      const struct connection_info *info)
{
	begin_session(container_of(context, struct worker_state, setups), info);
}

bool
worker_state_init(struct worker_state *state, struct event_base *base,
		  unsigned worker)
{
	/* Stops at the first failure, and errno is that failure's. */
	if (!(state->datagrams.batch = udp_batch_new()) ||
	    !connection_setup_context_init(&state->setups, base, worker) ||
	    !session_context_init(&state->sessions, base, worker))
		return false;
	state->setups.opened = on_setup_done;
	state->setups.failed = on_setup_failed;
	state->sessions.closed = on_session_closed;
	state->listeners.accepted = on_accepted;
	state->worker = worker;
	state->listeners.first = state->datagrams.first = worker == 0;
	state->listeners.base = state->datagrams.base = base;
	return true;
}

void
worker_state_destroy(struct worker_state *state)
{
	bindings_free(state->bindings);
	connection_setup_context_release(&state->setups);
	session_context_release(&state->sessions);
	udp_batch_free(state->datagrams.batch);
}

void
worker_state_begin(struct worker_state *state,
		   const struct connection_info *info)
{
	if (state->finished)
		connection_info_refuse(info);
	else if (!connection_setup_is_due(info->listener))
		begin_session(state, info);
	else if (!connection_setup_new(&state->setups, info))
		lose(state, info);
}

bool
worker_state_is_draining(const struct worker_state *state)
{
	return state->draining;
}

unsigned
worker_state_count(const struct worker_state *state)
{
	return state->sessions.count + state->setups.count;
}

void
worker_state_apply(struct worker_state *state, void *argument)
{
	struct bindings *bindings = argument;

	if (state->finished) {
		bindings_free(bindings);
		return;
	}
	bindings_apply(bindings, state->bindings, &state->listeners,
		       &state->datagrams);
	state->bindings = bindings;
	if (state->inherited_released)
		bindings_yield(bindings);
}

void
worker_state_release_inherited(struct worker_state *state, void *unused)
{
	(void)unused;
	state->inherited_released = true;
	bindings_yield(state->bindings);
}

void
worker_state_drain_sessions(struct worker_state *state, void *unused)
{
	struct session *session = LIST_FIRST(&state->sessions.sessions);

	(void)unused;
	state->draining = true;
	while (session) {
		struct session *next = session_next(session);

		session_drain(session);
		session = next;
	}
}

void
worker_state_close_listeners(struct worker_state *state, void *unused)
{
	(void)unused;
	bindings_close(state->bindings);
	state->bindings = NULL;
}

void
worker_state_finish(struct worker_state *state, void *unused)
{
	(void)unused;
	state->finished = true;
}

void
worker_state_stop(struct worker_state *state, void *unused)
{
	struct session *session;

	if (state->finished)
		return;
	state->draining = true;
	worker_state_close_listeners(state, unused);
	state->forced = worker_state_count(state);
	state->drained -= state->forced;
	connection_setup_close_all(&state->setups);
	while ((session = LIST_FIRST(&state->sessions.sessions)))
		session_close(session, CLOSE_drain);
	state->finished = true;
}
