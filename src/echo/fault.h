/*
 * fault: misbehaviour on purpose, decided: how much of an echo may go, when the
 * rest of it may, and when there is an end to it.  Pure: times are milliseconds
 * of a monotonic clock that the caller reads.
 *
 * Bytes are counted as they are sent, prefixes included.  Each waits for its
 * delay first, and then, in order, for its share of the rate; behind so many of
 * them comes the end, whatever else there is.
 */
#ifndef ECHOD_ECHO_FAULT_H
#define ECHOD_ECHO_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How it ends behind those bytes: not at all, by FIN, by RST, or in silence,
 * with nothing more either way.
 */
#define FAULT_ENDS(X) \
	X(none) \
	X(close) \
	X(reset) \
	X(stall)

#define FAULT_ENUM(name) FAULT_##name,
enum fault_end { FAULT_ENDS(FAULT_ENUM) FAULT_END_COUNT };
#undef FAULT_ENUM

/* What is wanted of the sessions of a listener. */
struct fault_params {
	unsigned every;		/* of so many sessions one; 0: of none */
	double delay;		/* seconds */
	unsigned rate;		/* bytes a second at most; 0: any */
	unsigned corrupt_every; /* one of so many bytes; 0: none */
	enum fault_end end;
	unsigned after; /* bytes, then the end */
};

/* Whether they are to misbehave at all. */
bool fault_is_set(const struct fault_params *params);

/* Whether session number 1, 2, ... is one that does. */
bool fault_hits(const struct fault_params *params, uint64_t number);

/*
 * NULL, or what makes no sense in these terms; `setting` is then the name of the
 * member to blame.
 */
const char *fault_check(const struct fault_params *params,
			const char **setting);

/* Enough for fault_format() whatever the terms. */
#define FAULT_TEXT_SIZE 160

/* What is not by default, as "every=3 end=reset after=1000". */
const char *fault_format(const struct fault_params *params,
			 char text[FAULT_TEXT_SIZE]);

/* Moments that are told apart within a delay; a fixed number, to be small. */
#define FAULT_MARKS 64

/* So many bytes in all have waited long enough at that time. */
struct fault_mark {
	int64_t due;
	uint64_t bytes;
};

/* One session at it. */
struct fault {
	const struct fault_params *params;
	int64_t delay; /* ms */
	int64_t slot;  /* ms; moments in one of these are not told apart */
	uint64_t come; /* bytes, in all */
	uint64_t ripe; /* of them: the delay is over */
	uint64_t gone; /* of them: sent */
	int64_t paced; /* the rate is kept from then on, and from that byte */
	uint64_t paced_from;
	unsigned first; /* of the marks in use, which are a ring */
	unsigned marks;
	struct fault_mark mark[FAULT_MARKS];
};

/* The terms are borrowed. */
void fault_init(struct fault *fault, const struct fault_params *params);

/*
 * So many bytes more are there to be sent.  Their time counts from `since`: that
 * is `now`, or later where the caller has rounded it up.
 */
void fault_come(struct fault *fault, int64_t now, int64_t since,
		uint64_t bytes);

/* How many of them may go now. */
uint64_t fault_allowed(struct fault *fault, int64_t now);

/* Flips a bit of those bytes among the next ones to go whose turn it is. */
void fault_corrupt(const struct fault *fault, uint64_t from, char *bytes,
		   size_t length);

/* They have gone: at most what was allowed. */
void fault_go(struct fault *fault, int64_t now, uint64_t bytes);

/*
 * When more may go than now.  False where that is a matter of what comes, or
 * there is an end to it.
 */
bool fault_next(const struct fault *fault, int64_t *at);

/* All that is to go before the end has gone. */
bool fault_is_over(const struct fault *fault);

#endif
