/*
 * deadlines: when a session times out, or reads on although output waits.
 * Pure: times are milliseconds of a monotonic clock that the caller reads.
 *
 * The peer must take its echo in time:
 *
 * 1. When echo becomes owed to it, the peer gets `unread` ms.
 * 2. Each check (deadlines_look()) adds time for the bytes taken since the last
 *    one: a second for every `rate` bytes.  The time left is `unread` at most.
 * 3. If the peer took all that the last check found owed, the time left is
 *    `unread` again.  If `rate` is 0, any byte has this effect.
 * 4. When the time is over, the session times out.  When nothing is owed, there
 *    is no time limit.
 *
 * So a peer that takes nothing times out after `unread`; one slower than
 * `rate`, somewhat later; one that keeps up, never, even if it reads in bursts.
 *
 * "Taken" means acknowledged by the peer's host; for a unix socket, read by the
 * peer.  Writes to the socket show less: its buffer holds megabytes, and it
 * reports room only when a third of that is free.
 */
#ifndef ECHOD_TCP_DEADLINES_H
#define ECHOD_TCP_DEADLINES_H

#include <stdbool.h>
#include <stdint.h>

/* Ms without a byte until the peer counts as not reading for now. */
#define DEADLINES_ABSORB 20

/* One session.  The caller zeroes it, and keeps `active` up to date. */
struct deadlines {
	int64_t active;	  /* time of the last byte, in or out */
	int64_t runs_out; /* when owed echo times out; 0: none is owed */
	int64_t looked;	  /* time of the last check */
	uint64_t taken;	  /* bytes, at the last check */
	uint64_t owed;	  /* bytes, at the last check */
};

/* Limits in ms; 0: no limit. */
struct deadlines_limits {
	int64_t idle;	 /* without a byte, in or out */
	int64_t unread;	 /* until owed echo is taken */
	unsigned rate;	 /* bytes a second; 0: any byte resets `unread` */
	bool may_absorb; /* input can be read although output waits */
};

enum deadlines_due {
	DEADLINES_NOTHING,
	DEADLINES_ABSORBS, /* read on: the peer has stopped reading for now */
	DEADLINES_LOOKS,   /* check what it has taken: deadlines_look() */
	DEADLINES_UNREAD,  /* time-out: the peer has not taken its echo */
	DEADLINES_IDLE,	   /* time-out: no byte, in or out */
};

/* The ms of a setting in seconds: 0 for 0, at least 1 for more. */
int64_t deadlines_ms(double seconds);

/*
 * Echo becomes owed: of the `sent` bytes in all, the peer has not taken `owed`.
 * Call it only if deadlines_is_owed() is false.  No effect if `unread` is 0.
 */
void deadlines_owe(struct deadlines *deadlines,
		   const struct deadlines_limits *limits, int64_t now,
		   uint64_t sent, uint64_t owed);
bool deadlines_is_owed(const struct deadlines *deadlines);

/*
 * The result of a check: of the `sent` bytes in all, the peer has not taken
 * `owed`.  Call it only if deadlines_is_owed() is true.
 */
void deadlines_look(struct deadlines *deadlines,
		    const struct deadlines_limits *limits, int64_t now,
		    uint64_t sent, uint64_t owed);

/* Adds `late` ms, in which the daemon did not run, to the time for the echo. */
void deadlines_excuse(struct deadlines *deadlines, int64_t late);

/*
 * What is due next; `at` is set to its time, which can be over.
 * DEADLINES_NOTHING: no limit applies, and `at` is not set.
 */
enum deadlines_due deadlines_next(const struct deadlines *deadlines,
				  const struct deadlines_limits *limits,
				  int64_t *at);

#endif
