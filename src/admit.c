#include "admit.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct admit {
	atomic_uint limit;
	atomic_uint count;
	_Atomic uint64_t last_id;
};

struct gate {
	struct admit *admit;
	char *name;
	atomic_uint limit;
	atomic_uint count;
	atomic_uint references;
};

struct admit *
admit_new(void)
{
	return calloc(1, sizeof(struct admit));
}

void
admit_free(struct admit *admit)
{
	free(admit);
}

void
admit_set_limit(struct admit *admit, unsigned limit)
{
	atomic_store(&admit->limit, limit);
}

unsigned
admit_count(const struct admit *admit)
{
	return atomic_load(&admit->count);
}

struct gate *
gate_new(struct admit *admit, const char *name)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	char *copy = strdup(name);

	if (!gate || !copy) {
		free(gate);
		free(copy);
		return NULL;
	}
	gate->admit = admit;
	gate->name = copy;
	atomic_init(&gate->references, 1);
	return gate;
}

struct gate *
gate_ref(struct gate *gate)
{
	atomic_fetch_add(&gate->references, 1);
	return gate;
}

void
gate_release(struct gate *gate)
{
	if (!gate || atomic_fetch_sub(&gate->references, 1) > 1)
		return;
	free(gate->name);
	free(gate);
}

const char *
gate_name(const struct gate *gate)
{
	return gate->name;
}

void
gate_set_limit(struct gate *gate, unsigned limit)
{
	atomic_store(&gate->limit, limit);
}

/* Counts first and looks then: of two who race for one place one gets it. */
static bool
take_place(atomic_uint *count, atomic_uint *limit)
{
	unsigned taken = atomic_fetch_add(count, 1) + 1;
	unsigned places = atomic_load(limit);

	if (places == 0 || taken <= places)
		return true;
	atomic_fetch_sub(count, 1);
	return false;
}

bool
gate_enter(struct gate *gate, uint64_t *id, enum refuse_reason *reason)
{
	struct admit *admit = gate->admit;

	*reason = REFUSE_max_connections;
	if (!take_place(&admit->count, &admit->limit))
		return false;
	if (!take_place(&gate->count, &gate->limit)) {
		atomic_fetch_sub(&admit->count, 1);
		return false;
	}
	gate_ref(gate);
	*id = atomic_fetch_add(&admit->last_id, 1) + 1;
	return true;
}

void
gate_leave(struct gate *gate)
{
	atomic_fetch_sub(&gate->admit->count, 1);
	atomic_fetch_sub(&gate->count, 1);
	gate_release(gate);
}
