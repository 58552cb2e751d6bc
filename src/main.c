/*
 * main: the command line and the exit status.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <libconfig.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/print.h"
#include "config/source.h"
#include "control/process.h"
#include "control/reload_command.h"
#include "control/server.h"
#include "listen/socket_activation.h"
#include "tls/context.h"

enum action { SERVE, TEST, DUMP, RELOAD };

struct command {
	struct config_source source;
	struct server_options options;
	enum action action;
	pid_t daemon; /* to reload */
};

static void
print_usage(FILE *out)
{
	fputs("Usage: echod [-c FILE] [-l ADDRESS]... [-p PREFIX] [-s ADDRESS]"
	      " [-e] [-v]\n"
	      "             [-t | -T]\n"
	      "       echod --reload=PID\n"
	      "Sends back what TCP and UDP clients send, with a prefix.\n"
	      "\n"
	      "  -c, --config=FILE     configuration, - for standard input;\n"
	      "                        default " ECHOD_CONFIG_FILE "\n"
	      "  -l, --listen=ADDRESS  listen there, without a file if there"
	      " is no -c;\n"
	      "                        can be repeated\n"
	      "  -p, --prefix=PREFIX   prefix of the echo\n"
	      "  -s, --status=ADDRESS  status port\n"
	      "  -t, --test            check the configuration, say so, exit\n"
	      "  -T, --dump            check it and print the effective"
	      " configuration\n"
	      "  -r, --reload=PID      make a daemon reload; for ExecReload=\n"
	      "  -e, --stderr          log to standard error instead of"
	      " syslog\n"
	      "  -v, --verbose         log at debug level\n"
	      "  -V, --version         version and the libraries it runs"
	      " with\n"
	      "  -h, --help            this text\n"
	      "\n"
	      "Signals: SIGHUP reloads, SIGTERM and SIGINT drain, SIGUSR1 logs"
	      " counters.\n"
	      "See echod(8) and echod.conf(5).\n",
	      out);
}

static void
print_version(FILE *out)
{
	fprintf(out, "echod %s\nlibevent %s\nlibconfig %d.%d.%d\n",
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

static _Noreturn void
print_and_exit(void (*print)(FILE *out))
{
	/* Writing to a pipe may block: then SIGINT must end the process. */
	process_unblock_signals();
	print(stdout);
	exit(finish_output());
}

static _Noreturn void
fail_usage(const char *reason)
{
	if (reason)
		fprintf(stderr, "echod: %s\n", reason);
	fputs("Try 'echod --help'.\n", stderr);
	exit(EX_USAGE);
}

static void
choose(struct command *command, enum action action)
{
	if (command->action != SERVE && command->action != action)
		fail_usage("-t, -T and -r cannot be combined");
	command->action = action;
}

static pid_t
parse_pid(const char *text)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || *end || pid <= 0 || pid > INT_MAX)
		fail_usage("--reload needs the number of a process");
	return (pid_t)pid;
}

static void
add_listen(struct config_source *source, const char *address)
{
	if (source->listen_count == SOURCE_LISTEN_MAX)
		fail_usage("too many --listen: a file can have more addresses");
	source->listen[source->listen_count++] = address;
}

/* If the last one counted, the others would be ignored silently. */
static void
set_once(const char **text, const char *value)
{
	if (*text)
		fail_usage("-c, -p and -s can be given once only");
	*text = value;
}

static void
take_option(struct command *command, int option)
{
	switch (option) {
	case 'c':
		set_once(&command->source.file, optarg);
		break;
	case 'l':
		add_listen(&command->source, optarg);
		break;
	case 'p':
		set_once(&command->source.prefix, optarg);
		break;
	case 's':
		set_once(&command->source.status, optarg);
		break;
	case 'e':
		command->options.to_stderr = true;
		break;
	case 'v':
		command->options.verbose = true;
		break;
	case 't':
		choose(command, TEST);
		break;
	case 'T':
		choose(command, DUMP);
		break;
	case 'r':
		choose(command, RELOAD);
		command->daemon = parse_pid(optarg);
		break;
	case 'V':
		print_and_exit(print_version);
	case 'h':
		print_and_exit(print_usage);
	default:
		fail_usage(NULL);
	}
}

static void
parse_command(struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "listen", required_argument, NULL, 'l' },
		{ "prefix", required_argument, NULL, 'p' },
		{ "status", required_argument, NULL, 's' },
		{ "test", no_argument, NULL, 't' },
		{ "dump", no_argument, NULL, 'T' },
		{ "reload", required_argument, NULL, 'r' },
		{ "stderr", no_argument, NULL, 'e' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:l:p:s:tTr:evVh", options,
				     NULL)) != -1)
		take_option(command, option);
	if (optind < argc)
		fail_usage("no arguments are expected, only options");
}

static void
print_list(const char *prefix, const struct error_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		fprintf(stderr, "%s%s\n", prefix, list->items[i].text);
	if (list->out_of_memory)
		fputs("echod: out of memory\n", stderr);
}

static int
serve(const struct command *command, struct config *config,
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
act(const struct command *command, struct config *config,
    struct error_list *errors)
{
	switch (command->action) {
	case TEST:
		printf("%s: the configuration is valid\n",
		       source_name(&command->source));
		return finish_output();
	case DUMP:
		print_config(config, stdout);
		return finish_output();
	default:
		return serve(command, config, errors);
	}
}

/*
 * True in ExecReload= and other control processes of a unit, whose environment
 * is that of the daemon.  A shell can have inherited the other variables of
 * systemd, such as INVOCATION_ID, from its terminal.
 */
static bool
is_in_unit(void)
{
	return getenv("MAINPID");
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

int
main(int argc, char **argv)
{
	struct command command = { .options.source = &command.source };
	struct error_list errors, warnings;
	struct config *config;
	int status = EX_CONFIG;

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
	parse_command(&command, argc, argv);
	if (command.action != SERVE)
		process_unblock_signals();
	if (command.action == RELOAD)
		return reload_command(command.daemon);
	error_list_init(&errors, source_name(&command.source));
	error_list_init(&warnings, source_name(&command.source));
	errors.warnings = &warnings;
	errors.outside_unit = command.action != SERVE && !is_in_unit();
	config = config_load(&command.source, &errors);
	if (config)
		status = act(&command, config, &errors);
	else if (errors.out_of_memory)
		status = EX_OSERR;
	print_list("warning: ", &warnings);
	print_list("", &errors);
	error_list_free(&warnings);
	error_list_free(&errors);
	config_unref(config);
	source_free(&command.source);
	return status;
}
