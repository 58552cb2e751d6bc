#include "probe/probe_options_check.h"

#include <netdb.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "probe/datagrams.h"
#include "probe/proxy_header.h"
#include "probe/socket_options.h"
#include "probe/target.h"

/* SNI of TLS and RFC 7301, 3.1: a length of one byte. */
#define NAME_MAX_LENGTH 255

/* What a target can be, as flags. */
enum target_kind {
	KIND_STREAM = 1,
	KIND_UDP = 2,
	KIND_TLS = 4,
	KIND_IP = 8, /* all but unix: */
};

struct check {
	const struct probe_options *options;
	const bool *given;
	char *reason;
	unsigned kinds; /* of all targets */
};

static const struct pair {
	enum probe_option one, other;
} conflicts[] = {
	{ OPTION_RATE, OPTION_EVERY },
	{ OPTION_UNTIL_SIGNAL, OPTION_COUNT },
	{ OPTION_UNTIL_SIGNAL, OPTION_DURATION },
	/* A message does not wait for anything but room in the socket. */
	{ OPTION_STREAM, OPTION_RATE },
	{ OPTION_STREAM, OPTION_EVERY },
	{ OPTION_STREAM, OPTION_PAUSE },
	{ OPTION_PAUSE, OPTION_RATE },
	{ OPTION_PAUSE, OPTION_EVERY },
	{ OPTION_STREAM, OPTION_RECONNECT },
	{ OPTION_STREAM, OPTION_HALF_CLOSE },
	{ OPTION_LINES, OPTION_CHUNK_SIZE },
	{ OPTION_IPV4, OPTION_IPV6 },
	/* The port stays in TIME-WAIT for a minute (RFC 9293, 3.6). */
	{ OPTION_SOURCE_PORT, OPTION_RECONNECT },
	{ OPTION_SOURCE_PORT, OPTION_HALF_CLOSE },
	{ OPTION_INSECURE, OPTION_CA },
};

/* The first one means nothing without the other. */
static const struct pair dependencies[] = {
	{ OPTION_GSO, OPTION_BURST },
	{ OPTION_PROXY_VERSION, OPTION_PROXY_FROM },
	{ OPTION_KEY, OPTION_CERT },
};

static const struct {
	enum target_kind kind;
	const char *text;
} kinds[] = {
	{ KIND_STREAM, "a target that is not udp://" },
	{ KIND_UDP, "a udp:// target" },
	{ KIND_TLS, "a tls:// target" },
	{ KIND_IP, "a target that is not unix:" },
};

/* Options that mean nothing without a target of this kind. */
static const struct {
	enum probe_option option;
	enum target_kind kind;
} kinds_needed[] = {
	{ OPTION_STREAM, KIND_STREAM },
	{ OPTION_PAUSE, KIND_STREAM },
	{ OPTION_RECONNECT, KIND_STREAM },
	{ OPTION_HALF_CLOSE, KIND_STREAM },
	{ OPTION_CHUNK_SIZE, KIND_STREAM },
	{ OPTION_LINES, KIND_STREAM },
	{ OPTION_PROXY_FROM, KIND_STREAM },
	{ OPTION_BURST, KIND_UDP },
	{ OPTION_GSO, KIND_UDP },
	{ OPTION_CA, KIND_TLS },
	{ OPTION_SERVER_NAME, KIND_TLS },
	{ OPTION_ALPN, KIND_TLS },
	{ OPTION_CERT, KIND_TLS },
	{ OPTION_KEY, KIND_TLS },
	{ OPTION_INSECURE, KIND_TLS },
	{ OPTION_EXPIRY, KIND_TLS },
	{ OPTION_IPV4, KIND_IP },
	{ OPTION_IPV6, KIND_IP },
	{ OPTION_EACH_ADDRESS, KIND_IP },
	{ OPTION_SOURCE, KIND_IP },
	{ OPTION_SOURCE_PORT, KIND_IP },
	{ OPTION_DSCP, KIND_IP },
	{ OPTION_TTL, KIND_IP },
	{ OPTION_NO_FRAGMENT, KIND_IP },
};

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

