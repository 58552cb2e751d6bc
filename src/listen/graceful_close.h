/*
 * graceful_close: prepares listening TCP sockets for closing without a reset.
 * Closing a socket resets the connections whose handshake has not ended.
 *
 * 1. Hide the sockets from new connections (socket_hide()).
 * 2. Wait for the handshakes that have begun.  The workers still accept.
 * 3. Call `done`: the workers accept what is queued, and close the sockets.
 *
 * Only graceful_close_add() uses the sockets, and closes none.  Control thread
 * only.
 */
#ifndef ECHOD_LISTEN_GRACEFUL_CLOSE_H
#define ECHOD_LISTEN_GRACEFUL_CLOSE_H

struct address;
struct event_base;
struct graceful_close;

/* NULL: out of memory. */
struct graceful_close *graceful_close_new(struct event_base *base,
					  void (*done)(void *owner),
					  void *owner);
void
graceful_close_free(struct graceful_close *graceful_close); /* NULL is fine */

/*
 * Adds and hides the sockets of a group that listens on `bound`; twice is fine.
 */
void graceful_close_add(struct graceful_close *graceful_close, const int *fds,
			unsigned count, const struct address *bound);

/*
 * Calls `done` after the handshakes have ended, or after 1.5 seconds.  If they
 * cannot be seen, for example without /proc: logs that once, and calls `done`
 * after 0.3 seconds.  If nothing was added: at once, from this function.  A
 * second call before that begins the wait again, for all sockets added so far
 * and for one `done`.
 */
void graceful_close_wait(struct graceful_close *graceful_close);

/* Ends the wait without `done`.  The sockets stay hidden and added. */
void graceful_close_cancel(struct graceful_close *graceful_close);

#endif
