/*
 * diagnosis: where bytes come from that are not the ones expected.  Pure.
 */
#ifndef ECHOD_PROBE_DIAGNOSIS_H
#define ECHOD_PROBE_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/outcome.h"
#include "probe/payload.h"

/* Bytes that must agree to recognise a place; with fewer: OUTCOME_CORRUPTED. */
#define DIAGNOSIS_BYTES 16

/* Distance from the expected place, in bytes, that is searched. */
#define DIAGNOSIS_DISTANCE (1 << 20)

/*
 * `got`: what arrived instead of the stream of `seed` at `position`; the first
 * byte differs.  `sent`: the position up to which bytes were sent.  Returns
 *
 *     OUTCOME_BYTES_LOST     later bytes of the stream; `moved` are missing
 *     OUTCOME_BYTES_DOUBLED  earlier bytes of it, from `moved` before
 *     OUTCOME_BYTES_FOREIGN  bytes of another stream
 *     OUTCOME_CORRUPTED      anything else
 *
 * All streams are made of one table, so a long stream contains what another one
 * contains: bytes of another stream can be taken for lost or doubled ones if
 * more than some kilobytes were sent.
 */
enum outcome diagnose(const struct pattern *pattern, uint32_t seed,
		      uint64_t position, uint64_t sent,
		      const unsigned char *got, size_t length, uint64_t *moved);

#endif
