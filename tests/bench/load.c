/*
 * load: puts an echo server under load, checks every byte that comes back, and
 * prints one line of key=value pairs. See usage() for the options.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "client.h"
#include "ping.h"

struct options {
	struct client_plan plan;
	bool step;
	bool ping;
};

static const char *const mode_names[] = {
	[CLIENT_MESSAGE] = "message",
	[CLIENT_BULK] = "bulk",
	[CLIENT_CONNECT] = "connect",
};

static void
usage(FILE *out)
{
	fputs("usage: load -p PORT (-d SECONDS | -n COUNT) [OPTION]...\n"
	      "  -a, --address=A.B.C.D  of the server (127.0.0.1)\n"
	      "  -p, --port=PORT        of the server\n"
	      "  -m, --mode=message     send, wait for the echo, send again\n"
	      "            bulk         send all the time\n"
	      "            connect      connect, one message, close, again\n"
	      "  -c, --connections=N    at a time (1)\n"
	      "  -s, --size=BYTES       of a message (128)\n"
	      "  -P, --prefix=TEXT      that the server puts before a chunk\n"
	      "  -k, --chunk-size=N     most payload in a chunk (1000)\n"
	      "  -d, --seconds=S        begin nothing new after so long\n"
	      "  -n, --count=N          messages of each connection; in bulk\n"
	      "                         bytes of each connection\n"
	      "  -i, --ping             a 64-byte ping beside the load\n"
	      "  -t, --patience=S       silence that is an error (10)\n"
	      "  -S, --step             print \"ready\" when all are "
	      "connected\n"
	      "                         and read a line before the run; read\n"
	      "                         another before closing\n"
	      "  -h, --help\n"
	      "Exit status: 0 if every byte was right, 1 if not.\n",
	      out);
}

static _Noreturn void
bad_usage(const char *option, const char *value)
{
	fprintf(stderr, "load: %s: bad value \"%s\"\n", option, value);
	exit(EX_USAGE);
}

static uint64_t
number(const char *option, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < least ||
	    value > most)
		bad_usage(option, text);
	return value;
}

static double
seconds(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0 && value < 1e6))
		bad_usage("seconds", text);
	return value;
}

static enum client_mode
mode(const char *text)
{
	for (size_t i = 0; i < sizeof(mode_names) / sizeof(*mode_names); i++)
		if (strcmp(text, mode_names[i]) == 0)
			return i;
	bad_usage("mode", text);
}

static void
set_option(struct options *options, int option, const char *value)
{
	struct client_plan *plan = &options->plan;

	switch (option) {
	case 'a':
		if (inet_pton(AF_INET, value, &plan->server.sin_addr) != 1)
			bad_usage("address", value);
		break;
	case 'p':
		plan->server.sin_port =
			htons((in_port_t)number("port", value, 1, 65535));
		break;
	case 'm':
		plan->mode = mode(value);
		break;
	case 'c':
		plan->connections =
			(unsigned)number("connections", value, 1, 1000000);
		break;
	case 's':
		plan->size = number("size", value, 1, 1 << 30);
		break;
	case 'P':
		plan->framing.prefix = value;
		plan->framing.prefix_length = strlen(value);
		break;
	case 'k':
		plan->framing.chunk_size =
			number("chunk-size", value, 1, 1 << 30);
		break;
	case 'd':
		plan->seconds = seconds(value);
		break;
	case 'n':
		plan->count = number("count", value, 1, UINT64_MAX / 2);
		break;
	case 'i':
		options->ping = true;
		break;
	case 't':
		plan->patience = (unsigned)number("patience", value, 1, 3600);
		break;
	case 'S':
		options->step = true;
		break;
	case 'h':
		usage(stdout);
		exit(EX_OK);
	default:
		usage(stderr);
		exit(EX_USAGE);
	}
}

static void
parse(struct options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "address", required_argument, NULL, 'a' },
		{ "port", required_argument, NULL, 'p' },
		{ "mode", required_argument, NULL, 'm' },
		{ "connections", required_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 's' },
		{ "prefix", required_argument, NULL, 'P' },
		{ "chunk-size", required_argument, NULL, 'k' },
		{ "seconds", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'n' },
		{ "ping", no_argument, NULL, 'i' },
		{ "patience", required_argument, NULL, 't' },
		{ "step", no_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const struct client_plan *plan = &options->plan;
	int option;

	while ((option = getopt_long(argc, argv, "a:p:m:c:s:P:k:d:n:it:Sh",
				     longs, NULL)) != -1)
		set_option(options, option, optarg);
	if (optind != argc || plan->server.sin_port == 0 ||
	    (plan->seconds == 0 && plan->count == 0)) {
		usage(stderr);
		exit(EX_USAGE);
	}
}

/* Tells the parent that all is quiet, and waits for its line. */
static int
step(const struct options *options, const char *word)
{
	char line[16];

	if (word)
		puts(word);
	fflush(stdout);
	if (options->step && !fgets(line, sizeof(line), stdin)) {
		fprintf(stderr, "load: standard input ended\n");
		return -1;
	}
	return 0;
}

