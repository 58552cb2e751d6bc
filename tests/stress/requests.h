/*
 * requests: one client of the status port, which asks once, and checks the
 * answer, or leaves before.
 */
#ifndef ECHOD_STRESS_REQUESTS_H
#define ECHOD_STRESS_REQUESTS_H

#include <stdint.h>

struct run;
struct script;

/* Begins; it ends by itself, with run_end(). */
void requests_begin(struct run *run, uint64_t index,
		    const struct script *script);

#endif
