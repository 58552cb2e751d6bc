/*
 * patience: how long a session waits for its peer, and what is due then.  Pure:
 * times are milliseconds of a monotonic clock that the caller reads.
 */
#ifndef ECHOD_PATIENCE_H
#define ECHOD_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

/* A peer that has read nothing for so long is not merely slower than us. */
#define PATIENCE_ABSORB 20

/* What has happened so far. */
struct patience {
	int64_t active;	 /* the last byte, either way */
	int64_t written; /* the last byte out, while some wait */
};

/* What is waited for, and how long at most; 0: for ever. */
struct patience_limits {
	int64_t idle;	 /* a byte, either way */
	int64_t unread;	 /* a byte out; 0 where none waits */
	bool may_absorb; /* input may be read although output waits */
};

enum patience_due {
	PATIENCE_NOTHING,
	PATIENCE_ABSORBS, /* read on: the peer does not read for now */
	PATIENCE_UNREAD,  /* it has taken nothing of what waits */
	PATIENCE_IDLE,	  /* nothing has been heard or sent */
};

/* Settings have seconds; what is more than none is at least a millisecond. */
int64_t patience_ms(double seconds);

/*
 * What is due next, and `at` which time; PATIENCE_NOTHING where it can go on
 * like this for ever.
 */
enum patience_due patience_next(const struct patience *patience,
				const struct patience_limits *limits,
				int64_t *at);

#endif
