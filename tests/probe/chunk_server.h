/*
 * chunk_server: what a server sends back for some messages, if it makes at most
 * one mistake.
 */
#ifndef ECHOD_TESTS_CHUNK_SERVER_H
#define ECHOD_TESTS_CHUNK_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/verifier.h"

#define MESSAGES 12
#define ROOM 8192
#define SEED 5
#define CHUNK 50
#define FAULTY 7 /* the chunk that has the mistake */
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct server;

/* Puts a chunk of payload with a mistake into the echo. */
typedef void mistake_fn(struct server *server, const unsigned char *data,
			size_t length);

struct server {
	struct framing framing; /* what the verifier is told */
	struct payload_params params;
	const char *prefix;
	size_t chunk_size;
	bool once;  /* the prefix comes at the beginning only */
	bool steps; /* a message is sent after the echo of the last one */
	mistake_fn *mistake;
	const char *where; /* of the mistake */
	const char *surplus;
	/* Where each message ends in the payload and in the echo. */
	size_t ends[MESSAGES], echo_ends[MESSAGES];
	unsigned char payload[ROOM], echo[ROOM];
	size_t length; /* of the echo */
	unsigned chunks;
};

/* A framing, and a server that keeps to it. */
struct kind {
	const char *name;
	struct server server;
};

#define KINDS 11
#define SIZES 4
extern const struct kind kinds[KINDS];
extern const struct message_sizes sizes[SIZES];

/*
 * A server of this kind; with `steps` each message is sent after the echo of
 * the last one, otherwise all are sent at once.  Its pattern is static: one
 * server at a time.
 */
void server_init(struct server *server, const struct kind *kind, bool steps);

/* Makes payload and echo. */
void server_serve(struct server *server);

/* For mistakes: adds to the echo. */
void server_put(struct server *server, const void *data, size_t length);
void server_put_prefix(struct server *server);

/* A byte of the stream of this seed. */
unsigned char server_byte(uint32_t seed, uint64_t position);

#endif
