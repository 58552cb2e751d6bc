/*
 * verifier_reference: looks at one byte at a time, and says what a verifier
 * must say of the echo of a server, however it is cut.
 */
#ifndef ECHOD_TESTS_VERIFIER_REFERENCE_H
#define ECHOD_TESTS_VERIFIER_REFERENCE_H

#include "probe/chunk_server.h"

/* The echo is cut at one place, or into parts of one size or of random ones. */
struct cuts {
	size_t place, size, random;
};

struct result {
	struct verdict verdict;
	bool complete;
};

/* Feeds the echo to a verifier until something is wrong or missing. */
struct result reference_feed(const struct server *server,
			     const struct cuts *cuts);

/* The offset of the wrong byte; SIZE_MAX: none. */
size_t reference_judge(const struct server *server, bool *complete);

/* Fails unless the verifier finds the same. */
void reference_compare(const struct server *server, const struct cuts *cuts,
		       size_t wrong, bool complete);

/* Does so with many cuts; returns true if the echo is right and complete. */
bool reference_check(const struct server *server);

/* Pseudo-random. */
uint32_t reference_random(void);

#endif
