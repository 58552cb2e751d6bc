/*
 * world: what the targets with sockets share: an event loop, a clock that the
 * target turns on, and whether all descriptors have been given back.
 *
 * Between world_freeze() and world_thaw() the monotonic clock, as echod and
 * libevent read it, stands still but for world_pass(), and nobody sleeps.
 */
#ifndef ECHOD_TESTS_FUZZ_WORLD_H
#define ECHOD_TESTS_FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct event_base;

/* A script: one step after the other, each of a few bytes. */
struct script {
	const uint8_t *data;
	size_t size;
	size_t at;
};

/* 0 after the end. */
uint8_t script_next(struct script *script);

/* Of which '0' is 0, so that scripts can be read. */
uint8_t script_digit(struct script *script);

/* From 1 to 64 Ki: small ones exactly, large ones in steps. */
size_t script_size(struct script *script);

/* So many bytes as the next one says, as far as they are there. */
const uint8_t *script_bytes(struct script *script, size_t *size);

/* The one loop of all targets.  It logs nothing but errors. */
struct event_base *world_base(void);

void world_freeze(void);
void world_thaw(void);
int64_t world_now(void); /* ms */
void world_pass(int64_t ms);

/* One pass of the loop, which does not wait. */
void world_turn(void);

/* Descriptors are all closed if this is the same before and after. */
int world_lowest_descriptor(void);

/* The settings have to be valid. */
struct config *world_config(const char *text);

/* A pair of unix stream sockets that do not block. */
void world_pair(int fds[2]);

/*
 * What peers say: letters and LFs, without a period that a buffer could have.
 * At most WORLD_RUN bytes follow in memory.
 */
#define WORLD_RUN 65521
const uint8_t *world_pattern(uint64_t position);

#endif