__attribute__((format(printf, 2, 3))) static const char *
explain(const struct check *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(check->reason, PROBE_OPTIONS_REASON_SIZE, format, arguments);
	va_end(arguments);
	return check->reason;
}

static const char *
name_of(enum probe_option option)
{
	return probe_option_table[option].name;
}

static const char *
check_pairs(const struct check *check)
{
	for (size_t i = 0; i < COUNT_OF(conflicts); i++) {
		const struct pair *pair = &conflicts[i];

		if (check->given[pair->one] && check->given[pair->other])
			return explain(check,
				       "--%s and --%s cannot be combined",
				       name_of(pair->one),
				       name_of(pair->other));
	}
	for (size_t i = 0; i < COUNT_OF(dependencies); i++) {
		const struct pair *pair = &dependencies[i];

		if (check->given[pair->one] && !check->given[pair->other])
			return explain(check, "--%s needs --%s",
				       name_of(pair->one),
				       name_of(pair->other));
	}
	return NULL;
}

static unsigned
kinds_of(enum target_scheme scheme)
{
	switch (scheme) {
	case TARGET_TCP:
		return KIND_STREAM | KIND_IP;
	case TARGET_TLS:
		return KIND_STREAM | KIND_IP | KIND_TLS;
	case TARGET_UDP:
		return KIND_UDP | KIND_IP;
	case TARGET_UNIX:
		break;
	}
	return KIND_STREAM;
}

static const char *
check_urls(struct check *check)
{
	const struct probe_options *options = check->options;
	char why[TARGET_REASON_SIZE];

	if (options->url_count == 0)
		return explain(check, "a URL is missing, such as "
				      "tcp://HOST:PORT");
	for (size_t i = 0; i < options->url_count; i++) {
		const char *url = options->urls[i];

		if (target_check(url, why))
			return explain(check, "%s", why);
		check->kinds |= kinds_of(target_scheme_of(url));
	}
	return NULL;
}

static const char *
text_of(enum target_kind kind)
{
	size_t i = 0;

	while (kinds[i].kind != kind)
		i++;
	return kinds[i].text;
}

static const char *
check_kinds(const struct check *check)
{
	for (size_t i = 0; i < COUNT_OF(kinds_needed); i++)
		if (check->given[kinds_needed[i].option] &&
		    !(check->kinds & kinds_needed[i].kind))
			return explain(check, "--%s needs %s",
				       name_of(kinds_needed[i].option),
				       text_of(kinds_needed[i].kind));
	return NULL;
}

static const char *
check_load(const struct check *check)
{
	const struct probe_options *options = check->options;

	if (options->count > 0 && options->count < options->peers)
		return explain(check,
			       "--count: %ju messages are too few for %u "
			       "connections, each must have one",
			       (uintmax_t)options->count, options->peers);
	if (options->rate > probe_option_table[OPTION_RATE].most)
		return explain(check,
			       "--every: more than %.0f messages a second",
			       probe_option_table[OPTION_RATE].most);
	if (!check->given[OPTION_BURST])
		return NULL;
	/* With a rate, each datagram has a time of its own. */
	if (!options->rate_given || options->rate > 0)
		return explain(check, "--burst needs --rate=max");
	if (options->gso && options->peers > 1)
		return explain(check, "--gso needs --connections=1");
	if (options->gso && options->sizes.least != options->sizes.most)
		return explain(check, "--gso needs one --size for all "
				      "datagrams");
	return NULL;
}

