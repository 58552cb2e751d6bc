#include "probe/probe_options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "probe/probe_option_table.h"
#include "probe/probe_options_check.h"
#include "probe/socket_options.h"

#define DEFAULT_SIZE 128
#define DEFAULT_TIMEOUT 5
#define DEFAULT_PROXY_VERSION 2

/* What getopt_long() returns for a long option: this and its place. */
#define LONG_OPTION 256

/* Two characters a letter, and the NUL. */
#define LETTERS_SIZE (2 * OPTIONS + 1)

struct parser {
	struct probe_options *options;
	bool given[OPTIONS];
	double every; /* seconds */
};

__attribute__((format(printf, 3, 4))) static const char *
refuse(struct parser *parser, enum probe_option option, const char *format, ...)
{
	char *reason = parser->options->reason;
	int length = snprintf(reason, PROBE_OPTIONS_REASON_SIZE,
			      "--%s: ", probe_option_table[option].name);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason + length, PROBE_OPTIONS_REASON_SIZE - (size_t)length,
		  format, arguments);
	va_end(arguments);
	return reason;
}

/* ---- numbers */

static const char *
refuse_number(struct parser *parser, enum probe_option option, const char *text)
{
	const struct probe_option_row *row = &probe_option_table[option];

	return refuse(parser, option,
		      "\"%.100s\" is not a %snumber from %.16g to %.16g", text,
		      row->type == OPTION_IS_WHOLE ? "whole " : "", row->least,
		      row->most);
}

/*
 * strtoumax() and strtod() accept signs, spaces, "inf" and "0x1p3" too.  If a
 * number is too large for them, it is above every limit as well.
 */
static bool
read_whole(const char *text, char **end, uintmax_t *value)
{
	size_t digits = strspn(text, "0123456789");

	*value = strtoumax(text, end, 10);
	return digits > 0;
}

static bool
read_decimal(const char *text, double *value)
{
	char *end;

	if (text[strspn(text, "0123456789.")] != '\0')
		return false;
	*value = strtod(text, &end);
	return end != text && *end == '\0';
}

static const char *
take_whole(struct parser *parser, enum probe_option option, const char *text,
	   void *member)
{
	const struct probe_option_row *row = &probe_option_table[option];
	uintmax_t value;
	char *end;

	if (!read_whole(text, &end, &value) || *end != '\0' ||
	    (double)value < row->least || (double)value > row->most)
		return refuse_number(parser, option, text);
	if (row->size == sizeof(uint16_t))
		*(uint16_t *)member = (uint16_t)value;
	else if (row->size == sizeof(uint32_t))
		*(uint32_t *)member = (uint32_t)value;
	else
		*(uint64_t *)member = value;
	return NULL;
}

static const char *
take_decimal(struct parser *parser, enum probe_option option, const char *text,
	     double *value)
{
	const struct probe_option_row *row = &probe_option_table[option];

	if (!read_decimal(text, value) || *value < row->least ||
	    *value > row->most)
		return refuse_number(parser, option, text);
	return NULL;
}

/* ---- values of other forms */

static const char *
take_rate(struct parser *parser, const char *text)
{
	struct probe_options *options = parser->options;

	options->rate_given = true;
	if (strcmp(text, "max") == 0)
		return NULL;
	if (take_decimal(parser, OPTION_RATE, text, &options->rate))
		return refuse(parser, OPTION_RATE,
			      "\"%.100s\" is not max, and not a number from "
			      "%.16g to %.16g",
			      text, probe_option_table[OPTION_RATE].least,
			      probe_option_table[OPTION_RATE].most);
	return NULL;
}

static bool
read_size(const char **text, size_t *size)
{
	const struct probe_option_row *row = &probe_option_table[OPTION_SIZE];
	uintmax_t value;
	char *end;

	if (!read_whole(*text, &end, &value) || (double)value < row->least ||
	    (double)value > row->most)
		return false;
	*size = (size_t)value;
	*text = end;
	return true;
}

