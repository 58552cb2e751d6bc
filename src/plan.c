#include "plan.h"

#include <stdlib.h>

#include "admit.h"
#include "config.h"
#include "guard.h"

/* One of the two kinds; without an object the one that serves already. */
struct plan_item {
	unsigned id;
	bool is_datagram;
	bool passed_on; /* of the plan before; nothing else is set */
	struct listener_terms terms;
	struct listener *listener;
	struct datagram_terms datagram_terms;
	struct datagram *datagram;
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
		struct plan_item *item = &plan->items[i];

		listener_free(item->listener);
		config_listener_unref(item->terms.listener);
		gate_release(item->terms.gate);
		datagram_free(item->datagram);
		config_listener_unref(item->datagram_terms.listener);
		guard_release(item->datagram_terms.guard);
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
	config_listener_ref(terms->listener);
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

void
plan_pass_on(struct plan *plan, unsigned id)
{
	plan->items[plan->count++] = (struct plan_item){
		.id = id,
		.passed_on = true,
	};
}

static void
append_datagram(struct plan *plan, const struct datagram_terms *terms,
		struct datagram *datagram)
{
	plan->items[plan->count++] = (struct plan_item){
		.id = terms->id,
		.is_datagram = true,
		.datagram_terms = *terms,
		.datagram = datagram,
	};
	config_listener_ref(terms->listener);
	guard_ref(terms->guard);
}

void
plan_keep_datagram(struct plan *plan, const struct datagram_terms *terms)
{
	append_datagram(plan, terms, NULL);
}

bool
plan_add_datagram(struct plan *plan, int fd, const struct datagram_terms *terms)
{
	struct datagram *datagram = datagram_new(fd, terms);

	if (!datagram)
		return false;
	append_datagram(plan, terms, datagram);
	return true;
}

static struct plan_item *
find_item(struct plan *plan, unsigned id)
{
	for (size_t i = 0; plan && i < plan->count; i++)
		if (plan->items[i].id == id)
			return &plan->items[i];
	return NULL;
}

/* From `before`, or NULL, where the plan that was has no such thing. */
static void
keep_listener(struct plan_item *item, struct plan_item *before)
{
	if (!before || !before->listener)
		return;
	item->listener = before->listener;
	before->listener = NULL;
	listener_change(item->listener, &item->terms);
}

static void
pass_on(const struct plan_item *before)
{
	if (before && before->listener)
		listener_leave_queue(before->listener);
}

static void
keep_datagram(struct plan_item *item, struct plan_item *before)
{
	if (!before || !before->datagram)
		return;
	item->datagram = before->datagram;
	before->datagram = NULL;
	datagram_change(item->datagram, &item->datagram_terms);
}

void
plan_apply(struct plan *plan, struct plan *before,
	   struct listener_host *listeners, struct datagram_host *datagrams)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_item *item = &plan->items[i];

		if (item->listener)
			listener_start(item->listener, listeners);
		else if (item->datagram)
			datagram_start(item->datagram, datagrams);
		else if (item->passed_on)
			pass_on(find_item(before, item->id));
		else if (item->is_datagram)
			keep_datagram(item, find_item(before, item->id));
		else
			keep_listener(item, find_item(before, item->id));
	}
	plan_close(before);
}

void
plan_yield(struct plan *plan)
{
	for (size_t i = 0; plan && i < plan->count; i++) {
		struct plan_item *item = &plan->items[i];

		if (!item->terms.inherited)
			continue;
		listener_free(item->listener);
		item->listener = NULL;
	}
}

void
plan_close(struct plan *plan)
{
	for (size_t i = 0; plan && i < plan->count; i++) {
		if (plan->items[i].listener)
			listener_accept_queued(plan->items[i].listener);
		if (plan->items[i].datagram)
			datagram_answer_queued(plan->items[i].datagram);
	}
	plan_free(plan);
}
