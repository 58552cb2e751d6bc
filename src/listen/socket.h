/*
 * socket: opens and tunes sockets.  Every function returns 0 (or a
 * descriptor) on success and a negated errno otherwise; descriptors are
 * non-blocking and close-on-exec, and belong to the caller.
 */
#ifndef ECHOD_LISTEN_SOCKET_H
#define ECHOD_LISTEN_SOCKET_H

#include <stdbool.h>

struct address;
struct listen_address;

/*
 * Opens `count` listening sockets on one address, one for each thread that
 * accepts, as an SO_REUSEPORT group (socket(7)): bound all before the first
 * listens, so that no connection is hashed to a socket that moves.  Port 0 is
 * resolved once for all of them.  `bound` is set to the address in use.  Accepted
 * connections have TCP_NODELAY, and urgent data in line.
 *
 * SO_REUSEPORT would let another process of the same user bind a busy port
 * unnoticed, so that a bind without it comes first, unless `shared` tells that
 * the caller itself holds an overlapping address.
 */
int socket_listen_group(const struct address *address, int backlog,
			unsigned count, bool shared, int *fds,
			struct address *bound);

/*
 * Binds `count` UDP sockets to one address, as such a group, one for each thread
 * that answers.  Whatever `shared` and `bound` mean above, they mean here.  Each
 * tells with every datagram which address it was sent to, as IP_PKTINFO (ip(7))
 * or IPV6_PKTINFO (RFC 3542, 6.1).
 */
int socket_bind_datagram_group(const struct address *address, unsigned count,
			       bool shared, int *fds, struct address *bound);

/* True where the kernel can open sockets of this family. */
bool socket_has_family(int family);

/* listen(2) once more: the way to change the backlog of an open socket. */
int socket_set_backlog(int fd, int backlog);

/* The backlog in force: the kernel caps it silently (net.core.somaxconn). */
int socket_get_backlog(int fd);

/*
 * Has recv(2) return urgent data (MSG_OOB) as part of the stream.  The kernel
 * would drop it otherwise.
 */
int socket_set_urgent_inline(int fd);

/*
 * Sets TCP_NODELAY as well.  An accepted socket inherits both (tcp(7)) from the
 * listening socket as it is when the handshake ends.  socket_listen_group() and
 * socket_adopt() call this for the listening socket.
 */
int socket_set_up_tcp(int fd);

/*
 * Has the kernel ask a silent peer, after so many seconds and then three times
 * more at a third of that (tcp(7), in whole seconds), whether it is still there,
 * and end the connection where no answer comes.  0: never.  Inherited likewise.  Sockets other than TCP know no such
 * thing, and that is no error.
 */
int socket_set_keepalive(int fd, unsigned seconds);

/*
 * Hides a listening TCP socket from those who have not yet begun to connect:
 * they are refused, or find another socket with an address less specific, while
 * handshakes under way complete and can be accepted.  It is for good.
 *
 * For members of a group to be hidden all at once, all have to be hidden at
 * about the same time: a SYN that is hashed to one of them meanwhile is dropped,
 * and sent again a second later.
 */
int socket_hide(int fd);

/* The address that a socket is bound to. */
int socket_get_address(int fd, struct address *address);

/* Likewise, whatever its transport; -EAFNOSUPPORT: none of ours. */
int socket_get_listen_address(int fd, struct listen_address *listen_address);

int socket_get_family(int fd);

/*
 * Makes a socket that another process has bound one like those that are opened
 * here, and says where it is; a socket for IPv6 that takes IPv4 as well is at
 * `*`.  -EINVAL: it is for streams and does not listen.  -EAFNOSUPPORT as above.
 */
int socket_adopt(int fd, struct listen_address *listen_address);

#endif
