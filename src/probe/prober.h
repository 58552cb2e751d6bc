/*
 * prober: a target with the load on it: its connections, or its UDP peers.
 *
 * Times are in nanoseconds, as from run_now().  One thread.
 */
#ifndef ECHOD_PROBE_PROBER_H
#define ECHOD_PROBE_PROBER_H

#include <stdbool.h>
#include <stdint.h>

struct prober;
struct run;
struct target;

/* Everything is borrowed.  NULL: errno is the cause. */
struct prober *prober_new(struct run *run, struct target *target);
void prober_free(struct prober *prober); /* NULL is allowed */

/* With run->warming: nothing is counted that was sent and received before. */
void prober_begin(struct prober *prober, int64_t now);

/*
 * Opens one more connection, if there is a warm-up or no rate.  False: all are
 * open, or messages open them when they are due.
 */
bool prober_open_one(struct prober *prober);

/*
 * Begins the messages that are due.  Returns when the next one is; INT64_MAX:
 * never, or there is no rate.
 */
int64_t prober_release(struct prober *prober, int64_t now);

/* Looks for time-outs. */
void prober_tick(struct prober *prober, int64_t now);

/* True if no more messages can begin. */
bool prober_has_begun_all(const struct prober *prober);

/* Messages that have begun and not ended. */
uint64_t prober_awaited(const struct prober *prober);

/* Connections that are open; 0 for UDP. */
unsigned prober_open_count(const struct prober *prober);

/* True if all connections are open and no message is under way. */
bool prober_is_ready(const struct prober *prober);

/* Connections or peers over which nothing was echoed. */
uint64_t prober_silent(const struct prober *prober);

/* Closes all connections: see stream_close(). */
void prober_close(struct prober *prober);
bool prober_is_closed(const struct prober *prober);

#endif
