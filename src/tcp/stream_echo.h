/*
 * stream_echo: sends the bytes of a stream back, with their prefixes.  The
 * output that waits for a slow peer is limited.
 *
 * stream_echo_direct() calls recv(2), send(2) and splice(2) itself.  Bytes that
 * the socket refuses are queued in the output of the bufferevent.  Later bytes
 * are queued behind them, or are not read until the output is empty, so their
 * order is kept.  (Through the input of the bufferevent, a small message costs
 * an ioctl(2) and twice the cache lines.  Bulk is read in pieces of 4096
 * bytes.)
 *
 * stream_echo_buffered() moves bytes from the input of the bufferevent to its
 * output, or to a delay buffer.
 *
 * All sessions of a worker share one stream_echo, in the worker's thread.
 */
#ifndef ECHOD_TCP_STREAM_ECHO_H
#define ECHOD_TCP_STREAM_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "echo/frame.h"

struct bufferevent;
struct evbuffer;
struct stream_echo;

enum echo_state {
	ECHO_MORE,   /* wait for input, or for the next turn */
	ECHO_FULL,   /* stop reading until output has been sent */
	ECHO_ENDED,  /* the peer has sent FIN, and everything is echoed */
	ECHO_FAILED, /* the session must end; errno is set */
};

/*
 * Bytes after which one direct call reads no more.  While all sessions are
 * bulk, the large budget needs fewer calls; the shared one keeps small messages
 * fast.
 */
#define ECHO_BUDGET (512 * 1024)
#define ECHO_BUDGET_SHARED (64 * 1024)

/* One session's work.  All pointers are borrowed. */
struct stream_echo_job {
	struct bufferevent *bev;
	const struct frame *frame;
	struct evbuffer *output; /* buffered only */
	size_t output_limit;	 /* bytes */
	size_t budget;		 /* direct only: at most ECHO_BUDGET */
	bool absorb; /* direct only: read although output waits, to the limit */
	bool in_line;	    /* for frame_layout(); keep it between calls */
	unsigned char bulk; /* > 0: a bulk session; keep it between calls */
	/* When the first bytes of this call came (timers_now_ns()); 0: none. */
	int64_t received;
	/* Calls add to these: */
	uint64_t in;	 /* bytes of input that were echoed */
	uint64_t out;	 /* bytes of their echo, sent or queued */
	uint64_t chunks; /* prefixes */
};

/* NULL: out of memory. */
struct stream_echo *stream_echo_new(void);
void stream_echo_free(struct stream_echo *stream_echo); /* NULL is fine */

/*
 * Echoes the available input.  What is not echoed stays in the socket or in the
 * bufferevent.
 *
 * A direct call stops when output waits; with `absorb`, when `output_limit`
 * bytes of output wait.  It also stops at its budget, so a bulk session does
 * not starve the others.
 *
 * A buffered call stops when `output_limit` bytes of output wait.  It never
 * returns ECHO_ENDED: the bufferevent reports the end of its stream.
 */
enum echo_state stream_echo_direct(struct stream_echo *stream_echo,
				   struct stream_echo_job *job);
enum echo_state stream_echo_buffered(struct stream_echo *stream_echo,
				     struct stream_echo_job *job);

#endif
