/*
 * transport_kind: the operations that differ between the kinds of transport,
 * and what their implementations share.  For the transport_*.c files only.
 */
#ifndef ECHOD_TCP_TRANSPORT_KIND_H
#define ECHOD_TCP_TRANSPORT_KIND_H

#include <event2/bufferevent.h>
#include <event2/event.h>

#include "tcp/transport.h"

/* For transport.error: the peer has sent FIN or close_notify. */
#define TRANSPORT_END_OF_INPUT (-1)

/* The stream below: TCP (or a unix stream) alone, or TLS over it. */
struct transport_stream {
	short events; /* that `on_event` of transport.readable is for */
	event_callback_fn on_event;
	bufferevent_event_cb on_end;
	/* NULL: out of memory; the descriptor is still the caller's. */
	struct bufferevent *(*open)(const struct connection_info *info,
				    struct event_base *base);
	/* Sets is_empty, received and sent; the rest is set already. */
	void (*measure)(const struct transport *transport,
			struct transport_status *status);
	/*
	 * Sends close_notify; false if it must wait.  Then, with `shut`,
	 * transport_shut_down() is called later.
	 */
	bool (*finish)(struct transport *transport, bool shut);
	/* `complete`: everything has been sent, close_notify may be. */
	void (*close)(struct transport *transport, bool complete);
};

struct transport_kind {
	const struct transport_stream *stream;
	bool delayed; /* transport.delay is in use */
	/* Adds to `tally`; with ECHO_MORE `next` is how to wait for input. */
	enum echo_state (*echo)(struct transport *transport,
				const struct frame *frame,
				struct stream_echo_tally *tally,
				enum transport_reading *next);
	/* See transport_flush(), whether it waits for input or not. */
	enum echo_state (*flush)(struct transport *transport, uint64_t *moved);
	/* Changes `reading`; false: out of memory. */
	bool (*read)(struct transport *transport,
		     enum transport_reading reading);
	ssize_t (*discard)(struct transport *transport);
};

/* Output that the socket has not taken, in bytes. */
size_t transport_unsent(const struct transport *transport);

#endif
