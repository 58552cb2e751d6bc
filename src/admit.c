#include "admit.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

struct admit {
	atomic_uint limit;
	atomic_uint count;
	_Atomic uint64_t last_id;
	struct source_table *sources;
};

struct gate {
	struct admit *admit;
	struct gate *whole; /* referenced; NULL: it is no part */
	char *name;	    /* NULL: that of the whole */
	atomic_uint limit;
	atomic_uint count;
	atomic_uint references;
	atomic_uint numbered;
};

struct admit *
admit_new(void)
{
	struct admit *admit = calloc(1, sizeof(*admit));
	struct source_table *sources = source_table_new();

	if (!admit || !sources) {
		source_table_free(sources);
		free(admit);
		return NULL;
	}
	admit->sources = sources;
	return admit;
}

void
admit_free(struct admit *admit)
{
	if (!admit)
		return;
	source_table_free(admit->sources);
	free(admit);
}

void
admit_set_limit(struct admit *admit, unsigned limit)
{
	atomic_store(&admit->limit, limit);
}

unsigned
admit_limit(const struct admit *admit)
{
	return atomic_load(&admit->limit);
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
gate_new_part(struct gate *whole)
{
	struct gate *gate = calloc(1, sizeof(*gate));

	if (!gate)
		return NULL;
	gate->admit = whole->admit;
	gate->whole = gate_ref(whole);
	atomic_init(&gate->references, 1);
	return gate;
}

bool
gate_is_part_of(const struct gate *gate, const struct gate *whole)
{
	return gate->whole == whole;
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
	gate_release(gate->whole);
	free(gate->name);
	free(gate);
}

static struct gate *
whole_of(struct gate *gate)
{
	return gate->whole ? gate->whole : gate;
}

const char *
gate_name(const struct gate *gate)
{
	return gate->whole ? gate->whole->name : gate->name;
}

void
gate_set_limit(struct gate *gate, unsigned limit)
{
	atomic_store(&gate->limit, limit);
}

unsigned
gate_number(struct gate *gate)
{
	return atomic_fetch_add(&whole_of(gate)->numbered, 1) + 1;
}

void
gate_number_anew(struct gate *gate)
{
	atomic_store(&gate->numbered, 0);
}

unsigned
gate_limit(const struct gate *gate)
{
	return atomic_load(&gate->limit);
}

unsigned
gate_count(const struct gate *gate)
{
	return atomic_load(&gate->count);
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

static bool
take_places(struct gate *gate)
{
	struct admit *admit = gate->admit;
	struct gate *whole = whole_of(gate);

	if (!take_place(&admit->count, &admit->limit))
		return false;
	if (!take_place(&whole->count, &whole->limit)) {
		atomic_fetch_sub(&admit->count, 1);
		return false;
	}
	if (gate != whole)
		atomic_fetch_add(&gate->count, 1);
	return true;
}

bool
gate_enter_source(struct gate *gate, const struct address *peer,
		  unsigned per_source)
{
	return per_source == 0 ||
	       source_enter(gate->admit->sources, whole_of(gate), peer,
			    per_source);
}

static void
leave_source(struct gate *gate, const struct address *peer, unsigned per_source)
{
	if (per_source > 0)
		source_leave(gate->admit->sources, whole_of(gate), peer);
}

bool
gate_enter(struct gate *gate, const struct address *peer, unsigned per_source,
	   uint64_t *id, enum refuse_reason *reason)
{
	/* First: where one source has taken all places, that is to be told. */
	if (!gate_enter_source(gate, peer, per_source)) {
		*reason = REFUSE_per_source;
		return false;
	}
	if (!take_places(gate)) {
		leave_source(gate, peer, per_source);
		*reason = REFUSE_max_connections;
		return false;
	}
	gate_ref(gate);
	*id = atomic_fetch_add(&gate->admit->last_id, 1) + 1;
	return true;
}

void
gate_leave(struct gate *gate, const struct address *peer, unsigned per_source)
{
	struct gate *whole = whole_of(gate);

	leave_source(gate, peer, per_source);
	if (gate != whole)
		atomic_fetch_sub(&gate->count, 1);
	atomic_fetch_sub(&whole->count, 1);
	/* Last: who is told of this count may ask for the others. */
	atomic_fetch_sub(&gate->admit->count, 1);
	gate_release(gate);
}
