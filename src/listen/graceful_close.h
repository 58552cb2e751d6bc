/*
 * graceful_close: gives up listening sockets without a reset.  Closing one resets
 * every connection whose handshake is under way, so that two steps come first:
 * the kernel shows the sockets to no new connection, and the handshakes that
 * have begun are waited for, so that they can be accepted.
 *
 * Control thread; the sockets remain their owners' and are to be accepted from
 * all the while.
 */
#ifndef ECHOD_LISTEN_GRACEFUL_CLOSE_H
#define ECHOD_LISTEN_GRACEFUL_CLOSE_H

struct address;
struct event_base;
struct graceful_close;

/* `done`: what has been added may be emptied and closed. */
struct graceful_close *graceful_close_new(struct event_base *base,
					  void (*done)(void *owner),
					  void *owner);
void
graceful_close_free(struct graceful_close *graceful_close); /* NULL is fine */

/* TCP sockets that listen on `bound`, a whole group; once more is fine. */
void graceful_close_add(struct graceful_close *graceful_close, const int *fds,
			unsigned count, const struct address *bound);

/*
 * Waits for the handshakes to end, but not for those that nobody ends, then
 * calls `done`; at once where nothing was added.  Called again before that, it
 * begins to wait anew for all that was added, for one `done`.
 */
void graceful_close_wait(struct graceful_close *graceful_close);

/* Waits no more. */
void graceful_close_cancel(struct graceful_close *graceful_close);

#endif
