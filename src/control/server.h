/*
 * server: the control thread.  It owns everything: start, reload, drain, the
 * signals, the word to the service manager.  It never touches a client's bytes.
 *
 * A reload applies the file as it is when SIGHUP arrives.  While an earlier
 * reload is not complete, or the start, the new file is read and checked at once
 * and applied afterwards; a still newer one replaces it.  A file with an error
 * changes nothing: what runs stays, and so does a valid file that waits.
 */
#ifndef ECHOD_CONTROL_SERVER_H
#define ECHOD_CONTROL_SERVER_H

#include <stdbool.h>

struct config;
struct error_list;
struct server;

/* What the command line says and no reload changes. */
struct server_options {
	const char *config_file;
	bool to_stderr;
	bool verbose;
};

/*
 * Starts to serve `config`, of which it takes a reference.  Where that fails,
 * the reasons are added to `errors`, `status` is set as sysexits(3) has it, and
 * NULL is returned.  Signals are taken once server_run() runs: until then they
 * are held as control/process.h has it, from before the call on.
 */
struct server *server_new(const struct server_options *options,
			  struct config *config, struct error_list *errors,
			  int *status);

/*
 * Serves until it is told to end and has.  Returns the exit status.  With
 * EX_SOFTWARE there are threads left, which did not end in time: the server must
 * not be freed then, and the process has to end by _exit(2).
 */
int server_run(struct server *server);

void server_free(struct server *server); /* NULL is fine */

#endif