/* N[-M[/STEP]] */
static const char *
take_size(struct parser *parser, const char *text)
{
	struct message_sizes *sizes = &parser->options->sizes;
	const char *rest = text;
	bool valid = read_size(&rest, &sizes->least);

	sizes->most = sizes->least;
	if (valid && *rest == '-') {
		rest++;
		valid = read_size(&rest, &sizes->most);
		if (valid && *rest == '/') {
			rest++;
			valid = read_size(&rest, &sizes->step);
		}
	}
	if (!valid || *rest != '\0')
		return refuse(parser, OPTION_SIZE,
			      "\"%.100s\" is not N, N-M or N-M/STEP, each from "
			      "%.16g to %.16g",
			      text, probe_option_table[OPTION_SIZE].least,
			      probe_option_table[OPTION_SIZE].most);
	if (sizes->most < sizes->least)
		return refuse(parser, OPTION_SIZE,
			      "%.100s: the first size is the larger one", text);
	if (sizes->step > sizes->most - sizes->least)
		return refuse(parser, OPTION_SIZE,
			      "%.100s: the step leads beyond the last size",
			      text);
	return NULL;
}

static const char *
take_source(struct parser *parser, const char *text, size_t length)
{
	struct probe_socket_options *socket = &parser->options->socket;
	char why[TARGET_REASON_SIZE], copy[TARGET_ADDRESS_SIZE];
	const char *error;

	if (length >= sizeof(copy))
		return refuse(parser, OPTION_SOURCE,
			      "\"%.100s\" is too long for an address", text);
	memcpy(copy, text, length);
	copy[length] = '\0';
	error = source_parse(copy, &socket->sources[socket->source_count], why);
	if (error)
		return refuse(parser, OPTION_SOURCE, "%s", error);
	socket->source_count++;
	return NULL;
}

/* ADDRESS[,ADDRESS]... */
static const char *
take_sources(struct parser *parser, const char *text)
{
	struct probe_socket_options *socket = &parser->options->socket;
	const char *error = NULL;
	size_t count = 1;

	for (const char *at = text; (at = strchr(at, ',')); at++)
		count++;
	socket->sources = calloc(count, sizeof(*socket->sources));
	if (!socket->sources)
		return strerror(ENOMEM);
	while (!error && count-- > 0) {
		size_t length = strcspn(text, ",");

		error = take_source(parser, text, length);
		text += length + 1;
	}
	return error;
}

static const char *
take_other(struct parser *parser, enum probe_option option, const char *text)
{
	switch (option) {
	case OPTION_EVERY:
		return take_decimal(parser, option, text, &parser->every);
	case OPTION_RATE:
		return take_rate(parser, text);
	case OPTION_SIZE:
		return take_size(parser, text);
	case OPTION_SOURCE:
		return take_sources(parser, text);
	default: /* OPTION_PREFIX, which can be empty */
		parser->options->framing.prefix = text;
		parser->options->framing.prefix_length = strlen(text);
		return NULL;
	}
}

/* ---- the command line */

static const char *
take_option(struct parser *parser, enum probe_option option, const char *text)
{
	const struct probe_option_row *row = &probe_option_table[option];
	void *member = (char *)parser->options + row->offset;

	/* If the last one counted, the others would be ignored in silence. */
	if (parser->given[option] && text)
		return refuse(parser, option, "it can be given once only");
	parser->given[option] = true;
	switch (row->type) {
	case OPTION_IS_FLAG:
		if (row->size > 0)
			*(bool *)member = true;
		return NULL;
	case OPTION_IS_WHOLE:
		return take_whole(parser, option, text, member);
	case OPTION_IS_DECIMAL:
		return take_decimal(parser, option, text, member);
	case OPTION_IS_TEXT:
		*(const char **)member = text;
		return *text ? NULL :
			       refuse(parser, option, "its value is empty");
	case OPTION_IS_OTHER:
		break;
	}
	return take_other(parser, option, text);
}