static void
print_latency(const char *name, const struct histogram *latency)
{
	printf(" %sp50_us=%.1f %sp99_us=%.1f %sp999_us=%.1f %smax_us=%.1f",
	       name, (double)histogram_at(latency, 0.5) / 1e3, name,
	       (double)histogram_at(latency, 0.99) / 1e3, name,
	       (double)histogram_at(latency, 0.999) / 1e3, name,
	       (double)latency->max / 1e3);
}

static void
print_result(const struct options *options, const struct client_result *result,
	     const struct histogram *pings, unsigned errors)
{
	const struct client_plan *plan = &options->plan;
	double elapsed = (double)result->nanoseconds / 1e9;

	printf("mode=%s connections=%u size=%zu messages=%" PRIu64
	       " bytes=%" PRIu64 " seconds=%.6f",
	       mode_names[plan->mode], plan->connections, plan->size,
	       result->messages, result->bytes, elapsed);
	print_latency("", &result->latency);
	if (options->ping) {
		printf(" pings=%" PRIu64, pings->count);
		print_latency("ping_", pings);
	}
	printf(" silent=%u errors=%u\n", result->silent, errors);
}

static int
run(const struct options *options, struct client *client,
    const struct pattern *pattern, struct histogram *pings)
{
	const struct client_plan *plan = &options->plan;
	struct ping *ping = NULL;
	int status;

	if (client_open(client) < 0)
		return -1;
	if (options->step && step(options, "ready") < 0)
		return -1;
	if (options->ping) {
		ping = ping_start(&plan->server, &plan->framing, pattern,
				  plan->patience, pings);
		if (!ping)
			return -1;
	}
	status = client_run(client);
	if (ping && ping_stop(ping) < 0)
		status = -1;
	return status;
}

int
main(int argc, char **argv)
{
	static struct options options = {
		.plan =
			{
				.mode = CLIENT_MESSAGE,
				.server =
					{
						.sin_family = AF_INET,
					},
				.connections = 1,
				.size = 128,
				.framing = {.prefix = "", .chunk_size = 1000},
				.patience = 10,
			},
	};
	static struct pattern pattern;
	static struct client_result result;
	static struct histogram pings;
	const struct framing *framing = &options.plan.framing;
	struct client *client;
	int status;

	options.plan.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	parse(&options, argc, argv);
	pattern_init(&pattern, framing->prefix_length > 0 ?
				       (unsigned char)framing->prefix[0] :
				       -1);
	client = client_new(&options.plan, &pattern, &result);
	if (!client) {
		perror("load");
		return EX_OSERR;
	}
	status = run(&options, client, &pattern, &pings);
	print_result(&options, &result, &pings, status < 0);
	if (status == 0)
		status = step(&options, NULL);
	if (status == 0)
		status = client_close(client);
	client_free(client);
	return status < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
