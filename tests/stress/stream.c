#include "stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#ifdef HAVE_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

int
stream_connect(struct stream *stream, const struct sockaddr *address,
	       socklen_t length, int buffer)
{
	int fd = socket(address->sa_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, error;

	if (fd < 0)
		return errno;
	if (address->sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* tcp(7): before connect(2), or the window is as large as ever. */
	if (buffer > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	error = connect(fd, address, length) < 0 ? errno : 0;
	if (error != 0 && error != EINPROGRESS) {
		close(fd);
		return error;
	}
	*stream = (struct stream){ .fd = fd };
	return error;
}

void
stream_reset(struct stream *stream)
{
	struct linger none = { .l_onoff = 1 };

	setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	stream_close(stream);
}

#ifdef HAVE_TLS

void
stream_close(struct stream *stream)
{
	SSL_free(stream->tls);
	close(stream->fd);
}

/* The errno for a result of OpenSSL; 0: the end. */
static int
error_of(struct stream *stream, int result, int system)
{
	switch (SSL_get_error(stream->tls, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return system ? system : EPROTO;
	default:
		ERR_clear_error();
		return EPROTO;
	}
}

static ssize_t
result_of(struct stream *stream, int result)
{
	int error;

	if (result > 0)
		return result;
	error = error_of(stream, result, errno);
	errno = error;
	return error ? -1 : 0;
}

ssize_t
stream_read(struct stream *stream, void *data, size_t length)
{
	if (!stream->tls)
		return recv(stream->fd, data, length, 0);
	ERR_clear_error();
	errno = 0;
	return result_of(stream, SSL_read(stream->tls, data, (int)length));
}

ssize_t
stream_write(struct stream *stream, const void *data, size_t length)
{
	if (!stream->tls)
		return send(stream->fd, data, length, MSG_NOSIGNAL);
	ERR_clear_error();
	errno = 0;
	return result_of(stream, SSL_write(stream->tls, data, (int)length));
}

bool
stream_finish(struct stream *stream)
{
	int result;

	if (!stream->tls)
		return shutdown(stream->fd, SHUT_WR) == 0;
	ERR_clear_error();
	errno = 0;
	result = SSL_shutdown(stream->tls);
	return result >= 0 || result_of(stream, result) > 0;
}

bool
stream_has_pending(const struct stream *stream)
{
	return stream->tls && SSL_pending(stream->tls) > 0;
}

bool
stream_begin_tls(struct stream *stream, bool old)
{
	static SSL_CTX *context;

	if (!context)
		context = SSL_CTX_new(TLS_client_method());
	stream->tls = SSL_new(context);
	if (!stream->tls || SSL_set_fd(stream->tls, stream->fd) != 1)
		return false;
	SSL_set_connect_state(stream->tls);
	SSL_set_mode(stream->tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (old)
		SSL_set_max_proto_version(stream->tls, TLS1_2_VERSION);
	return true;
}

bool
stream_shake_hands(struct stream *stream)
{
	ERR_clear_error();
	errno = 0;
	return result_of(stream, SSL_do_handshake(stream->tls)) > 0;
}

#else

void
stream_close(struct stream *stream)
{
	close(stream->fd);
}

ssize_t
stream_read(struct stream *stream, void *data, size_t length)
{
	return recv(stream->fd, data, length, 0);
}

ssize_t
stream_write(struct stream *stream, const void *data, size_t length)
{
	return send(stream->fd, data, length, MSG_NOSIGNAL);
}

bool
stream_finish(struct stream *stream)
{
	return shutdown(stream->fd, SHUT_WR) == 0;
}

bool
stream_has_pending(const struct stream *stream)
{
	(void)stream;
	return false;
}

bool
stream_begin_tls(struct stream *stream, bool old)
{
	(void)stream;
	(void)old;
	return false;
}

bool
stream_shake_hands(struct stream *stream)
{
	(void)stream;
	return false;
}

#endif
