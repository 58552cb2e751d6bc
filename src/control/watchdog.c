#include "control/watchdog.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/log.h"
#include "control/sd_notify.h"
#include "worker/worker.h"

struct watchdog {
	struct event *tick;
	struct worker *const *workers;
	unsigned count;
	unsigned missing; /* answers */
};

void
watchdog_answered(struct watchdog *watchdog)
{
	if (--watchdog->missing == 0)
		sd_notify_send("WATCHDOG=1");
}

static void
complain(const struct watchdog *watchdog)
{
	for (unsigned i = 0; i < watchdog->count; i++)
		if (worker_is_pinged(watchdog->workers[i]))
			log_error("watchdog: worker=%u does not answer", i);
}

static void
on_tick(evutil_socket_t fd, short what, void *argument)
{
	struct watchdog *watchdog = argument;

	(void)fd;
	(void)what;
	if (watchdog->missing > 0) {
		complain(watchdog);
		return;
	}
	watchdog->missing = watchdog->count;
	for (unsigned i = 0; i < watchdog->count; i++)
		worker_ping(watchdog->workers[i]);
}

struct watchdog *
watchdog_new(struct event_base *base, struct worker *const *workers,
	     unsigned count)
{
	struct watchdog *watchdog = calloc(1, sizeof(*watchdog));

	if (!watchdog)
		return NULL;
	watchdog->workers = workers;
	watchdog->count = count;
	watchdog->tick = event_new(base, -1, EV_PERSIST, on_tick, watchdog);
	if (watchdog->tick)
		return watchdog;
	free(watchdog);
	return NULL;
}

void
watchdog_free(struct watchdog *watchdog)
{
	if (!watchdog)
		return;
	event_free(watchdog->tick);
	free(watchdog);
}

void
watchdog_start(struct watchdog *watchdog)
{
	long long usec = sd_notify_watchdog_usec();
	/*
	 * More often than sd_watchdog_enabled(3) wants it: who does not answer is
	 * in the log by the time the manager ends us.
	 */
	struct timeval third = { usec / 3 / 1000000, usec / 3 % 1000000 };

	if (usec < 0)
		log_warning("watchdog: WATCHDOG_USEC or WATCHDOG_PID is no "
			    "number: the manager is not told");
	else if (usec > 0 && event_add(watchdog->tick, &third) < 0)
		log_error("watchdog: out of memory: the manager is not told");
}
