/*
 * tally: counts what happens in a run: for each target, for each backend, and
 * for each second.
 *
 * Times are in nanoseconds of CLOCK_MONOTONIC.  The tally never reads a clock.
 * One thread.
 */
#ifndef ECHOD_PROBE_TALLY_H
#define ECHOD_PROBE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/backends.h"
#include "probe/latency.h"
#include "probe/outcome.h"

/* Of one target. */
struct target_tally {
	const char
		*name; /* borrowed; the URL, with --each-address the address */
	uint64_t connected;  /* connections that were made */
	uint64_t started;    /* messages */
	uint64_t unfinished; /* messages that were awaited when the run ended */
	uint64_t bytes;	     /* of payload, there and back */
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t silent; /* peers over which nothing was echoed */
	struct latency round_trip;
	struct latency connect;	 /* until connected, with TLS its handshake */
	uint64_t largest_echoed; /* bytes of a message; 0: none */
	/* The smallest size of a message that failed with _TIMEOUT or
	 * _TOO_LARGE and never was echoed; 0: none */
	uint64_t smallest_failed;
	unsigned path_mtu; /* from an ICMP error or the kernel; 0: unknown */
	/* The server's certificate; 0: no TLS.  Seconds since 1970. */
	double certificate_expires;
	char tls[64];		    /* "TLSv1.3 TLS_AES_256_GCM_SHA384" or "" */
	char certificate_name[256]; /* its subject, or "" */
};

/* Of one second, or a longer stretch of time, of all targets. */
struct second {
	uint32_t started;
	uint32_t connected;
	uint32_t outcomes[OUTCOME_COUNT];
	uint64_t backends;	/* bit n: backend n has echoed */
	uint64_t p50, p99, max; /* round trip; 0: nothing echoed */
};

/* Stretches of time that are kept; if there are more, two become one. */
#define TALLY_STRETCHES 3600

/* A message that failed, or an observation; see tally_fail(). */
struct failure {
	int64_t at; /* since the beginning of the run */
	enum outcome outcome;
	const struct target_tally *target;
	const struct backend *backend; /* NULL: unknown */
	unsigned peer;		       /* index of the connection or UDP peer */
	/* Of the connection, UDP: of the datagram; -1: none */
	int64_t began;
	const char *detail; /* "" or more about it; borrowed during the call */
};

struct tally {
	int64_t begin; /* 0: not begun */
	int64_t end;   /* of the last message; for rates */
	struct target_tally *targets;
	size_t target_count;
	struct backends *backends; /* borrowed */
	/* Of the whole run. */
	struct second *stretches;
	size_t stretch_count;
	unsigned stretch_seconds; /* of each: 1, 2, 4, ... */
	/* The current second, its number from the beginning, its round trips;
	 * and the last one that was completed. */
	struct second second;
	uint64_t number;
	struct latency this_second;
	struct second last;
	bool is_over; /* what fails now belongs to the last stretch */
	/* Called for each failure; NULL: none. */
	void (*on_failure)(void *owner, const struct failure *failure);
	void *owner;
};

/* `names` are borrowed.  False: out of memory. */
bool tally_init(struct tally *tally, const char *const *names, size_t count,
		struct backends *backends);
void tally_free(struct tally *tally);

/* The run begins.  What was counted before is forgotten, but not backends. */
void tally_begin(struct tally *tally, int64_t now);

/* `target` is an index in all functions below. */

void tally_connected(struct tally *tally, size_t target, uint64_t nanoseconds);

/* A message begins. */
void tally_start(struct tally *tally, size_t target);

/*
 * The message was echoed.  `round_trip` < 0: not measured.  `size`: payload.
 * `backend` can be NULL.
 */
void tally_echo(struct tally *tally, size_t target, struct backend *backend,
		size_t size, int64_t round_trip);

/*
 * The last echo was not the whole answer: it is counted no longer.  Its round
 * trip stays.  `backend`: as in tally_echo().
 */
void tally_take_back(struct tally *tally, size_t target,
		     struct backend *backend, size_t size);

/*
 * A message failed, or an observation.  `failure->target` is set by this
 * function.  `size` of the message, 0: does not matter.
 */
void tally_fail(struct tally *tally, size_t target, struct backend *backend,
		size_t size, struct failure *failure);

/*
 * Completes the current second if `now` is after it, and begins another.
 * Returns the one that was completed, or NULL; it is valid until the next call.
 * To be called several times a second.
 */
const struct second *tally_tick(struct tally *tally, int64_t now);

/* The run is over: the last second is complete. */
void tally_finish(struct tally *tally, int64_t now);

/* The sum of all targets; `name` is "all". */
void tally_sum(const struct tally *tally, struct target_tally *sum);

/* 0, 1 or 2, as echoprobe(1) documents it. */
int tally_exit_status(const struct tally *tally);

#endif
