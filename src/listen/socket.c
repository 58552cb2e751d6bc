#include "listen/socket.h"

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr/listen_address.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/*
 * By default, up to this size, in bytes.  Some hosts have a net.core.rmem_max
 * of hundreds of MiB: full buffers of that size would use up net.ipv4.udp_mem,
 * which all UDP sockets of the host share.
 */
#define RECEIVE_BUFFER (4 * 1024 * 1024)

static int
set_option(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		return -errno;
	return 0;
}

/* An option of SOL_SOCKET: its value, which is not negative, or an error. */
static int
get_option(int fd, int option)
{
	int value;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0)
		return -errno;
	return value;
}

int
socket_set_urgent_inline(int fd)
{
	int result = set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);

	/* Linux does not support it for MPTCP, and ignores the urgent mark. */
	return result == -EOPNOTSUPP ? 0 : result;
}

int
socket_set_up_tcp(int fd)
{
	int result = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);

	return result < 0 ? result : socket_set_urgent_inline(fd);
}

/* The address that a datagram was sent to: the answer must come from it. */
static int
ask_for_destination(int fd, int family)
{
	if (family == AF_INET6)
		return set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	return set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

static int
set_up_stream(int fd)
{
	int result = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	return result < 0 ? result : socket_set_up_tcp(fd);
}

static int
open_socket(int family, int type, bool mptcp)
{
	int fd = -1;

	type |= SOCK_NONBLOCK | SOCK_CLOEXEC;
	if (mptcp)
		fd = socket(family, type, IPPROTO_MPTCP);
	if (fd < 0)
		fd = socket(family, type, 0);
	return fd < 0 ? -errno : fd;
}

static int
open_bound(const struct address *address, int type,
	   const struct socket_options *options, bool reuse_port)
{
	int family = address_family(address);
	int fd = open_socket(family, type, options->mptcp);
	int result;

	if (fd < 0)
		return fd;
	result = type == SOCK_STREAM ? set_up_stream(fd) :
				       ask_for_destination(fd, family);
	/* IP_FREEBIND also sets IPV6_FREEBIND, and all kernels have it. */
	if (result == 0 && options->freebind)
		result = set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
	if (result == 0 && reuse_port)
		result = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (result == 0 && family == AF_INET6)
		result = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (result == 0 && bind(fd, &address->sa, address->length) < 0)
		result = -errno;
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

/*
 * Fails with EADDRINUSE if another process listens.  SO_REUSEADDR alone does
 * not permit that, while it ignores connections in TIME_WAIT.
 */
static int
probe(const struct address *address, const struct socket_options *options)
{
	int fd = open_bound(address, SOCK_STREAM, options, false);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/*
 * Resolves port 0.  A first UDP socket is bound without SO_REUSEPORT.  This
 * fails if the address is in use.  It also gets a free port for port 0: with
 * SO_REUSEPORT the kernel could choose one of another group of the same user.
 * Then others may join.
 */
static int
open_first(const struct address *address, int type,
	   const struct socket_options *options, struct address *bound)
{
	bool reuse_port = options->shared || type == SOCK_STREAM;
	int fd = open_bound(address, type, options, reuse_port);
	int result = 0;

	if (fd < 0)
		return fd;
	if (!reuse_port)
		result = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (result == 0)
		result = socket_get_address(fd, bound);
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

static void
close_all(int *fds, unsigned count)
{
	while (count > 0)
		close(fds[--count]);
}

static int
open_group(const struct address *address, int type,
	   const struct socket_options *options, unsigned count, int *fds,
	   struct address *bound)
{
	for (unsigned i = 0; i < count; i++) {
		fds[i] = i == 0 ? open_first(address, type, options, bound) :
				  open_bound(bound, type, options, true);
		if (fds[i] < 0) {
			int result = fds[i];

			close_all(fds, i);
			return result;
		}
	}
	return 0;
}

int
socket_listen_group(const struct address *address,
		    const struct socket_options *options, unsigned count,
		    int *fds, struct address *bound)
{
	int result = options->shared ? 0 : probe(address, options);

	if (result == 0)
		result = open_group(address, SOCK_STREAM, options, count, fds,
				    bound);
	if (result < 0)
		return result;
	for (unsigned i = 0; i < count; i++) {
		result = socket_set_backlog(fds[i], options->backlog);
		if (result < 0) {
			close_all(fds, count);
			return result;
		}
	}
	return 0;
}

int
socket_bind_datagram_group(const struct address *address,
			   const struct socket_options *options, unsigned count,
			   int *fds, struct address *bound)
{
	return open_group(address, SOCK_DGRAM, options, count, fds, bound);
}

bool
socket_is_mptcp(int fd)
{
	return get_option(fd, SO_PROTOCOL) == IPPROTO_MPTCP;
}

bool
socket_has_mptcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int
socket_get_receive_buffer(int fd)
{
	int result = get_option(fd, SO_RCVBUF);

	return result < 0 ? result : result / 2;
}

/*
 * What the kernel permits of RECEIVE_BUFFER.  A socket of its own shows it: in
 * a sandbox, /proc/sys can be absent.
 */
static int
most_receive_buffer(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result;

	if (fd < 0)
		return -errno;
	result = set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (result == 0)
		result = socket_get_receive_buffer(fd);
	close(fd);
	return result;
}

int
socket_set_receive_buffer(int fd, unsigned bytes)
{
	int now, most;

	if (bytes > 0)
		return set_option(fd, SOL_SOCKET, SO_RCVBUF, (int)bytes);
	now = socket_get_receive_buffer(fd);
	most = most_receive_buffer();
	if (now < 0 || most < 0)
		return now < 0 ? now : most;
	return now >= most ? 0 : set_option(fd, SOL_SOCKET, SO_RCVBUF, most);
}

bool
socket_has_family(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno != EAFNOSUPPORT;
	close(fd);
	return true;
}

int
socket_set_backlog(int fd, int backlog)
{
	return listen(fd, backlog) < 0 ? -errno : 0;
}

int
socket_get_backlog(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	/* In LISTEN state tcp_get_info() puts sk_max_ack_backlog there. */
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return -errno;
	return (int)info.tcpi_sacked;
}

/*
 * Without TCP_USER_TIMEOUT: on Linux 6.18 it ended readers of 1 and 8 KiB a
 * second that acknowledged bytes all the time.  It counts from the closing of
 * the window until a whole segment fits into it.
 */
int
socket_set_keepalive(int fd, unsigned seconds)
{
	int idle = (int)seconds;
	int result = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, seconds > 0);

	if (result < 0 || seconds == 0)
		return result;
	result = set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
	if (result == 0)
		result = set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL,
				    (idle + 2) / 3);
	if (result == 0)
		result = set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	return result == -EOPNOTSUPP ? 0 : result;
}

/*
 * A socket that is bound to an interface gets only what arrives there, and no
 * interface has this index.  A handshake that has begun is not affected.
 */
static int
bind_to_nowhere(int fd)
{
	return set_option(fd, SOL_SOCKET, SO_BINDTOIFINDEX, INT_MAX);
}

/*
 * The filter of a listening TCP socket gets segments from the TCP header on.
 * Byte 13 has the flags (RFC 9293, 3.1): SYN without ACK is dropped.
 */
static int
drop_syns(int fd)
{
	static const unsigned flags = 13, syn = 0x02, ack = 0x10;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, syn | ack),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, syn, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT_MAX),
	};
	struct sock_fprog program = {
		.len = sizeof(code) / sizeof(*code),
		.filter = code,
	};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
		       sizeof(program)) < 0)
		return -errno;
	return 0;
}

