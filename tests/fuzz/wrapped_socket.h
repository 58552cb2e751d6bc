/*
 * valve: cuts, refuses and fails calls of echod on one socket, as a test says.
 * The program is linked with --wrap for them: recv, send, sendmsg and splice.
 */
#ifndef ECHOD_TESTS_FUZZ_VALVE_H
#define ECHOD_TESTS_FUZZ_VALVE_H

#include <stddef.h>
#include <stdint.h>

/* One direction of the socket. */
struct valve {
	size_t allowance; /* bytes; then one call fails with EAGAIN */
	size_t piece;	  /* bytes of one call at most */
	int error;	  /* of the next call alone; 0: none */
};

extern struct valves {
	int fd; /* -1: no socket */
	struct valve in, out;
	uint64_t calls;
	uint64_t refusals; /* calls that failed with EAGAIN */
	uint64_t received; /* bytes, by recv(2) */
} valves;

/* From now on for this descriptor, with counters at 0. */
void valves_open(int fd);

/* Nothing is cut or refused any more. */
void valves_relax(void);

#endif
