/*
 * requests: one client of the status port, which sends one request and checks
 * the response, or closes before it.
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
