/*
 * outcome: how a message ended, or what else was observed.  Pure.
 *
 * Each message ends exactly once, with OUTCOME_ECHOED or with a failure.  The
 * observations at the end of the list are counted beside that.
 */
#ifndef ECHOD_PROBE_OUTCOME_H
#define ECHOD_PROBE_OUTCOME_H

#include <stdbool.h>

/*
 * OUTCOME_x, its name in the report, and whether it makes the exit status 1.
 */
#define OUTCOMES(X) \
	X(ECHOED, "echoed", false) \
	/* No connection. */ \
	X(REFUSED, "refused", true) /* RST, or ICMP "port unreachable" */ \
	X(UNREACHABLE, "unreachable", true) \
	X(CONNECT_TIMEOUT, "connect time-out", true) \
	X(TLS, "TLS handshake", true) \
	X(LOCAL, "local error", true) /* EMFILE, EADDRNOTAVAIL, ... */ \
	/* A connection, but not the whole echo. */ \
	X(TIMEOUT, "time-out", true) /* UDP: lost */ \
	X(RESET, "reset", true) \
	X(EARLY_FIN, "early FIN", true) \
	X(NO_CLOSE_NOTIFY, "FIN without close_notify", true) \
	/* The wrong echo. */ \
	X(CORRUPTED, "wrong byte", true) \
	X(WRONG_PREFIX, "wrong prefix", true) \
	X(WRONG_LENGTH, "wrong length", true) /* UDP */ \
	X(BYTES_LOST, "bytes lost", true) /* later bytes of the same stream */ \
	X(BYTES_DOUBLED, "bytes doubled", true) /* earlier bytes of it */ \
	X(BYTES_FOREIGN, "bytes of another connection", true) \
	X(SURPLUS, "more than the echo", true) \
	X(WRONG_SOURCE, "reply from another address", true) /* UDP */ \
	X(TOO_LARGE, "datagram too large", true)	    /* EMSGSIZE */ \
	/* Observations; no message ends with them. */ \
	X(LATE, "late", true)	    /* UDP: after the time-out */ \
	X(DOUBLED, "doubled", true) /* UDP */ \
	X(FOREIGN, "foreign datagram", \
	  true)				 /* UDP: answers nothing of ours */ \
	X(REORDERED, "reordered", false) /* UDP */ \
	X(RETRIED, "sent again", \
	  false) /* on a new connection, see stream.h */ \
	X(CLOSED, "closed by the server", false) /* between two messages */ \
	X(EXPIRY, "certificate expires", true)	 /* see --expiry */

#define OUTCOME_ENUM(name, text, bad) OUTCOME_##name,
enum outcome { OUTCOMES(OUTCOME_ENUM) OUTCOME_COUNT };
#undef OUTCOME_ENUM

/* "refused"; static. */
const char *outcome_name(enum outcome outcome);

/* "refused", "early_fin": for JSON and for labels; static. */
const char *outcome_key(enum outcome outcome);

/* The exit status is 1 if any of these was counted. */
bool outcome_is_bad(enum outcome outcome);

/* True if it is the end of a message; false for an observation. */
bool outcome_ends_message(enum outcome outcome);

#endif
