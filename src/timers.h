/*
 * timers: a wheel that turns in an event loop.  However many timers there are,
 * the loop has one, which wakes it when the next slot of the wheel begins: not
 * at all while none is set.
 *
 * Times are in milliseconds of the monotonic clock, as timers_now() tells them.
 * A timer expires when its time has come and up to TIMERS_TICK_MS later.
 */
#ifndef ECHOD_TIMERS_H
#define ECHOD_TIMERS_H

#include <stdint.h>

#include "wheel.h"

#define TIMERS_TICK_MS 16

struct event;
struct event_base;
struct timers;
struct timeval;

/*
 * Timers of one thread, that of `base`.  `expired` is told of each that is due,
 * and how late that is: it is not set any more, and may be freed, set again, or
 * cancel others.
 * NULL where memory is out.
 */
struct timers *timers_new(struct event_base *base,
			  void (*expired)(struct wheel_timer *timer,
					  int64_t late));
void timers_free(struct timers *timers); /* NULL is fine */

int64_t timers_now(void);

/*
 * Sets one event of a timer, which needs memory.  Where there is none it is due
 * at once, once all others have been served: too early, but not never.  For the
 * thread of its base.
 */
void timers_add_event(struct event *event, const struct timeval *timeout);

void timers_set(struct timers *timers, struct wheel_timer *timer, int64_t at);
void timers_cancel(struct timers *timers, struct wheel_timer *timer);

#endif
