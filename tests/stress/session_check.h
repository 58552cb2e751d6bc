/* session_check: what a session may expect of echod, and its failures. */
#ifndef ECHOD_STRESS_SESSION_CHECK_H
#define ECHOD_STRESS_SESSION_CHECK_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "model.h"
#include "proxy.h"
#include "random.h"
#include "script.h"
#include "stream.h"

enum state {
	STATE_CONNECTS,
	STATE_HEADER,
	STATE_HANDSHAKE,
	STATE_TALKS,
};

struct session {
	struct run *run;
	uint64_t index;
	struct script script;
	struct random random;
	struct stream stream;
	struct event event;
	struct model model;
	enum state state;

	char header[PROXY_HEADER_SIZE];
	size_t header_length;
	size_t header_sent;

	uint64_t sent;
	bool finished; /* half-closed */
	bool deaf;     /* echod takes no more: it has reset */
	bool late;     /* see struct script */
	bool noted;
	int64_t begun;
	int64_t active; /* when the last byte went either way */
	int64_t written;
	int64_t first_sent;
	int64_t read_after; /* a stall ends */
	int64_t write_after;
};

/* End the run with a message about the session. */
_Noreturn void session_fail(const struct session *session, const char *what);
_Noreturn void session_fail_errno(const struct session *session,
				  const char *what, int error);

/* Whether FIN may come now; whether RST may. */
bool session_may_finish(const struct session *session);
bool session_may_reset(const struct session *session);

/* Fails if a byte arrives earlier than the fault's delay and rate allow. */
void session_check_time(const struct session *session);

/* Prints a note, once, if the session takes long. */
void session_report_slow(struct session *session);

#endif
