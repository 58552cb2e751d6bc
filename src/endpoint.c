#include "endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "socket.h"

/* The free port of one family may be taken in the other: then another. */
#define PORT_TRIES 16

/* What is being made. */
struct opening {
	struct endpoint_set *set;
	const struct endpoint_set *before;
	struct error_list *errors;
	int error;
};

static void
close_endpoint(struct endpoint *endpoint, unsigned workers)
{
	for (unsigned i = 0; endpoint->fds && i < workers; i++)
		if (endpoint->fds[i] >= 0)
			close(endpoint->fds[i]);
	free(endpoint->fds);
}

static void
drop_last(struct endpoint_set *set)
{
	close_endpoint(&set->items[--set->count], set->workers);
}

void
endpoint_set_free(struct endpoint_set *set)
{
	if (!set)
		return;
	while (set->count > 0)
		drop_last(set);
	free(set->items);
	free(set);
}

static bool
is_taken(const struct endpoint_set *set, unsigned id)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i].id == id)
			return true;
	return false;
}

static const char *
listener_name(const struct endpoint_set *set, const struct endpoint *endpoint)
{
	return set->config->listeners[endpoint->listener].name;
}

/* A free port belongs to its listener, any other address to who asks. */
static const struct endpoint *
find_kept(const struct opening *opening, const struct endpoint *wanted)
{
	const struct endpoint_set *before = opening->before;

	for (size_t i = 0; before && i < before->count; i++) {
		const struct endpoint *old = &before->items[i];

		if (place_equal(&old->asked, &wanted->asked) &&
		    !is_taken(opening->set, old->id) &&
		    (!place_takes_any_port(&old->asked) ||
		     strcmp(listener_name(before, old),
			    listener_name(opening->set, wanted)) == 0))
			return old;
	}
	return NULL;
}

static bool
is_shared(const struct opening *opening, const struct place *place)
{
	const struct endpoint_set *before = opening->before;

	for (size_t i = 0; before && i < before->count; i++)
		if (place_overlaps(&before->items[i].bound, place))
			return true;
	return false;
}

static int
open_sockets(const struct opening *opening, struct endpoint *endpoint)
{
	const struct endpoint_set *set = opening->set;
	int backlog = (int)set->config->listeners[endpoint->listener].backlog;
	struct address address = endpoint->bound.address;
	int result;

	endpoint->fds = calloc(set->workers, sizeof(*endpoint->fds));
	if (!endpoint->fds)
		return -ENOMEM;
	result = socket_listen_group(&address, backlog, set->workers,
				     is_shared(opening, &endpoint->bound),
				     endpoint->fds, &endpoint->bound.address);
	if (result < 0) {
		free(endpoint->fds);
		endpoint->fds = NULL;
	}
	return result;
}

/* `port` is what port 0 stands for, or 0.  Returns a negated errno or 0. */
static int
add_endpoint(const struct opening *opening, size_t listener,
	     const struct place *asked, uint16_t port)
{
	static unsigned last_id;
	struct endpoint_set *set = opening->set;
	struct endpoint endpoint = {
		.listener = listener,
		.asked = *asked,
		.bound = *asked,
	};
	const struct endpoint *kept = find_kept(opening, &endpoint);
	int result = 0;

	if (kept) {
		endpoint.id = kept->id;
		endpoint.bound = kept->bound;
	} else {
		endpoint.id = ++last_id;
		if (place_takes_any_port(asked))
			address_set_port(&endpoint.bound.address, port);
		result = open_sockets(opening, &endpoint);
	}
	if (result == 0)
		set->items[set->count++] = endpoint;
	return result;
}

/* `*`: both families on one port, but for one that the kernel lacks. */
static int
add_every(const struct opening *opening, size_t listener,
	  const struct place families[2])
{
	struct endpoint_set *set = opening->set;
	size_t begin = set->count;
	int result = -EAFNOSUPPORT;

	for (size_t i = 0; i < 2; i++) {
		uint16_t port =
			set->count == begin ?
				0 :
				address_port(&set->items[begin].bound.address);

		if (!socket_has_family(address_family(&families[i].address)))
			continue;
		result = add_endpoint(opening, listener, &families[i], port);
		if (result < 0)
			break;
	}
	while (result < 0 && set->count > begin)
		drop_last(set);
	return result;
}

static int
add_place(const struct opening *opening, size_t listener,
	  const struct place *place)
{
	struct place out[2];
	int result = 0;

	if (place_expand(place, out) == 1)
		return add_endpoint(opening, listener, place, 0);
	for (int i = 0; i < PORT_TRIES; i++) {
		result = add_every(opening, listener, out);
		if (result != -EADDRINUSE || !place_takes_any_port(place))
			break;
	}
	return result;
}

static void
add_listener(struct opening *opening, size_t at)
{
	const struct config_addresses *listen =
		&opening->set->config->listeners[at].listen;
	char text[PLACE_TEXT_SIZE];

	for (size_t i = 0; i < listen->count; i++) {
		const struct config_address *item = &listen->items[i];
		int result = add_place(opening, at, &item->place);

		if (result == 0)
			continue;
		opening->error = -result;
		error_add(opening->errors, item->line, "listen",
			  "cannot listen on %s: %s",
			  place_format(&item->place, text), strerror(-result));
	}
}

static struct endpoint_set *
new_set(const struct config *config, unsigned workers)
{
	struct endpoint_set *set = calloc(1, sizeof(*set));
	size_t most = 0;

	for (size_t i = 0; i < config->listener_count; i++)
		most += 2 * config->listeners[i].listen.count;
	if (set)
		set->items = calloc(most, sizeof(*set->items));
	if (!set || !set->items) {
		free(set);
		return NULL;
	}
	set->config = config;
	set->workers = workers;
	return set;
}

struct endpoint_set *
endpoint_set_open(const struct config *config,
		  const struct endpoint_set *before, unsigned workers,
		  struct error_list *errors, int *error)
{
	struct opening opening = {
		.set = new_set(config, workers),
		.before = before,
		.errors = errors,
		.error = ENOMEM,
	};

	if (!opening.set) {
		errors->out_of_memory = true;
	} else {
		for (size_t i = 0; i < config->listener_count; i++)
			add_listener(&opening, i);
	}
	if (!error_any(errors))
		return opening.set;
	endpoint_set_free(opening.set);
	*error = opening.error;
	return NULL;
}

void
endpoint_set_print(const struct endpoint_set *set, FILE *out)
{
	char text[PLACE_TEXT_SIZE];

	for (size_t i = 0; i < set->count; i++)
		fprintf(out, "%s%s", i ? "," : "",
			place_format(&set->items[i].bound, text));
}
