#include "worker/balancer.h"

#include <stdatomic.h>
#include <stdlib.h>

/* How many workers a choice considers. */
#define CANDIDATES 8

/* In bytes: the counts of two workers never share a cache line. */
#define CACHE_LINE 64

union slot {
	struct {
		atomic_uint load;
		unsigned next; /* to consider; for its worker alone */
	} of;
	char room[CACHE_LINE];
};

struct balancer {
	unsigned count;
	union slot slots[];
};

struct balancer *
balancer_new(unsigned count)
{
	struct balancer *balancer =
		calloc(1, sizeof(*balancer) + count * sizeof(union slot));

	if (!balancer)
		return NULL;
	balancer->count = count;
	for (unsigned i = 0; i < count; i++)
		balancer->slots[i].of.next = i;
	return balancer;
}

void
balancer_free(struct balancer *balancer)
{
	free(balancer);
}

/*
 * Keep the connection on the accepting worker unless its load exceeds 1.5 times
 * the least loaded one's.  So short connections do not change threads, and long
 * connections are spread evenly.
 */
unsigned
balancer_choose(struct balancer *balancer, unsigned here)
{
	unsigned mine = balancer_load(balancer, here);
	unsigned tries = balancer->count < CANDIDATES ? balancer->count :
							CANDIDATES;
	unsigned best = here;
	unsigned least = mine;

	if (mine == 0)
		return here;
	for (; tries > 0; tries--) {
		unsigned at = balancer->slots[here].of.next++ % balancer->count;
		unsigned load = balancer_load(balancer, at);

		if (load < least) {
			least = load;
			best = at;
		}
	}
	return mine > least + least / 2 ? best : here;
}

void
balancer_enter(struct balancer *balancer, unsigned worker)
{
	atomic_fetch_add(&balancer->slots[worker].of.load, 1);
}

void
balancer_leave(struct balancer *balancer, unsigned worker)
{
	atomic_fetch_sub(&balancer->slots[worker].of.load, 1);
}

unsigned
balancer_load(const struct balancer *balancer, unsigned worker)
{
	return atomic_load(&balancer->slots[worker].of.load);
}
