#include "deploy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "admit.h"
#include "config.h"
#include "endpoint.h"
#include "error.h"
#include "guard.h"
#include "log.h"
#include "metrics.h"
#include "plan.h"
#include "worker.h"

struct deployment {
	struct config *config;
	struct gate **gates; /* one a listener */
	struct endpoint_set *endpoints;
	struct gate **doors; /* one an endpoint, part of its listener's gate */
	struct guard *guard; /* NULL: no endpoint is of UDP */
	uint16_t *udp_ports; /* as many as endpoints, at most */
	size_t udp_port_count;
	struct plan **plans; /* one a worker; NULL once committed */
	unsigned workers;
};

/* Sessions are counted by the name of their listener, whatever else changes. */
static struct gate *
find_gate(const struct deployment *before, const char *name)
{
	for (size_t i = 0; before && i < before->config->listener_count; i++)
		if (strcmp(gate_name(before->gates[i]), name) == 0)
			return gate_ref(before->gates[i]);
	return NULL;
}

static bool
find_gates(struct deployment *deployment, const struct deployment *before,
	   struct admit *admit)
{
	const struct config *config = deployment->config;

	deployment->gates =
		calloc(config->listener_count, sizeof(struct gate *));
	if (!deployment->gates)
		return false;
	for (size_t i = 0; i < config->listener_count; i++) {
		const char *name = config->listeners[i].settings->name;
		struct gate *gate = find_gate(before, name);

		deployment->gates[i] = gate ? gate : gate_new(admit, name);
		if (!deployment->gates[i])
			return false;
	}
	return true;
}

static const struct config_listener *
settings(const struct deployment *deployment, const struct endpoint *endpoint)
{
	return deployment->config->listeners[endpoint->listener].settings;
}

static bool
is_datagram(const struct endpoint *endpoint)
{
	return endpoint->bound.transport == TRANSPORT_UDP;
}

/*
 * The one that was before for this address, whether or not its sockets are kept;
 * a new one if the address was not there or was another listener's.
 */
static struct gate *
find_door(const struct deployment *deployment, const struct deployment *before,
	  const struct endpoint *endpoint)
{
	struct gate *gate = deployment->gates[endpoint->listener];

	for (size_t i = 0; before && i < before->endpoints->count; i++)
		if (place_equal(&before->endpoints->items[i].bound,
				&endpoint->bound) &&
		    gate_is_part_of(before->doors[i], gate))
			return gate_ref(before->doors[i]);
	return gate_new_part(gate);
}

static bool
find_doors(struct deployment *deployment, const struct deployment *before)
{
	const struct endpoint_set *set = deployment->endpoints;

	deployment->doors = calloc(set->count + 1, sizeof(struct gate *));
	if (!deployment->doors)
		return false;
	for (size_t i = 0; i < set->count; i++) {
		deployment->doors[i] =
			find_door(deployment, before, &set->items[i]);
		if (!deployment->doors[i])
			return false;
	}
	return true;
}

static bool
find_udp_ports(struct deployment *deployment)
{
	const struct endpoint_set *set = deployment->endpoints;

	deployment->udp_ports =
		calloc(set->count + 1, sizeof(*deployment->udp_ports));
	if (!deployment->udp_ports)
		return false;
	for (size_t i = 0; i < set->count; i++)
		if (is_datagram(&set->items[i]))
			deployment->udp_ports[deployment->udp_port_count++] =
				address_port(&set->items[i].bound.address);
	return true;
}

/* Who has used up what they may have has done so after a reload, too. */
static bool
find_guard(struct deployment *deployment, const struct deployment *before)
{
	unsigned char secret[GUARD_SECRET_SIZE];

	if (!find_udp_ports(deployment))
		return false;
	if (deployment->udp_port_count == 0)
		return true;
	if (before && before->guard)
		deployment->guard = guard_ref(before->guard);
	else if (getrandom(secret, sizeof(secret), 0) == sizeof(secret))
		deployment->guard = guard_new(secret);
	return deployment->guard != NULL;
}

