/*
 * transport: what one session's bytes go through: its bufferevent, when it looks for
 * input, and what has been moved.  What is to happen then is the session's to
 * decide, which is told by callback.
 *
 * A flow belongs to one worker, whose thread alone touches it, and owns its
 * descriptor.
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
struct delay_buffer;
struct event_base;
struct fault_params;
struct transport;
struct coalesce;
struct ssl_st;
struct stats;
struct loop_timers;

/* What a worker lends to its flows; zeroed before it is set up. */
struct transport_context {
	struct event_base *base;
	struct stats *stats;
	struct stream_echo *stream_echo;
	struct bulk_queue *bulk_queue;
	struct loop_timers *delays;
	struct coalesce *coalesce;
	int64_t small_at; /* when somebody not in bulk was served last */
	/* Input is to be taken in.  Any of these may close the flow. */
	void (*readable)(struct transport *transport);
	/* Some of the output has been sent. */
	void (*written)(struct transport *transport);
	/* More may go by the detour, or else what transport_wake() asked for. */
	void (*due)(struct transport *transport);
	/*
	 * Input has ended before it could be told so by transport_echo(), or all has:
	 * errno tells, and EPROTO where that is TLS's.
	 */
	void (*ended)(struct transport *transport, bool failed);
};

/* What makes it look for input. */
enum transport_reading {
	TRANSPORT_STILL,
	TRANSPORT_EVENT, /* that there is some */
	TRANSPORT_TURN,	 /* that it is its turn */
};

/* 10,000 idle ones are a usual sight: mind the size, and padding. */
struct transport {
	struct event readable; /* TLS: that there is news; see on_news() */
	struct bulk_queue_entry entry;
	struct bufferevent *bev;
	struct delay_buffer *delay; /* NULL: the echo goes straight */
	struct transport_context *context;
	uint64_t in;
	uint64_t out; /* queued output included */
	enum stream_echo_path path : 8;
	enum transport_reading reading : 8;
	unsigned char bulk; /* see struct stream_echo_job */
	bool in_line;	    /* likewise */
	bool absorb;	    /* likewise: the peer does not read */
	bool stuck;	    /* output waits for the peer to read */
	bool shut;	    /* FIN is to be sent */
	int error;	    /* of TLS, or END_OF_INPUT, when it is told of */
};

/*
 * Sets up what is shared; the base, the counters and the callbacks are there
 * already.  False where memory is out; transport_context_release() is due in any case.
 */
bool transport_context_init(struct transport_context *context);
void transport_context_release(struct transport_context *context);

/*
 * Opens a flow on a descriptor, and on an open link (tls/connection.h), which is on the
 * buffered path, or NULL.  It takes the link over in any case.  Where memory is
 * out the descriptor is the caller's still: false.  It does not look for input
 * yet.
 */
bool transport_open(struct transport *transport,
		    struct transport_context *context, int fd,
		    struct ssl_st *tls, enum stream_echo_path path);
void transport_close(struct transport *transport);

/*
 * Has a new one, on the buffered path, misbehave on these terms, which are
 * borrowed.  False where memory is out.
 */
bool transport_misbehave(struct transport *transport,
			 const struct fault_params *params);

int transport_fd(const struct transport *transport);

/* Output that waits, in bytes. */
size_t transport_unsent(const struct transport *transport);

/* Output that has yet to come to that, since it goes by a detour. */
size_t transport_detained(const struct transport *transport);

/* Input that has been taken off the socket. */
size_t transport_held(const struct transport *transport);

/* None is, not even a part of it that cannot be read without the rest. */
bool transport_is_empty(const struct transport *transport);

/*
 * Bytes that have been taken off the socket, held ones included, and that it
 * would have been given if all output were sent.
 */
uint64_t transport_received(const struct transport *transport);
uint64_t transport_sent(const struct transport *transport);

/*
 * From now on input is looked for like this.  (Back-pressure: what is not read
 * fills the peer's window.)  False where memory is out.
 */
bool transport_read(struct transport *transport,
		    enum transport_reading reading);

/*
 * Echoes what there is, as stream_echo_run() does.  `reading` is then how to go on
 * looking for input, which is left to the caller.
 */
enum stream_echo_state transport_echo(struct transport *transport,
				      const struct frame *frame,
				      size_t output_limit,
				      enum transport_reading *reading);

/*
 * Sends on what may go by the detour; transport_echo() does so, too.  False where
 * memory is out.
 */
bool transport_release(struct transport *transport, size_t output_limit);

/* For no other reason is the rest of it not sent: more may go when due. */
bool transport_is_patient(const struct transport *transport);

/* The fault has come to its end: no more is to be sent than there is. */
bool transport_is_over(const struct transport *transport);

/* Asks for `due` at the next tick, of one that misbehaves. */
void transport_wake(struct transport *transport);

/*
 * Keeps track of whether the peer lets output wait; due after all that adds
 * output or sends some.  False if what waits could never be sent.
 */
bool transport_note_output(struct transport *transport);

/* Whether so little output waits that more may be read. */
bool transport_may_resume(const struct transport *transport,
			  size_t output_limit);

/*
 * Says that there is no more output, once all of it is out: TLS's close_notify.
 * False where that takes a while; the host is told by written() when to ask again.
 */
bool transport_take_leave(struct transport *transport);

/* The same, and sends FIN, now or then.  False if FIN cannot be sent. */
bool transport_shut(struct transport *transport);

/* Has transport_close() send RST, and drop what the peer has not acknowledged. */
void transport_abort(struct transport *transport);

/*
 * Takes some input and drops it.  As recv(2): 0 where it has ended, -1 where it
 * has failed, or where there is none for now.
 */
ssize_t transport_discard(struct transport *transport);

#endif
