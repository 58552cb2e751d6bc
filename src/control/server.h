/*
 * server: the control thread: starts the daemon, reads its signals and ends it.
 * SIGHUP: control/reload.h.  SIGTERM and SIGINT: control/drain.h.  SIGUSR1:
 * logs the counters.  It never handles the bytes of clients.
 */
#ifndef ECHOD_CONTROL_SERVER_H
#define ECHOD_CONTROL_SERVER_H

#include <stdbool.h>

struct config;
struct config_source;
struct error_list;
struct server;

/* From the command line; a reload does not change them. */
struct server_options {
	struct config_source *source; /* borrowed */
	bool to_stderr;
	bool verbose;
};

/*
 * Starts the daemon with `config`, and takes a reference to it.  On failure,
 * reasons are added to `errors`, `status` is set to an exit status of
 * sysexits(3), and NULL is returned; otherwise the warnings of `errors` are
 * logged and freed.  The signals of the daemon must be blocked
 * (control/process.h); server_run() reads them.
 */
struct server *server_new(const struct server_options *options,
			  struct config *config, struct error_list *errors,
			  int *status);

/*
 * Serves until a drain has ended.  Returns the exit status.  EX_SOFTWARE: some
 * threads did not end in time.  Then the server must not be freed, and the
 * process must end by _exit(2).
 */
int server_run(struct server *server);

void server_free(struct server *server); /* NULL is fine */

#endif
