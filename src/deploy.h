/*
 * deploy: puts a configuration into force, in two phases.  Preparing opens and
 * allocates everything and may fail; committing hands it to the workers and
 * cannot.  A deployment that is freed instead leaves all as it was.
 *
 * Control thread only.
 */
#ifndef ECHOD_DEPLOY_H
#define ECHOD_DEPLOY_H

#include <stdbool.h>
#include <stdio.h>

struct admit;
struct config;
struct deployment;
struct endpoint_set;
struct error_list;
struct inherited;
struct withdrawal;
struct metrics;
struct worker;

/*
 * Prepares `config`, of which it takes a reference, for so many workers, beside
 * what is in force (`before`, or NULL).  Where that fails, reasons are added to
 * `errors`, `error` holds an errno and NULL is returned.
 */
struct deployment *deploy_prepare(struct config *config,
				  const struct deployment *before,
				  const struct inherited *inherited,
				  struct admit *admit, unsigned workers,
				  struct error_list *errors, int *error);

/* What it has in common with `before` is then served on its terms. */
void deploy_commit(struct deployment *deployment,
		   struct worker *const *workers);

/*
 * Withdraws what `after`, prepared beside it, is going to drop, or all where
 * that is NULL.
 */
void deploy_withdraw(const struct deployment *deployment,
		     const struct deployment *after,
		     struct withdrawal *withdrawal);

/*
 * Logs each address of `deployment` that `after`, prepared beside it, gives up
 * and that has connections open.  Those which came while the address was another
 * listener's are not counted.
 */
void deploy_tell_dropped(const struct deployment *deployment,
			 const struct deployment *after);

/* NULL is fine. */
void deploy_free(struct deployment *deployment);

const struct config *deploy_config(const struct deployment *deployment);

/* All sockets that it has opened or kept; as old as the deployment. */
struct endpoint_set *deploy_endpoints(struct deployment *deployment);

/* Sockets of listeners, all workers' together. */
unsigned deploy_sockets(const struct deployment *deployment);

/*
 * Adds listeners and addresses, whose names live as long as the deployment.
 * False where memory is out.
 */
bool deploy_measure(const struct deployment *deployment,
		    struct metrics *metrics);

/* Writes where it listens, as endpoint_set_print(). */
void deploy_print(const struct deployment *deployment, FILE *out);

#endif
