#include "tcp/stream_socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "addr/address.h"
#include "listen/socket.h"

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

int
socket_save_syn(int fd, bool on)
{
	int value = on;

	if (socket_get_family(fd) == AF_UNIX ||
	    setsockopt(fd, IPPROTO_TCP, TCP_SAVE_SYN, &value, sizeof(value)) ==
		    0)
		return 0;
	return -errno;
}

/* RFC 791, 3.1, and RFC 8200, 3. */
void
socket_get_syn(int fd, int16_t *ttl, int16_t *tos)
{
	unsigned char syn[512]; /* with extension headers, and that of TCP */
	socklen_t length = sizeof(syn);

	*ttl = *tos = -1;
	if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &length) < 0 ||
	    length < 20)
		return;
	if (syn[0] >> 4 == 4) {
		*tos = syn[1];
		*ttl = syn[8];
	} else {
		*tos = (int16_t)((syn[0] & 0xf) << 4 | syn[1] >> 4);
		*ttl = syn[7];
	}
}

int
socket_set_dscp(int fd, const struct address *peer, int dscp)
{
	bool six = address_family(peer) == AF_INET6;
	int tos = dscp << 2;

	if (setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP,
		       six ? IPV6_TCLASS : IP_TOS, &tos, sizeof(tos)) == 0 ||
	    errno == EOPNOTSUPP)
		return 0;
	return -errno;
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
