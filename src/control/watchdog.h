/*
 * watchdog: tells the service manager that echod is alive, where it wants to
 * know (WatchdogSec= in the unit), for as long as every worker is: each is asked
 * by its mailbox, and the manager is told once all have answered.  A worker that
 * is stuck, or the control thread, leaves the manager without news, which then
 * does with echod as the unit says.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_WATCHDOG_H
#define ECHOD_CONTROL_WATCHDOG_H

struct event_base;
struct watchdog;
struct worker;

/*
 * Asks `count` workers, from watchdog_start() on.  NULL where memory is out.
 */
struct watchdog *watchdog_new(struct event_base *base,
			      struct worker *const *workers, unsigned count);
void watchdog_free(struct watchdog *watchdog); /* NULL is fine */

/* Without a manager that watches over this process, nothing happens. */
void watchdog_start(struct watchdog *watchdog);

/* For worker_callbacks.answered. */
void watchdog_answered(struct watchdog *watchdog);

#endif
