/*
 * Preloaded into the daemon by check_short_io: makes transfers of sockets
 * short at random, or fail with EAGAIN, like a slow network or a full buffer.
 * After EAGAIN the socket is still ready, so a wait for it returns at once.
 * Prints the numbers of both on standard error at exit.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "support/iovec.h"

static atomic_ulong cut;
static atomic_ulong refused;

/* Transfers up to here are let through: logs, mailboxes. */
#define SMALL 16

static size_t
chance(size_t sides)
{
	static _Atomic uint64_t state = 0x9e3779b97f4a7c15;
	uint64_t x = atomic_load(&state);

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	atomic_store(&state, x);
	return (size_t)(x >> 11) % sides;
}

/* Returns how much of `size` may pass; 0 to refuse. */
static size_t
pass(size_t size)
{
	if (size <= SMALL)
		return size;
	if (chance(4) == 0) {
		atomic_fetch_add(&refused, 1);
		errno = EAGAIN;
		return 0;
	}
	if (chance(2) == 0)
		return size;
	atomic_fetch_add(&cut, 1);
	return 1 + chance(size < 8192 ? size : 8192);
}

#define NEXT(name) \
	static __typeof__(name) *next; \
	if (!next) \
	next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t
recv(int fd, void *data, size_t size, int flags)
{
	NEXT(recv);
	size_t passing = pass(size);

	return passing == 0 && size > 0 ? -1 : next(fd, data, passing, flags);
}

ssize_t
send(int fd, const void *data, size_t size, int flags)
{
	NEXT(send);
	size_t passing = pass(size);

	return passing == 0 && size > 0 ? -1 : next(fd, data, passing, flags);
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
	NEXT(sendmsg);
	struct iovec parts[1024];
	struct msghdr shorter = *message;
	size_t passing =
		pass(iovec_total(message->msg_iov, message->msg_iovlen));

	if (passing == 0)
		return -1;
	shorter.msg_iov = parts;
	shorter.msg_iovlen = iovec_first(parts, message->msg_iov, passing);
	return next(fd, &shorter, flags);
}

/* libevent sends with it; the log is written with it. */
ssize_t
writev(int fd, const struct iovec *parts, int count)
{
	NEXT(writev);
	int type;
	socklen_t length = sizeof(type);
	struct iovec shorter[1024];
	size_t passing;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
		return next(fd, parts, count);
	passing = pass(iovec_total(parts, (size_t)count));
	if (passing == 0)
		return -1;
	return next(fd, shorter, (int)iovec_first(shorter, parts, passing));
}

ssize_t
splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
       unsigned flags)
{
	NEXT(splice);
	size_t passing = pass(size);

	return passing == 0 ? -1 :
			      next(from, from_at, to, to_at, passing, flags);
}

__attribute__((destructor)) static void
tell(void)
{
	fprintf(stderr, "short_io: cut=%lu refused=%lu\n", atomic_load(&cut),
		atomic_load(&refused));
}
