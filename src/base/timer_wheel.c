#include "base/timer_wheel.h"

#include <stddef.h>

/* Of a slot in the wheel. */
struct position {
	unsigned level;
	unsigned slot;
};

static struct position
position_of(const struct timer_wheel *wheel, uint64_t due)
{
	uint64_t differs = wheel->tick ^ due;
	struct position position = { 0 };

	if (differs != 0)
		position.level = (63 - (unsigned)__builtin_clzll(differs)) /
				 TIMER_WHEEL_BITS;
	position.slot = due >> position.level * TIMER_WHEEL_BITS &
			(TIMER_WHEEL_SLOTS - 1);
	return position;
}

static void
insert(struct timer_wheel *wheel, struct wheel_timer *timer)
{
	struct position at = position_of(wheel, timer->due);

	LIST_INSERT_HEAD(&wheel->slots[at.level][at.slot], timer, link);
	wheel->filled[at.level] |= UINT64_C(1) << at.slot;
}

static void
take_out(struct timer_wheel *wheel, struct wheel_timer *timer)
{
	/* Time has not reached the slot, so its position is still the same. */
	struct position at = position_of(wheel, timer->due);

	LIST_REMOVE(timer, link);
	timer->link.le_prev = NULL;
	if (LIST_EMPTY(&wheel->slots[at.level][at.slot]))
		wheel->filled[at.level] &= ~(UINT64_C(1) << at.slot);
}

/*
 * The slot that begins first: the first one of the finest level that has any.
 * All times of a level agree with now in the bits above that level.
 */
static bool
find_first(const struct timer_wheel *wheel, struct position *first)
{
	for (unsigned level = 0; level < TIMER_WHEEL_LEVELS; level++) {
		uint64_t filled = wheel->filled[level];

		if (filled == 0)
			continue;
		first->level = level;
		first->slot = (unsigned)__builtin_ctzll(filled);
		return true;
	}
	return false;
}

static uint64_t
start_of(const struct timer_wheel *wheel, struct position position)
{
	unsigned shift = position.level * TIMER_WHEEL_BITS;
	uint64_t within = ((uint64_t)TIMER_WHEEL_SLOTS << shift) - 1;

	return (wheel->tick & ~within) | (uint64_t)position.slot << shift;
}

bool
timer_wheel_next(const struct timer_wheel *wheel, uint64_t *tick)
{
	struct position first;

	if (!find_first(wheel, &first))
		return false;
	*tick = start_of(wheel, first);
	return true;
}

/* Sets the time to `now` if that passes over no filled slot. */
static void
catch_up(struct timer_wheel *wheel, uint64_t now)
{
	uint64_t next;

	if (now > wheel->tick &&
	    (!timer_wheel_next(wheel, &next) || next > now))
		wheel->tick = now;
}

bool
timer_wheel_is_set(const struct wheel_timer *timer)
{
	return timer->link.le_prev != NULL;
}

void
timer_wheel_set(struct timer_wheel *wheel, struct wheel_timer *timer,
		uint64_t due, uint64_t now)
{
	timer_wheel_cancel(wheel, timer);
	catch_up(wheel, now);
	timer->due = due > wheel->tick ? due : wheel->tick + 1;
	insert(wheel, timer);
}

void
timer_wheel_cancel(struct timer_wheel *wheel, struct wheel_timer *timer)
{
	if (timer_wheel_is_set(timer))
		take_out(wheel, timer);
}

/* Moves the timers of a slot that begins to finer levels. */
static void
cascade(struct timer_wheel *wheel, struct position position)
{
	struct timer_wheel_slot *slot =
		&wheel->slots[position.level][position.slot];
	struct wheel_timer *timer;

	wheel->filled[position.level] &= ~(UINT64_C(1) << position.slot);
	while ((timer = LIST_FIRST(slot))) {
		LIST_REMOVE(timer, link);
		insert(wheel, timer);
	}
}

struct wheel_timer *
timer_wheel_pop(struct timer_wheel *wheel, uint64_t now)
{
	struct position first;

	while (find_first(wheel, &first)) {
		uint64_t start = start_of(wheel, first);

		if (start > now)
			break;
		wheel->tick = start;
		if (first.level == 0) {
			struct wheel_timer *timer =
				LIST_FIRST(&wheel->slots[0][first.slot]);

			take_out(wheel, timer);
			return timer;
		}
		cascade(wheel, first);
	}
	catch_up(wheel, now);
	return NULL;
}
