/*
 * probe_connection: one connection to a target, over TCP, TLS or a unix socket:
 * from connect(2), the PROXY header and the TLS handshake to its end.
 *
 * One thread.  The callbacks can close the connection.
 */
#ifndef ECHOD_PROBE_PROBE_CONNECTION_H
#define ECHOD_PROBE_PROBE_CONNECTION_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "probe/outcome.h"
#include "probe/proxy_header.h"

struct connection;
struct run;
struct ssl_st;
struct target;
struct target_address;

/* Holds any text that explains a failure. */
#define CONNECTION_DETAIL_SIZE 320

struct connection_callbacks {
	/* Open, with TLS after the handshake. */
	void (*opened)(struct connection *connection);
	/* Could not be opened, and is closed. */
	void (*failed)(struct connection *connection, enum outcome outcome,
		       const char *detail);
	/* There is input, the end, or an error: connection_receive(). */
	void (*readable)(struct connection *connection);
	/* After connection_want_write(): connection_send() can be tried. */
	void (*writable)(struct connection *connection);
};

enum connection_state {
	CONNECTION_CLOSED,
	CONNECTION_CONNECTING,
	CONNECTION_HANDSHAKE, /* the PROXY header and TLS */
	CONNECTION_OPEN,
};

struct connection {
	struct run *run;
	const struct target *target;
	const struct connection_callbacks *callbacks;
	enum connection_state state;
	int fd; /* -1 if it is closed */
	struct ssl_st *tls;
	struct event readable, writable;
	bool wants_write; /* `writable` is on, in CONNECTION_OPEN */
	bool was_reset;	  /* told to connection_send(), not to be told again */
	bool is_ending;	  /* close_notify waits for room */
	int64_t began;	  /* nanoseconds, as from run_now() */
	int64_t opened;	  /* 0: not yet */
	unsigned char header[PROXY_HEADER_SIZE];
	size_t header_length, header_sent;
};

/* Closed.  Everything is borrowed. */
void connection_init(struct connection *connection, struct run *run,
		     const struct target *target,
		     const struct connection_callbacks *callbacks);

/*
 * Connects to `address`.  `number` chooses the source address.  The result
 * comes with a callback, perhaps before this function returns.
 */
void connection_open(struct connection *connection,
		     const struct target_address *address, unsigned number);

/* Closes it at once, in whatever state it is. */
void connection_close(struct connection *connection);

/* The state of CONNECTION_OPEN is needed for the functions below. */

enum connection_end {
	CONNECTION_AGAIN, /* nothing now */
	CONNECTION_BYTES, /* `done` bytes */
	CONNECTION_FIN,	  /* with TLS after close_notify */
	CONNECTION_CUT,	  /* with TLS: a FIN without close_notify */
	CONNECTION_RESET,
	CONNECTION_FAILED, /* another error: connection_failure() */
};

enum connection_end connection_receive(struct connection *connection,
				       void *data, size_t size, size_t *done);
enum connection_end connection_send(struct connection *connection,
				    const struct iovec *parts, int count,
				    size_t *done);

/* Right after CONNECTION_FAILED: what it was, and why. */
enum outcome connection_failure(const struct connection *connection,
				char reason[CONNECTION_DETAIL_SIZE]);

/* Turns the callback `writable` on or off. */
void connection_want_write(struct connection *connection, bool wanted);

/*
 * Sends close_notify if it is TLS, and FIN; if the socket is full, as soon as
 * it is not.  Nothing can be sent after it.  An error shows when it is read.
 */
void connection_shutdown(struct connection *connection);

/* The address of this side, or "". */
void connection_local(const struct connection *connection, char *text,
		      size_t size);

#endif