/*
 * bind_to_nowhere() needs CAP_NET_RAW before Linux 5.7, and for a socket that
 * is bound to an interface already, such as one with a zone.  drop_syns()
 * always works, but a new client waits a second before it is refused.
 */
int
socket_hide(int fd)
{
	int result = bind_to_nowhere(fd);

	return result < 0 ? drop_syns(fd) : result;
}

int
socket_get_address(int fd, struct address *address)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);

	if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0)
		return -errno;
	*address = address_from_sockaddr((struct sockaddr *)&storage, length);
	return 0;
}

int
socket_get_listen_address(int fd, struct listen_address *listen)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);
	int type = get_option(fd, SO_TYPE);

	if (type < 0)
		return type;
	if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0)
		return -errno;
	if (!listen_address_from_sockaddr((struct sockaddr *)&storage, length,
					  type, listen))
		return -EAFNOSUPPORT;
	return 0;
}

int
socket_get_family(int fd)
{
	return get_option(fd, SO_DOMAIN);
}

static int
set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static int
takes_both_families(int fd, bool *both)
{
	int only;
	socklen_t length = sizeof(only);

	*both = false;
	if (socket_get_family(fd) != AF_INET6)
		return 0;
	if (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length) < 0)
		return -errno;
	*both = !only;
	return 0;
}

/* Sets the options of sockets that are opened here. */
static int
adopt_inet(int fd, struct listen_address *listen)
{
	struct address *address = &listen->address;
	struct address star = { .length = sizeof(star.in) };
	bool both;
	int result = takes_both_families(fd, &both);

	if (result < 0)
		return result;
	if (both && address_family(address) == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&address->in6.sin6_addr)) {
		address_set_port(&star, address_port(address));
		*address = star;
	}
	if (listen->protocol == PROTOCOL_TCP)
		return socket_set_up_tcp(fd);
	return ask_for_destination(fd, socket_get_family(fd));
}

int
socket_adopt(int fd, struct listen_address *listen)
{
	int result = set_flags(fd);

	if (result == 0)
		result = socket_get_listen_address(fd, listen);
	if (result < 0)
		return result;
	if (listen->protocol != PROTOCOL_UDP &&
	    get_option(fd, SO_ACCEPTCONN) != 1)
		return -EINVAL;
	return listen->protocol == PROTOCOL_UNIX ? 0 : adopt_inet(fd, listen);
}
