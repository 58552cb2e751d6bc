/*
 * main: does what the command line asks for; the exit status.
 */
#include <event2/event.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/log_encode.h"
#include "config/config.h"
#include "config/print.h"
#include "config/source.h"
#include "control/command_line.h"
#include "control/examples.h"
#include "control/process.h"
#include "control/reload_command.h"
#include "control/server.h"
#include "listen/socket_activation.h"
#include "tls/context.h"

/* libconfig has no function that returns the version in use. */
static void
print_version(FILE *out)
{
	fprintf(out, "echod %s\nlibevent %s\nbuilt with libconfig %d.%d.%d\n",
		PACKAGE_VERSION, event_get_version(), LIBCONFIG_VER_MAJOR,
		LIBCONFIG_VER_MINOR, LIBCONFIG_VER_REVISION);
	if (tls_library())
		fprintf(out, "OpenSSL %s\n", tls_library());
}

/* A full disk or a closed pipe must not look like success. */
static int
finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EX_OK;
	perror("echod: standard output");
	return EX_OSERR;
}

static int
fail_usage(const char *reason)
{
	if (*reason)
		fprintf(stderr, "echod: %s\n", reason);
	fputs("Try 'echod --help'.\n", stderr);
	return EX_USAGE;
}

/* If the name is missing, getopt_long(3) has said so. */
static int
print_example(const char *name)
{
	if (name && examples_print(name, stdout))
		return finish_output();
	if (name)
		fprintf(stderr, "echod: there is no example \"%s\"\n", name);
	fputs("These are the examples:\n", stderr);
	examples_print_list(stderr);
	return EX_USAGE;
}

/* The error is about the whole file, which can be missing. */
static bool
is_file(const struct error *error)
{
	return error->line == 0 && !*error->setting;
}

/* An error can quote the file: control characters are escaped as in the log. */
static void
print_list(const char *prefix, const struct error_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct error *error = &list->items[i];

		fprintf(stderr, "%s%s", prefix,
			is_file(error) ? "echod: " : "");
		log_encode_text(&(struct log_record){ .text = error->text },
				stderr);
		fputc('\n', stderr);
	}
	if (list->out_of_memory)
		fputs("echod: out of memory\n", stderr);
}

static int
serve(const struct command_line *command, struct config *config,
      struct error_list *errors)
{
	struct server *server;
	int status;

	socket_activation_close_others();
	server = server_new(&command->options, config, errors, &status);
	if (server)
		status = server_run(server);
	if (status == EX_SOFTWARE) {
		log_stop();
		_exit(status);
	}
	server_free(server);
	return status;
}

static int
act(const struct command_line *command, struct config *config,
    struct error_list *errors)
{
	switch (command->action) {
	case ACTION_TEST:
		printf("%s: the configuration is valid\n",
		       source_name(&command->source));
		return finish_output();
	case ACTION_DUMP:
		print_config(config, stdout);
		return finish_output();
	default:
		return serve(command, config, errors);
	}
}

/* A peer may cause warnings of libevent, so their rate is limited. */
static void
on_libevent_log(int severity, const char *text)
{
	if (severity == EVENT_LOG_ERR)
		log_error("libevent: %s", text);
	else if (severity == EVENT_LOG_WARN)
		log_peer(LOG_WARNING, "libevent: %s", text);
}

/* libevent has logged the reason; it would exit with a status of its own. */
static void
on_fatal(int status)
{
	(void)status;
	log_stop();
	exit(EX_OSERR);
}

/* Loads the configuration, to serve, check or print it. */
static int
load_and_act(struct command_line *command)
{
	struct error_list errors, warnings;
	struct config *config;
	int status = EX_CONFIG;

	error_list_init(&errors, source_name(&command->source));
	error_list_init(&warnings, source_name(&command->source));
	errors.warnings = &warnings;
	errors.outside_unit = command->action != ACTION_SERVE;
	config = config_load(&command->source, &errors);
	if (config)
		status = act(command, config, &errors);
	else if (errors.out_of_memory)
		status = EX_OSERR;
	print_list("warning: ", &warnings);
	print_list("", &errors);
	error_list_free(&warnings);
	error_list_free(&errors);
	config_unref(config);
	source_free(&command->source);
	return status;
}

int
main(int argc, char **argv)
{
	struct command_line command = { .options.source = &command.source };
	const char *wrong;

	/*
	 * Before a descriptor is opened and before a signal can end the
	 * process.
	 */
	process_block_signals();
	if (!process_open_standard()) {
		perror("echod: /dev/null");
		return EX_OSERR;
	}
	event_set_log_callback(on_libevent_log);
	event_set_fatal_callback(on_fatal);
	wrong = command_line_parse(&command, argc, argv);
	if (wrong)
		return fail_usage(wrong);
	/* Writing to a pipe may block: then SIGINT must end the process. */
	if (command.action != ACTION_SERVE)
		process_unblock_signals();
	switch (command.action) {
	case ACTION_VERSION:
		print_version(stdout);
		return finish_output();
	case ACTION_HELP:
		command_line_print_usage(stdout);
		return finish_output();
	case ACTION_EXAMPLE:
		return print_example(command.example);
	case ACTION_RELOAD:
		return reload_command(command.daemon);
	default:
		return load_and_act(&command);
	}
}
