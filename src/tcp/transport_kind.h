/*
 * transport_kind: the operations that differ between the kinds of transport.
 * For transport.c only.
 */
#ifndef ECHOD_TCP_TRANSPORT_KIND_H
#define ECHOD_TCP_TRANSPORT_KIND_H

#include <event2/bufferevent.h>
#include <event2/event.h>

#include "tcp/transport.h"

/* The byte stream below: plain TCP or unix, or TLS over it. */
struct transport_stream {
	short events; /* of transport.readable; its callback is `on_event` */
	event_callback_fn on_event;
	bufferevent_event_cb on_end;
	/* Corrects is_empty, received and sent; NULL: they are right. */
	void (*measure)(const struct transport *transport,
			struct transport_status *status);
	/*
	 * Sends close_notify.  False: it must wait; then, with `shut`,
	 * transport_shut_down() is called later.  NULL: nothing to send.
	 */
	bool (*finish)(struct transport *transport, bool shut);
};

struct transport_kind {
	const struct transport_stream *stream;
	bool sends_all; /* reads only if no output waits, unless it absorbs */
	/* Adds to the counts in `job`; can set `next`: how to wait for more. */
	enum echo_state (*echo)(struct transport *transport,
				struct stream_echo_job *job,
				enum transport_reading *next);
	/* Changes `reading`.  False: out of memory. */
	bool (*read)(struct transport *transport,
		     enum transport_reading reading);
	ssize_t (*discard)(struct transport *transport);
};

/* Indexes: 1 with fault injection, 1 with TLS. */
extern const struct transport_kind transport_kinds[2][2];

/* For the bulk queue: the session of the entry has its turn. */
void transport_kind_on_turn(struct bulk_queue_entry *entry);

/* Output that the socket has not taken, in bytes. */
size_t transport_unsent(const struct transport *transport);

/*
 * Moves delayed bytes that are due to the output.  Returns their number, or -1:
 * out of memory.
 */
ssize_t transport_release(struct transport *transport);

#endif
