/*
 * admit: who may still come in.  Counts the sessions of the daemon, of each
 * listener, and at each listener those of one source, against their limits.
 * Every thread may enter and leave.
 *
 * A gate is one listener's count.  It outlives reloads and is shared by
 * reference: a session at the gate holds one, too.  A gate may be part of
 * another, as of one address of a listener: it counts those who came in by it,
 * and everything else about it is that of the whole.
 */
#ifndef ECHOD_ADMIT_H
#define ECHOD_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "stats.h"

struct address;
struct admit;
struct gate;

struct admit *admit_new(void);
void admit_free(struct admit *admit); /* NULL is fine */

/* 0: no limit.  Applies to those who come later. */
void admit_set_limit(struct admit *admit, unsigned limit);
unsigned admit_limit(const struct admit *admit);
unsigned admit_count(const struct admit *admit);

/* NULL where memory is out. */
struct gate *gate_new(struct admit *admit, const char *name);
/* Takes a reference to `whole`, which is no part itself. */
struct gate *gate_new_part(struct gate *whole);
bool gate_is_part_of(const struct gate *gate, const struct gate *whole);
struct gate *gate_ref(struct gate *gate);
void gate_release(struct gate *gate); /* NULL is fine */
const char *gate_name(const struct gate *gate);
void gate_set_limit(struct gate *gate, unsigned limit);
unsigned gate_limit(const struct gate *gate);
unsigned gate_count(const struct gate *gate);

/*
 * True where a session with `peer` may begin; `id` is then set to a number that
 * no other session of this process has, and gate_leave() is due at its end.
 * Otherwise `reason` says why not.  Of one source (source.h) so many may be in
 * that came with such a limit; 0: no limit, and it is not counted.
 */
bool gate_enter(struct gate *gate, const struct address *peer,
		unsigned per_source, uint64_t *id, enum refuse_reason *reason);
/* With the peer and the limit that it came with. */
void gate_leave(struct gate *gate, const struct address *peer,
		unsigned per_source);

/*
 * Numbers those of whom it matters which they are: 1, 2, ... and from 1 again
 * after gate_number_anew().
 */
unsigned gate_number(struct gate *gate);
void gate_number_anew(struct gate *gate);

/*
 * The part of this that concerns the source, for a session that learns only
 * later who its peer is; that came in with limit 0 and leaves with this one.
 */
bool gate_enter_source(struct gate *gate, const struct address *peer,
		       unsigned per_source);

#endif
