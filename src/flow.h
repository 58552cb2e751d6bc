/*
 * flow: what one session's bytes go through: its bufferevent, when it looks for
 * input, and what has been moved.  What is to happen then is the session's to
 * decide, which is told by callback.
 *
 * A flow belongs to one worker, whose thread alone touches it, and owns its
 * descriptor.
 */
#ifndef ECHOD_FLOW_H
#define ECHOD_FLOW_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pump.h"
#include "turns.h"

struct bufferevent;
struct detour;
struct event_base;
struct fault_terms;
struct flow;
struct gather;
struct ssl_st;
struct stats;
struct timers;

/* What a worker lends to its flows; zeroed before it is set up. */
struct flow_host {
	struct event_base *base;
	struct stats *stats;
	struct pump *pump;
	struct turns *turns;
	struct timers *detours;
	struct gather *gather;
	int64_t small_at; /* when somebody not in bulk was served last */
	/* Input is to be taken in.  Any of these may close the flow. */
	void (*readable)(struct flow *flow);
	/* Some of the output has been sent. */
	void (*written)(struct flow *flow);
	/* More may go by the detour, or else what flow_wake() asked for. */
	void (*due)(struct flow *flow);
	/*
	 * Input has ended before it could be told so by flow_echo(), or all has:
	 * errno tells, and EPROTO where that is TLS's.
	 */
	void (*ended)(struct flow *flow, bool failed);
};

/* What makes it look for input. */
enum flow_reading {
	FLOW_STILL,
	FLOW_EVENT, /* that there is some */
	FLOW_TURN,  /* that it is its turn */
};

/* 10,000 idle ones are a usual sight: mind the size, and padding. */
struct flow {
	struct event readable; /* TLS: that there is news; see on_news() */
	struct turn turn;
	struct bufferevent *bev;
	struct detour *detour; /* NULL: the echo goes straight */
	struct flow_host *host;
	uint64_t in;
	uint64_t out; /* queued output included */
	enum pump_path path : 8;
	enum flow_reading reading : 8;
	unsigned char bulk; /* see struct pump_job */
	bool in_line;	    /* likewise */
	bool absorb;	    /* likewise: the peer does not read */
	bool stuck;	    /* output waits for the peer to read */
	bool shut;	    /* FIN is to be sent */
	int error;	    /* of TLS, or END_OF_INPUT, when it is told of */
};

/*
 * Sets up what is shared; the base, the counters and the callbacks are there
 * already.  False where memory is out; flow_host_release() is due in any case.
 */
bool flow_host_init(struct flow_host *host);
void flow_host_release(struct flow_host *host);

/*
 * Opens a flow on a descriptor, and on an open link (tlslink.h), which is on the
 * buffered path, or NULL.  It takes the link over in any case.  Where memory is
 * out the descriptor is the caller's still: false.  It does not look for input
 * yet.
 */
bool flow_open(struct flow *flow, struct flow_host *host, int fd,
	       struct ssl_st *tls, enum pump_path path);
void flow_close(struct flow *flow);

/*
 * Has a new one, on the buffered path, misbehave on these terms, which are
 * borrowed.  False where memory is out.
 */
bool flow_misbehave(struct flow *flow, const struct fault_terms *terms);

int flow_fd(const struct flow *flow);

/* Output that waits, in bytes. */
size_t flow_unsent(const struct flow *flow);

/* Output that has yet to come to that, since it goes by a detour. */
size_t flow_detained(const struct flow *flow);

/* Input that has been taken off the socket. */
size_t flow_held(const struct flow *flow);

/* None is, not even a part of it that cannot be read without the rest. */
bool flow_is_empty(const struct flow *flow);

/*
 * Bytes that have been taken off the socket, held ones included, and that it
 * would have been given if all output were sent.
 */
uint64_t flow_received(const struct flow *flow);
uint64_t flow_sent(const struct flow *flow);

/*
 * From now on input is looked for like this.  (Back-pressure: what is not read
 * fills the peer's window.)  False where memory is out.
 */
bool flow_read(struct flow *flow, enum flow_reading reading);

/*
 * Echoes what there is, as pump_run() does.  `reading` is then how to go on
 * looking for input, which is left to the caller.
 */
enum pump_state flow_echo(struct flow *flow, const struct frame *frame,
			  size_t output_limit, enum flow_reading *reading);

/*
 * Sends on what may go by the detour; flow_echo() does so, too.  False where
 * memory is out.
 */
bool flow_release(struct flow *flow, size_t output_limit);

/* For no other reason is the rest of it not sent: more may go when due. */
bool flow_is_patient(const struct flow *flow);

/* The fault has come to its end: no more is to be sent than there is. */
bool flow_is_over(const struct flow *flow);

/* Asks for `due` at the next tick, of one that misbehaves. */
void flow_wake(struct flow *flow);

/*
 * Keeps track of whether the peer lets output wait; due after all that adds
 * output or sends some.  False if what waits could never be sent.
 */
bool flow_note_output(struct flow *flow);

/* Whether so little output waits that more may be read. */
bool flow_may_resume(const struct flow *flow, size_t output_limit);

/*
 * Says that there is no more output, once all of it is out: TLS's close_notify.
 * False where that takes a while; the host is told by written() when to ask again.
 */
bool flow_take_leave(struct flow *flow);

/* The same, and sends FIN, now or then.  False if FIN cannot be sent. */
bool flow_shut(struct flow *flow);

/* Has flow_close() send RST, and drop what the peer has not acknowledged. */
void flow_abort(struct flow *flow);

/*
 * Takes some input and drops it.  As recv(2): 0 where it has ended, -1 where it
 * has failed, or where there is none for now.
 */
ssize_t flow_discard(struct flow *flow);

#endif
