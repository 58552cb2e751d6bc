/*
 * timer_wheel: a hierarchical timer wheel, for many timers that are set often
 * and expire seldom.  Pure: time is a number of ticks that the caller passes
 * in.  It must not go back.  A wheel is used by one thread.
 *
 * A timer is embedded in a structure of the caller.  Setting and cancelling
 * take constant time and no memory.  (In libevent's heap a timer costs 128
 * bytes and a pointer.)
 *
 * Each level of the wheel has a slot for each value of six bits of the time.  A
 * timer is in the highest level in which its time differs from now.  When its
 * slot begins, it moves to a lower level.  So a timer moves once for each level
 * at most, even if it is a year away.  Nothing happens until the first filled
 * slot begins.
 */
#ifndef ECHOD_BASE_TIMER_WHEEL_H
#define ECHOD_BASE_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define TIMER_WHEEL_BITS 6
#define TIMER_WHEEL_SLOTS (1 << TIMER_WHEEL_BITS)
#define TIMER_WHEEL_LEVELS ((64 + TIMER_WHEEL_BITS - 1) / TIMER_WHEEL_BITS)

/* All zero: not set. */
struct wheel_timer {
	LIST_ENTRY(wheel_timer) link;
	uint64_t due; /* tick; valid while set, and after it has been popped */
};

LIST_HEAD(timer_wheel_slot, wheel_timer);

/* All zero: no timers, at tick 0. */
struct timer_wheel {
	uint64_t tick;
	uint64_t filled[TIMER_WHEEL_LEVELS]; /* a bit for each slot */
	struct timer_wheel_slot slots[TIMER_WHEEL_LEVELS][TIMER_WHEEL_SLOTS];
};

/*
 * Sets a timer, or sets it to another tick.  If `due` is not after `now`, the
 * timer is due at tick `now` + 1 at the latest.
 */
void timer_wheel_set(struct timer_wheel *wheel, struct wheel_timer *timer,
		     uint64_t due, uint64_t now);

/* Does nothing if the timer is not set. */
void timer_wheel_cancel(struct timer_wheel *wheel, struct wheel_timer *timer);

bool timer_wheel_is_set(const struct wheel_timer *timer);

/*
 * Takes out a timer that is due and returns it; NULL if there is none.  Must be
 * called until it returns NULL.  Timers are returned in the order of their
 * ticks.
 */
struct wheel_timer *timer_wheel_pop(struct timer_wheel *wheel, uint64_t now);

/*
 * The tick at which timer_wheel_pop() must be called next, which is not later
 * than the first timer is due.  False if no timer is set.
 */
bool timer_wheel_next(const struct timer_wheel *wheel, uint64_t *tick);

#endif
