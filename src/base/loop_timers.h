/*
 * loop_timers: a wheel that turns in an event loop.  However many timers there are,
 * the loop has one, which wakes it when the next slot of the wheel begins: not
 * at all while none is set.
 *
 * Times are in milliseconds of the monotonic clock, as loop_timers_now() tells them.
 * A timer expires when its time has come and up to LOOP_TIMERS_TICK_MS later.
 */
#ifndef ECHOD_BASE_LOOP_TIMERS_H
#define ECHOD_BASE_LOOP_TIMERS_H

#include <stdint.h>

#include "base/timer_wheel.h"

#define LOOP_TIMERS_TICK_MS 16

/* A socket rests for this long after an error for lack of resources. */
#define LOOP_TIMERS_PAUSE_MS 100

struct event;
struct event_base;
struct loop_timers;
struct timeval;

/*
 * Timers of one thread, that of `base`.  `expired` is told of each that is due,
 * and how late that is: it is not set any more, and may be freed, set again, or
 * cancel others.
 * NULL where memory is out.
 */
struct loop_timers *loop_timers_new(struct event_base *base,
				    void (*expired)(struct wheel_timer *timer,
						    int64_t late));
void loop_timers_free(struct loop_timers *timers); /* NULL is fine */

int64_t loop_timers_now(void);

/*
 * Sets one event of a timer, which needs memory.  Where there is none it is due
 * at once, once all others have been served: too early, but not never.  For the
 * thread of its base.
 */
void loop_timers_add_event(struct event *event, const struct timeval *timeout);

/*
 * Sets the timer that ends the rest of a socket.  After EMFILE and its like,
 * waiting helps; trying again at once uses all of a CPU.
 */
void loop_timers_pause(struct event *resume);

void loop_timers_set(struct loop_timers *timers, struct wheel_timer *timer,
		     int64_t at);
void loop_timers_cancel(struct loop_timers *timers, struct wheel_timer *timer);

#endif
