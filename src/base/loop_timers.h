/*
 * loop_timers: the timers of one event loop, in a timer wheel.  The loop has
 * one event for all of them, set to the time at which the next slot of the
 * wheel begins.
 *
 * Times are milliseconds of the monotonic clock, as loop_timers_now() returns
 * them.  A timer expires up to LOOP_TIMERS_TICK_MS after its time, never
 * before. All functions are for the thread of the loop.
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
 * Timers in the loop of `base`.  `expired` is called for each timer that is
 * due, with its delay in milliseconds.  The timer is no longer set: `expired`
 * can free it, set it again, or cancel others.  NULL if memory is out.
 */
struct loop_timers *loop_timers_new(struct event_base *base,
				    void (*expired)(struct wheel_timer *timer,
						    int64_t late));
void loop_timers_free(struct loop_timers *timers); /* NULL is allowed */

/* The time in milliseconds, up to one tick of the kernel behind. */
int64_t loop_timers_now(void);

/*
 * Adds an event with a timeout, for which libevent needs memory.  If memory is
 * out, the event fires at once, after all other active events: too early is
 * better than never.
 */
void loop_timers_add_event(struct event *event, const struct timeval *timeout);

/*
 * Sets the timer that ends the rest of a socket.  After EMFILE and its like,
 * waiting helps; trying again at once uses all of a CPU.
 */
void loop_timers_pause(struct event *resume);

/* Sets a timer, or sets it to another time, `at`. */
void loop_timers_set(struct loop_timers *timers, struct wheel_timer *timer,
		     int64_t at);
void loop_timers_cancel(struct loop_timers *timers, struct wheel_timer *timer);

#endif
