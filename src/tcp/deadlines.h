/*
 * deadlines: how long a session waits for its peer, and what is due
 * then.  Pure: times are milliseconds of a monotonic clock that the caller
 * reads.
 *
 * A peer that is owed echo has a stock of time, filled to `unread` when the
 * first of it is sent.  It runs out as time does.  What the peer takes fills it
 * up again: to the brim where the peer has taken all that it was owed when it
 * was looked at last, else by the time that so many bytes take at the least
 * rate.  So one that takes nothing is waited for as long as it says, one that
 * takes less than that rate a while longer, and one that takes more, or all
 * that there is, for ever, though it may read in bursts.
 *
 * Taken is what the peer's host has acknowledged.  What our kernel lets us
 * write tells less: it takes bytes into a buffer of megabytes, and asks for
 * more only when a third of that is free.
 */
#ifndef ECHOD_TCP_DEADLINES_H
#define ECHOD_TCP_DEADLINES_H

#include <stdbool.h>
#include <stdint.h>

/* A peer that has read nothing for so long is not merely slower than us. */
#define DEADLINES_ABSORB 20

/* What has happened so far. */
struct deadlines {
	int64_t active;	  /* the last byte, either way */
	int64_t runs_out; /* 0: the peer is not known to be owed anything */
	int64_t looked;	  /* at the peer, the last time, while it is owed */
	uint64_t taken;	  /* bytes, as of then */
	uint64_t owed;	  /* likewise */
};

/* What is waited for, and how long at most; 0: for ever. */
struct deadlines_limits {
	int64_t idle;	 /* a byte, either way */
	int64_t unread;	 /* what is owed to be taken */
	unsigned rate;	 /* bytes a second that buy more time; 0: any does */
	bool may_absorb; /* input may be read although output waits */
};

enum deadlines_due {
	DEADLINES_NOTHING,
	DEADLINES_ABSORBS, /* read on: the peer does not read for now */
	DEADLINES_LOOKS,   /* see what it has taken: deadlines_look() */
	DEADLINES_UNREAD,  /* the peer has not taken what it is owed */
	DEADLINES_IDLE,	   /* nothing has been heard or sent */
};

/* Settings have seconds; what is more than none is at least a millisecond. */
int64_t deadlines_ms(double seconds);

/*
 * Of `sent` bytes in all the peer is owed so many, as it was not before: to be
 * told where deadlines_is_owed() is false.
 */
void deadlines_owe(struct deadlines *deadlines,
		   const struct deadlines_limits *limits, int64_t now,
		   uint64_t sent, uint64_t owed);
bool deadlines_is_owed(const struct deadlines *deadlines);

/* The peer has been looked at: it is still owed so many of `sent` bytes. */
void deadlines_look(struct deadlines *deadlines,
		    const struct deadlines_limits *limits, int64_t now,
		    uint64_t sent, uint64_t owed);

/* For so long the daemon has not run: it is not the peer who pays for that. */
void deadlines_excuse(struct deadlines *deadlines, int64_t late);

/*
 * What is due next, and `at` which time; DEADLINES_NOTHING where it can go on
 * like this for ever.
 */
enum deadlines_due deadlines_next(const struct deadlines *deadlines,
				  const struct deadlines_limits *limits,
				  int64_t *at);

#endif
