/*
 * deployment: makes the workers serve a configuration, in two phases.
 *
 * 1. Preparing opens and allocates everything.  It can fail.
 * 2. Committing passes it to the workers.  It cannot fail.
 *
 * If a deployment is freed without a commit, the workers are not affected.
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_DEPLOYMENT_H
#define ECHOD_CONTROL_DEPLOYMENT_H

#include <stdbool.h>
#include <stdio.h>

struct broadcast;
struct limits;
struct config;
struct deployment;
struct listening_set;
struct error_list;
struct socket_activation;
struct stats_table;
struct graceful_close;
struct metrics;

/*
 * Prepares `config`, and takes a reference to it.  `before` is the running
 * deployment, or NULL; its endpoints that `config` has too are kept.  Workers,
 * as many as `stats` has, count in `stats`, which must last longer.  `errors`
 * must be empty.  On failure, reasons are added to `errors`, `error` is set to
 * an errno and NULL is returned.
 */
struct deployment *
deployment_prepare(struct config *config, const struct deployment *before,
		   const struct socket_activation *activation,
		   struct limits *limits, struct stats_table *stats,
		   struct error_list *errors, int *error);

/*
 * Makes the workers serve the deployment; kept endpoints get the new settings.
 * `broadcast` takes the bindings to the workers, and calls `done` when all have
 * applied them.
 */
void deployment_commit(struct deployment *deployment,
		       struct broadcast *broadcast, void (*done)(void *owner));

/*
 * Adds the sockets that `after` does not keep to the graceful close.  `after`
 * was prepared with this deployment as `before`.  NULL: adds the sockets of all
 * listeners, but not those of the status port.
 */
void deployment_close_dropped(const struct deployment *deployment,
			      const struct deployment *after,
			      struct graceful_close *graceful_close);

/*
 * Logs each address that has open connections and is not served by `after`.
 * Connections accepted while the address was another listener's are not
 * counted.
 */
void deployment_log_dropped(const struct deployment *deployment,
			    const struct deployment *after);

/* NULL is fine. */
void deployment_free(struct deployment *deployment);

const struct config *deployment_config(const struct deployment *deployment);

/* All sockets that it has opened or kept; owned by the deployment. */
struct listening_set *deployment_listening_set(struct deployment *deployment);

/* The number of the listeners' sockets, of all workers. */
unsigned deployment_socket_count(const struct deployment *deployment);

/*
 * Adds listeners and addresses; their names last as long as the deployment.
 * False: out of memory.  The caller must call metrics_free() in any case.
 */
bool deployment_fill_metrics(const struct deployment *deployment,
			     struct metrics *metrics);

/* Writes the listening addresses, as listening_set_print(). */
void deployment_print(const struct deployment *deployment, FILE *out);

#endif
