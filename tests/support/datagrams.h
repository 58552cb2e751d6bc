/*
 * datagrams: the UDP sockets of tests. Loopback delivers within send(2): a
 * missing answer was not sent, or not yet.
 */
#ifndef ECHOD_TESTS_DATAGRAMS_H
#define ECHOD_TESTS_DATAGRAMS_H

#include <stdio.h>
#include <sys/time.h>

#include "support/sockets.h"

/* Of udp(7). */
#define SEGMENT_OPTION 103 /* UDP_SEGMENT */
#define JOIN_OPTION 104	   /* UDP_GRO */

/* Bound to "HOST:PORT"; receiving has a generous time-out. */
static inline int
udp_socket(const char *text)
{
	struct address address = address_of(text);
	struct timeval deadline = { DEADLINE_MS / 1000, 0 };
	int fd = socket(address_family(&address), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	ck_assert_msg(bind(fd, &address.sa, address.length) == 0, "%s: %s",
		      text, strerror(errno));
	return fd;
}

static inline void
udp_connect(int fd, const char *host, unsigned port)
{
	struct address to = address_of(host);

	address_set_port(&to, (uint16_t)port);
	ck_assert_msg(connect(fd, &to.sa, to.length) == 0, "%s: %s", host,
		      strerror(errno));
}

/* A socket that receives only from "HOST:0" with this port. */
static inline int
udp_client(const char *host, unsigned port)
{
	int fd = udp_socket(host[0] == '[' ? "[::]:0" : "0.0.0.0:0");

	udp_connect(fd, host, port);
	return fd;
}

static inline unsigned
udp_port(int fd)
{
	struct address bound = bound_to(fd);

	return address_port(&bound);
}

static inline void
udp_send(int fd, const void *data, size_t length)
{
	ssize_t sent = send(fd, data, length, 0);

	ck_assert_msg(sent == (ssize_t)length, "%zu bytes: %s", length,
		      strerror(errno));
}

static inline void
udp_say(int fd, const char *text)
{
	udp_send(fd, text, strlen(text));
}

/*
 * Sends datagrams of `each` bytes in one call; the last can be shorter.  On
 * loopback they stay one message up to the receiver's socket.
 */
static inline void
udp_send_joined(int fd, const void *data, size_t length, int each)
{
	int none = 0;

	if (setsockopt(fd, IPPROTO_UDP, SEGMENT_OPTION, &each, sizeof(each)) <
	    0)
		skip("the kernel has no UDP_SEGMENT");
	udp_send(fd, data, length);
	setsockopt(fd, IPPROTO_UDP, SEGMENT_OPTION, &none, sizeof(none));
}

/* Whether the kernel joins a socket's datagrams; negative: it cannot. */
static inline int
udp_joins(int fd)
{
	int value = 0;
	socklen_t length = sizeof(value);

	return getsockopt(fd, IPPROTO_UDP, JOIN_OPTION, &value, &length) < 0 ?
		       -1 :
		       value;
}

static inline void
udp_receive(int fd, const void *data, size_t length)
{
	static char got[70000];
	ssize_t count = recv(fd, got, sizeof(got), 0);

	ck_assert_msg(count >= 0, "instead of %zu bytes: %s", length,
		      strerror(errno));
	ck_assert_int_eq(count, (ssize_t)length);
	ck_assert(memcmp(got, data, length) == 0);
}

static inline void
udp_hear(int fd, const char *text)
{
	udp_receive(fd, text, strlen(text));
}

/* Sends three datagrams to each address, "HOST:0", and expects the answers. */
static inline void
udp_check_hosts(const char *const *hosts, size_t count, unsigned port)
{
	for (size_t i = 0; i < count; i++) {
		int fd = udp_client(hosts[i], port);

		for (int n = 0; n < 3; n++)
			udp_say(fd, "Hello");
		for (int n = 0; n < 3; n++)
			udp_hear(fd, "GOT:Hello");
		close(fd);
	}
}

/* The socket receives the TOS byte of each packet; of a TCP socket as well. */
static inline void
udp_ask_for_tos(int fd)
{
	struct address local = bound_to(fd);
	bool six = address_family(&local) == AF_INET6;
	int on = 1;

	ck_assert_int_eq(setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP,
				    six ? IPV6_RECVTCLASS : IP_RECVTOS, &on,
				    sizeof(on)),
			 0);
}

/* The TOS byte of the next datagram, with udp_ask_for_tos(). */
static inline int
udp_hear_tos(int fd)
{
	_Alignas(struct cmsghdr) char control[128];
	char data[64];
	struct iovec part = { data, sizeof(data) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };

	ck_assert_int_gt(recvmsg(fd, &message, 0), 0);
	struct cmsghdr *got = CMSG_FIRSTHDR(&message);
	ck_assert_ptr_nonnull(got);
	if (got->cmsg_level == IPPROTO_IP)
		return *(unsigned char *)CMSG_DATA(got);
	ck_assert_int_eq(got->cmsg_type, IPV6_TCLASS);
	return *(int *)(void *)CMSG_DATA(got);
}

static inline void
udp_hear_nothing(int fd)
{
	char byte;

	ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

#endif
