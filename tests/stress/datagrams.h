/*
 * datagrams: one UDP client, which sends some datagrams and resends those that
 * are not answered, because the kernel may drop any.
 */
#ifndef ECHOD_STRESS_DATAGRAMS_H
#define ECHOD_STRESS_DATAGRAMS_H

#include <stdint.h>

struct run;
struct script;

/* Begins; it ends by itself, with run_end(). */
void datagrams_begin(struct run *run, uint64_t index,
		     const struct script *script);

#endif
