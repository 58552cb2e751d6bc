/*
 * fixture: an event loop, a virtual clock and a check for leaked descriptors,
 * for targets with sockets.
 *
 * Between fixture_freeze() and fixture_thaw() the monotonic clock, as echod
 * and libevent read it, is moved only by fixture_advance(), and nanosleep(2)
 * returns at once.
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

/*
 * The next byte is a length: returns that many bytes, or those that are left.
 */
const uint8_t *script_bytes(struct script *script, size_t *size);

/* A step begins with a letter; `take` reads its arguments. */
struct script_step {
	char letter;
	void (*take)(void);
};

/*
 * Takes at most `most` steps of the script, and skips bytes that begin
 * none.  The array ends with a step whose `take` is NULL.
 */
void script_run(struct script *script, const struct script_step *steps,
		int most);

/* The one loop of all targets.  It logs nothing but errors. */
struct event_base *fixture_base(void);

void fixture_freeze(void);
void fixture_thaw(void);
int64_t fixture_now(void); /* ms */
void fixture_advance(int64_t ms);

/* One pass of the loop, which does not wait. */
void fixture_turn(void);

/* The same before and after, unless a descriptor has leaked. */
int fixture_lowest_descriptor(void);

/* The settings must be valid.  The caller has the reference. */
struct config *fixture_config(const char *text);

/* Its first listener. */
const struct config_listener *fixture_listener(const struct config *config);

/* A pair of unix stream sockets that do not block. */
void fixture_pair(int fds[2]);

/*
 * What peers send: letters and LFs.  The period is FIXTURE_RUN, a prime number,
 * and no size of a buffer.  From any position on, FIXTURE_RUN bytes are in
 * memory.
 */
#define FIXTURE_RUN 65521
const uint8_t *fixture_pattern(uint64_t position);

#endif
