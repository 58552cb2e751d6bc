/*
 * reload: applies configurations: the first one at the start, then the file at
 * each SIGHUP.
 *
 * 1. reload_request(): read and check the file.  An error is logged and refuses
 *    the reload: the daemon keeps the configuration it has.
 * 2. If the start or an earlier reload is not complete, wait for that.  A newer
 *    valid file replaces the one that waits.
 * 3. Prepare the new deployment while the current one runs.  An error refuses
 *    the reload.  Nothing can fail after this.
 * 4. Begin the graceful close of the sockets that the new deployment does not
 *    keep (listen/graceful_close.h), and wait for it.
 * 5. reload_replace(): the new deployment replaces the current one, and the
 *    workers apply its bindings.
 * 6. When all have, announce it in the log and to the service manager, and
 *    answer the command that asked for it (control/reload_command.h).
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_RELOAD_H
#define ECHOD_CONTROL_RELOAD_H

#include <stdbool.h>

struct broadcast;
struct config;
struct limits;
struct daemon_status;
struct deployment;
struct error_list;
struct graceful_close;
struct server_options;
struct socket_activation;
struct stats_table;
struct worker_pool;

struct reload {
	/* Set by the owner. */
	const struct server_options *options;
	const struct socket_activation *activation;
	struct limits *limits;
	struct stats_table *stats;
	struct worker_pool *pool;
	/* Its callback must call reload_replace(). */
	struct graceful_close *graceful_close;
	struct daemon_status *daemon_status;
	struct deployment *deployment; /* the current one; owned by reload */

	/* Its own. */
	struct config *pending;	  /* read and valid, in step 2; or NULL */
	struct deployment *next;  /* prepared, in step 4; or NULL */
	const char *announcement; /* for step 6; NULL: not in step 5 */
	struct broadcast *apply;
	long long requested; /* the last request; see sd_notify_reloading() */
	bool refused;	     /* the last request */
	char *refusal;	     /* its reason; NULL: out of memory */
	bool ended;
};

/* Overrides settings of the file by options of the command line. */
void reload_apply_options(const struct server_options *options,
			  struct config *config);

/* Logs and frees the warnings about a configuration; NULL: none. */
void reload_log_warnings(struct error_list *warnings);

/*
 * Initializes a reload that is zeroed except for the owner's members.  False:
 * out of memory.  The caller must call reload_destroy() in any case.
 */
bool reload_init(struct reload *reload);

/* To be called after the pool has been freed. */
void reload_destroy(struct reload *reload);

/* Makes the workers serve the first deployment: steps 5 and 6. */
void reload_start(struct reload *reload);

/* For SIGHUP: steps 1 to 4. */
void reload_request(struct reload *reload);

/* Step 5, if a reload is in step 4; else no effect. */
void reload_replace(struct reload *reload);

/*
 * The daemon drains: drops a configuration that waits in step 2.  From now on,
 * ignores requests and announces nothing.  Repeating it has no effect.
 */
void reload_end(struct reload *reload);

/*
 * Adds the sockets of all listeners, also those of a reload in step 4, to
 * `graceful_close`, and starts it.  Does not wait: `graceful_close` calls back
 * when the sockets can be closed.
 */
void reload_close_all(struct reload *reload);

#endif
