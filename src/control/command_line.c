#include "control/command_line.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>

void
command_line_print_usage(FILE *out)
{
	fputs("Usage: echod [-c FILE] [-l ADDRESS]... [-p PREFIX] [-s ADDRESS]"
	      " [-e] [-v]\n"
	      "             [-t | -T]\n"
	      "       echod --reload=PID\n"
	      "       echod --example=NAME\n"
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
	      "  -E, --example=NAME    print an example file; without NAME,"
	      " list them\n"
	      "  -r, --reload=PID      make a daemon reload; for ExecReload=\n"
	      "  -e, --stderr          log to standard error instead of"
	      " syslog\n"
	      "  -v, --verbose         log at debug level\n"
	      "  -V, --version         versions of echod and its libraries\n"
	      "  -h, --help            this text\n"
	      "\n"
	      "Signals: SIGHUP reloads, SIGTERM and SIGINT drain, SIGUSR1 logs"
	      " counters.\n"
	      "See echod(8) and echod.conf(5).\n",
	      out);
}

static const char *
choose(struct command_line *command, enum action action)
{
	if (command->action != ACTION_SERVE && command->action != action)
		return "-t and -T cannot be combined";
	command->action = action;
	return NULL;
}

static const char *
take_pid(struct command_line *command, const char *text)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || *end || pid <= 0 || pid > INT_MAX)
		return "--reload needs the number of a process";
	command->action = ACTION_RELOAD;
	command->daemon = (pid_t)pid;
	return NULL;
}

static const char *
take_example(struct command_line *command, const char *name)
{
	command->action = ACTION_EXAMPLE;
	command->example = name;
	return NULL;
}

static const char *
add_listen(struct config_source *source, const char *address)
{
	if (source->listen_count == SOURCE_LISTEN_MAX)
		return "too many --listen: a file can have more addresses";
	source->listen[source->listen_count++] = address;
	return NULL;
}

/* If the last one counted, the others would be ignored silently. */
static const char *
set_once(const char **text, const char *value)
{
	if (*text)
		return "-c, -p and -s can be given once only";
	*text = value;
	return NULL;
}

static const char *
take_option(struct command_line *command, int option)
{
	switch (option) {
	case 'c':
		return *optarg ? set_once(&command->source.file, optarg) :
				 "-c needs the name of a file";
	case 'l':
		return add_listen(&command->source, optarg);
	case 'p':
		return set_once(&command->source.prefix, optarg);
	case 's':
		return set_once(&command->source.status, optarg);
	case 'e':
		command->options.to_stderr = true;
		return NULL;
	case 'v':
		command->options.verbose = true;
		return NULL;
	case 't':
		return choose(command, ACTION_TEST);
	case 'T':
		return choose(command, ACTION_DUMP);
	case 'r':
		return take_pid(command, optarg);
	case 'E':
		return take_example(command, optarg);
	default:
		/* getopt_long(3) has printed the reason. */
		return optopt == 'E' ? take_example(command, NULL) : "";
	}
}

const char *
command_line_parse(struct command_line *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "listen", required_argument, NULL, 'l' },
		{ "prefix", required_argument, NULL, 'p' },
		{ "status", required_argument, NULL, 's' },
		{ "test", no_argument, NULL, 't' },
		{ "dump", no_argument, NULL, 'T' },
		{ "example", required_argument, NULL, 'E' },
		{ "reload", required_argument, NULL, 'r' },
		{ "stderr", no_argument, NULL, 'e' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *reason = NULL;
	int option, count = 0;

	while (!reason &&
	       (option = getopt_long(argc, argv, "c:l:p:s:tTE:r:evVh", options,
				     NULL)) != -1) {
		if (option == 'V' || option == 'h') {
			command->action = option == 'V' ? ACTION_VERSION :
							  ACTION_HELP;
			return NULL;
		}
		reason = take_option(command, option);
		count++;
	}
	if (command->action == ACTION_RELOAD && count > 1)
		reason = "--reload cannot be combined with other options";
	if (command->action == ACTION_EXAMPLE && count > 1)
		reason = "--example cannot be combined with other options";
	if (!reason && optind < argc)
		reason = "no arguments are expected, only options";
	return reason;
}
