#include "probe/probe_option_table.h"

#include "probe/probe_options.h"

#define MEMBER(member) \
	offsetof(struct probe_options, member), \
		sizeof(((struct probe_options *)NULL)->member)
#define NO_MEMBER 0, 0
#define NO_RANGE 0, 0

/* clang-format off */
#define FLAG(letter, name, member) \
	{ letter, name, OPTION_IS_FLAG, member, NO_RANGE }
#define WHOLE(letter, name, member, least, most) \
	{ letter, name, OPTION_IS_WHOLE, MEMBER(member), least, most }
#define DECIMAL(letter, name, member, least, most) \
	{ letter, name, OPTION_IS_DECIMAL, MEMBER(member), least, most }
#define TEXT(letter, name, member) \
	{ letter, name, OPTION_IS_TEXT, MEMBER(member), NO_RANGE }
#define OTHER(letter, name, least, most) \
	{ letter, name, OPTION_IS_OTHER, NO_MEMBER, least, most }

/*
 * The limits keep times in nanoseconds far from the end of int64_t, and numbers
 * of messages below 2^53, up to which a double counts without gaps.
 */
const struct probe_option_row probe_option_table[OPTIONS] = {
	[OPTION_CONNECTIONS] = WHOLE('c', "connections", peers, 1, 1000000),
	[OPTION_COUNT] = WHOLE('n', "count", count, 1, 1e15),
	[OPTION_DURATION] = DECIMAL('d', "duration", seconds, 1e-3, 1e8),
	[OPTION_UNTIL_SIGNAL] = FLAG(0, "until-signal", NO_MEMBER),
	[OPTION_EVERY] = OTHER('e', "every", 1e-4, 1e6),
	[OPTION_RATE] = OTHER('r', "rate", 1e-4, 1e9),
	[OPTION_PAUSE] = DECIMAL(0, "pause", pause, 1e-5, 1e6),
	[OPTION_SIZE] = OTHER('s', "size", 1, 1 << 30),
	[OPTION_STREAM] = FLAG(0, "stream", MEMBER(stream)),
	[OPTION_RECONNECT] = FLAG(0, "reconnect", MEMBER(reconnect)),
	[OPTION_HALF_CLOSE] = FLAG(0, "half-close", MEMBER(half_close)),
	[OPTION_BURST] = WHOLE(0, "burst", burst, 1, 1024),
	[OPTION_GSO] = FLAG(0, "gso", MEMBER(gso)),
	[OPTION_TIMEOUT] = DECIMAL('t', "timeout", timeout, 1e-3, 1e6),
	[OPTION_FAIL_FAST] = FLAG(0, "fail-fast", MEMBER(fail_fast)),
	[OPTION_STEP] = FLAG(0, "step", MEMBER(step)),

	[OPTION_PREFIX] = OTHER('p', "prefix", 0, 0),
	[OPTION_CHUNK_SIZE] = WHOLE('k', "chunk-size", framing.chunk_size,
				    1, 1 << 30),
	[OPTION_LINES] = FLAG(0, "lines", MEMBER(lines)),
	[OPTION_BACKEND] = TEXT(0, "backend", backend),

	[OPTION_IPV4] = FLAG('4', "ipv4", NO_MEMBER),
	[OPTION_IPV6] = FLAG('6', "ipv6", NO_MEMBER),
	[OPTION_EACH_ADDRESS] = FLAG(0, "each-address", MEMBER(each_address)),
	[OPTION_SOURCE] = OTHER(0, "source", 0, 0),
	[OPTION_SOURCE_PORT] = WHOLE(0, "source-port", socket.source_port,
				     1, 65535),
	[OPTION_DSCP] = WHOLE(0, "dscp", socket.dscp, 0, 63),
	[OPTION_TTL] = WHOLE(0, "ttl", socket.ttl, 1, 255),
	[OPTION_NO_FRAGMENT] = FLAG(0, "no-fragment",
				    MEMBER(socket.no_fragment)),
	[OPTION_PROXY_FROM] = TEXT(0, "proxy-from", socket.proxy_from),
	[OPTION_PROXY_VERSION] = WHOLE(0, "proxy-version",
				       socket.proxy_version, 1, 2),

	[OPTION_CA] = TEXT(0, "ca", tls.ca),
	[OPTION_SERVER_NAME] = TEXT(0, "server-name", tls.server_name),
	[OPTION_ALPN] = TEXT(0, "alpn", tls.alpn),
	[OPTION_CERT] = TEXT(0, "cert", tls.certificate),
	[OPTION_KEY] = TEXT(0, "key", tls.key),
	[OPTION_INSECURE] = FLAG(0, "insecure", MEMBER(tls.insecure)),
	[OPTION_EXPIRY] = DECIMAL(0, "expiry", tls.expiry_days, 1e-3, 1e5),

	[OPTION_JSON] = FLAG(0, "json", MEMBER(json)),
	[OPTION_PROMETHEUS] = TEXT(0, "prometheus", prometheus),
	[OPTION_SVG] = TEXT(0, "svg", svg),
	[OPTION_QUIET] = FLAG('q', "quiet", MEMBER(quiet)),
	[OPTION_VERSION] = FLAG('V', "version", NO_MEMBER),
	[OPTION_HELP] = FLAG('h', "help", NO_MEMBER),
};
/* clang-format on */
