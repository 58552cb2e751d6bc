#include "control/deployment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "admin/metrics.h"
#include "base/error.h"
#include "base/log.h"
#include "base/stats_table.h"
#include "config/config.h"
#include "control/worker_pool.h"
#include "listen/listening_set.h"
#include "tcp/connection_limits.h"
#include "udp/udp_limits.h"
#include "worker/bindings.h"
#include "worker/worker_state.h"

struct deployment {
	struct config *config;
	struct limit **limits; /* one a listener */
	struct listening_set *endpoints;
	struct limit *
		*address_limits; /* one an endpoint, part of its listener's */
	struct udp_limits *udp_limits; /* NULL: no endpoint is of UDP */
	uint16_t *udp_ports;	       /* as many as endpoints, at most */
	size_t udp_port_count;
	struct stats_table *stats;  /* borrowed */
	struct bindings **bindings; /* one a worker; NULL once committed */
	unsigned workers;
};

static struct limit *
new_listener_limit(const struct deployment *deployment, const char *name,
		   struct limits *limits)
{
	struct stats *stats = stats_table_row(deployment->stats, name);

	return stats ? limit_new(limits, name, stats) : NULL;
}

/* A listener keeps its count as long as it keeps its name. */
static struct limit *
find_listener_limit(const struct deployment *before, const char *name)
{
	for (size_t i = 0; before && i < before->config->listener_count; i++)
		if (strcmp(limit_name(before->limits[i]), name) == 0)
			return limit_ref(before->limits[i]);
	return NULL;
}

