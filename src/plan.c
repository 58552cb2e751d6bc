#include "plan.h"

#include <stdlib.h>

#include "admit.h"
#include "config.h"

struct plan_item {
	unsigned id;
	struct listener_terms terms;
	struct listener *listener; /* NULL: the one that serves already */
};

struct plan *
plan_new(size_t size)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;
	plan->items = calloc(size, sizeof(*plan->items));
	if (plan->items)
		return plan;
	free(plan);
	return NULL;
}

void
plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++) {
		listener_free(plan->items[i].listener);
		config_unref(plan->items[i].terms.config);
		gate_release(plan->items[i].terms.gate);
	}
	free(plan->items);
	free(plan);
}

static void
append(struct plan *plan, unsigned id, const struct listener_terms *terms,
       struct listener *listener)
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
plan_keep(struct plan *plan, unsigned id, const struct listener_terms *terms)
{
	append(plan, id, terms, NULL);
}

bool
plan_add(struct plan *plan, unsigned id, int fd,
	 const struct listener_terms *terms)
{
	struct listener *listener = listener_new(fd, terms);

	if (!listener)
		return false;
	append(plan, id, terms, listener);
	return true;
}

static struct listener *
take_listener(struct plan *plan, unsigned id)
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

void
plan_apply(struct plan *plan, struct plan *before, struct listener_host *host)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_item *item = &plan->items[i];

		if (item->listener) {
			listener_start(item->listener, host);
			continue;
		}
		item->listener = take_listener(before, item->id);
		if (item->listener)
			listener_change(item->listener, &item->terms);
	}
	plan_close(before);
}

void
plan_close(struct plan *plan)
{
	for (size_t i = 0; plan && i < plan->count; i++)
		if (plan->items[i].listener)
			listener_accept_queued(plan->items[i].listener);
	plan_free(plan);
}
