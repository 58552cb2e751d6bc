#include "spread.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Workers that are looked at to find one with less to do. */
#define CANDIDATES 8

/* The counts of two workers never share a cache line. */
#define CACHE_LINE 64

union place {
	struct {
		atomic_uint load;
		unsigned next; /* to be looked at; its worker's alone */
	} of;
	char room[CACHE_LINE];
};

struct spread {
	unsigned count;
	union place places[];
};

struct spread *
spread_new(unsigned count)
{
	struct spread *spread =
		calloc(1, sizeof(*spread) + count * sizeof(union place));

	if (!spread)
		return NULL;
	spread->count = count;
	for (unsigned i = 0; i < count; i++)
		spread->places[i].of.next = i;
	return spread;
}

void
spread_free(struct spread *spread)
{
	free(spread);
}

/*
 * Who accepts serves, as long as the load is about even: then a short connection
 * does not pay for a change of threads.  A few long ones are spread evenly.
 */
unsigned
spread_choose(struct spread *spread, unsigned here)
{
	unsigned mine = spread_load(spread, here);
	unsigned tries = spread->count < CANDIDATES ? spread->count :
						      CANDIDATES;
	unsigned best = here;
	unsigned least = mine;

	if (mine == 0)
		return here;
	for (; tries > 0; tries--) {
		unsigned at = spread->places[here].of.next++ % spread->count;
		unsigned load = spread_load(spread, at);

		if (load < least) {
			least = load;
			best = at;
		}
	}
	return mine > least + least / 2 ? best : here;
}

void
spread_enter(struct spread *spread, unsigned worker)
{
	atomic_fetch_add(&spread->places[worker].of.load, 1);
}

void
spread_leave(struct spread *spread, unsigned worker)
{
	atomic_fetch_sub(&spread->places[worker].of.load, 1);
}

unsigned
spread_load(const struct spread *spread, unsigned worker)
{
	return atomic_load(&spread->places[worker].of.load);
}
