#include "tcp/stream_socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "addr/address.h"

int
socket_get_process(int fd, struct address *peer)
{
	struct ucred process;
	socklen_t length = sizeof(process);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &process, &length) < 0)
		return -errno;
	*peer = address_of_process(process.pid, process.uid);
	return 0;
}

static size_t
count_bytes(int fd, unsigned long request)
{
	int bytes = 0;

	return ioctl(fd, request, &bytes) < 0 || bytes < 0 ? 0 : (size_t)bytes;
}

size_t
socket_readable(int fd)
{
	return count_bytes(fd, FIONREAD);
}

size_t
socket_unacknowledged(int fd)
{
	return count_bytes(fd, SIOCOUTQ);
}

bool
socket_is_unanswered(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	/* Fails for a unix socket, for which the zeroes are right. */
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	/* One probe may lack an answer: net.ipv4.tcp_invalid_ratelimit. */
	return info.tcpi_retransmits > 0 || info.tcpi_probes > 1;
}

int
socket_end(int fd)
{
	struct pollfd pollfd = { .fd = fd };
	int error = 0;
	socklen_t length = sizeof(error);

	if (poll(&pollfd, 1, 0) <= 0)
		return 0;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	/* A unix socket that the peer has closed has no error. */
	return error > 0 ? error : ECONNRESET;
}
