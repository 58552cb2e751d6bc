#include "service.h"

#include <stddef.h>

#include "batch.h"
#include "config.h"
#include "log.h"
#include "origin.h"
#include "plan.h"

/* The service that `host` is embedded in at `offset`. */
static struct service *
service_of(void *host, size_t offset)
{
	return (struct service *)((char *)host - offset);
}

static void
leave(struct service *service)
{
	service->drained += service->draining;
	service->left(service);
}

static void
on_session_closed(struct session_host *host)
{
	leave(service_of(host, offsetof(struct service, sessions)));
}

static void
on_opening_failed(struct opening_host *host)
{
	leave(service_of(host, offsetof(struct service, openings)));
}

static void
on_accepted(struct listener_host *host, const struct origin *origin)
{
	struct service *service =
		service_of(host, offsetof(struct service, listeners));

	service->accepted(service, origin);
}

void
service_report_no_memory(struct service *service, const struct origin *origin)
{
	stats_add(&service->stats, STATS_connections, 1);
	stats_bump(&service->stats.closed[CLOSE_error], 1);
	log_peer(LOG_WARNING, "listener=%s: out of memory for a connection",
		 origin->listener->name);
}

/* Nothing can be begun with it, and what it had has been given back. */
static void
lose(struct service *service, const struct origin *origin)
{
	service_report_no_memory(service, origin);
	service->left(service);
}

static void
begin_session(struct service *service, const struct origin *origin)
{
	struct session *session = session_new(&service->sessions, origin);

	if (!session)
		lose(service, origin);
	else if (service->draining)
		session_drain(session);
}

static void
on_opened(struct opening_host *host, const struct origin *origin)
{
	begin_session(service_of(host, offsetof(struct service, openings)),
		      origin);
}

bool
service_init(struct service *service, struct event_base *base, bool first)
{
	/* Stops at the first that fails, whose errno it is. */
	if (!(service->datagrams.batch = batch_new()) ||
	    !opening_host_init(&service->openings, base, &service->stats) ||
	    !session_host_init(&service->sessions, base, &service->stats))
		return false;
	service->openings.opened = on_opened;
	service->openings.failed = on_opening_failed;
	service->sessions.closed = on_session_closed;
	service->listeners.accepted = on_accepted;
	service->listeners.first = first;
	service->listeners.base = service->datagrams.base = base;
	service->listeners.stats = service->datagrams.stats = &service->stats;
	return true;
}

void
service_release(struct service *service)
{
	plan_free(service->plan);
	opening_host_release(&service->openings);
	session_host_release(&service->sessions);
	batch_free(service->datagrams.batch);
}

void
service_begin(struct service *service, const struct origin *origin)
{
	if (!opening_is_due(origin->listener))
		begin_session(service, origin);
	else if (!opening_new(&service->openings, origin))
		lose(service, origin);
}

void
service_apply(struct service *service, struct plan *plan)
{
	plan_apply(plan, service->plan, &service->listeners,
		   &service->datagrams);
	service->plan = plan;
	if (service->yielded)
		plan_yield(plan);
}

void
service_yield(struct service *service)
{
	service->yielded = true;
	plan_yield(service->plan);
}

void
service_drain(struct service *service)
{
	struct session *session = LIST_FIRST(&service->sessions.sessions);

	service->draining = true;
	while (session) {
		struct session *next = session_next(session);

		session_drain(session);
		session = next;
	}
}

bool
service_is_draining(const struct service *service)
{
	return service->draining;
}

void
service_shut(struct service *service)
{
	plan_close(service->plan);
	service->plan = NULL;
}

void
service_stop(struct service *service)
{
	struct session *session;

	service->draining = true;
	service_shut(service);
	service->forced = service_count(service);
	service->drained -= service->forced;
	opening_close_all(&service->openings);
	while ((session = LIST_FIRST(&service->sessions.sessions)))
		session_close(session, CLOSE_drain);
}

unsigned
service_count(const struct service *service)
{
	return service->sessions.count + service->openings.count;
}
