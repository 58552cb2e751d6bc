/*
 * pump: moves what a peer sent back to it, prefixes added, with a bound on
 * what waits for a peer that does not read.
 *
 * Where nothing stands between a session and its socket the pump receives and
 * sends by itself.  What the socket refuses goes into the output of the
 * session's bufferevent, and nothing more is read until that is empty, or else
 * goes behind it: so the order of bytes is kept.  (By way of the bufferevent's input a
 * small message costs an ioctl(2) and twice the cache lines, and bulk is read in
 * pieces of 4096 bytes.)
 *
 * One pump serves all sessions of one worker, from its thread.
 */
#ifndef ECHOD_PUMP_H
#define ECHOD_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

struct bufferevent;
struct evbuffer;
struct pump;

enum pump_path {
	PUMP_BUFFERED, /* input and output are the bufferevent's */
	PUMP_DIRECT,   /* input is the socket's, and output where it can be */
};

enum pump_state {
	PUMP_EMPTY,  /* wait for more, or for another turn */
	PUMP_FULL,   /* stop reading: enough output waits */
	PUMP_ENDED,  /* the peer has sent FIN, all of it has been passed on */
	PUMP_FAILED, /* errno tells: the session cannot go on */
};

/*
 * What one call may take off a socket, in bytes: more where there is nothing but
 * bulk, so that it costs fewer calls, less where small messages wait for it.
 */
#define PUMP_BUDGET (512 * 1024)
#define PUMP_BUDGET_SHARED (64 * 1024)

/* What is done for one session. */
struct pump_job {
	struct bufferevent *bev;
	const struct frame *frame;
	struct evbuffer *detour; /* on the buffered path, takes the output */
	size_t output_limit;	 /* bytes */
	size_t budget;		 /* PUMP_BUDGET at most */
	enum pump_path path;
	bool absorb;	    /* read on although output waits, to the limit */
	bool in_line;	    /* as frame_layout() has it, kept between calls */
	unsigned char bulk; /* the pump's own; 0 at first, kept between calls */
};

/* What calls have moved. */
struct pump_tally {
	uint64_t in;
	uint64_t out;
	uint64_t chunks;
};

/* NULL where memory is out. */
struct pump *pump_new(void);
void pump_free(struct pump *pump); /* NULL is fine */

/*
 * Echoes what there is, as far as `output_limit` bytes of output allow; the
 * rest stays where it is.  Adds what it has done to `tally`.
 *
 * On the direct path a call takes a bounded number of bytes off the socket, so
 * that one bulk session does not starve the others.  The end of a buffered
 * stream is the bufferevent's to tell.
 */
enum pump_state pump_run(struct pump *pump, struct pump_job *job,
			 struct pump_tally *tally);

#endif
