#include "listen/graceful_close.h"

#include <errno.h>
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
 *
 * If handshakes cannot be seen, BLIND_MS is the time for one more round trip,
 * which completes those that have begun, unless a packet is lost.
 */
#define FIRST_LOOK_MS 10
#define DEADLINE_MS 1500
#define BLIND_MS 300

struct graceful_close {
	struct event *timer;
	void (*done)(void *owner);
	void *owner;

	struct address *addresses;
	size_t count;
	bool incomplete; /* out of memory for some of them */
	long interval;	 /* before the next look, in ms */
	long waited;
	bool blind_logged; /* that handshakes cannot be seen */
};

static void
finish(struct graceful_close *closing)
{
	free(closing->addresses);
	closing->addresses = NULL;
	closing->count = 0;
	closing->incomplete = false;
	closing->done(closing->owner);
}

static void
wait_more(struct graceful_close *closing, long ms)
{
	struct timeval timeout = { ms / 1000, ms % 1000 * 1000 };

	closing->interval = ms;
	if (event_add(closing->timer, &timeout) < 0)
		finish(closing);
}

/* As handshakes_pending(). */
static int
look(const struct graceful_close *closing)
{
	return closing->incomplete ?
		       -ENOMEM :
		       handshakes_pending(closing->addresses, closing->count);
}

/* The reason is the same each time, so it is logged once. */
static void
log_blind(struct graceful_close *closing, int error)
{
	if (!closing->blind_logged)
		log_info("Handshakes not visible ms=%d: %s", BLIND_MS,
			 strerror(error));
	closing->blind_logged = true;
}

static void
on_timer(evutil_socket_t fd, short what, void *argument)
{
	struct graceful_close *closing = argument;
	int pending = look(closing);
	long left;

	(void)fd;
	(void)what;
	closing->waited += closing->interval;
	left = (pending < 0 ? BLIND_MS : DEADLINE_MS) - closing->waited;
	if (pending < 0)
		log_blind(closing, -pending);
	else if (pending > 0 && left <= 0)
		log_info("Handshakes given up ms=%d: the listening sockets are "
			 "closed",
			 DEADLINE_MS);
	if (pending == 0 || left <= 0)
		finish(closing);
	else
		wait_more(closing, pending < 0 || 2 * closing->interval > left ?
					   left :
					   2 * closing->interval);
}

struct graceful_close *
graceful_close_new(struct event_base *base, void (*done)(void *owner),
		   void *owner)
{
	struct graceful_close *closing = calloc(1, sizeof(*closing));

	if (!closing)
		return NULL;
	closing->done = done;
	closing->owner = owner;
	closing->timer = event_new(base, -1, 0, on_timer, closing);
	if (closing->timer)
		return closing;
	free(closing);
	return NULL;
}

void
graceful_close_free(struct graceful_close *closing)
{
	if (!closing)
		return;
	event_free(closing->timer);
	free(closing->addresses);
	free(closing);
}

static void
append(struct graceful_close *closing, const struct address *address)
{
	struct address *more = reallocarray(closing->addresses,
					    closing->count + 1, sizeof(*more));

	if (!more) {
		closing->incomplete = true;
		return;
	}
	more[closing->count++] = *address;
	closing->addresses = more;
}

void
graceful_close_add(struct graceful_close *closing, const int *fds,
		   unsigned count, const struct address *bound)
{
	char text[ADDRESS_TEXT_SIZE];
	int error = 0;

	for (unsigned i = 0; i < count && error == 0; i++)
		error = socket_hide(fds[i]);
	if (error < 0)
		log_warning("Handshakes may be reset tcp:%s: %s",
			    address_format(bound, text), strerror(-error));
	append(closing, bound);
}

void
graceful_close_wait(struct graceful_close *closing)
{
	closing->waited = 0;
	if (closing->count > 0 || closing->incomplete)
		wait_more(closing, FIRST_LOOK_MS);
	else
		finish(closing);
}

void
graceful_close_cancel(struct graceful_close *closing)
{
	event_del(closing->timer);
}
