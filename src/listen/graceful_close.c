#include "listen/graceful_close.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "addr/address.h"
#include "base/log.h"
#include "listen/handshakes.h"
#include "listen/socket.h"

/*
 * After FIRST_LOOK_MS, a SYN that another CPU was processing shows as a
 * handshake.  The time doubles with each look, which is expensive with many
 * connections.  A lost packet is sent again after a second (RFC 6298, 2); a
 * handshake that the peer never completes lasts a minute.
 */
#define FIRST_LOOK_MS 10
#define DEADLINE_MS 1500

struct graceful_close {
	struct event *timer;
	void (*done)(void *owner);
	void *owner;

	struct address *addresses;
	size_t count;
	bool incomplete; /* out of memory for some of them */
	long interval;	 /* before the next look, in ms */
	long waited;
};

static void
finish(struct graceful_close *graceful_close)
{
	free(graceful_close->addresses);
	graceful_close->addresses = NULL;
	graceful_close->count = 0;
	graceful_close->incomplete = false;
	graceful_close->done(graceful_close->owner);
}

static void
wait_more(struct graceful_close *graceful_close, long ms)
{
	struct timeval timeout = { ms / 1000, ms % 1000 * 1000 };

	graceful_close->interval = ms;
	if (event_add(graceful_close->timer, &timeout) < 0)
		finish(graceful_close);
}

/* True also if it cannot be told. */
static bool
has_handshakes(const struct graceful_close *graceful_close)
{
	return graceful_close->incomplete ||
	       handshakes_pending(graceful_close->addresses,
				  graceful_close->count) != 0;
}

static void
on_timer(evutil_socket_t fd, short what, void *argument)
{
	struct graceful_close *graceful_close = argument;
	long left;

	(void)fd;
	(void)what;
	graceful_close->waited += graceful_close->interval;
	left = DEADLINE_MS - graceful_close->waited;
	if (!has_handshakes(graceful_close)) {
		finish(graceful_close);
	} else if (left > 0) {
		wait_more(graceful_close, 2 * graceful_close->interval < left ?
						  2 * graceful_close->interval :
						  left);
	} else {
		log_info("closing with handshakes under way: some take more "
			 "than %d ms",
			 DEADLINE_MS);
		finish(graceful_close);
	}
}

struct graceful_close *
graceful_close_new(struct event_base *base, void (*done)(void *owner),
		   void *owner)
{
	struct graceful_close *graceful_close =
		calloc(1, sizeof(*graceful_close));

	if (!graceful_close)
		return NULL;
	graceful_close->done = done;
	graceful_close->owner = owner;
	graceful_close->timer =
		event_new(base, -1, 0, on_timer, graceful_close);
	if (graceful_close->timer)
		return graceful_close;
	free(graceful_close);
	return NULL;
}

void
graceful_close_free(struct graceful_close *graceful_close)
{
	if (!graceful_close)
		return;
	event_free(graceful_close->timer);
	free(graceful_close->addresses);
	free(graceful_close);
}

static void
append(struct graceful_close *graceful_close, const struct address *address)
{
	struct address *more = reallocarray(graceful_close->addresses,
					    graceful_close->count + 1,
					    sizeof(*more));

	if (!more) {
		graceful_close->incomplete = true;
		return;
	}
	more[graceful_close->count++] = *address;
	graceful_close->addresses = more;
}

void
graceful_close_add(struct graceful_close *graceful_close, const int *fds,
		   unsigned count, const struct address *bound)
{
	char text[ADDRESS_TEXT_SIZE];
	int error = 0;

	for (unsigned i = 0; i < count && error == 0; i++)
		error = socket_hide(fds[i]);
	if (error < 0)
		log_warning("tcp:%s: connections that are being set up may be "
			    "reset: %s",
			    address_format(bound, text), strerror(-error));
	append(graceful_close, bound);
}

void
graceful_close_wait(struct graceful_close *graceful_close)
{
	graceful_close->waited = 0;
	if (graceful_close->count > 0 || graceful_close->incomplete)
		wait_more(graceful_close, FIRST_LOOK_MS);
	else
		finish(graceful_close);
}

void
graceful_close_cancel(struct graceful_close *graceful_close)
{
	event_del(graceful_close->timer);
}