static bool
find_listener_limits(struct deployment *deployment,
		     const struct deployment *before, struct limits *limits)
{
	const struct config *config = deployment->config;

	deployment->limits =
		calloc(config->listener_count, sizeof(struct limit *));
	if (!deployment->limits)
		return false;
	for (size_t i = 0; i < config->listener_count; i++) {
		const char *name = config->listeners[i].settings->name;
		struct limit *limit = find_listener_limit(before, name);

		deployment->limits[i] =
			limit ? limit :
				new_listener_limit(deployment, name, limits);
		if (!deployment->limits[i])
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
	return endpoint->bound.protocol == PROTOCOL_UDP;
}

/*
 * The limit of this address before, even if its sockets are not kept; a new one
 * if the address is new or was another listener's.
 */
static struct limit *
find_address_limit(const struct deployment *deployment,
		   const struct deployment *before,
		   const struct endpoint *endpoint)
{
	struct limit *limit = deployment->limits[endpoint->listener];

	for (size_t i = 0; before && i < before->endpoints->count; i++)
		if (listen_address_equal(&before->endpoints->items[i].bound,
					 &endpoint->bound) &&
		    limit_is_part_of(before->address_limits[i], limit))
			return limit_ref(before->address_limits[i]);
	return limit_new_part(limit);
}

static bool
find_address_limits(struct deployment *deployment,
		    const struct deployment *before)
{
	const struct listening_set *set = deployment->endpoints;

	deployment->address_limits =
		calloc(set->count + 1, sizeof(struct limit *));
	if (!deployment->address_limits)
		return false;
	for (size_t i = 0; i < set->count; i++) {
		deployment->address_limits[i] =
			find_address_limit(deployment, before, &set->items[i]);
		if (!deployment->address_limits[i])
			return false;
	}
	return true;
}

static bool
find_udp_ports(struct deployment *deployment)
{
	const struct listening_set *set = deployment->endpoints;

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

/* A reload must not give a network that has used up its rate more. */
static bool
find_udp_limits(struct deployment *deployment, const struct deployment *before)
{
	unsigned char secret[UDP_LIMITS_SECRET_SIZE];

	if (!find_udp_ports(deployment))
		return false;
	if (deployment->udp_port_count == 0)
		return true;
	if (before && before->udp_limits)
		deployment->udp_limits = udp_limits_ref(before->udp_limits);
	else if (getrandom(secret, sizeof(secret), 0) == sizeof(secret))
		deployment->udp_limits = udp_limits_new(secret);
	return deployment->udp_limits != NULL;
}

/* Endpoint `i`: kept, or its socket for this worker. */
static bool
bind_endpoint(const struct deployment *deployment, unsigned worker, size_t i)
{
	struct bindings *bindings = deployment->bindings[worker];
	struct endpoint *endpoint = &deployment->endpoints->items[i];
	struct binding binding = {
		.id = endpoint->id,
		.settings = settings(deployment, endpoint),
		.stats = limit_stats(deployment->limits[endpoint->listener],
				     worker),
		.inherited = endpoint->inherited,
	};

	if (is_datagram(endpoint))
		binding.udp_limits = deployment->udp_limits;
	else
		binding.limit = deployment->address_limits[i];
	if (endpoint->kept) {
		bindings_keep(bindings, &binding);
		return true;
	}
	if (!bindings_add(bindings, &binding, endpoint->fds[worker]))
		return false;
	endpoint->taken++;
	return true;
}

static bool
make_table(struct deployment *deployment, unsigned worker)
{
	struct listening_set *set = deployment->endpoints;

	deployment->bindings[worker] = bindings_new(set->total);
	if (!deployment->bindings[worker])
		return false;
	for (size_t i = 0; i < set->count; i++)
		if (!bind_endpoint(deployment, worker, i))
			return false;
	for (size_t i = set->count; i < set->total; i++)
		if (set->items[i].passed_from)
			bindings_pass_on(deployment->bindings[worker],
					 set->items[i].passed_from);
	return true;
}

static bool
make_bindings(struct deployment *deployment)
{
	deployment->bindings =
		calloc(deployment->workers, sizeof(struct bindings *));
	if (!deployment->bindings)
		return false;
	for (unsigned i = 0; i < deployment->workers; i++)
		if (!make_table(deployment, i))
			return false;
	return true;
}

/* No memory, or an option of a socket that cannot be set. */
static void
report_failure(struct error_list *errors, int *error)
{
	*error = errno;
	if (*error == ENOMEM)
		errors->out_of_memory = true;
	else
		error_add(errors, 0, NULL, "cannot set up a socket: %s",
			  strerror(*error));
}

struct deployment *
deployment_prepare(struct config *config, const struct deployment *before,
		   const struct socket_activation *activation,
		   struct limits *limits, struct stats_table *stats,
		   struct error_list *errors, int *error)
{
	struct deployment *deployment = calloc(1, sizeof(*deployment));

	*error = ENOMEM;
	if (!deployment) {
		errors->out_of_memory = true;
		return NULL;
	}
	deployment->config = config_ref(config);
	deployment->stats = stats;
	deployment->workers = stats_table_workers(stats);
	if (!find_listener_limits(deployment, before, limits)) {
		errors->out_of_memory = true;
	} else {
		deployment->endpoints = listening_set_open(
			config, before ? before->endpoints : NULL, activation,
			deployment->workers, errors, error);
		if (deployment->endpoints &&
		    (!find_address_limits(deployment, before) ||
		     !find_udp_limits(deployment, before) ||
		     !make_bindings(deployment)))
			report_failure(errors, error);
	}
	if (!error_any(errors))
		return deployment;
	deployment_free(deployment);
	return NULL;
}

void
deployment_commit(struct deployment *deployment, struct broadcast *broadcast,
		  void (*done)(void *owner))
{
	const struct config *config = deployment->config;

	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener =
			config->listeners[i].settings;

		limit_set_max(deployment->limits[i], listener->max_connections);
		limit_restart_numbers(deployment->limits[i]);
		stats_table_show(deployment->stats, listener->name);
	}
	if (deployment->udp_limits)
		udp_limits_set_own_ports(deployment->udp_limits,
					 deployment->udp_ports,
					 deployment->udp_port_count);
	for (unsigned i = 0; i < deployment->workers; i++)
		broadcast_set_argument(broadcast, i, deployment->bindings[i]);
	broadcast_run(broadcast, worker_state_apply, done);
	free(deployment->bindings);
	deployment->bindings = NULL;
}

void
deployment_free(struct deployment *deployment)
{
	if (!deployment)
		return;
	for (unsigned i = 0; deployment->bindings && i < deployment->workers;
	     i++)
		bindings_free(deployment->bindings[i]);
	free(deployment->bindings);
	for (size_t i = 0;
	     deployment->address_limits && i < deployment->endpoints->count;
	     i++)
		limit_unref(deployment->address_limits[i]);
	free(deployment->address_limits);
	listening_set_free(deployment->endpoints);
	udp_limits_unref(deployment->udp_limits);
	free(deployment->udp_ports);
	for (size_t i = 0;
	     deployment->limits && i < deployment->config->listener_count; i++)
		limit_unref(deployment->limits[i]);
	free(deployment->limits);
	config_unref(deployment->config);
	free(deployment);
}

void
deployment_close_dropped(const struct deployment *deployment,
			 const struct deployment *after,
			 struct graceful_close *graceful_close)
{
	listening_set_close_dropped(deployment->endpoints,
				    after ? after->endpoints : NULL,
				    graceful_close);
}

/* By the same address or by another one that receives its connections. */
static bool
is_served(const struct listening_set *set, const struct listen_address *listen)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct listen_address *bound = &set->items[i].bound;

		if (listen_address_equal(bound, listen))
			return true;
		if (listen_address_overlaps(bound, listen) &&
		    !address_is_wildcard(&listen->address))
			return true;
	}
	return false;
}

