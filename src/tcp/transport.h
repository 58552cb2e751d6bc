/*
 * transport: receives, echoes and sends the bytes of one session.
 *
 * All kinds of transport use a libevent bufferevent.  transport_open() chooses
 * the kind, once:
 *
 *   plain    reads and writes the socket itself; the bufferevent sends what the
 *            socket has refused
 *   TLS      the bufferevent reads and writes
 *   delayed  a delay buffer before the output of a plain or TLS bufferevent,
 *            for a session with fault injection
 *
 * Callbacks report events; the session decides what happens next.  Only the
 * functions below use the members of struct transport.  A transport owns its
 * descriptor and its TLS connection, belongs to one worker and is used by its
 * thread only.
 */
#ifndef ECHOD_TCP_TRANSPORT_H
#define ECHOD_TCP_TRANSPORT_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tcp/bulk_queue.h"
#include "tcp/stream_echo.h"

struct bufferevent;
struct coalesce;
struct connection_info;
struct delay_buffer;
struct event_base;
struct fault_params;
struct timers;
struct transport;

/*
 * What all transports of a worker share.  The caller zeroes it, and sets the
 * base (borrowed) and the callbacks.  A callback can close the transport.
 */
struct transport_context {
	struct event_base *base;
	struct stream_echo *stream_echo;
	struct bulk_queue *bulk_queue;
	struct timers *delays;
	struct coalesce *coalesce;
	int64_t small_at; /* ms: when a session that is not bulk was served */
	/* Input can be echoed, or dropped. */
	void (*readable)(struct transport *transport);
	/* Some output has been sent, or close_notify can be sent again. */
	void (*written)(struct transport *transport);
	/* Delayed output can be sent, or transport_wake() asked for this. */
	void (*due)(struct transport *transport);
	/*
	 * The peer has sent FIN, unless transport_echo() or
	 * transport_discard() reports that.  With `failed`: the connection has
	 * failed; errno is set, EPROTO for an error of TLS.
	 */
	void (*ended)(struct transport *transport, bool failed);
};

enum transport_reading {
	TRANSPORT_STOPPED,
	TRANSPORT_EVENT, /* waits until there is input */
	TRANSPORT_TURN,	 /* waits in the bulk queue */
};

/* There are 10,000 of these and more: mind the size and padding. */
struct transport {
	struct event readable; /* plain: input; TLS: see on_tls_event() */
	union {
		struct bulk_queue_entry entry; /* plain */
		struct {		       /* the other kinds */
			struct delay_buffer *delay;
			int error; /* errno, or END_OF_INPUT */
			bool shut; /* send FIN after close_notify */
		};
	};
	struct transport_context *context;
	struct bufferevent *bev;
	uint64_t in;
	uint64_t out;
	int64_t owed_since; /* receipt of the oldest pending bytes, or 0 */
	unsigned output_limit;
	enum transport_reading reading : 8;
	unsigned char bulk; /* see struct stream_echo_job, as the next two */
	bool in_line : 1;
	bool absorb : 1;
	bool is_delayed : 1; /* the kind, as the next one */
	bool is_tls : 1;
};

/*
 * Counts are in bytes.  With TLS, `received` and `sent` count the encrypted
 * bytes of the socket.
 */
struct transport_status {
	uint64_t in;	 /* input that has been echoed */
	uint64_t out;	 /* output, sent or unsent, that is not delayed */
	size_t unsent;	 /* output that the socket has not taken */
	size_t pending;	 /* unsent and delayed output */
	bool is_reading; /* waits for input */
	bool may_absorb; /* `absorb` of transport_echo() makes sense */
	bool is_timed;	 /* output waits for the delay buffer's timer */

	bool is_empty;	   /* no input is held, not even part of a TLS record */
	uint64_t received; /* bytes read from the socket */
	uint64_t sent;	   /* bytes written to the socket, or unsent */
};

/* By one call of transport_echo() or transport_flush(), for the counters. */
struct transport_moved {
	uint64_t in;	 /* bytes of input */
	uint64_t out;	 /* bytes added to the output */
	uint64_t chunks; /* or lines, with line framing */
	/*
	 * When all output has been sent: nanoseconds since the receipt of the
	 * oldest bytes of it.  -1: some output is left, or there was none.
	 */
	int64_t delay;
};

/*
 * False: out of memory.  The caller must call transport_context_release() in
 * any case, when no transport is left.
 */
bool transport_context_init(struct transport_context *context);
void transport_context_release(struct transport_context *context);

/*
 * Opens a zeroed transport on the descriptor and the TLS connection of `info`,
 * which it owns from now on.  `fault` (borrowed): fault injection, or NULL.
 * Waits for input.  False: out of memory; the connection is closed.
 */
bool transport_open(struct transport *transport,
		    struct transport_context *context,
		    const struct connection_info *info,
		    const struct fault_params *fault);

/*
 * Closes the connection: sends close_notify if everything has been sent, then
 * FIN.  With `reset`, sends RST and drops the bytes not acknowledged.
 */
void transport_close(struct transport *transport, bool reset);

/* Starts or stops waiting for input.  False: out of memory. */
bool transport_read(struct transport *transport, bool on);

/*
 * Echoes the available input, as stream_echo does, and waits for more input as
 * its result says.  With `absorb`, it reads although output waits, until all
 * output has been sent.  `moved` is set in any case.
 */
enum echo_state transport_echo(struct transport *transport,
			       const struct frame *frame, bool absorb,
			       struct transport_moved *moved);

/*
 * Moves the delayed bytes that are due to the output.  Call it when output has
 * been sent or is due.  `moved` is set in any case.  ECHO_MORE: reading had
 * stopped, and transport_echo() can take input again.  ECHO_FULL: wait for the
 * next callback.  ECHO_FAILED: out of memory.
 */
enum echo_state transport_flush(struct transport *transport,
				struct transport_moved *moved);

/*
 * Reads some input and drops it.  As recv(2): 0 at the end of the input, -1
 * with errno if it has failed or there is none.
 */
ssize_t transport_discard(struct transport *transport);

/*
 * Sends close_notify; call it when all output has been sent.  False if it must
 * wait, or if input is held; call it again when written() is called.
 */
bool transport_finish(struct transport *transport);

/*
 * Sends close_notify, and then FIN.  If the socket is full, that happens later.
 * False: failed; errno is set.
 */
bool transport_shut_down(struct transport *transport);

/* True if the fault has ended the echo: only unsent output is left to send. */
bool transport_is_over(const struct transport *transport);

/* With fault injection only: due() is called at the next tick. */
void transport_wake(struct transport *transport);

struct transport_status transport_status(const struct transport *transport);

/* The context that it was opened with. */
struct transport_context *
transport_context_of(const struct transport *transport);

#endif