static bool
plan_datagram(const struct deployment *deployment, unsigned worker,
	      struct endpoint *endpoint)
{
	struct plan *plan = deployment->plans[worker];
	struct datagram_terms terms = {
		.listener = settings(deployment, endpoint),
		.id = endpoint->id,
		.guard = deployment->guard,
	};

	if (endpoint->kept) {
		plan_keep_datagram(plan, &terms);
		return true;
	}
	if (!plan_add_datagram(plan, endpoint->fds[worker], &terms))
		return false;
	endpoint->taken++;
	return true;
}

static bool
plan_listener(const struct deployment *deployment, unsigned worker,
	      struct endpoint *endpoint, struct gate *door)
{
	struct plan *plan = deployment->plans[worker];
	struct listener_terms terms = {
		.listener = settings(deployment, endpoint),
		.inherited = endpoint->inherited,
		.gate = door,
	};

	if (endpoint->kept) {
		plan_keep(plan, endpoint->id, &terms);
		return true;
	}
	if (!plan_add(plan, endpoint->id, endpoint->fds[worker], &terms))
		return false;
	endpoint->taken++;
	return true;
}

static bool
make_plan(struct deployment *deployment, unsigned worker)
{
	struct endpoint_set *set = deployment->endpoints;

	deployment->plans[worker] = plan_new(set->total);
	if (!deployment->plans[worker])
		return false;
	for (size_t i = 0; i < set->count; i++) {
		struct endpoint *endpoint = &set->items[i];

		if (is_datagram(endpoint) ?
			    !plan_datagram(deployment, worker, endpoint) :
			    !plan_listener(deployment, worker, endpoint,
					   deployment->doors[i]))
			return false;
	}
	for (size_t i = set->count; i < set->total; i++)
		if (set->items[i].passed_from)
			plan_pass_on(deployment->plans[worker],
				     set->items[i].passed_from);
	return true;
}

static bool
make_plans(struct deployment *deployment)
{
	deployment->plans = calloc(deployment->workers, sizeof(struct plan *));
	if (!deployment->plans)
		return false;
	for (unsigned i = 0; i < deployment->workers; i++)
		if (!make_plan(deployment, i))
			return false;
	return true;
}

/* What a worker serves with cannot be made: of memory, or of a socket's options. */
static void
tell_failure(struct error_list *errors, int *error)
{
	*error = errno;
	if (*error == ENOMEM)
		errors->out_of_memory = true;
	else
		error_add(errors, 0, NULL, "cannot set up a socket: %s",
			  strerror(*error));
}

struct deployment *
deploy_prepare(struct config *config, const struct deployment *before,
	       const struct inherited *inherited, struct admit *admit,
	       unsigned workers, struct error_list *errors, int *error)
{
	struct deployment *deployment = calloc(1, sizeof(*deployment));

	*error = ENOMEM;
	if (!deployment) {
		errors->out_of_memory = true;
		return NULL;
	}
	deployment->config = config_ref(config);
	deployment->workers = workers;
	if (!find_gates(deployment, before, admit)) {
		errors->out_of_memory = true;
	} else {
		deployment->endpoints = endpoint_set_open(
			config, before ? before->endpoints : NULL, inherited,
			workers, errors, error);
		if (deployment->endpoints && (!find_doors(deployment, before) ||
					      !find_guard(deployment, before) ||
					      !make_plans(deployment)))
			tell_failure(errors, error);
	}
	if (!error_any(errors))
		return deployment;
	deploy_free(deployment);
	return NULL;
}