void
deployment_log_dropped(const struct deployment *deployment,
		       const struct deployment *after)
{
	const struct listening_set *set = deployment->endpoints;
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < set->count; i++) {
		const struct listen_address *bound = &set->items[i].bound;
		unsigned open = limit_count(deployment->address_limits[i]);

		if (open > 0 && !is_served(after->endpoints, bound))
			log_warning("Address given up %s listener=%s open=%u",
				    listen_address_format(bound, text),
				    limit_name(deployment->address_limits[i]),
				    open);
	}
}

const struct config *
deployment_config(const struct deployment *deployment)
{
	return deployment->config;
}

struct listening_set *
deployment_listening_set(struct deployment *deployment)
{
	return deployment->endpoints;
}

unsigned
deployment_socket_count(const struct deployment *deployment)
{
	return (unsigned)deployment->endpoints->count * deployment->workers;
}

static struct metrics_address
describe(const struct endpoint *endpoint,
	 const struct config_listener *listener, char *text)
{
	static const char *const kinds[] = {
		[PROTOCOL_TCP] = "tcp",
		[PROTOCOL_UDP] = "udp",
		[PROTOCOL_UNIX] = "unix",
	};

	return (struct metrics_address){
		.listener = listener->name,
		.text = text,
		.kind = kinds[endpoint->bound.protocol],
		.tls = listener->tls_context,
		.proxy_protocol = listener->proxy_protocol.from.count > 0,
		.fault = fault_is_set(&listener->fault),
	};
}

static bool
fill_addresses(const struct deployment *deployment, struct metrics *metrics)
{
	const struct listening_set *set = deployment->endpoints;

	metrics->addresses = calloc(set->count, sizeof(*metrics->addresses));
	if (!metrics->addresses)
		return false;
	for (size_t i = 0; i < set->count; i++) {
		const struct endpoint *endpoint = &set->items[i];
		char *text = endpoint_text(endpoint);

		if (!text)
			return false;
		metrics->addresses[metrics->address_count++] = describe(
			endpoint, settings(deployment, endpoint), text);
	}
	return true;
}

bool
deployment_fill_metrics(const struct deployment *deployment,
			struct metrics *metrics)
{
	size_t count = deployment->config->listener_count;

	metrics->listeners = calloc(count, sizeof(*metrics->listeners));
	if (!metrics->listeners)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct limit *limit = deployment->limits[i];

		metrics->listeners[metrics->listener_count++] =
			(struct metrics_listener){
				.name = limit_name(limit),
				.open = limit_count(limit),
				.limit = limit_max(limit),
			};
	}
	return fill_addresses(deployment, metrics);
}

void
deployment_print(const struct deployment *deployment, FILE *out)
{
	listening_set_print(deployment->endpoints, out);
}
