/*
 * pump: moves what a peer sent back to it, prefixes added, with a bound on
 * what waits for a peer that does not read.
 *
 * One pump serves all sessions of one worker, from its thread.
 */
#ifndef ECHOD_PUMP_H
#define ECHOD_PUMP_H

#include <stdint.h>

#include "frame.h"

struct bufferevent;
struct pump;

enum pump_state {
	PUMP_EMPTY,  /* all that had been received has been passed on */
	PUMP_FULL,   /* output_limit is reached: stop reading */
	PUMP_FAILED, /* memory is out: the session cannot go on */
};

/* What a call has moved. */
struct pump_tally {
	uint64_t in;
	uint64_t out;
	uint64_t chunks;
};

struct pump *pump_new(void);	   /* NULL where memory is out */
void pump_free(struct pump *pump); /* NULL is fine */

/*
 * Echoes what stands in the input of `bev`, as far as `output_limit` bytes of
 * output allow; the rest stays in the input.  Adds what it has done to `tally`.
 */
enum pump_state pump_run(struct pump *pump, struct bufferevent *bev,
			 const struct frame *frame, size_t output_limit,
			 struct pump_tally *tally);

#endif