/* The table in the two forms that getopt_long() needs. */
static void
make_forms(struct option longs[OPTIONS + 1], char letters[LETTERS_SIZE])
{
	for (int i = 0; i < OPTIONS; i++) {
		const struct probe_option_row *row = &probe_option_table[i];
		bool has_value = row->type != OPTION_IS_FLAG;

		longs[i] = (struct option){
			.name = row->name,
			.has_arg = has_value ? required_argument : no_argument,
			.val = LONG_OPTION + i,
		};
		if (!row->letter)
			continue;
		*letters++ = row->letter;
		if (has_value)
			*letters++ = ':';
	}
	longs[OPTIONS] = (struct option){ 0 };
	*letters = '\0';
}

static enum probe_option
find_option(int found)
{
	int option = 0;

	if (found >= LONG_OPTION)
		return (enum probe_option)(found - LONG_OPTION);
	while (option < OPTIONS && probe_option_table[option].letter != found)
		option++;
	return (enum probe_option)option;
}

/* Up to --help or --version, if there is one. */
static const char *
take_options(struct parser *parser, int argc, char **argv)
{
	struct option longs[OPTIONS + 1];
	char letters[LETTERS_SIZE];
	const char *error = NULL;
	int found;

	make_forms(longs, letters);
	while (!error && parser->options->action == PROBE_RUN &&
	       (found = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		enum probe_option option = find_option(found);

		if (option == OPTIONS)
			error = ""; /* getopt_long() has printed the reason */
		else if (option == OPTION_HELP)
			parser->options->action = PROBE_HELP;
		else if (option == OPTION_VERSION)
			parser->options->action = PROBE_VERSION;
		else
			error = take_option(parser, option,
					    optarg ? optarg : "");
	}
	return error;
}

static void
set_defaults(struct probe_options *options)
{
	options->peers = 1;
	options->burst = 1;
	options->timeout = DEFAULT_TIMEOUT;
	options->sizes.least = options->sizes.most = DEFAULT_SIZE;
	options->framing.chunk_size = SIZE_MAX;
	options->socket.family = AF_UNSPEC;
	options->socket.dscp = options->socket.ttl = -1;
	options->socket.proxy_version = DEFAULT_PROXY_VERSION;
}

/* What follows from several options. */
static void
derive(struct probe_options *options, const struct parser *parser)
{
	const bool *given = parser->given;

	if (!given[OPTION_COUNT] && !given[OPTION_DURATION] &&
	    !given[OPTION_UNTIL_SIGNAL])
		options->count = (uint64_t)PROBE_DEFAULT_COUNT * options->peers;
	if (given[OPTION_EVERY]) {
		options->rate = options->peers / parser->every;
		options->rate_given = true;
	}
	if (options->half_close)
		options->reconnect = true;
	options->framing.lines = options->lines;
	if (given[OPTION_IPV4])
		options->socket.family = AF_INET;
	else if (given[OPTION_IPV6])
		options->socket.family = AF_INET6;
}

const char *
probe_options_parse(struct probe_options *options, int argc, char **argv)
{
	struct parser parser = { .options = options };
	const char *error;

	set_defaults(options);
	error = take_options(&parser, argc, argv);
	if (error || options->action != PROBE_RUN)
		return error;
	options->urls = argv + optind;
	options->url_count = (size_t)(argc - optind);
	derive(options, &parser);
	return probe_options_check(options, parser.given, options->reason);
}

void
probe_options_free(struct probe_options *options)
{
	free(options->socket.sources);
	options->socket.sources = NULL;
	options->socket.source_count = 0;
}

/* ---- the help */

/* One text for each group, because C11 promises 4095 bytes of a literal. */
static const char *const usage[] = {
	"Usage: echoprobe [OPTION]... URL...\n"
	"Probes echo servers: sends messages and checks every byte that"
	" comes back.\n"
	"\n"
	"URL: tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT,"
	" unix:PATH, unix:@NAME\n",
	"\n"
	"Load, for each target:\n"
	"  -c, --connections=N     connections, or UDP peers; default"
	" 1\n"
	"  -n, --count=N           messages of all connections; default"
	" 5 for each\n"
	"  -d, --duration=S        begin no message after S seconds\n"
	"      --until-signal      until SIGINT or SIGTERM\n"
	"  -e, --every=S           a message of each connection every S"
	" seconds\n"
	"  -r, --rate=N|max        N messages a second, or as fast as"
	" echoes come back;\n"
	"                          default max; UDP: one a second and"
	" peer\n"
	"      --pause=S           wait about S seconds between two"
	" messages\n"
	"  -s, --size=N[-M[/STEP]] bytes of a message, default 128; up"
	" to M at random,\n"
	"                          or growing by STEP\n"
	"      --stream            send without waiting for the echo\n"
	"      --reconnect         a connection for each message\n"
	"      --half-close        send a message and FIN, then await"
	" the echo and FIN\n"
	"      --burst=N           UDP: N datagrams at a time, with"
	" --rate=max\n"
	"      --gso               UDP: a burst in one system call"
	" (UDP_SEGMENT)\n"
	"  -t, --timeout=S         seconds for a connection, an echo;"
	" default 5\n"
	"      --fail-fast         stop at the first failure\n"
	"      --step              open all connections, print \"ready\","
	" then wait for\n"
	"                          a line; wait again before they are"
	" closed\n",
	"\n"
	"Framing:\n"
	"  -p, --prefix=TEXT       prefix of the echo; default: learn"
	" it\n"
	"  -k, --chunk-size=N      the prefix precedes each N bytes, at"
	" the latest\n"
	"      --lines             messages are lines, with a prefix"
	" each\n"
	"      --backend=REGEX     the name of a backend in its prefix\n",
	"\n"
	"Network:\n"
	"  -4, --ipv4              IPv4 only\n"
	"  -6, --ipv6              IPv6 only\n"
	"      --each-address      each address of a name is a target\n"
	"      --source=ADDR[,ADDR]...\n"
	"                          source addresses, in turns\n"
	"      --source-port=PORT  source port\n"
	"      --dscp=N            DSCP, 0 to 63\n"
	"      --ttl=N             TTL or hop limit, 1 to 255\n"
	"      --no-fragment       set the DF bit\n"
	"      --proxy-from=ADDR[:PORT]\n"
	"                          send a PROXY header with this"
	" client\n"
	"      --proxy-version=1|2 its version; default 2\n",
	"\n"
	"TLS:\n"
	"      --ca=FILE           CA certificates; default: those of the"
	" system\n"
	"      --server-name=NAME  name for SNI and the certificate\n"
	"      --alpn=NAME[,NAME]...\n"
	"                          protocols for ALPN\n"
	"      --cert=FILE         client certificate\n"
	"      --key=FILE          its key; default: in the file of"
	" --cert\n"
	"      --insecure          do not verify the server\n"
	"      --expiry=DAYS       fail if the certificate expires"
	" sooner\n",
	"\n"
	"Output:\n"
	"      --json              JSON Lines instead of text\n"
	"      --prometheus=FILE   for node_exporter, each second\n"
	"      --svg=FILE          a picture of the run, with gnuplot\n"
	"  -q, --quiet             no line for each second\n"
	"  -V, --version           version of echoprobe\n"
	"  -h, --help              this text\n",
	"\n"
	"Exit status:\n"
	"   0  all was right\n"
	"   1  something was lost or wrong\n"
	"   2  no target could be reached\n"
	"  64  wrong options\n"
	"  71  error of the operating system\n"
	"  73  a file could not be written\n"
	"\n"
	"See echoprobe(1).\n",
};

void
probe_options_print_usage(FILE *out)
{
	for (size_t i = 0; i < sizeof(usage) / sizeof(*usage); i++)
		fputs(usage[i], out);
}
