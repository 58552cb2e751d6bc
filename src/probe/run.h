/*
 * run: what the parts of a run share.  One thread.
 */
#ifndef ECHOD_PROBE_RUN_H
#define ECHOD_PROBE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/backends.h"
#include "probe/load.h"
#include "probe/payload.h"
#include "probe/probe_options.h"
#include "probe/tally.h"
#include "probe/target.h"

struct event_base;
struct ssl_ctx_st;

/* Bytes that one call receives at most; of the buffer below. */
#define RUN_BUFFER_SIZE (256 * 1024)

struct run {
	const struct probe_options *options;
	struct event_base *base;
	struct tally tally;
	struct backends *backends;
	struct payload_params payload;
	struct ssl_ctx_st *tls; /* NULL: no target needs it */
	unsigned char *buffer;	/* for what is received; used by one call */
	uint32_t id;		/* random */
	unsigned connections;	/* that were opened so far: the next seed */
	/* When a message last ended; 0: not yet. */
	int64_t last;
	/* Streams whose first connection has echoed a message or failed. */
	unsigned established;
	/* Nothing new begins. */
	bool stopping;
	/*
	 * With --step: connections open and echo one message each, which is not
	 * counted.
	 */
	bool warming;
	/* A message has ended, or a connection is open or closed. */
	void (*progress)(struct run *run);
};

/* The exact time of CLOCK_MONOTONIC in nanoseconds. */
int64_t run_now(void);

#endif
