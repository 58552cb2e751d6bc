/*
 * watchdog: sends WATCHDOG=1 to the service manager as long as every worker and
 * the control thread are alive.  At each third of the interval that the manager
 * asks for (WatchdogSec= in the unit), all workers get a task, and the message
 * is sent when all have run it.  If a worker or the control thread hangs,
 * nothing is sent, and the manager acts as the unit says; workers that hang are
 * logged.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_WATCHDOG_H
#define ECHOD_CONTROL_WATCHDOG_H

struct event_base;
struct watchdog;
struct worker_pool;

/*
 * Watches the workers of the pool from watchdog_start() on.  To be freed after
 * the pool.  NULL if memory is out.
 */
struct watchdog *watchdog_new(struct event_base *base,
			      struct worker_pool *pool);
void watchdog_free(struct watchdog *watchdog); /* NULL is fine */

/* Does nothing if the service manager does not ask for it. */
void watchdog_start(struct watchdog *watchdog);

#endif
