/*
 * watchdog: sends WATCHDOG=1 to the service manager while every worker and the
 * control thread run.  The unit sets the interval (WatchdogSec=).
 *
 * 1. At each third of the interval, all workers get a task.
 * 2. When all have run it, the message is sent.
 * 3. If a worker or the control thread hangs, nothing is sent, and the manager
 *    acts as the unit says.  Workers that hang are logged.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_WATCHDOG_H
#define ECHOD_CONTROL_WATCHDOG_H

struct event_base;
struct watchdog;
struct worker_pool;

/*
 * Watches the workers of the pool from watchdog_start() on.  Free it after the
 * pool.  NULL: out of memory.
 */
struct watchdog *watchdog_new(struct event_base *base,
			      struct worker_pool *pool);
void watchdog_free(struct watchdog *watchdog); /* NULL is fine */

/* No effect if the service manager does not ask for a watchdog. */
void watchdog_start(struct watchdog *watchdog);

#endif
