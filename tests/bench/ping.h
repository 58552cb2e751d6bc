/*
 * ping: a thread that sends a small message over a connection of its own,
 * waits for the echo, and does so again a little later: what a quiet client
 * notices of the busy ones beside it.
 */
#ifndef ECHOD_BENCH_PING_H
#define ECHOD_BENCH_PING_H

#include <netinet/in.h>

#include "histogram.h"
#include "pattern.h"
#include "verify.h"

#define PING_SIZE 64

struct ping;

/*
 * Connect and begin; NULL on failure. The arguments have to outlive the ping,
 * LATENCY is the thread's until ping_stop.
 */
struct ping *ping_start(const struct sockaddr_in *server,
			const struct framing *framing,
			const struct pattern *pattern, unsigned patience,
			struct histogram *latency);

/* End it and free it: 0, or -1 if an echo was wrong or did not come. */
int ping_stop(struct ping *ping);

#endif
