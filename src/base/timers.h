/*
 * timers: the timers of an event loop, in a timer wheel.  All of them use
 * one event, for the next slot of the wheel that has a timer.
 *
 * Times are in milliseconds of the monotonic clock, as from timers_now().  A
 * timer expires up to TIMERS_TICK_MS late, later if the loop is busy, and never
 * early.
 *
 * Only the thread of the event loop; timers_now() and timers_now_ns(): any
 * thread.
 */
#ifndef ECHOD_BASE_TIMERS_H
#define ECHOD_BASE_TIMERS_H

#include <stdint.h>

#include "base/timer_wheel.h"

#define TIMERS_TICK_MS 16

/* Pause of a socket after an error for lack of resources, such as EMFILE. */
#define TIMERS_PAUSE_MS 100

struct event;
struct event_base;
struct timers;
struct timeval;

/*
 * The timers of one event loop.  `expired` is called for each timer that is
 * due, with the milliseconds since then.  The timer is no longer set; the
 * callback can free it, set it again, or cancel others.  NULL: out of memory.
 */
struct timers *timers_new(struct event_base *base,
			  void (*expired)(struct wheel_timer *timer,
					  int64_t late));
void timers_free(struct timers *timers); /* NULL is allowed */

/* The time in milliseconds, up to one tick of the kernel behind. */
int64_t timers_now(void);

/* The exact time of the same clock in nanoseconds: four times the CPU time. */
int64_t timers_now_ns(void);

/*
 * Adds an event with a timeout.  If there is no memory for that, the event runs
 * after those that are active already: too early, but not lost.
 */
void timers_add_event(struct event *event, const struct timeval *timeout);

/*
 * Runs `resume`, a timer event, after TIMERS_PAUSE_MS.  It ends the pause of a
 * socket; trying again at once would use a whole CPU.
 */
void timers_pause(struct event *resume);

/* Sets a timer, or sets it to another time, `at`. */
void timers_set(struct timers *timers, struct wheel_timer *timer, int64_t at);
void timers_cancel(struct timers *timers, struct wheel_timer *timer);

#endif
