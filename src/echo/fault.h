/*
 * fault: fault injection: decides when each byte of an echo can be sent, which
 * bytes are corrupted, and when the session ends.  Pure: times are
 * milliseconds of a monotonic clock that the caller reads.
 *
 * The bytes are those of the output, prefixes included.  Each byte waits for
 * the delay, then, in order, for the rate.  After `after` bytes the session
 * ends.
 */
#ifndef ECHOD_ECHO_FAULT_H
#define ECHOD_ECHO_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What happens after `after` bytes: nothing, a FIN, a RST, or a stall: the
 * session stays open, and neither sends nor receives any more.
 */
#define FAULT_ENDS(X) \
	X(none) \
	X(close) \
	X(reset) \
	X(stall)

#define FAULT_ENUM(name) FAULT_##name,
enum fault_end { FAULT_ENDS(FAULT_ENUM) FAULT_END_COUNT };
#undef FAULT_ENUM

/* The settings of a listener. */
struct fault_params {
	unsigned every;		/* every n-th session has the fault; 0: none */
	double delay;		/* seconds */
	unsigned rate;		/* bytes a second at most; 0: no limit */
	unsigned corrupt_every; /* every n-th byte sent; 0: none */
	enum fault_end end;
	unsigned after; /* bytes sent before the end */
};

/* True if `every` is not 0 and at least one fault is set. */
bool fault_is_set(const struct fault_params *params);

/* True if session number 1, 2, ... has the fault. */
bool fault_hits(const struct fault_params *params, uint64_t number);

/*
 * NULL, or the reason why these settings make no sense together; `setting` is
 * then the name of the member that the error is about.
 */
const char *fault_check(const struct fault_params *params,
			const char **setting);

/* Holds the result of fault_format() for all settings. */
#define FAULT_TEXT_SIZE 160

/* `every` and all that is set, as "every=3 end=reset after=1000". */
const char *fault_format(const struct fault_params *params,
			 char text[FAULT_TEXT_SIZE]);

/* Size of the ring of marks.  The delay has FAULT_MARKS - 2 slots. */
#define FAULT_MARKS 64

/* At `due`, the delay of the first `bytes` bytes of the session is over. */
struct fault_mark {
	int64_t due;
	uint64_t bytes;
};

/* The state of one session. */
struct fault {
	const struct fault_params *params;
	int64_t delay;	     /* ms */
	int64_t slot;	     /* ms; bytes of one slot have one mark */
	uint64_t queued;     /* bytes, in all */
	uint64_t delayed;    /* bytes, in all, whose delay is over */
	uint64_t sent;	     /* bytes, in all */
	int64_t paced_since; /* the rate counts from this time on, */
	uint64_t paced_from; /* and from this byte on */
	unsigned first;	     /* mark in use; the marks are a ring */
	unsigned marks;
	struct fault_mark mark[FAULT_MARKS];
};

/* Borrows `params`. */
void fault_init(struct fault *fault, const struct fault_params *params);

/*
 * Adds `bytes` to the end of the output.  Their delay begins at `since`, which
 * is `now`, or a little later if the caller's clock has been rounded up.
 */
void fault_come(struct fault *fault, int64_t now, int64_t since,
		uint64_t bytes);

/*
 * How many bytes can be sent now.  With a rate, about a tenth of a second's at
 * most.
 */
uint64_t fault_allowed(struct fault *fault, int64_t now);

/*
 * Flips a bit in every n-th byte sent.  `bytes` will be sent after `from` other
 * bytes that have not been sent yet.
 */
void fault_corrupt(const struct fault *fault, uint64_t from, char *bytes,
		   size_t length);

/*
 * Call it once after fault_allowed(), with the same `now` and the bytes sent:
 * at most those allowed.
 */
void fault_go(struct fault *fault, int64_t now, uint64_t bytes);

/*
 * Sets `at` to the time at which more bytes can be sent, possibly in the past.
 * False if all bytes have been sent, or if the session ends before the next
 * byte.
 */
bool fault_next(const struct fault *fault, int64_t *at);

/* True if `after` bytes have been sent, and the session must end. */
bool fault_is_over(const struct fault *fault);

#endif
