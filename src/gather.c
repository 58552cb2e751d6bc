#include "gather.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

struct gather {
	struct event served;
	bool precise;
};

/* By default the kernel takes 50 us more than what is asked for (prctl(2)). */
static void
be_precise(struct gather *gather)
{
	if (!gather->precise)
		prctl(PR_SET_TIMERSLACK, 1UL);
	gather->precise = true;
}

static void
on_served(evutil_socket_t fd, short what, void *argument)
{
	const struct timespec rest = { .tv_nsec = GATHER_US * 1000 };

	(void)fd;
	(void)what;
	be_precise(argument);
	nanosleep(&rest, NULL);
}

struct gather *
gather_new(struct event_base *base)
{
	struct gather *gather = calloc(1, sizeof(*gather));

	if (gather)
		event_assign(&gather->served, base, -1, 0, on_served, gather);
	return gather;
}

void
gather_free(struct gather *gather)
{
	if (gather)
		event_del(&gather->served);
	free(gather);
}

void
gather_rest(struct gather *gather)
{
	/* Behind all that are active, and no more than once. */
	event_active(&gather->served, EV_TIMEOUT, 1);
}
