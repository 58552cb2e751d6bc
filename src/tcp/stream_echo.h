/*
 * stream_echo: moves what a peer sent back to it, prefixes added, with a bound on
 * what waits for a peer that does not read.
 *
 * Where nothing stands between a session and its socket the pump receives and
 * sends by itself.  What the socket refuses goes into the output of the
 * session's bufferevent, and nothing more is read until that is empty, or else
 * goes behind it: so the order of bytes is kept.  (By way of the bufferevent's input a
 * small message costs an ioctl(2) and twice the cache lines, and bulk is read in
 * pieces of 4096 bytes.)
 *
 * One pump serves all sessions of one worker, from its thread.
 */
#ifndef ECHOD_TCP_STREAM_ECHO_H
#define ECHOD_TCP_STREAM_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "echo/frame.h"

struct bufferevent;
struct evbuffer;
struct stream_echo;

enum stream_echo_path {
	STREAM_ECHO_BUFFERED, /* input and output are the bufferevent's */
	STREAM_ECHO_DIRECT, /* input is the socket's, and output where it can be */
};

enum stream_echo_state {
	STREAM_ECHO_EMPTY, /* wait for more, or for another turn */
	STREAM_ECHO_FULL,  /* stop reading: enough output waits */
	STREAM_ECHO_ENDED, /* the peer has sent FIN, all of it has been passed on */
	STREAM_ECHO_FAILED, /* errno tells: the session cannot go on */
};

/*
 * What one call may take off a socket, in bytes: more where there is nothing but
 * bulk, so that it costs fewer calls, less where small messages wait for it.
 */
#define STREAM_ECHO_BUDGET (512 * 1024)
#define STREAM_ECHO_BUDGET_SHARED (64 * 1024)

/* What is done for one session. */
struct stream_echo_job {
	struct bufferevent *bev;
	const struct frame *frame;
	struct evbuffer *delay; /* on the buffered path, takes the output */
	size_t output_limit;	/* bytes */
	size_t budget;		/* STREAM_ECHO_BUDGET at most */
	enum stream_echo_path path;
	bool absorb;	    /* read on although output waits, to the limit */
	bool in_line;	    /* as frame_layout() has it, kept between calls */
	unsigned char bulk; /* the pump's own; 0 at first, kept between calls */
};

/* What calls have moved. */
struct stream_echo_tally {
	uint64_t in;
	uint64_t out;
	uint64_t chunks;
};

/* NULL where memory is out. */
struct stream_echo *stream_echo_new(void);
void stream_echo_free(struct stream_echo *stream_echo); /* NULL is fine */

/*
 * Echoes what there is, as far as `output_limit` bytes of output allow; the
 * rest stays where it is.  Adds what it has done to `tally`.
 *
 * On the direct path a call takes a bounded number of bytes off the socket, so
 * that one bulk session does not starve the others.  The end of a buffered
 * stream is the bufferevent's to tell.
 */
enum stream_echo_state stream_echo_run(struct stream_echo *stream_echo,
				       struct stream_echo_job *job,
				       struct stream_echo_tally *tally);

#endif
