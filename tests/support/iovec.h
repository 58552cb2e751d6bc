/*
 * iovec: vectors of writev(2) and sendmsg(2), for wrappers that let a part
 * pass.
 */
#ifndef ECHOD_TESTS_IOVEC_H
#define ECHOD_TESTS_IOVEC_H

#include <stddef.h>
#include <sys/uio.h>

/* Bytes in a vector of `count` parts. */
static inline size_t
iovec_total(const struct iovec *parts, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += parts[i].iov_len;
	return bytes;
}

/*
 * Makes `to` the vector of the first `bytes` bytes of `parts`, which has as
 * many or more; returns the number of its parts.
 */
static inline size_t
iovec_first(struct iovec *to, const struct iovec *parts, size_t bytes)
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

#endif
