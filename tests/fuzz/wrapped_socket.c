#include "valve.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

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

struct valves valves = { .fd = -1 };

static bool
is_ours(int fd)
{
	return fd == valves.fd;
}

/* Returns how many bytes may pass, or -1 with errno set. */
static ssize_t
pass(struct valve *valve, size_t size)
{
	valves.calls++;
	if (valve->error) {
		errno = valve->error;
		valve->error = 0;
		return -1;
	}
	if (valve->allowance == 0 && size > 0) {
		valve->allowance = SIZE_MAX;
		valves.refusals++;
		errno = EAGAIN;
		return -1;
	}
	if (size > valve->piece)
		size = valve->piece;
	if (size > valve->allowance)
		size = valve->allowance;
	if (valve->allowance != SIZE_MAX)
		valve->allowance -= size;
	return (ssize_t)size;
}

ssize_t
__wrap_recv(int fd, void *data, size_t size, int flags)
{
	ssize_t passing = is_ours(fd) ? pass(&valves.in, size) : (ssize_t)size;

	ssize_t got = passing;

	if (passing >= 0)
		got = __real_recv(fd, data, (size_t)passing, flags);
	if (is_ours(fd) && got > 0)
		valves.received += (uint64_t)got;
	return got;
}

ssize_t
__wrap_send(int fd, const void *data, size_t size, int flags)
{
	ssize_t passing = is_ours(fd) ? pass(&valves.out, size) : (ssize_t)size;

	return passing < 0 ? -1 : __real_send(fd, data, (size_t)passing, flags);
}

static size_t
total(const struct iovec *parts, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += parts[i].iov_len;
	return bytes;
}

/* Copies so many bytes of the vector; returns how many parts that takes. */
static size_t
shorten(struct iovec *to, const struct iovec *parts, size_t bytes)
{
	size_t count = 0;

	while (bytes > 0) {
		to[count] = parts[count];
		if (to[count].iov_len > bytes)
			to[count].iov_len = bytes;
		bytes -= to[count++].iov_len;
	}
	return count;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct iovec parts[1024];
	struct msghdr shorter = *message;
	ssize_t passing;

	if (!is_ours(fd))
		return __real_sendmsg(fd, message, flags);
	passing =
		pass(&valves.out, total(message->msg_iov, message->msg_iovlen));
	if (passing < 0)
		return -1;
	shorter.msg_iov = parts;
	shorter.msg_iovlen = shorten(parts, message->msg_iov, (size_t)passing);
	return __real_sendmsg(fd, &shorter, flags);
}

ssize_t
__wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
	      unsigned flags)
{
	ssize_t passing = (ssize_t)size;

	if (is_ours(from))
		passing = pass(&valves.in, size);
	else if (is_ours(to))
		passing = pass(&valves.out, size);
	return passing < 0 ? -1 :
			     __real_splice(from, from_at, to, to_at,
					   (size_t)passing, flags);
}

void
valves_relax(void)
{
	valves.in = valves.out = (struct valve){ SIZE_MAX, SIZE_MAX, 0 };
}

void
valves_open(int fd)
{
	valves = (struct valves){ .fd = fd };
	valves_relax();
}
