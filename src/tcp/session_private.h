/*
 * session_private: the members of a session, for the session*.c files only.
 */
#ifndef ECHOD_TCP_SESSION_PRIVATE_H
#define ECHOD_TCP_SESSION_PRIVATE_H

#include <stdint.h>

#include "base/timer_wheel.h"
#include "tcp/connection_info.h"
#include "tcp/deadlines.h"
#include "tcp/session.h"

enum session_state {
	SESSION_OPEN,
	SESSION_FINISHING, /* the peer's FIN is here; its echo is not sent */
	SESSION_DRAINING,  /* drains; received bytes are not echoed yet */
	SESSION_FAULT_END, /* the fault ends it; output is not sent yet */
	SESSION_LINGERING, /* our FIN is sent; the peer's is not here */
};

/* There are 10,000 of these and more: mind the size and padding. */
struct session {
	struct transport transport;
	struct wheel_timer timer;
	struct connection_info info; /* its listener is referenced */
	const struct frame *frame;
	uint64_t due; /* drain: echo until this many bytes are received */
	struct deadlines deadlines;
	int64_t started; /* ms */
	LIST_ENTRY(session) link;
	enum session_state state : 8;
	bool is_drained; /* session_drain() was called */
	bool is_excused; /* its time-out was put off: session_timeouts.c */
	bool is_logged;	 /* the line "Connection from" is written */
	bool has_fault;
};

/*
 * The arrival is logged with the first byte, or after this time in ms: a health
 * check that only connects has ended by then.
 */
#define SESSION_SILENT_MS 1000

struct session_context *session_context_of(const struct session *session);

/* As session_close() for a fault, with RST. */
void session_abort(struct session *session);

#endif
