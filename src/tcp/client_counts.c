#include "tcp/client_counts.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Otherwise it calls exit() if memory is out. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "addr/address.h"

/* Parts of the table: a power of two, more than there are threads. */
#define PARTS 64

/* Has no padding: its bytes are compared. */
struct key {
	uint64_t owner;
	uint64_t family;
	uint64_t network;
};

struct source {
	struct key key;
	unsigned count;
	UT_hash_handle hh;
};

struct part {
	pthread_mutex_t lock;
	struct source *sources;
};

struct client_counts {
	uint64_t seed;
	struct part parts[PARTS];
};

struct client_counts *
client_counts_new(void)
{
	struct client_counts *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	/* So that peers cannot choose addresses that collide; best effort. */
	if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) < 0)
		table->seed = (uintptr_t)table;
	for (size_t i = 0; i < PARTS; i++)
		pthread_mutex_init(&table->parts[i].lock, NULL);
	return table;
}

static void
empty(struct part *part)
{
	struct source *source, *next;

	HASH_ITER(hh, part->sources, source, next)
	{
		/* The analyzer does not see that what is freed was removed. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		HASH_DEL(part->sources, source);
		free(source);
	}
}

void
client_counts_free(struct client_counts *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < PARTS; i++) {
		empty(&table->parts[i]);
		pthread_mutex_destroy(&table->parts[i].lock);
	}
	free(table);
}

static bool
make_key(struct key *key, const void *owner, const struct address *peer)
{
	key->owner = (uintptr_t)owner;
	key->family = (uint64_t)address_family(peer);
	key->network = 0;
	switch (key->family) {
	case AF_INET:
		key->network = peer->in.sin_addr.s_addr;
		return true;
	case AF_INET6:
		memcpy(&key->network, &peer->in6.sin6_addr, 8);
		return true;
	default:
		return false;
	}
}

/* The finalizer of MurmurHash3: each bit depends on each. */
static uint64_t
mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/* Position of a key: the part, and the hash in it. */
struct position {
	struct part *part;
	unsigned hash;
};

static struct position
find_position(struct client_counts *table, const struct key *key)
{
	uint64_t hash = mix(table->seed ^ key->owner);

	hash = mix(mix(hash ^ key->family) ^ key->network);
	return (struct position){
		.part = &table->parts[hash % PARTS],
		.hash = (unsigned)(hash >> 32),
	};
}

static struct source *
look_up(const struct position *at, const struct key *key)
{
	struct source *source;

	HASH_FIND_BYHASHVALUE(hh, at->part->sources, key, sizeof(*key),
			      at->hash, source);
	return source;
}

static void
add(const struct position *at, const struct key *key)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return;
	source->key = *key;
	source->count = 1;
	HASH_ADD_BYHASHVALUE(hh, at->part->sources, key, sizeof(*key), at->hash,
			     source);
	if (!source->hh.tbl)
		free(source);
}

bool
client_counts_enter(struct client_counts *table, const void *owner,
		    const struct address *peer, unsigned limit)
{
	struct source *source;
	struct position at;
	struct key key;
	bool enters = true;

	if (!make_key(&key, owner, peer))
		return true;
	at = find_position(table, &key);
	pthread_mutex_lock(&at.part->lock);
	source = look_up(&at, &key);
	if (!source)
		add(&at, &key);
	else if (source->count < limit)
		source->count++;
	else
		enters = false;
	pthread_mutex_unlock(&at.part->lock);
	return enters;
}

void
client_counts_leave(struct client_counts *table, const void *owner,
		    const struct address *peer)
{
	struct source *source;
	struct position at;
	struct key key;

	if (!make_key(&key, owner, peer))
		return;
	at = find_position(table, &key);
	pthread_mutex_lock(&at.part->lock);
	source = look_up(&at, &key);
	/* NULL if memory was out when it entered. */
	if (source && --source->count == 0) {
		HASH_DEL(at.part->sources, source);
		free(source);
	}
	pthread_mutex_unlock(&at.part->lock);
}

size_t
client_counts_count(struct client_counts *table)
{
	size_t count = 0;

	for (size_t i = 0; i < PARTS; i++) {
		pthread_mutex_lock(&table->parts[i].lock);
		count += HASH_COUNT(table->parts[i].sources);
		pthread_mutex_unlock(&table->parts[i].lock);
	}
	return count;
}
