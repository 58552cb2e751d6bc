#include "control/watchdog.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/log.h"
#include "control/sd_notify.h"
#include "control/worker_pool.h"

struct watchdog {
	struct event *tick;
	struct broadcast *ping;
	unsigned count; /* of workers */
};

static void
on_all_alive(void *owner)
{
	(void)owner;
	sd_notify_send("WATCHDOG=1");
}

static void
log_hanging(const struct watchdog *watchdog)
{
	for (unsigned i = 0; i < watchdog->count; i++)
		if (broadcast_is_running_on(watchdog->ping, i))
			log_error("Watchdog worker=%u: no answer", i);
}

static void
on_tick(evutil_socket_t fd, short what, void *argument)
{
	struct watchdog *watchdog = argument;

	(void)fd;
	(void)what;
	if (broadcast_is_running(watchdog->ping))
		log_hanging(watchdog);
	else
		broadcast_run(watchdog->ping, NULL, on_all_alive);
}

struct watchdog *
watchdog_new(struct event_base *base, struct worker_pool *pool)
{
	struct watchdog *watchdog = calloc(1, sizeof(*watchdog));

	if (!watchdog)
		return NULL;
	watchdog->count = worker_pool_count(pool);
	watchdog->ping = broadcast_new(pool, watchdog);
	watchdog->tick = event_new(base, -1, EV_PERSIST, on_tick, watchdog);
	if (watchdog->ping && watchdog->tick)
		return watchdog;
	watchdog_free(watchdog);
	return NULL;
}

void
watchdog_free(struct watchdog *watchdog)
{
	if (!watchdog)
		return;
	if (watchdog->tick)
		event_free(watchdog->tick);
	broadcast_free(watchdog->ping);
	free(watchdog);
}

void
watchdog_start(struct watchdog *watchdog)
{
	long long usec = sd_notify_watchdog_usec();
	/*
	 * More often than sd_watchdog_enabled(3) recommends: the log names a
	 * worker that hangs before the manager ends the process.
	 */
	struct timeval third = { usec / 3 / 1000000, usec / 3 % 1000000 };

	if (usec < 0)
		log_warning(
			"Watchdog disabled: WATCHDOG_USEC or WATCHDOG_PID is "
			"not a number");
	else if (usec > 0 && event_add(watchdog->tick, &third) < 0)
		log_error("Watchdog disabled: out of memory");
}
