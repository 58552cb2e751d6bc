/*
 * socket: opens TCP and UDP sockets and sets their options.  Functions return 0
 * (or a value that is not negative) or a negated errno.  Descriptors are
 * non-blocking and close-on-exec, and belong to the caller.
 */
#ifndef ECHOD_LISTEN_SOCKET_H
#define ECHOD_LISTEN_SOCKET_H

#include <stdbool.h>

struct address;
struct listen_address;

struct socket_options {
	int backlog; /* of a stream socket */
	/*
	 * Another socket of this process has an overlapping address.  Otherwise
	 * the address is bound without SO_REUSEPORT first: with SO_REUSEPORT
	 * alone, another process of the same user could have the same port
	 * unnoticed.
	 */
	bool shared;
	/*
	 * The address need not be on an interface yet: IP_FREEBIND (ip(7)).
	 * Without it, binding such an address fails with -EADDRNOTAVAIL.
	 */
	bool freebind;
	bool mptcp; /* Multipath TCP; if the kernel has none, TCP */
};

/*
 * Opens `count` listening sockets on one address, one for each worker: an
 * SO_REUSEPORT group (socket(7)).  All are bound before the first listens, so
 * that the kernel's choice of a socket does not change during a handshake.
 * Port 0 is resolved for all of them together; `bound` is set to the address in
 * use.  On failure none is open.  Options are those of socket_set_up_tcp().
 */
int socket_listen_group(const struct address *address,
			const struct socket_options *options, unsigned count,
			int *fds, struct address *bound);

/*
 * Binds a group of `count` UDP sockets to one address, with `bound` as above.
 * With each datagram the kernel passes the address that it was sent to:
 * IP_PKTINFO (ip(7)) or IPV6_PKTINFO (RFC 3542, 6.1).
 */
int socket_bind_datagram_group(const struct address *address,
			       const struct socket_options *options,
			       unsigned count, int *fds, struct address *bound);

/*
 * Sets the size of a UDP socket's receive buffer, in bytes.  The kernel caps it
 * (net.core.rmem_max).  0: as much as the kernel permits, up to 4 MiB; a buffer
 * that is larger already, as of an inherited socket, stays.
 */
int socket_set_receive_buffer(int fd, unsigned bytes);

/*
 * The size in use, on the scale of socket_set_receive_buffer().  The kernel
 * counts twice as much, because it includes its own overhead (socket(7)).
 */
int socket_get_receive_buffer(int fd);

/* True for a Multipath TCP socket that has not fallen back to TCP. */
bool socket_is_mptcp(int fd);

/* True if the kernel can open Multipath TCP sockets. */
bool socket_has_mptcp(void);

/* True if the kernel can open sockets of this family. */
bool socket_has_family(int family);

/* Calls listen(2), which also changes the backlog of a listening socket. */
int socket_set_backlog(int fd, int backlog);

/* The backlog in use; the kernel caps it (net.core.somaxconn).  TCP only. */
int socket_get_backlog(int fd);

/*
 * Makes urgent data (MSG_OOB) part of the stream that recv(2) returns.  The
 * kernel would drop it otherwise.  Does nothing for a Multipath TCP socket,
 * where this is always so.
 */
int socket_set_urgent_inline(int fd);

/*
 * Sets TCP_NODELAY and calls socket_set_urgent_inline().  An accepted socket
 * inherits both (tcp(7)) from the listening socket at the end of the handshake.
 * From a Multipath TCP socket it inherits TCP_NODELAY only.
 * socket_listen_group() and socket_adopt() call this for the listening socket.
 */
int socket_set_up_tcp(int fd);

/*
 * Sets TCP keepalive (tcp(7)): three probes, the first after `seconds` of
 * silence.  The interval is a third of `seconds`, rounded up.  If the last
 * probe is not answered within the interval, the connection ends.  0: off.
 * Accepted sockets inherit it.  Does nothing for unix sockets.
 */
int socket_set_keepalive(int fd, unsigned seconds);

/*
 * Hides a listening TCP socket from new connections: they are refused, or reach
 * another socket with a less specific address.  Handshakes that have begun
 * still complete and can be accepted.  It cannot be undone.
 *
 * All sockets of a group must be hidden at about the same time.  A SYN in
 * between can be dropped; the client sends it again a second later.
 */
int socket_hide(int fd);

/* The address that a socket is bound to. */
int socket_get_address(int fd, struct address *address);

/* The same with the protocol.  -EAFNOSUPPORT: not TCP, UDP or unix stream. */
int socket_get_listen_address(int fd, struct listen_address *listen);

/* AF_INET, AF_INET6 or AF_UNIX. */
int socket_get_family(int fd);

/*
 * Sets the options of a socket that another process has bound, and gets its
 * address: `*` for an IPv6 wildcard that accepts IPv4 as well.  -EINVAL: a
 * stream socket that does not listen.  -EAFNOSUPPORT as above.
 */
int socket_adopt(int fd, struct listen_address *listen);

#endif
