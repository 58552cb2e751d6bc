/* sockets: addresses and sockets for tests, made without modules of echod. */
#ifndef ECHOD_TESTS_SOCKETS_H
#define ECHOD_TESTS_SOCKETS_H

#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr/address.h"
#include "support/suite.h"

enum { DEADLINE_MS = 20000 };

static inline int
open_descriptors(void)
{
	DIR *listing = opendir("/proc/self/fd");
	int count = 0;

	ck_assert_ptr_nonnull(listing);
	while (readdir(listing))
		count++;
	closedir(listing);
	return count;
}

static inline struct address
address_of(const char *text)
{
	struct address address;
	char reason[256];
	const char *why = address_parse(text, &address, reason, sizeof(reason));

	ck_assert_msg(!why, "%s: %s", text, why);
	return address;
}

static inline struct address
bound_to(int fd)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&storage, &length),
			 0);
	return address_from_sockaddr((struct sockaddr *)&storage, length);
}

/* A socket bound to `address`; `option` is a socket option to set, or 0. */
static inline int
other_socket(const struct address *address, int option)
{
	int fd = socket(address_family(address), SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	ck_assert_int_ge(fd, 0);
	if (option)
		ck_assert_int_eq(
			setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(fd, &address->sa, address->length), 0);
	return fd;
}

static inline bool
has_ipv6(void)
{
	struct address loopback = address_of("[::1]:0");
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool has = fd >= 0 && bind(fd, &loopback.sa, loopback.length) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

/*
 * A port that the kernel assigns to no other socket while the descriptor is
 * open. It can still be bound explicitly: the socket has SO_REUSEADDR and does
 * not listen.
 */
static inline int
reserve_port(uint16_t *port)
{
	struct address any = address_of(has_ipv6() ? "[::]:0" : "0.0.0.0:0");
	int fd = other_socket(&any, SO_REUSEADDR);
	struct address bound = bound_to(fd);

	*port = address_port(&bound);
	return fd;
}

/* A socket that listens on a free port of 127.0.0.1. */
static inline int
listening_socket(unsigned *port)
{
	struct address address = address_of("127.0.0.1:0");
	int fd = other_socket(&address, 0);

	ck_assert_int_eq(listen(fd, 16), 0);
	address = bound_to(fd);
	*port = address_port(&address);
	return fd;
}

static inline int
connected_to(const struct address *address)
{
	int fd = socket(address_family(address), SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_msg(connect(fd, &address->sa, address->length) == 0,
		      "connect: %s", strerror(errno));
	return fd;
}

static inline bool
is_readable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, DEADLINE_MS) == 1;
}

static inline bool
is_listening(int fd)
{
	int listening = 0;
	socklen_t length = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) ==
		       0 &&
	       listening;
}

/* Enters a network namespace with loopback, which the daemon inherits. */
static inline void
enter_network(void)
{
	if (system("command -v ip >/dev/null") != 0)
		skip("there is no ip");
	if (unshare(CLONE_NEWNET) < 0)
		skip("network namespaces need privilege");
	if (system("ip link set lo up") != 0)
		skip("this needs the right to set network interfaces up");
}

/*
 * Enters a network namespace with eight ephemeral ports; false if not
 * possible.
 */
static inline bool
enter_small_network(void)
{
	const char *fork = getenv("CK_FORK");

	/* Later tests in this process could not leave it. */
	if (fork && strcmp(fork, "no") == 0)
		return false;
	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;

	FILE *range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "w");
	if (!range)
		return false;
	bool written = fputs("40000 40007\n", range) >= 0;
	return fclose(range) == 0 && written;
}

#endif
