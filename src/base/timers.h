/*
 * timers: the timers of an event loop, in a timer wheel.  All of them use
 * one event, for the next slot of the wheel that has a timer.
 *
 * Times are in milliseconds of the monotonic clock, as from timers_now().
 * A timer expires up to TIMERS_TICK_MS late, and never early.
 */
#ifndef ECHOD_BASE_TIMERS_H
#define ECHOD_BASE_TIMERS_H

#include <stdint.h>

#include "base/timer_wheel.h"

#define TIMERS_TICK_MS 16

/* A socket rests for this long after an error for lack of resources. */
#define TIMERS_PAUSE_MS 100

struct event;
struct event_base;
struct timers;
struct timeval;

/*
 * The timers of one thread, that of `base`.  `expired` is called for each timer
 * that is due, and how late that is.  The timer is no longer set then; the
 * callback can free it, set it again, or cancel others.  NULL: out of memory.
 */
struct timers *timers_new(struct event_base *base,
			  void (*expired)(struct wheel_timer *timer,
					  int64_t late));
void timers_free(struct timers *timers); /* NULL is allowed */

/* The time in milliseconds, up to one tick of the kernel behind. */
int64_t timers_now(void);

/*
 * Adds the event of a timer, which needs memory.  Without memory it is due at
 * once, after all events that are due already: too early, but not lost.  Thread
 * of its base.
 */
void timers_add_event(struct event *event, const struct timeval *timeout);

/*
 * Sets the timer that ends the rest of a socket.  After EMFILE and its like,
 * waiting helps; trying again at once uses all of a CPU.
 */
void timers_pause(struct event *resume);

/* Sets a timer, or sets it to another time, `at`. */
void timers_set(struct timers *timers, struct wheel_timer *timer, int64_t at);
void timers_cancel(struct timers *timers, struct wheel_timer *timer);

#endif
