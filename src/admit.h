/*
 * admit: who may still come in.  Counts the sessions of the daemon and of each
 * listener against their limits.  Every thread may enter and leave.
 *
 * A gate is one listener's count.  It outlives reloads and is shared by
 * reference: a session at the gate holds one, too.
 */
#ifndef ECHOD_ADMIT_H
#define ECHOD_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "stats.h"

struct admit;
struct gate;

struct admit *admit_new(void);
void admit_free(struct admit *admit); /* NULL is fine */

/* 0: no limit.  Applies to those who come later. */
void admit_set_limit(struct admit *admit, unsigned limit);
unsigned admit_count(const struct admit *admit);

/* NULL where memory is out. */
struct gate *gate_new(struct admit *admit, const char *name);
struct gate *gate_ref(struct gate *gate);
void gate_release(struct gate *gate); /* NULL is fine */
const char *gate_name(const struct gate *gate);
void gate_set_limit(struct gate *gate, unsigned limit);

/*
 * True where a session may begin; `id` is then set to a number that no other
 * session of this process has, and gate_leave() is due at its end.  Otherwise
 * `reason` says why not.
 */
bool gate_enter(struct gate *gate, uint64_t *id, enum refuse_reason *reason);
void gate_leave(struct gate *gate);

#endif
