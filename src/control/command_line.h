/*
 * command_line: the options of the command line.
 *
 * Before any thread is started.
 */
#ifndef ECHOD_CONTROL_COMMAND_LINE_H
#define ECHOD_CONTROL_COMMAND_LINE_H

#include <stdio.h>
#include <sys/types.h>

#include "config/source.h"
#include "control/server.h"

enum action {
	ACTION_SERVE,
	ACTION_TEST,
	ACTION_DUMP,
	ACTION_RELOAD,
	ACTION_EXAMPLE,
	ACTION_VERSION,
	ACTION_HELP,
};

struct command_line {
	struct config_source source;
	struct server_options options;
	enum action action;
	pid_t daemon;	     /* for ACTION_RELOAD */
	const char *example; /* for ACTION_EXAMPLE; NULL: the name is missing */
};

/*
 * Fills `command`, which must be zeroed.  Its strings are those of `argv`.
 * Returns NULL, or the reason why the options are wrong; "" if the reason is on
 * standard error already.  Options after --version or --help are not read.
 */
const char *command_line_parse(struct command_line *command, int argc,
			       char **argv);

void command_line_print_usage(FILE *out);

#endif
