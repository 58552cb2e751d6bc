#include "wheel.h"

#include <stddef.h>

/* A slot of the wheel. */
struct place {
	unsigned level;
	unsigned slot;
};

static struct place
place_of(const struct wheel *wheel, uint64_t due)
{
	uint64_t differs = wheel->tick ^ due;
	struct place place = { 0 };

	if (differs != 0)
		place.level =
			(63 - (unsigned)__builtin_clzll(differs)) / WHEEL_BITS;
	place.slot = due >> place.level * WHEEL_BITS & (WHEEL_SLOTS - 1);
	return place;
}

static void
insert(struct wheel *wheel, struct wheel_timer *timer)
{
	struct place at = place_of(wheel, timer->due);

	LIST_INSERT_HEAD(&wheel->slots[at.level][at.slot], timer, link);
	wheel->filled[at.level] |= UINT64_C(1) << at.slot;
}

static void
take_out(struct wheel *wheel, struct wheel_timer *timer)
{
	/* Time has not reached the slot, so the place is still the same. */
	struct place at = place_of(wheel, timer->due);

	LIST_REMOVE(timer, link);
	timer->link.le_prev = NULL;
	if (LIST_EMPTY(&wheel->slots[at.level][at.slot]))
		wheel->filled[at.level] &= ~(UINT64_C(1) << at.slot);
}

/*
 * The slot that begins first: the first of the finest level, since the times
 * of a level agree with now in all bits above it.
 */
static bool
find_first(const struct wheel *wheel, struct place *first)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
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
start_of(const struct wheel *wheel, struct place place)
{
	unsigned shift = place.level * WHEEL_BITS;
	uint64_t within = ((uint64_t)WHEEL_SLOTS << shift) - 1;

	return (wheel->tick & ~within) | (uint64_t)place.slot << shift;
}

bool
wheel_next(const struct wheel *wheel, uint64_t *tick)
{
	struct place first;

	if (!find_first(wheel, &first))
		return false;
	*tick = start_of(wheel, first);
	return true;
}

/* Time goes on where no slot is passed over. */
static void
catch_up(struct wheel *wheel, uint64_t now)
{
	uint64_t next;

	if (now > wheel->tick && (!wheel_next(wheel, &next) || next > now))
		wheel->tick = now;
}

bool
wheel_is_set(const struct wheel_timer *timer)
{
	return timer->link.le_prev != NULL;
}

void
wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t due,
	  uint64_t now)
{
	wheel_cancel(wheel, timer);
	catch_up(wheel, now);
	timer->due = due > wheel->tick ? due : wheel->tick + 1;
	insert(wheel, timer);
}

void
wheel_cancel(struct wheel *wheel, struct wheel_timer *timer)
{
	if (wheel_is_set(timer))
		take_out(wheel, timer);
}

/* The timers of a slot that begins move to where their times differ now. */
static void
spread(struct wheel *wheel, struct place place)
{
	struct wheel_slot *slot = &wheel->slots[place.level][place.slot];
	struct wheel_timer *timer;

	wheel->filled[place.level] &= ~(UINT64_C(1) << place.slot);
	while ((timer = LIST_FIRST(slot))) {
		LIST_REMOVE(timer, link);
		insert(wheel, timer);
	}
}

struct wheel_timer *
wheel_pop(struct wheel *wheel, uint64_t now)
{
	struct place first;

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
		spread(wheel, first);
	}
	catch_up(wheel, now);
	return NULL;
}
