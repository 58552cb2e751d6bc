/*
 * reload: puts configurations into effect: the first at the start, then the
 * file as it is at each SIGHUP.
 *
 * 1. reload_request(): read and check the file.  An error is logged and refuses
 *    the reload: the daemon keeps the configuration it has.
 * 2. If the start or an earlier reload is not complete, wait for that.  A newer
 *    valid file replaces the one that waits.
 * 3. Prepare the deployment beside the current one.  An error refuses the
 *    reload.  Nothing can fail after this.
 * 4. Close the sockets that it drops gracefully (listen/graceful_close.h).
 * 5. reload_replace(): the new deployment replaces the current one, and the
 *    workers apply its bindings.
 * 6. When all have, announce it in the log and to the service manager.
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
struct graceful_close;
struct server_options;
struct socket_activation;
struct worker_pool;

struct reload {
	/* Set by the owner. */
	const struct server_options *options;
	const struct socket_activation *activation;
	struct limits *limits;
	struct worker_pool *pool;
	/* Its callback must call reload_replace(). */
	struct graceful_close *graceful_close;
	struct daemon_status *daemon_status;
	struct deployment *deployment; /* the current one; taken */

	/* Its own. */
	struct config *pending;	  /* read and valid, in step 2; or NULL */
	struct deployment *next;  /* prepared, in step 4; or NULL */
	const char *announcement; /* for step 6; NULL: not in step 5 */
	struct broadcast *apply;
	bool ended;
};

/* The command line has precedence over the file. */
void reload_apply_options(const struct server_options *options,
			  struct config *config);

/*
 * Initializes a reload that is zeroed except for the owner's members.  False if
 * memory is out; reload_destroy() must be called all the same.
 */
bool reload_init(struct reload *reload);

/* To be called after the pool has been freed. */
void reload_destroy(struct reload *reload);

/* Puts the first deployment into effect: steps 5 and 6. */
void reload_start(struct reload *reload);

/* For SIGHUP. */
void reload_request(struct reload *reload);

/* Step 5, if a reload waits for it. */
void reload_replace(struct reload *reload);

/*
 * The daemon ends: drops a configuration that waits in step 2, ignores requests
 * and announces nothing any more.  Repeating it has no effect.
 */
void reload_end(struct reload *reload);

/*
 * Adds all listening sockets, also those of a reload in step 4, to
 * `graceful_close`, and waits.
 */
void reload_close_all(struct reload *reload);

#endif
