#include "tcp/connection_limits.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/stats_table.h"
#include "tcp/client_counts.h"

struct limits {
	atomic_uint limit;
	atomic_uint count;
	_Atomic uint64_t last_id;
	struct client_counts *sources;
};

struct limit {
	struct limits *limits;
	struct limit *whole; /* referenced; NULL: not a part */
	char *name;	     /* NULL: that of the whole */
	struct stats *stats; /* borrowed; also in a part */
	atomic_uint limit;
	atomic_uint count;
	atomic_uint references;
	atomic_uint numbered;
};

struct limits *
limits_new(void)
{
	struct limits *limits = calloc(1, sizeof(*limits));
	struct client_counts *sources = client_counts_new();

	if (!limits || !sources) {
		client_counts_free(sources);
		free(limits);
		return NULL;
	}
	limits->sources = sources;
	return limits;
}

void
limits_free(struct limits *limits)
{
	if (!limits)
		return;
	client_counts_free(limits->sources);
	free(limits);
}

void
limits_set_max(struct limits *limits, unsigned max)
{
	atomic_store(&limits->limit, max);
}

unsigned
limits_max(const struct limits *limits)
{
	return atomic_load(&limits->limit);
}

unsigned
limits_count(const struct limits *limits)
{
	return atomic_load(&limits->count);
}

struct limit *
limit_new(struct limits *limits, const char *name, struct stats *stats)
{
	struct limit *limit = calloc(1, sizeof(*limit));
	char *copy = strdup(name);

	if (!limit || !copy) {
		free(limit);
		free(copy);
		return NULL;
	}
	limit->limits = limits;
	limit->name = copy;
	limit->stats = stats;
	atomic_init(&limit->references, 1);
	return limit;
}

struct limit *
limit_new_part(struct limit *whole)
{
	struct limit *limit = calloc(1, sizeof(*limit));

	if (!limit)
		return NULL;
	limit->limits = whole->limits;
	limit->whole = limit_ref(whole);
	limit->stats = whole->stats;
	atomic_init(&limit->references, 1);
	return limit;
}

bool
limit_is_part_of(const struct limit *limit, const struct limit *whole)
{
	return limit->whole == whole;
}

struct limit *
limit_ref(struct limit *limit)
{
	atomic_fetch_add(&limit->references, 1);
	return limit;
}

void
limit_unref(struct limit *limit)
{
	if (!limit || atomic_fetch_sub(&limit->references, 1) > 1)
		return;
	limit_unref(limit->whole);
	free(limit->name);
	free(limit);
}

static struct limit *
whole_of(struct limit *limit)
{
	return limit->whole ? limit->whole : limit;
}

const char *
limit_name(const struct limit *limit)
{
	return limit->whole ? limit->whole->name : limit->name;
}

struct stats *
limit_stats(const struct limit *limit, unsigned worker)
{
	return stats_of_worker(limit->stats, worker);
}

void
limit_set_max(struct limit *limit, unsigned max)
{
	atomic_store(&limit->limit, max);
}

unsigned
limit_next_number(struct limit *limit)
{
	return atomic_fetch_add(&whole_of(limit)->numbered, 1) + 1;
}

void
limit_restart_numbers(struct limit *limit)
{
	atomic_store(&limit->numbered, 0);
}

unsigned
limit_max(const struct limit *limit)
{
	return atomic_load(&limit->limit);
}

unsigned
limit_count(const struct limit *limit)
{
	return atomic_load(&limit->count);
}

/* Counts before it compares: of two threads at the limit one gets in. */
static bool
increment(atomic_uint *count, atomic_uint *limit)
{
	unsigned used = atomic_fetch_add(count, 1) + 1;
	unsigned most = atomic_load(limit);

	if (most == 0 || used <= most)
		return true;
	atomic_fetch_sub(count, 1);
	return false;
}

static bool
enter_counts(struct limit *limit)
{
	struct limits *limits = limit->limits;
	struct limit *whole = whole_of(limit);

	if (!increment(&limits->count, &limits->limit))
		return false;
	if (!increment(&whole->count, &whole->limit)) {
		atomic_fetch_sub(&limits->count, 1);
		return false;
	}
	if (limit != whole)
		atomic_fetch_add(&limit->count, 1);
	return true;
}

bool
limit_enter_source(struct limit *limit, const struct address *peer,
		   unsigned per_source)
{
	return per_source == 0 ||
	       client_counts_enter(limit->limits->sources, whole_of(limit),
				   peer, per_source);
}

static void
leave_source(struct limit *limit, const struct address *peer,
	     unsigned per_source)
{
	if (per_source > 0)
		client_counts_leave(limit->limits->sources, whole_of(limit),
				    peer);
}

bool
limit_enter(struct limit *limit, const struct address *peer,
	    unsigned per_source, uint64_t *id, enum refuse_reason *reason)
{
	/* First: if one source is at all limits, this is the reason to log. */
	if (!limit_enter_source(limit, peer, per_source)) {
		*reason = REFUSE_per_source;
		return false;
	}
	if (!enter_counts(limit)) {
		leave_source(limit, peer, per_source);
		*reason = REFUSE_max_connections;
		return false;
	}
	limit_ref(limit);
	*id = atomic_fetch_add(&limit->limits->last_id, 1) + 1;
	return true;
}

void
limit_leave(struct limit *limit, const struct address *peer,
	    unsigned per_source)
{
	struct limit *whole = whole_of(limit);

	leave_source(limit, peer, per_source);
	if (limit != whole)
		atomic_fetch_sub(&limit->count, 1);
	atomic_fetch_sub(&whole->count, 1);
	/* Last: a thread that sees this count may read the others. */
	atomic_fetch_sub(&limit->limits->count, 1);
	limit_unref(limit);
}
