/*
 * world: what the targets with sockets share: an event loop, a clock that the
 * target turns on, and whether all descriptors have been given back.
 *
 * Between world_freeze() and world_thaw() the monotonic clock, as echod and
 * libevent read it, moves by world_pass() alone, and nanosleep(2) returns at once.
 */
#ifndef ECHOD_TESTS_FUZZ_WORLD_H
#define ECHOD_TESTS_FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct config_listener;
struct event_base;

/* A script: one step after the other, each of a few bytes. */
struct script {
	const uint8_t *data;
	size_t size;
	size_t at;
};

/* 0 after the end. */
uint8_t script_next(struct script *script);

/* The next byte less '0', so that scripts are readable text. */
uint8_t script_digit(struct script *script);

/* From 1 to 64 Ki: small ones exactly, large ones in steps. */
size_t script_size(struct script *script);

/* The next byte is a length: returns so many bytes, or those that are left. */
const uint8_t *script_bytes(struct script *script, size_t *size);

/* The one loop of all targets.  It logs nothing but errors. */
struct event_base *world_base(void);

void world_freeze(void);
void world_thaw(void);
int64_t world_now(void); /* ms */
void world_pass(int64_t ms);

/* One pass of the loop, which does not wait. */
void world_turn(void);

/* The same before and after, unless a descriptor has leaked. */
int world_lowest_descriptor(void);

/* The settings must be valid.  The caller has the reference. */
struct config *world_config(const char *text);

/* Its first listener. */
const struct config_listener *world_listener(const struct config *config);

/* A pair of unix stream sockets that do not block. */
void world_pair(int fds[2]);

/*
 * What peers send: letters and LFs.  The period is WORLD_RUN, a prime number, and
 * no size of a buffer.  From any position on, WORLD_RUN bytes are in memory.
 */
#define WORLD_RUN 65521
const uint8_t *world_pattern(uint64_t position);

#endif
