#include "worker/bindings.h"

#include <stdlib.h>

#include "config/config.h"
#include "tcp/connection_limits.h"
#include "udp/udp_limits.h"

/* With neither socket: that of the same endpoint in the table before. */
struct bindings_entry {
	struct binding binding;
	struct listener *listener;
	struct udp_socket *udp;
	bool passed_on; /* an endpoint of the table before */
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
		struct bindings_entry *entry = &bindings->items[i];

		listener_free(entry->listener);
		udp_socket_free(entry->udp);
		config_listener_unref(entry->binding.settings);
		limit_unref(entry->binding.limit);
		udp_limits_unref(entry->binding.udp_limits);
	}
	free(bindings->items);
	free(bindings);
}

void
bindings_keep(struct bindings *bindings, const struct binding *binding)
{
	bindings->items[bindings->count++].binding = *binding;
	config_listener_ref(binding->settings);
	if (binding->udp_limits)
		udp_limits_ref(binding->udp_limits);
	else
		limit_ref(binding->limit);
}

bool
bindings_add(struct bindings *bindings, const struct binding *binding, int fd)
{
	struct bindings_entry *entry = &bindings->items[bindings->count];

	bindings_keep(bindings, binding);
	if (binding->udp_limits)
		entry->udp = udp_socket_new(fd, &entry->binding);
	else
		entry->listener = listener_new(fd, &entry->binding);
	return entry->udp || entry->listener;
}

void
bindings_pass_on(struct bindings *bindings, unsigned id)
{
	bindings->items[bindings->count++] = (struct bindings_entry){
		.binding.id = id,
		.passed_on = true,
	};
}

static struct bindings_entry *
find_entry(struct bindings *bindings, unsigned id)
{
	for (size_t i = 0; bindings && i < bindings->count; i++)
		if (bindings->items[i].binding.id == id)
			return &bindings->items[i];
	return NULL;
}

/* From the entry of the table before. */
static void
take_socket(struct bindings_entry *entry, struct bindings_entry *before)
{
	if (before->listener)
		listener_change(before->listener, &entry->binding);
	if (before->udp)
		udp_socket_change(before->udp, &entry->binding);
	entry->listener = before->listener;
	entry->udp = before->udp;
	before->listener = NULL;
	before->udp = NULL;
}

void
bindings_apply(struct bindings *bindings, struct bindings *before,
	       struct listener_context *listeners,
	       struct udp_socket_context *udp_sockets)
{
	for (size_t i = 0; i < bindings->count; i++) {
		struct bindings_entry *entry = &bindings->items[i];
		struct bindings_entry *old =
			find_entry(before, entry->binding.id);

		if (entry->listener)
			listener_start(entry->listener, listeners);
		else if (entry->udp)
			udp_socket_start(entry->udp, udp_sockets);
		else if (old && entry->passed_on)
			old->binding.inherited = true;
		else if (old)
			take_socket(entry, old);
	}
	bindings_close(before);
}

void
bindings_yield(struct bindings *bindings)
{
	for (size_t i = 0; bindings && i < bindings->count; i++) {
		struct bindings_entry *entry = &bindings->items[i];

		if (!entry->binding.inherited)
			continue;
		listener_free(entry->listener);
		entry->listener = NULL;
	}
}

void
bindings_close(struct bindings *bindings)
{
	for (size_t i = 0; bindings && i < bindings->count; i++) {
		if (bindings->items[i].listener)
			listener_accept_queued(bindings->items[i].listener);
		if (bindings->items[i].udp)
			udp_socket_answer_queued(bindings->items[i].udp);
	}
	bindings_free(bindings);
}
