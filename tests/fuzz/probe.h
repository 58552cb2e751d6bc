/*
 * probe: what the two files of this target share: probe.c and
 * probe_verifier.c.
 */
#ifndef ECHOD_TESTS_FUZZ_PROBE_H
#define ECHOD_TESTS_FUZZ_PROBE_H

#include <stddef.h>

#include "fixture.h"
#include "probe/payload.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Made once, because that takes long.  G is only in PATTERN_NO_TEXT. */
const struct pattern *probe_pattern(enum pattern_alphabet alphabet);

/* In memory of its own, so that sanitizers see every step past it. */
unsigned char *probe_copy(const void *bytes, size_t length);

/* However an echo is cut, the verdict is that of the model. */
void probe_verifier(struct script *script);

#endif
