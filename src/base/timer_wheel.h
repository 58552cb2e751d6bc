/*
 * timer_wheel: many timers that are set often and expire seldom.  Pure: time is a
 * number of ticks that the caller tells.
 *
 * A timer is a link in a structure of the caller's; setting and cancelling take
 * the same few steps however many there are, and no memory.  (A heap costs 128
 * bytes and a pointer a timer in libevent.)
 *
 * The slots are those of a clock with a hand for each six bits of the time: a
 * timer lies at the topmost of them in which its time differs from now, and
 * moves to a finer one when that hand gets there.  So nothing happens until the
 * first filled slot begins, which is not before the timer is near, and a timer
 * is touched a handful of times at most, be it a year from now.
 */
#ifndef ECHOD_BASE_TIMER_WHEEL_H
#define ECHOD_BASE_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define TIMER_WHEEL_BITS 6
#define TIMER_WHEEL_SLOTS (1 << TIMER_WHEEL_BITS)
#define TIMER_WHEEL_LEVELS ((64 + TIMER_WHEEL_BITS - 1) / TIMER_WHEEL_BITS)

/* Zeroed, it is one that is not set. */
struct wheel_timer {
	LIST_ENTRY(wheel_timer) link;
	uint64_t due; /* while it is set, and after it has been popped */
};

LIST_HEAD(timer_wheel_slot, wheel_timer);

/* Zeroed, it is one without timers, at tick 0. */
struct timer_wheel {
	uint64_t tick;
	uint64_t filled[TIMER_WHEEL_LEVELS]; /* a bit for each slot */
	struct timer_wheel_slot slots[TIMER_WHEEL_LEVELS][TIMER_WHEEL_SLOTS];
};

/*
 * Sets a timer, which may be set already.  One whose time has come is due at
 * the next tick.
 */
void timer_wheel_set(struct timer_wheel *wheel, struct wheel_timer *timer,
		     uint64_t due, uint64_t now);

/* One that is not set is fine. */
void timer_wheel_cancel(struct timer_wheel *wheel, struct wheel_timer *timer);

bool timer_wheel_is_set(const struct wheel_timer *timer);

/*
 * Returns a timer that is due, and not set any more, or NULL: to be called until
 * then.  Timers come in the order of their ticks.
 */
struct wheel_timer *timer_wheel_pop(struct timer_wheel *wheel, uint64_t now);

/*
 * When timer_wheel_pop() has something to do next, if only to look: not later than
 * the first timer is due.  False where none is set.
 */
bool timer_wheel_next(const struct timer_wheel *wheel, uint64_t *tick);

#endif
