/*
 * session: one stream session with the daemon, as its script says, with every
 * byte that comes back checked.
 */
#ifndef ECHOD_STRESS_SESSION_H
#define ECHOD_STRESS_SESSION_H

#include <stdint.h>

struct run;
struct script;

/* Begins; it ends by itself, with run_end(). */
void session_begin(struct run *run, uint64_t index,
		   const struct script *script);

#endif
