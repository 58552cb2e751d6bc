#include "wrapped_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "support/iovec.h"

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_splice(int from, off64_t *from_at, int to, off64_t *to_at,
		      size_t size, unsigned flags);
ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at,
		      size_t size, unsigned flags);

struct wrapped_socket wrapped_socket = { .fd = -1 };

static bool
is_ours(int fd)
{
	return fd == wrapped_socket.fd;
}

/* Returns how many bytes may pass, or -1 with errno set. */
static ssize_t
pass(struct direction *direction, size_t size)
{
	wrapped_socket.calls++;
	if (direction->error) {
		errno = direction->error;
		direction->error = 0;
		return -1;
	}
	if (direction->allowance == 0 && size > 0) {
		direction->allowance = SIZE_MAX;
		wrapped_socket.refusals++;
		errno = EAGAIN;
		return -1;
	}
	if (size > direction->piece)
		size = direction->piece;
	if (size > direction->allowance)
		size = direction->allowance;
	if (direction->allowance != SIZE_MAX)
		direction->allowance -= size;
	return (ssize_t)size;
}

ssize_t
__wrap_recv(int fd, void *data, size_t size, int flags)
{
	ssize_t passing = is_ours(fd) ? pass(&wrapped_socket.in, size) :
					(ssize_t)size;

	ssize_t got = passing;

	if (passing >= 0)
		got = __real_recv(fd, data, (size_t)passing, flags);
	if (is_ours(fd) && got > 0)
		wrapped_socket.received += (uint64_t)got;
	return got;
}

ssize_t
__wrap_send(int fd, const void *data, size_t size, int flags)
{
	ssize_t passing = is_ours(fd) ? pass(&wrapped_socket.out, size) :
					(ssize_t)size;

	return passing < 0 ? -1 : __real_send(fd, data, (size_t)passing, flags);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct iovec parts[1024];
	struct msghdr shorter = *message;
	ssize_t passing;

	if (!is_ours(fd))
		return __real_sendmsg(fd, message, flags);
	passing = pass(&wrapped_socket.out,
		       iovec_total(message->msg_iov, message->msg_iovlen));
	if (passing < 0)
		return -1;
	shorter.msg_iov = parts;
	shorter.msg_iovlen =
		iovec_first(parts, message->msg_iov, (size_t)passing);
	return __real_sendmsg(fd, &shorter, flags);
}

ssize_t
__wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
	      unsigned flags)
{
	ssize_t passing = (ssize_t)size;

	if (is_ours(from))
		passing = pass(&wrapped_socket.in, size);
	else if (is_ours(to))
		passing = pass(&wrapped_socket.out, size);
	return passing < 0 ? -1 :
			     __real_splice(from, from_at, to, to_at,
					   (size_t)passing, flags);
}

void
wrapped_socket_unlimit(void)
{
	wrapped_socket.in = wrapped_socket.out =
		(struct direction){ SIZE_MAX, SIZE_MAX, 0 };
}

void
wrapped_socket_attach(int fd)
{
	wrapped_socket = (struct wrapped_socket){ .fd = fd };
	wrapped_socket_unlimit();
}
