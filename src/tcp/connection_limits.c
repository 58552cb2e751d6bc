#include "tcp/connection_limits.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tcp/client_counts.h"

struct connection_limits {
	atomic_uint limit;
	atomic_uint count;
	_Atomic uint64_t last_id;
	struct client_counts *sources;
};

struct listener_limit {
	struct connection_limits *connection_limits;
	struct listener_limit *whole; /* referenced; NULL: not a part */
	char *name;		      /* NULL: that of the whole */
	atomic_uint limit;
	atomic_uint count;
	atomic_uint references;
	atomic_uint numbered;
};

struct connection_limits *
connection_limits_new(void)
{
	struct connection_limits *connection_limits =
		calloc(1, sizeof(*connection_limits));
	struct client_counts *sources = client_counts_new();

	if (!connection_limits || !sources) {
		client_counts_free(sources);
		free(connection_limits);
		return NULL;
	}
	connection_limits->sources = sources;
	return connection_limits;
}

void
connection_limits_free(struct connection_limits *connection_limits)
{
	if (!connection_limits)
		return;
	client_counts_free(connection_limits->sources);
	free(connection_limits);
}

void
connection_limits_set_max(struct connection_limits *connection_limits,
			  unsigned limit)
{
	atomic_store(&connection_limits->limit, limit);
}

unsigned
connection_limits_max(const struct connection_limits *connection_limits)
{
	return atomic_load(&connection_limits->limit);
}

unsigned
connection_limits_count(const struct connection_limits *connection_limits)
{
	return atomic_load(&connection_limits->count);
}

struct listener_limit *
listener_limit_new(struct connection_limits *connection_limits,
		   const char *name)
{
	struct listener_limit *listener_limit =
		calloc(1, sizeof(*listener_limit));
	char *copy = strdup(name);

	if (!listener_limit || !copy) {
		free(listener_limit);
		free(copy);
		return NULL;
	}
	listener_limit->connection_limits = connection_limits;
	listener_limit->name = copy;
	atomic_init(&listener_limit->references, 1);
	return listener_limit;
}

struct listener_limit *
listener_limit_new_part(struct listener_limit *whole)
{
	struct listener_limit *listener_limit =
		calloc(1, sizeof(*listener_limit));

	if (!listener_limit)
		return NULL;
	listener_limit->connection_limits = whole->connection_limits;
	listener_limit->whole = listener_limit_ref(whole);
	atomic_init(&listener_limit->references, 1);
	return listener_limit;
}

bool
listener_limit_is_part_of(const struct listener_limit *listener_limit,
			  const struct listener_limit *whole)
{
	return listener_limit->whole == whole;
}

struct listener_limit *
listener_limit_ref(struct listener_limit *listener_limit)
{
	atomic_fetch_add(&listener_limit->references, 1);
	return listener_limit;
}

void
listener_limit_unref(struct listener_limit *listener_limit)
{
	if (!listener_limit ||
	    atomic_fetch_sub(&listener_limit->references, 1) > 1)
		return;
	listener_limit_unref(listener_limit->whole);
	free(listener_limit->name);
	free(listener_limit);
}

static struct listener_limit *
whole_of(struct listener_limit *listener_limit)
{
	return listener_limit->whole ? listener_limit->whole : listener_limit;
}

const char *
listener_limit_name(const struct listener_limit *listener_limit)
{
	return listener_limit->whole ? listener_limit->whole->name :
				       listener_limit->name;
}

void
listener_limit_set_max(struct listener_limit *listener_limit, unsigned limit)
{
	atomic_store(&listener_limit->limit, limit);
}

unsigned
listener_limit_next_number(struct listener_limit *listener_limit)
{
	return atomic_fetch_add(&whole_of(listener_limit)->numbered, 1) + 1;
}

void
listener_limit_restart_numbers(struct listener_limit *listener_limit)
{
	atomic_store(&listener_limit->numbered, 0);
}

unsigned
listener_limit_max(const struct listener_limit *listener_limit)
{
	return atomic_load(&listener_limit->limit);
}

unsigned
listener_limit_count(const struct listener_limit *listener_limit)
{
	return atomic_load(&listener_limit->count);
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
enter_counts(struct listener_limit *listener_limit)
{
	struct connection_limits *connection_limits =
		listener_limit->connection_limits;
	struct listener_limit *whole = whole_of(listener_limit);

	if (!increment(&connection_limits->count, &connection_limits->limit))
		return false;
	if (!increment(&whole->count, &whole->limit)) {
		atomic_fetch_sub(&connection_limits->count, 1);
		return false;
	}
	if (listener_limit != whole)
		atomic_fetch_add(&listener_limit->count, 1);
	return true;
}

bool
listener_limit_enter_source(struct listener_limit *listener_limit,
			    const struct address *peer, unsigned per_source)
{
	return per_source == 0 ||
	       client_counts_enter(listener_limit->connection_limits->sources,
				   whole_of(listener_limit), peer, per_source);
}

static void
leave_source(struct listener_limit *listener_limit, const struct address *peer,
	     unsigned per_source)
{
	if (per_source > 0)
		client_counts_leave(listener_limit->connection_limits->sources,
				    whole_of(listener_limit), peer);
}

bool
listener_limit_enter(struct listener_limit *listener_limit,
		     const struct address *peer, unsigned per_source,
		     uint64_t *id, enum refuse_reason *reason)
{
	/* First: if one source is at all limits, this is the reason to log. */
	if (!listener_limit_enter_source(listener_limit, peer, per_source)) {
		*reason = REFUSE_per_source;
		return false;
	}
	if (!enter_counts(listener_limit)) {
		leave_source(listener_limit, peer, per_source);
		*reason = REFUSE_max_connections;
		return false;
	}
	listener_limit_ref(listener_limit);
	*id = atomic_fetch_add(&listener_limit->connection_limits->last_id, 1) +
	      1;
	return true;
}

void
listener_limit_leave(struct listener_limit *listener_limit,
		     const struct address *peer, unsigned per_source)
{
	struct listener_limit *whole = whole_of(listener_limit);

	leave_source(listener_limit, peer, per_source);
	if (listener_limit != whole)
		atomic_fetch_sub(&listener_limit->count, 1);
	atomic_fetch_sub(&whole->count, 1);
	/* Last: a thread that sees this count may read the others. */
	atomic_fetch_sub(&listener_limit->connection_limits->count, 1);
	listener_limit_unref(listener_limit);
}
