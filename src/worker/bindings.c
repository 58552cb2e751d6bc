#include "worker/bindings.h"

#include <stdlib.h>

#include "config/config.h"
#include "tcp/connection_limits.h"
#include "udp/udp_limits.h"

/* One of the two kinds; without an object the one that serves already. */
struct binding {
	unsigned id;
	bool is_datagram;
	bool passed_on; /* of the plan before; nothing else is set */
	struct listener_params params;
	struct listener *listener;
	struct udp_socket_params udp_socket_params;
	struct udp_socket *datagram;
};

struct bindings *
bindings_new(size_t size)
{
	struct bindings *bindings = calloc(1, sizeof(*bindings));

	if (!bindings)
		return NULL;
	bindings->items = calloc(size, sizeof(*bindings->items));
	if (bindings->items)
		return bindings;
	free(bindings);
	return NULL;
}

void
bindings_free(struct bindings *bindings)
{
	if (!bindings)
		return;
	for (size_t i = 0; i < bindings->count; i++) {
		struct binding *item = &bindings->items[i];

		listener_free(item->listener);
		config_listener_unref(item->params.listener);
		listener_limit_unref(item->params.listener_limit);
		udp_socket_free(item->datagram);
		config_listener_unref(item->udp_socket_params.listener);
		udp_limits_unref(item->udp_socket_params.udp_limits);
	}
	free(bindings->items);
	free(bindings);
}

static void
append(struct bindings *bindings, unsigned id,
       const struct listener_params *params, struct listener *listener)
{
	bindings->items[bindings->count++] = (struct binding){
		.id = id,
		.params = *params,
		.listener = listener,
	};
	config_listener_ref(params->listener);
	listener_limit_ref(params->listener_limit);
}

void
bindings_keep(struct bindings *bindings, unsigned id,
	      const struct listener_params *params)
{
	append(bindings, id, params, NULL);
}

bool
bindings_add(struct bindings *bindings, unsigned id, int fd,
	     const struct listener_params *params)
{
	struct listener *listener = listener_new(fd, params);

	if (!listener)
		return false;
	append(bindings, id, params, listener);
	return true;
}

void
bindings_pass_on(struct bindings *bindings, unsigned id)
{
	bindings->items[bindings->count++] = (struct binding){
		.id = id,
		.passed_on = true,
	};
}

static void
append_datagram(struct bindings *bindings,
		const struct udp_socket_params *params,
		struct udp_socket *datagram)
{
	bindings->items[bindings->count++] = (struct binding){
		.id = params->id,
		.is_datagram = true,
		.udp_socket_params = *params,
		.datagram = datagram,
	};
	config_listener_ref(params->listener);
	udp_limits_ref(params->udp_limits);
}

void
bindings_keep_datagram(struct bindings *bindings,
		       const struct udp_socket_params *params)
{
	append_datagram(bindings, params, NULL);
}

bool
bindings_add_datagram(struct bindings *bindings, int fd,
		      const struct udp_socket_params *params)
{
	struct udp_socket *datagram = udp_socket_new(fd, params);

	if (!datagram)
		return false;
	append_datagram(bindings, params, datagram);
	return true;
}

static struct binding *
find_item(struct bindings *bindings, unsigned id)
{
	for (size_t i = 0; bindings && i < bindings->count; i++)
		if (bindings->items[i].id == id)
			return &bindings->items[i];
	return NULL;
}

/* From `before`, or NULL, where the plan that was has no such thing. */
static void
keep_listener(struct binding *item, struct binding *before)
{
	if (!before || !before->listener)
		return;
	item->listener = before->listener;
	before->listener = NULL;
	listener_change(item->listener, &item->params);
}

static void
pass_on(const struct binding *before)
{
	if (before && before->listener)
		listener_leave_queue(before->listener);
}

static void
keep_datagram(struct binding *item, struct binding *before)
{
	if (!before || !before->datagram)
		return;
	item->datagram = before->datagram;
	before->datagram = NULL;
	udp_socket_change(item->datagram, &item->udp_socket_params);
}

void
bindings_apply(struct bindings *bindings, struct bindings *before,
	       struct listener_context *listeners,
	       struct udp_socket_context *datagrams)
{
	for (size_t i = 0; i < bindings->count; i++) {
		struct binding *item = &bindings->items[i];

		if (item->listener)
			listener_start(item->listener, listeners);
		else if (item->datagram)
			udp_socket_start(item->datagram, datagrams);
		else if (item->passed_on)
			pass_on(find_item(before, item->id));
		else if (item->is_datagram)
			keep_datagram(item, find_item(before, item->id));
		else
			keep_listener(item, find_item(before, item->id));
	}
	bindings_close(before);
}

void
bindings_yield(struct bindings *bindings)
{
	for (size_t i = 0; bindings && i < bindings->count; i++) {
		struct binding *item = &bindings->items[i];

		if (!item->params.inherited)
			continue;
		listener_free(item->listener);
		item->listener = NULL;
	}
}

void
bindings_close(struct bindings *bindings)
{
	for (size_t i = 0; bindings && i < bindings->count; i++) {
		if (bindings->items[i].listener)
			listener_accept_queued(bindings->items[i].listener);
		if (bindings->items[i].datagram)
			udp_socket_answer_queued(bindings->items[i].datagram);
	}
	bindings_free(bindings);
}
