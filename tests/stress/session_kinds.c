#include "session_kinds.h"

#define MOST 4000000

/* A fault for every session. */
#define FAULT(...) \
	{ \
		.every = 1, __VA_ARGS__ \
	}

/* clang-format off */
const struct kind kinds[] = {
	{ "chunk", .framing = FRAMED_CHUNKS, .weight = 10, .most = MOST },
	{ "bulk", .weight = 8, .most = 4 * MOST },
	{ "line", .framing = FRAMED_LINES, .weight = 8, .most = MOST },
	{ "ipv6", OVER_IPV6, FRAMED_CHUNKS, .weight = 4, .most = MOST },
	{ "unix", OVER_UNIX, FRAMED_CHUNKS, .weight = 6, .most = MOST },
	{ "abstract", OVER_ABSTRACT, .weight = 4, .most = MOST },
	{ "proxy", .framing = FRAMED_CHUNKS, .proxy = true, .weight = 6,
	  .most = MOST },
	{ "proxy-unix", OVER_UNIX, FRAMED_LINES, .proxy = true, .weight = 3,
	  .most = MOST },
	{ "tls", .framing = FRAMED_CHUNKS, .tls = true, .weight = 8,
	  .most = MOST },
	{ "tls-bulk", .tls = true, .weight = 4, .most = MOST },
	{ "tls-line", .framing = FRAMED_LINES, .tls = true, .weight = 4,
	  .most = MOST },
	{ "tls-unix", OVER_UNIX, .tls = true, .weight = 3, .most = MOST },
	{ "proxy-tls", .framing = FRAMED_CHUNKS, .proxy = true, .tls = true,
	  .weight = 5, .most = MOST },
	{ "moves", .framing = FRAMED_CHUNKS, .presence = PRESENT_MOVES,
	  .weight = 4, .most = 10000 },
	{ "comes", .framing = FRAMED_CHUNKS, .presence = PRESENT_ODD,
	  .weight = 4, .most = 10000 },
	{ "comes-unix", OVER_UNIX, FRAMED_LINES, PRESENT_ODD, .weight = 3,
	  .most = 10000 },

	{ "delay", .framing = FRAMED_CHUNKS, .weight = 3, .most = 200000,
	  .fault = FAULT(.delay = 0.3) },
	{ "rate", .framing = FRAMED_LINES, .weight = 3, .most = 30000,
	  .fault = FAULT(.rate = 20000) },
	{ "corrupt", .framing = FRAMED_CHUNKS, .weight = 3, .most = 300000,
	  .fault = FAULT(.corrupt_every = 1009) },
	{ "close", .weight = 3, .most = 300000,
	  .fault = FAULT(.end = FAULT_close, .after = 5000) },
	{ "close-at-once", .weight = 1, .most = 1000,
	  .fault = FAULT(.end = FAULT_close) },
	{ "close-tls", .framing = FRAMED_LINES, .tls = true, .weight = 3,
	  .most = 100000,
	  .fault = FAULT(.end = FAULT_close, .after = 20000) },
	{ "close-unix", OVER_UNIX, .weight = 2, .most = 100000,
	  .fault = FAULT(.end = FAULT_close, .after = 3000) },
	{ "reset", .framing = FRAMED_CHUNKS, .weight = 3, .most = 300000,
	  .fault = FAULT(.end = FAULT_reset, .after = 10000) },
	{ "reset-tls", .tls = true, .weight = 2, .most = 300000,
	  .fault = FAULT(.end = FAULT_reset, .after = 10000) },
	{ "stall", .weight = 2, .most = 100000, .idle = 10,
	  .fault = FAULT(.end = FAULT_stall, .after = 2000) },
	{ "mixed", .framing = FRAMED_CHUNKS, .weight = 3, .most = 60000,
	  .fault = FAULT(.delay = 0.05, .rate = 50000, .corrupt_every = 100,
			 .end = FAULT_close, .after = 30000) },

	{ "udp", OVER_UDP4, FRAMED_CHUNKS, .weight = 6 },
	{ "udp-ipv6", OVER_UDP6, .weight = 4 },
	{ "status", OVER_HTTP, .weight = 4 },
};
/* clang-format on */

const size_t kind_count = sizeof(kinds) / sizeof(*kinds);
