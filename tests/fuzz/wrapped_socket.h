/*
 * wrapped_socket: makes echod's calls on one socket short, or fail with EAGAIN
 * or another error. The program is linked with --wrap for recv, send, sendmsg
 * and splice.
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

/* Wraps this descriptor from now on; resets the counters. */
void wrapped_socket_attach(int fd);

/* Removes all limits. */
void wrapped_socket_unlimit(void);

#endif
