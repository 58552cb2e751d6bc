/*
 * session_kinds: the kinds of sessions. Each has its own listener, with the
 * same name.
 */
#ifndef ECHOD_STRESS_SESSION_KINDS_H
#define ECHOD_STRESS_SESSION_KINDS_H

#include <stdbool.h>
#include <stddef.h>

#include "echo/fault.h"

enum protocol {
	OVER_IPV4,
	OVER_IPV6,
	OVER_UNIX,
	OVER_ABSTRACT,
	OVER_UDP4,
	OVER_UDP6,
	OVER_HTTP,
};

enum framing {
	FRAMED_NOT, /* no prefix */
	FRAMED_CHUNKS,
	FRAMED_LINES,
};

enum presence {
	PRESENT_ALWAYS,
	PRESENT_ODD,   /* in configurations with an odd version */
	PRESENT_MOVES, /* always, at 127.0.0.1 or at 0.0.0.0 */
};

struct kind {
	const char *name;
	enum protocol protocol;
	enum framing framing;
	enum presence presence;
	bool proxy;
	bool tls;
	double idle; /* idle_timeout in seconds; 0: the default */
	struct fault_params fault;
	unsigned weight; /* how often it is chosen */
	unsigned most;	 /* bytes that a session sends at most */
};

extern const struct kind kinds[];
extern const size_t kind_count;

#endif
