/*
 * deployment: puts a configuration into force, in two phases.  Preparing opens and
 * allocates everything and may fail; committing hands it to the workers and
 * cannot.  A deployment that is freed instead leaves all as it was.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_DEPLOYMENT_H
#define ECHOD_CONTROL_DEPLOYMENT_H

#include <stdbool.h>
#include <stdio.h>

struct broadcast;
struct connection_limits;
struct config;
struct deployment;
struct listening_set;
struct error_list;
struct socket_activation;
struct graceful_close;
struct metrics;

/*
 * Prepares `config`, of which it takes a reference, for so many workers, beside
 * what is in force (`before`, or NULL).  Where that fails, reasons are added to
 * `errors`, `error` holds an errno and NULL is returned.
 */
struct deployment *
deployment_prepare(struct config *config, const struct deployment *before,
		   const struct socket_activation *inherited,
		   struct connection_limits *connection_limits,
		   unsigned workers, struct error_list *errors, int *error);

/*
 * What it has in common with `before` is then served on its terms.  `broadcast`
 * takes the bindings to the workers, and calls `done` when all have applied them.
 */
void deployment_commit(struct deployment *deployment,
		       struct broadcast *broadcast, void (*done)(void *owner));

/*
 * Withdraws what `after`, prepared beside it, is going to drop, or all where
 * that is NULL.
 */
void deployment_close_dropped(const struct deployment *deployment,
			      const struct deployment *after,
			      struct graceful_close *graceful_close);

/*
 * Logs each address of `deployment` that `after`, prepared beside it, gives up
 * and that has connections open.  Those which came while the address was another
 * listener's are not counted.
 */
void deployment_log_dropped(const struct deployment *deployment,
			    const struct deployment *after);

/* NULL is fine. */
void deployment_free(struct deployment *deployment);

const struct config *deployment_config(const struct deployment *deployment);

/* All sockets that it has opened or kept; as old as the deployment. */
struct listening_set *deployment_listening_set(struct deployment *deployment);

/* Sockets of listeners, all workers' together. */
unsigned deployment_socket_count(const struct deployment *deployment);

/*
 * Adds listeners and addresses, whose names live as long as the deployment.
 * False where memory is out.
 */
bool deployment_fill_metrics(const struct deployment *deployment,
			     struct metrics *metrics);

/* Writes where it listens, as listening_set_print(). */
void deployment_print(const struct deployment *deployment, FILE *out);

#endif
