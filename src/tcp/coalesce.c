#include "tcp/coalesce.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

struct coalesce {
	struct event served;
	bool precise;
};

/* By default the kernel sleeps up to 50 us longer than requested (prctl(2)). */
static void
be_precise(struct coalesce *coalesce)
{
	if (!coalesce->precise)
		prctl(PR_SET_TIMERSLACK, 1UL);
	coalesce->precise = true;
}

static void
on_served(evutil_socket_t fd, short what, void *argument)
{
	const struct timespec rest = { .tv_nsec = COALESCE_US * 1000 };

	(void)fd;
	(void)what;
	be_precise(argument);
	nanosleep(&rest, NULL);
}

struct coalesce *
coalesce_new(struct event_base *base)
{
	struct coalesce *coalesce = calloc(1, sizeof(*coalesce));

	if (coalesce)
		event_assign(&coalesce->served, base, -1, 0, on_served,
			     coalesce);
	return coalesce;
}

void
coalesce_free(struct coalesce *coalesce)
{
	if (coalesce)
		event_del(&coalesce->served);
	free(coalesce);
}

void
coalesce_rest(struct coalesce *coalesce)
{
	/* Behind all active events; a second activation changes nothing. */
	event_active(&coalesce->served, EV_TIMEOUT, 1);
}
