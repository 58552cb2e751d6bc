/*
 * fuzz: targets that are run with bytes of a fuzzer: one for each parser of
 * bytes from outside, and one for each part of echod that a script drives.  A
 * target aborts if an answer is wrong.
 *
 * Two programs have them: tests/fuzz/replay runs the corpus in `make check`,
 * and tests/fuzz/fuzzer looks for more with libFuzzer in `make fuzz`.
 */
#ifndef ECHOD_TESTS_FUZZ_H
#define ECHOD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct fuzz_target {
	const char *name; /* that of its directory in corpus/, too */
	void (*run)(const uint8_t *data, size_t size);
};

/* Ends with a NULL name. */
extern const struct fuzz_target fuzz_targets[];

/* NULL where there is none of this name. */
const struct fuzz_target *fuzz_find(const char *name);

/* A string in memory of its own, so that sanitizers see every step past it. */
char *fuzz_text(const uint8_t *data, size_t size);

void fuzz_acl(const uint8_t *data, size_t size);
void fuzz_config(const uint8_t *data, size_t size);
void fuzz_environment(const uint8_t *data, size_t size);
void fuzz_frame(const uint8_t *data, size_t size);
void fuzz_http(const uint8_t *data, size_t size);
void fuzz_listen_address(const uint8_t *data, size_t size);
void fuzz_probe(const uint8_t *data, size_t size);
void fuzz_proxy_protocol(const uint8_t *data, size_t size);
void fuzz_reloads(const uint8_t *data, size_t size);
void fuzz_session(const uint8_t *data, size_t size);
void fuzz_template(const uint8_t *data, size_t size);
void fuzz_tls(const uint8_t *data, size_t size);

#define FUZZ_EXPECT(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#condition); \
			abort(); \
		} \
	} while (0)

#endif
