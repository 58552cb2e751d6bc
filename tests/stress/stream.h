/*
 * stream: one connection, plain or TLS, that does not block.
 */
#ifndef ECHOD_STRESS_STREAM_H
#define ECHOD_STRESS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct ssl_st;

struct stream {
	int fd;
	struct ssl_st *tls; /* NULL: plain */
};

/*
 * Begins to connect: 0, EINPROGRESS, or an errno, with which there is no
 * stream.  `buffer` is SO_RCVBUF, or 0.
 */
int stream_connect(struct stream *stream, const struct sockaddr *address,
		   socklen_t length, int buffer);

/* Closes; frees. */
void stream_close(struct stream *stream);
void stream_reset(struct stream *stream); /* by RST if it is TCP */

/*
 * Like recv(2) and send(2): EAGAIN if it would block. The end of a TLS stream
 * without close_notify is EPROTO.
 */
ssize_t stream_read(struct stream *stream, void *data, size_t length);
ssize_t stream_write(struct stream *stream, const void *data, size_t length);

/* Half-closes; false, with EAGAIN, if it would block. */
bool stream_finish(struct stream *stream);

/* Bytes that wait although the socket has none. */
bool stream_has_pending(const struct stream *stream);

/* Begins TLS; then the handshake: false, with EAGAIN, if it would block. */
bool stream_begin_tls(struct stream *stream, bool old);
bool stream_shake_hands(struct stream *stream);

#endif
