/*
 * stream_private: a stream from the inside, for the files of stream.h.
 */
#ifndef ECHOD_PROBE_STREAM_PRIVATE_H
#define ECHOD_PROBE_STREAM_PRIVATE_H

#include "probe/probe_connection.h"
#include "probe/payload.h"
#include "probe/stream.h"
#include "probe/verifier.h"

enum stream_phase {
	STREAM_CLOSED,
	STREAM_OPENING,
	STREAM_OPEN,
	/* FIN is sent, and that of the server is awaited. */
	STREAM_FINISHING,
};

struct stream {
	struct run *run;
	struct target *target;
	const struct load *load;
	unsigned index;
	enum stream_phase phase;
	uint64_t due;	  /* messages that may have begun */
	uint64_t started; /* that have begun */
	uint64_t ended;	  /* of these, that have ended */
	uint64_t echoed;  /* of these, that were echoed */
	uint64_t numbers; /* of messages, of all connections: their sizes */

	struct connection connection;
	size_t address;		/* of the target, the current one */
	size_t addresses_tried; /* in a row, without success */
	int64_t retry_at;	/* the end of a pause; 0: none */
	struct payload out;	/* the next byte to be sent */
	struct verifier in;	/* the next byte to be received */
	uint64_t first;		/* number of the connection's first message */
	uint64_t messages;	/* echoed by this connection */
	uint64_t received;	/* bytes, before the echo of the last message */
	struct backend *backend;

	int64_t message_began; /* when, or when it should have */
	int64_t round_trip;    /* of a message that awaits the FIN */
	int64_t progress;      /* when the time-out began */
	bool has_progress;     /* since the last tick */
	struct event pause;    /* between two messages */
	bool retried;	       /* the message was sent again already */
	bool established;      /* counted in run->established */
};

#endif
