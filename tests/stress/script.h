/*
 * script: what one session does, decided before it begins.
 */
#ifndef ECHOD_STRESS_SCRIPT_H
#define ECHOD_STRESS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random.h"
#include "session_kinds.h"

#define PIECE_MAX 65536

#define ENDINGS(X) \
	X(finish) /* half-closes, reads the rest of the echo */ \
	X(hear)	  /* closes when it has the whole echo */ \
	X(reset)  /* RST at some point */ \
	X(leave)  /* closes at some point, whatever is unread */ \
	X(silent) /* half-closes without a byte */ \
	X(abort)  /* closes before the handshake or the header is complete */

#define ENDING_ENUM(name) ENDING_##name,
enum ending { ENDINGS(ENDING_ENUM) ENDING_COUNT };
#undef ENDING_ENUM

extern const char *const ending_names[ENDING_COUNT];

struct script {
	const struct kind *kind;
	enum ending ending;
	uint64_t total; /* bytes to send */
	uint64_t point; /* bytes sent, when it resets or leaves */
	size_t write_piece;
	size_t read_piece;
	unsigned write_stalls; /* of 100 writes */
	unsigned read_stalls;  /* of 100 reads */
	unsigned stall_ms;
	unsigned pause_ms; /* before the first byte */
	int buffer;	   /* SO_RCVBUF; 0: the kernel's choice */
	bool late;	   /* reads nothing while echod takes more */
	bool waits;	   /* until echod ends a stalled one */
	bool lockstep;	   /* sends when it has the echo of what it sent */
	bool old;	   /* TLS 1.2 instead of 1.3; version 1 of PROXY */
	size_t header_piece;
};

/* `brief`: it is over in a second or two. */
struct script script_new(struct random *random, bool brief);

#define SCRIPT_TEXT_SIZE 320
const char *script_format(const struct script *script,
			  char text[SCRIPT_TEXT_SIZE]);

#endif
