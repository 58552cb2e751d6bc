/*
 * datagrams: one client of UDP, which sends some datagrams, and again those that
 * are not answered: the kernel may drop any when there is no room.
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
