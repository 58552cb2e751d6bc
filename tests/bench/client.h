/*
 * client: many connections to one echo server, driven by one epoll loop, every
 * byte that comes back checked. Whatever goes wrong is told on standard error,
 * and the call returns -1.
 */
#ifndef ECHOD_BENCH_CLIENT_H
#define ECHOD_BENCH_CLIENT_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "pattern.h"
#include "verify.h"

enum client_mode {
	/* Each connection sends a message when the last one is back. */
	CLIENT_MESSAGE,
	/* Each connection sends all that the socket takes, and reads. */
	CLIENT_BULK,
	/* Connect, one message there and back, close; and again. */
	CLIENT_CONNECT,
};

struct client_plan {
	enum client_mode mode;
	struct sockaddr_in server;
	unsigned connections; /* at a time */
	size_t size;	      /* of a message */
	struct framing framing;
	double seconds; /* begin nothing new after so long; 0: no limit */
	/* Messages of a connection; in bulk its bytes; 0: no limit. */
	uint64_t count;
	unsigned patience; /* seconds without any event that are an error */
};

struct client_result {
	uint64_t messages; /* in bulk 0; with CLIENT_CONNECT connections */
	uint64_t bytes;	   /* of payload, there and back */
	uint64_t nanoseconds;
	unsigned silent;	  /* connections over which nothing went */
	struct histogram latency; /* of messages; in bulk empty */
};

struct client;

/* PLAN, PATTERN and RESULT have to outlive the client. */
struct client *client_new(const struct client_plan *plan,
			  const struct pattern *pattern,
			  struct client_result *result);
void client_free(struct client *client);

/*
 * Open all connections and send one message there and back over each, which
 * RESULT does not count. With CLIENT_CONNECT there is nothing to do yet.
 */
int client_open(struct client *client);

/* Do the work, then wait until all of it is back. */
int client_run(struct client *client);

/*
 * Say on every connection that no more will come (FIN), and see that nothing
 * else comes back either.
 */
int client_close(struct client *client);

/*
 * A connected TCP socket, in blocking mode, or -1 (told on standard error).
 * NUMBER counts them: of very many, on loopback, each source address has some.
 */
int client_dial(const struct sockaddr_in *server, unsigned number);

uint64_t client_clock(void); /* nanoseconds, monotonic */

#endif
