#include "withdrawal.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "handshakes.h"
#include "log.h"
#include "socket.h"

/*
 * A SYN that another CPU is at work on shows as a handshake by the first look.
 * Later looks come after twice the time each, lest they cost too much where
 * there are many connections.  A lost packet is sent again after a second
 * (RFC 6298, 2), and the handshakes of hosts that never answer take a minute.
 */
#define FIRST_LOOK_MS 10
#define PATIENCE_MS 1500

struct withdrawal {
	struct event *timer;
	void (*done)(void *owner);
	void *owner;

	struct address *addresses;
	size_t count;
	bool incomplete; /* there are more of them */
	long interval;	 /* before the look that is due, in ms */
	long waited;
};

static void
finish(struct withdrawal *withdrawal)
{
	free(withdrawal->addresses);
	withdrawal->addresses = NULL;
	withdrawal->count = 0;
	withdrawal->incomplete = false;
	withdrawal->done(withdrawal->owner);
}

static void
wait_more(struct withdrawal *withdrawal, long ms)
{
	struct timeval timeout = { ms / 1000, ms % 1000 * 1000 };

	withdrawal->interval = ms;
	if (event_add(withdrawal->timer, &timeout) < 0)
		finish(withdrawal);
}

/* Whether there are, or could be. */
static bool
has_handshakes(const struct withdrawal *withdrawal)
{
	return withdrawal->incomplete ||
	       handshakes_under_way(withdrawal->addresses, withdrawal->count) !=
		       0;
}

static void
on_timer(evutil_socket_t fd, short what, void *argument)
{
	struct withdrawal *withdrawal = argument;
	long left;

	(void)fd;
	(void)what;
	withdrawal->waited += withdrawal->interval;
	left = PATIENCE_MS - withdrawal->waited;
	if (!has_handshakes(withdrawal)) {
		finish(withdrawal);
	} else if (left > 0) {
		wait_more(withdrawal, 2 * withdrawal->interval < left ?
					      2 * withdrawal->interval :
					      left);
	} else {
		log_info("closing with handshakes under way: some take more "
			 "than %d ms",
			 PATIENCE_MS);
		finish(withdrawal);
	}
}

struct withdrawal *
withdrawal_new(struct event_base *base, void (*done)(void *owner), void *owner)
{
	struct withdrawal *withdrawal = calloc(1, sizeof(*withdrawal));

	if (!withdrawal)
		return NULL;
	withdrawal->done = done;
	withdrawal->owner = owner;
	withdrawal->timer = event_new(base, -1, 0, on_timer, withdrawal);
	if (withdrawal->timer)
		return withdrawal;
	free(withdrawal);
	return NULL;
}

void
withdrawal_free(struct withdrawal *withdrawal)
{
	if (!withdrawal)
		return;
	event_free(withdrawal->timer);
	free(withdrawal->addresses);
	free(withdrawal);
}

static void
append(struct withdrawal *withdrawal, const struct address *address)
{
	struct address *more = reallocarray(
		withdrawal->addresses, withdrawal->count + 1, sizeof(*more));

	if (!more) {
		withdrawal->incomplete = true;
		return;
	}
	more[withdrawal->count++] = *address;
	withdrawal->addresses = more;
}

void
withdrawal_add(struct withdrawal *withdrawal, const int *fds, unsigned count,
	       const struct address *bound)
{
	char text[ADDRESS_TEXT_SIZE];
	int error = 0;

	for (unsigned i = 0; i < count && error == 0; i++)
		error = socket_withdraw(fds[i]);
	if (error < 0)
		log_warning("tcp:%s: connections that are being set up may be "
			    "reset: %s",
			    address_format(bound, text), strerror(-error));
	append(withdrawal, bound);
}

void
withdrawal_wait(struct withdrawal *withdrawal)
{
	withdrawal->waited = 0;
	if (withdrawal->count > 0 || withdrawal->incomplete)
		wait_more(withdrawal, FIRST_LOOK_MS);
	else
		finish(withdrawal);
}

void
withdrawal_cancel(struct withdrawal *withdrawal)
{
	event_del(withdrawal->timer);
}