static const char *
check_sizes(const struct check *check)
{
	const struct message_sizes *sizes = &check->options->sizes;

	if (check->kinds & KIND_UDP && sizes->most > DATAGRAM_MAX)
		return explain(check, "--size: a datagram has at most %d bytes",
			       DATAGRAM_MAX);
	/* Such a line can be a part of the prefix. */
	if (check->options->lines && !check->options->framing.prefix &&
	    sizes->least < VERIFIER_LEARN_SIZE)
		return explain(
			check,
			"--size: with lines of fewer than %d bytes, the "
			"prefix cannot be learned: give --prefix, even if it "
			"is empty",
			VERIFIER_LEARN_SIZE);
	return NULL;
}

/* `counts`: addresses of IPv4, and of IPv6. */
static const char *
check_source(const struct check *check, const struct target_address *source,
	     unsigned counts[2])
{
	int family = check->options->socket.family;
	char text[TARGET_ADDRESS_SIZE] = "";

	getnameinfo(&source->sa, source->length, text, sizeof(text), NULL, 0,
		    NI_NUMERICHOST);
	if (family != AF_UNSPEC && source->sa.sa_family != family)
		return explain(check, "--source: %s is not an IPv%d address",
			       text, family == AF_INET ? 4 : 6);
	counts[source->sa.sa_family == AF_INET6]++;
	return NULL;
}

/* An address that no connection takes would be ignored in silence. */
static const char *
check_sources(const struct check *check)
{
	const struct probe_options *options = check->options;
	const struct probe_socket_options *socket = &options->socket;
	size_t places = socket->source_count > 1 ? socket->source_count : 1;
	unsigned counts[2] = { 0 };

	for (size_t i = 0; i < socket->source_count; i++) {
		const char *error =
			check_source(check, &socket->sources[i], counts);

		if (error)
			return error;
	}
	if (!options->reconnect &&
	    (counts[0] > options->peers || counts[1] > options->peers))
		return explain(check, "--source: more addresses than "
				      "--connections");
	/* Division instead of a product that can overflow. */
	if (socket->source_port && options->peers > places / options->url_count)
		return explain(check, "--source-port needs a --source for "
				      "each connection to each target");
	return NULL;
}

static const char *
check_proxy(const struct check *check)
{
	struct target_address client;
	char why[TARGET_REASON_SIZE];
	const char *text = check->options->socket.proxy_from;
	const char *error = text ? proxy_header_parse(text, &client, why) :
				   NULL;

	return error ? explain(check, "--proxy-from: %s", error) : NULL;
}

/* RFC 7301, 3.1: names of 1 to 255 bytes. */
static const char *
check_tls(const struct check *check)
{
	const struct probe_tls_options *tls = &check->options->tls;
	const char *name = tls->alpn;

	if (tls->server_name && strlen(tls->server_name) > NAME_MAX_LENGTH)
		return explain(check, "--server-name: more than %d bytes",
			       NAME_MAX_LENGTH);
	while (name) {
		size_t length = strcspn(name, ",");

		if (length == 0 || length > NAME_MAX_LENGTH)
			return explain(check,
				       "--alpn: each name must have 1 to %d "
				       "bytes",
				       NAME_MAX_LENGTH);
		name = name[length] ? name + length + 1 : NULL;
	}
	return NULL;
}

static const char *
check_files(const struct check *check)
{
	const struct probe_options *options = check->options;

	if (options->prometheus && options->svg &&
	    strcmp(options->prometheus, options->svg) == 0)
		return explain(check,
			       "--prometheus and --svg name the same file");
	return NULL;
}

const char *
probe_options_check(const struct probe_options *options,
		    const bool given[OPTIONS],
		    char reason[PROBE_OPTIONS_REASON_SIZE])
{
	static const char *(*const checks[])(const struct check *check) = {
		check_kinds, check_load, check_sizes, check_sources,
		check_proxy, check_tls,	 check_files,
	};
	struct check check = {
		.options = options,
		.given = given,
		.reason = reason,
	};
	const char *error = check_pairs(&check);

	if (!error)
		error = check_urls(&check);
	for (size_t i = 0; !error && i < COUNT_OF(checks); i++)
		error = checks[i](&check);
	return error;
}
