#include "worker/worker_state.h"

#include <stddef.h>

#include "base/log.h"
#include "config/config.h"
#include "tcp/connection_info.h"
#include "udp/udp_batch.h"
#include "worker/bindings.h"

/* The service that `host` is embedded in at `offset`. */
static struct worker_state *
worker_state_of(void *context, size_t offset)
{
	return (struct worker_state *)((char *)context - offset);
}

static void
leave(struct worker_state *state)
{
	state->drained += state->draining;
	state->left(state);
}

static void
on_session_closed(struct session_context *context)
{
	leave(worker_state_of(context,
			      offsetof(struct worker_state, sessions)));
}

static void
on_opening_failed(struct connection_setup_context *context)
{
	leave(worker_state_of(context, offsetof(struct worker_state, setups)));
}

static void
on_accepted(struct listener_context *context,
	    const struct connection_info *info)
{
	struct worker_state *state = worker_state_of(
		context, offsetof(struct worker_state, listeners));

	state->accepted(state, info);
}

void
worker_state_report_no_memory(struct worker_state *state,
			      const struct connection_info *info)
{
	stats_add(&state->stats, STATS_connections, 1);
	stats_bump(&state->stats.closed[CLOSE_error], 1);
	log_peer(LOG_WARNING, "listener=%s: out of memory for a connection",
		 info->listener->name);
}

/* Nothing can be begun with it, and what it had has been given back. */
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
on_opened(struct connection_setup_context *context,
	  const struct connection_info *info)
{
	begin_session(worker_state_of(context,
				      offsetof(struct worker_state, setups)),
		      info);
}

bool
worker_state_init(struct worker_state *state, struct event_base *base,
		  bool first)
{
	/* Stops at the first that fails, whose errno it is. */
	if (!(state->datagrams.batch = udp_batch_new()) ||
	    !connection_setup_context_init(&state->setups, base,
					   &state->stats) ||
	    !session_context_init(&state->sessions, base, &state->stats))
		return false;
	state->setups.opened = on_opened;
	state->setups.failed = on_opening_failed;
	state->sessions.closed = on_session_closed;
	state->listeners.accepted = on_accepted;
	state->listeners.first = first;
	state->listeners.base = state->datagrams.base = base;
	state->listeners.stats = state->datagrams.stats = &state->stats;
	return true;
}

void
worker_state_release(struct worker_state *state)
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
	if (!connection_setup_is_due(info->listener))
		begin_session(state, info);
	else if (!connection_setup_new(&state->setups, info))
		lose(state, info);
}

void
worker_state_apply(struct worker_state *state, struct bindings *bindings)
{
	bindings_apply(bindings, state->bindings, &state->listeners,
		       &state->datagrams);
	state->bindings = bindings;
	if (state->yielded)
		bindings_yield(bindings);
}

void
worker_state_yield(struct worker_state *state)
{
	state->yielded = true;
	bindings_yield(state->bindings);
}

void
worker_state_drain(struct worker_state *state)
{
	struct session *session = LIST_FIRST(&state->sessions.sessions);

	state->draining = true;
	while (session) {
		struct session *next = session_next(session);

		session_drain(session);
		session = next;
	}
}

bool
worker_state_is_draining(const struct worker_state *state)
{
	return state->draining;
}

void
worker_state_shut(struct worker_state *state)
{
	bindings_close(state->bindings);
	state->bindings = NULL;
}

void
worker_state_stop(struct worker_state *state)
{
	struct session *session;

	state->draining = true;
	worker_state_shut(state);
	state->forced = worker_state_count(state);
	state->drained -= state->forced;
	connection_setup_close_all(&state->setups);
	while ((session = LIST_FIRST(&state->sessions.sessions)))
		session_close(session, CLOSE_drain);
}

unsigned
worker_state_count(const struct worker_state *state)
{
	return state->sessions.count + state->setups.count;
}