void
deploy_commit(struct deployment *deployment, struct worker *const *workers)
{
	const struct config *config = deployment->config;

	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener =
			config->listeners[i].settings;

		gate_set_limit(deployment->gates[i], listener->max_connections);
		gate_number_anew(deployment->gates[i]);
	}
	if (deployment->guard)
		guard_set_own_ports(deployment->guard, deployment->udp_ports,
				    deployment->udp_port_count);
	for (unsigned i = 0; i < deployment->workers; i++)
		worker_serve(workers[i], deployment->plans[i]);
	free(deployment->plans);
	deployment->plans = NULL;
}

void
deploy_free(struct deployment *deployment)
{
	if (!deployment)
		return;
	for (unsigned i = 0; deployment->plans && i < deployment->workers; i++)
		plan_free(deployment->plans[i]);
	free(deployment->plans);
	for (size_t i = 0;
	     deployment->doors && i < deployment->endpoints->count; i++)
		gate_release(deployment->doors[i]);
	free(deployment->doors);
	endpoint_set_free(deployment->endpoints);
	guard_release(deployment->guard);
	free(deployment->udp_ports);
	for (size_t i = 0;
	     deployment->gates && i < deployment->config->listener_count; i++)
		gate_release(deployment->gates[i]);
	free(deployment->gates);
	config_unref(deployment->config);
	free(deployment);
}

void
deploy_withdraw(const struct deployment *deployment,
		const struct deployment *after, struct withdrawal *withdrawal)
{
	endpoint_set_withdraw(deployment->endpoints,
			      after ? after->endpoints : NULL, withdrawal);
}

/* By the same socket or by another one that receives what it received. */
static bool
is_served(const struct endpoint_set *set, const struct place *place)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct place *bound = &set->items[i].bound;

		if (place_equal(bound, place))
			return true;
		if (place_overlaps(bound, place) &&
		    !address_is_wildcard(&place->address))
			return true;
	}
	return false;
}

void
deploy_tell_dropped(const struct deployment *deployment,
		    const struct deployment *after)
{
	const struct endpoint_set *set = deployment->endpoints;
	char text[PLACE_TEXT_SIZE];

	for (size_t i = 0; i < set->count; i++) {
		const struct place *bound = &set->items[i].bound;
		unsigned open = gate_count(deployment->doors[i]);

		if (open > 0 && !is_served(after->endpoints, bound))
			log_warning("Address given up %s listener=%s open=%u",
				    place_format(bound, text),
				    gate_name(deployment->doors[i]), open);
	}
}

const struct config *
deploy_config(const struct deployment *deployment)
{
	return deployment->config;
}

struct endpoint_set *
deploy_endpoints(struct deployment *deployment)
{
	return deployment->endpoints;
}

unsigned
deploy_sockets(const struct deployment *deployment)
{
	return (unsigned)deployment->endpoints->count * deployment->workers;
}

static bool
measure_addresses(const struct deployment *deployment, struct metrics *metrics)
{
	const struct endpoint_set *set = deployment->endpoints;

	metrics->addresses = calloc(set->count, sizeof(*metrics->addresses));
	if (!metrics->addresses)
		return false;
	for (size_t i = 0; i < set->count; i++) {
		const struct endpoint *endpoint = &set->items[i];
		char *text = endpoint_text(endpoint);

		if (!text)
			return false;
		metrics->addresses[metrics->address_count++] =
			(struct metrics_address){
				.listener =
					settings(deployment, endpoint)->name,
				.text = text,
			};
	}
	return true;
}

bool
deploy_measure(const struct deployment *deployment, struct metrics *metrics)
{
	size_t count = deployment->config->listener_count;

	metrics->listeners = calloc(count, sizeof(*metrics->listeners));
	if (!metrics->listeners)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct gate *gate = deployment->gates[i];

		metrics->listeners[metrics->listener_count++] =
			(struct metrics_listener){
				.name = gate_name(gate),
				.open = gate_count(gate),
				.limit = gate_limit(gate),
			};
	}
	return measure_addresses(deployment, metrics);
}

void
deploy_print(const struct deployment *deployment, FILE *out)
{
	endpoint_set_print(deployment->endpoints, out);
}
