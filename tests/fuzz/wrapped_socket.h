/*
 * wrapped_socket: cuts, refuses and fails calls of echod on one socket, as a test says.
 * The program is linked with --wrap for them: recv, send, sendmsg and splice.
 */
#ifndef ECHOD_TESTS_FUZZ_WRAPPED_SOCKET_H
#define ECHOD_TESTS_FUZZ_WRAPPED_SOCKET_H

#include <stddef.h>
#include <stdint.h>

/* One direction of the socket. */
struct direction {
	size_t allowance; /* bytes; then one call fails with EAGAIN */
	size_t piece;	  /* bytes of one call at most */
	int error;	  /* of the next call alone; 0: none */
};

extern struct wrapped_socket {
	int fd; /* -1: no socket */
	struct direction in, out;
	uint64_t calls;
	uint64_t refusals; /* calls that failed with EAGAIN */
	uint64_t received; /* bytes, by recv(2) */
} wrapped_socket;

/* From now on for this descriptor, with counters at 0. */
void wrapped_socket_attach(int fd);

/* Nothing is cut or refused any more. */
void wrapped_socket_unlimit(void);

#endif
