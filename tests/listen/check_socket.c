#include "listen/socket.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "support/client.h"
#include "support/sockets.h"

static int
listen_group(const struct address *address, int backlog, unsigned count,
	     bool shared, int *fds, struct address *bound)
{
	struct socket_options options = { .backlog = backlog,
					  .shared = shared };

	return socket_listen_group(address, &options, count, fds, bound);
}

static int
bind_datagram_group(const struct address *address, unsigned count, bool shared,
		    int *fds, struct address *bound)
{
	struct socket_options options = { .shared = shared };

	return socket_bind_datagram_group(address, &options, count, fds, bound);
}

static struct address
opened(const char *text, unsigned count, int *fds)
{
	struct address address = address_of(text), bound;

	ck_assert_int_eq(listen_group(&address, 128, count, false, fds, &bound),
			 0);
	return bound;
}

static void
close_group(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

START_TEST(test_a_group_shares_one_port)
{
	static const char *const texts[] = { "127.0.0.1:0", "0.0.0.0:0",
					     "[::1]:0", "[::]:0" };

	for (size_t i = 0; i < (has_ipv6() ? 4 : 2); i++) {
		struct address asked = address_of(texts[i]);
		int fds[4];
		struct address bound = opened(texts[i], 4, fds);

		ck_assert_uint_ne(address_port(&bound), 0);
		for (int j = 0; j < 4; j++) {
			struct address one = bound_to(fds[j]);

			ck_assert(address_equal(&one, &bound));
			ck_assert(is_listening(fds[j]));
		}
		/* Nothing but the port is another. */
		address_set_port(&bound, 0);
		ck_assert(address_equal(&bound, &asked));
		close_group(fds, 4);
	}
}
END_TEST

START_TEST(test_sockets_do_not_block_and_are_not_inherited)
{
	int fds[2];

	opened("127.0.0.1:0", 2, fds);
	for (int i = 0; i < 2; i++) {
		ck_assert(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		ck_assert(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		ck_assert_int_eq(accept(fds[i], NULL, NULL), -1);
		ck_assert_int_eq(errno, EAGAIN);
	}
	close_group(fds, 2);
}
END_TEST

START_TEST(test_accepted_connections_have_nodelay)
{
	int fd;
	struct address bound = opened("127.0.0.1:0", 1, &fd);
	int client = connected_to(&bound);

	ck_assert(is_readable(fd));
	int server = accept(fd, NULL, NULL);
	ck_assert_int_ge(server, 0);
	ck_assert_int_ne(option(server, IPPROTO_TCP, TCP_NODELAY), 0);
	close(server);
	close(client);
	close(fd);
}
END_TEST

START_TEST(test_keepalive_is_set_and_taken_back)
{
	static const unsigned cases[][2] = {
		{ 1, 1 }, { 2, 1 }, { 4, 2 }, { 60, 20 }, { 32767, 10923 },
	};
	int fd;

	opened("127.0.0.1:0", 1, &fd);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ck_assert_int_eq(socket_set_keepalive(fd, cases[i][0]), 0);
		ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
		ck_assert_uint_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE),
				  cases[i][0]);
		ck_assert_uint_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL),
				  cases[i][1]);
		ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
		ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	}
	ck_assert_int_eq(socket_set_keepalive(fd, 0), 0);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	close(fd);
	ck_assert_int_eq(socket_set_keepalive(fd, 60), -EBADF);
}
END_TEST

START_TEST(test_sockets_of_the_file_system_have_no_keepalive)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(socket_set_keepalive(fd, 60), 0);
	ck_assert_int_eq(socket_set_keepalive(fd, 0), 0);
	close(fd);
}
END_TEST

START_TEST(test_the_kernel_spreads_connections_over_a_group)
{
	enum { SOCKETS = 4, CLIENTS = 200 };
	int fds[SOCKETS], clients[CLIENTS];
	struct address bound = opened("127.0.0.1:0", SOCKETS, fds);
	unsigned got[SOCKETS] = { 0 }, total = 0;

	for (int i = 0; i < CLIENTS; i++)
		clients[i] = connected_to(&bound);
	while (total < CLIENTS) {
		struct pollfd polled[SOCKETS];

		for (int i = 0; i < SOCKETS; i++)
			polled[i] = (struct pollfd){ fds[i], POLLIN, 0 };
		ck_assert_int_gt(poll(polled, SOCKETS, DEADLINE_MS), 0);
		for (int i = 0; i < SOCKETS; i++) {
			int fd = accept(fds[i], NULL, NULL);

			if (fd < 0)
				continue;
			close(fd);
			got[i]++;
			total++;
		}
	}
	/* That one gets none has a chance of 10^-24. */
	for (int i = 0; i < SOCKETS; i++)
		ck_assert_uint_gt(got[i], 0);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close_group(fds, SOCKETS);
}
END_TEST

static void
expect_busy(int option_of_other, bool shared, int expected)
{
	struct address any = address_of("127.0.0.1:0"), bound;
	int other = other_socket(&any, option_of_other);
	struct address busy = bound_to(other);
	int fds[2];
	int result, before;

	ck_assert_int_eq(listen(other, 1), 0);
	before = open_descriptors();
	result = listen_group(&busy, 128, 2, shared, fds, &bound);
	ck_assert_int_eq(result, expected);
	if (result == 0)
		close_group(fds, 2);
	ck_assert_int_eq(open_descriptors(), before);
	close(other);
}

START_TEST(test_a_busy_address_is_an_error)
{
	expect_busy(0, false, -EADDRINUSE);
	expect_busy(SO_REUSEADDR, false, -EADDRINUSE);
	/* This one the kernel would let us join. */
	expect_busy(SO_REUSEPORT, false, -EADDRINUSE);
}
END_TEST

START_TEST(test_an_address_is_shared_only_where_that_is_meant)
{
	expect_busy(0, true, -EADDRINUSE);
	expect_busy(SO_REUSEADDR, true, -EADDRINUSE);
	expect_busy(SO_REUSEPORT, true, 0);
}
END_TEST

START_TEST(test_a_wildcard_and_an_address_are_as_busy)
{
	int fds[2];
	struct address bound = opened("0.0.0.0:0", 2, fds);
	struct address inside = address_of("127.0.0.1:0"), got;
	int more[2];

	address_set_port(&inside, address_port(&bound));
	ck_assert_int_eq(listen_group(&inside, 1, 2, false, more, &got),
			 -EADDRINUSE);
	ck_assert_int_eq(listen_group(&inside, 1, 2, true, more, &got), 0);
	close_group(more, 2);
	close_group(fds, 2);
}
END_TEST

START_TEST(test_ipv6_is_beside_ipv4_on_one_port)
{
	int four[2], six[2];
	struct address bound, every = address_of("[::]:0"), got;
	int result = -EADDRINUSE;

	if (!has_ipv6())
		skip("there is no IPv6");
	/* By chance the port may be somebody else's in the other family. */
	for (int i = 0; i < 20 && result == -EADDRINUSE; i++) {
		bound = opened("0.0.0.0:0", 2, four);
		address_set_port(&every, address_port(&bound));
		result = listen_group(&every, 1, 2, false, six, &got);
		if (result < 0)
			close_group(four, 2);
	}
	ck_assert_int_eq(result, 0);
	ck_assert_int_eq(option(six[0], IPPROTO_IPV6, IPV6_V6ONLY), 1);

	/* What comes over IPv4 is for the IPv4 socket alone. */
	struct address loopback = address_of("127.0.0.1:0");
	address_set_port(&loopback, address_port(&bound));
	close_group(four, 2);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, &loopback.sa, loopback.length), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
	close_group(six, 2);
}
END_TEST

START_TEST(test_a_port_is_free_again_at_once)
{
	int fd;
	struct address bound = opened("127.0.0.1:0", 1, &fd), again;
	int client = connected_to(&bound);

	ck_assert(is_readable(fd));
	int server = accept(fd, NULL, NULL);
	ck_assert_int_ge(server, 0);
	/* The side that closes first is left in TIME_WAIT. */
	close(server);
	ck_assert(is_readable(client));
	close(client);
	close(fd);
	ck_assert_int_eq(listen_group(&bound, 128, 1, false, &fd, &again), 0);
	close(fd);
}
END_TEST
FAULT(25, test_a_port_is_free_again_at_once)

START_TEST(test_an_address_that_is_not_ours_is_an_error)
{
	struct address elsewhere = address_of("192.0.2.1:0"), bound;
	int before = open_descriptors();
	int fds[3];

	ck_assert_int_eq(listen_group(&elsewhere, 128, 3, false, fds, &bound),
			 -EADDRNOTAVAIL);
	ck_assert_int_eq(listen_group(&elsewhere, 128, 3, true, fds, &bound),
			 -EADDRNOTAVAIL);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

/* Leaves no descriptor below the one that is returned free. */
static int
fill_descriptors(void)
{
	enum { FILLED = 64 };
	int fd;

	do
		fd = dup(STDIN_FILENO);
	while (fd >= 0 && fd < FILLED);
	ck_assert_int_ge(fd, FILLED);
	close(fd);
	return fd;
}

/* Descriptors run out at every point of making a group. */
START_TEST(test_a_group_is_whole_or_not_at_all)
{
	struct address any = address_of("127.0.0.1:0"), bound;
	int next = fill_descriptors();
	int descriptors = open_descriptors();
	struct rlimit before, few;
	int fds[4];

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	for (int room = 0; room <= 4; room++) {
		few.rlim_cur = (rlim_t)(next + room);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		int result = listen_group(&any, 128, 4, false, fds, &bound);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
		ck_assert_int_eq(result, (room < 4 ? -EMFILE : 0));
		if (result == 0)
			close_group(fds, 4);
		ck_assert_int_eq(open_descriptors(), descriptors);
	}
}
END_TEST

static struct address
datagram_group(const char *text, unsigned count, int *fds)
{
	struct address address = address_of(text), bound;

	ck_assert_int_eq(
		bind_datagram_group(&address, count, false, fds, &bound), 0);
	return bound;
}

/* One for each of the group's sockets, all from different ports. */
static void
send_datagrams(const struct address *to, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		int fd = socket(address_family(to), SOCK_DGRAM, 0);

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(sendto(fd, "x", 1, 0, &to->sa, to->length), 1);
		close(fd);
	}
}

START_TEST(test_a_datagram_group_shares_one_port)
{
	static const char *const texts[] = { "127.0.0.1:0", "0.0.0.0:0",
					     "[::1]:0", "[::]:0" };

	for (size_t i = 0; i < (has_ipv6() ? 4 : 2); i++) {
		struct address asked = address_of(texts[i]);
		int fds[4];
		struct address bound = datagram_group(texts[i], 4, fds);

		ck_assert_uint_ne(address_port(&bound), 0);
		for (int j = 0; j < 4; j++) {
			struct address one = bound_to(fds[j]);

			ck_assert(address_equal(&one, &bound));
			ck_assert_int_eq(option(fds[j], SOL_SOCKET, SO_TYPE),
					 SOCK_DGRAM);
			ck_assert(fcntl(fds[j], F_GETFL) & O_NONBLOCK);
			ck_assert(fcntl(fds[j], F_GETFD) & FD_CLOEXEC);
		}
		address_set_port(&bound, 0);
		ck_assert(address_equal(&bound, &asked));
		close_group(fds, 4);
	}
}
END_TEST

START_TEST(test_the_kernel_spreads_datagrams_over_a_group)
{
	enum { SOCKETS = 4, DATAGRAMS = 200 };
	int fds[SOCKETS];
	struct address bound = datagram_group("127.0.0.1:0", SOCKETS, fds);
	unsigned total = 0;

	send_datagrams(&bound, DATAGRAMS);
	for (int i = 0; i < SOCKETS; i++) {
		unsigned got = 0;
		char byte;

		while (recv(fds[i], &byte, 1, 0) == 1)
			got++;
		/* That one gets none has a chance of 10^-24. */
		ck_assert_uint_gt(got, 0);
		total += got;
	}
	ck_assert_uint_eq(total, DATAGRAMS);
	close_group(fds, SOCKETS);
}
END_TEST

/* The control message of that type with the next datagram; NULL: none. */
static const void *
control_of(int fd, int level, int type)
{
	static _Alignas(struct cmsghdr) char control[256];
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };

	ck_assert(is_readable(fd));
	ck_assert_int_eq(recvmsg(fd, &message, 0), 1);
	for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at;
	     at = CMSG_NXTHDR(&message, at))
		if (at->cmsg_level == level && at->cmsg_type == type)
			return CMSG_DATA(at);
	return NULL;
}

START_TEST(test_a_datagram_tells_which_address_was_hit)
{
	struct address hit = address_of("127.0.0.9:0");
	int fds[2], only;

	struct address bound = datagram_group("0.0.0.0:0", 1, fds);
	address_set_port(&hit, address_port(&bound));
	send_datagrams(&hit, 1);
	const struct in_pktinfo *four =
		control_of(fds[0], IPPROTO_IP, IP_PKTINFO);
	ck_assert_ptr_nonnull(four);
	ck_assert_uint_eq(four->ipi_addr.s_addr, hit.in.sin_addr.s_addr);
	close(fds[0]);

	if (!has_ipv6())
		return;
	bound = datagram_group("[::]:0", 1, &only);
	hit = address_of("[::1]:0");
	address_set_port(&hit, address_port(&bound));
	send_datagrams(&hit, 1);
	const struct in6_pktinfo *six =
		control_of(only, IPPROTO_IPV6, IPV6_PKTINFO);
	ck_assert_ptr_nonnull(six);
	ck_assert_mem_eq(&six->ipi6_addr, &hit.in6.sin6_addr, 16);
	ck_assert_int_eq(option(only, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	close(only);
}
END_TEST

static int
other_datagram_socket(const struct address *address, int of_option)
{
	int fd = socket(address_family(address), SOCK_DGRAM, 0);
	int on = 1;

	ck_assert_int_ge(fd, 0);
	if (of_option)
		ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, of_option, &on,
					    sizeof(on)),
				 0);
	ck_assert_int_eq(bind(fd, &address->sa, address->length), 0);
	return fd;
}

START_TEST(test_an_address_busy_with_datagrams_is_an_error)
{
	static const struct {
		int option;
		bool shared;
		int expected;
	} cases[] = {
		{ 0, false, -EADDRINUSE },
		{ SO_REUSEADDR, false, -EADDRINUSE },
		/* These the kernel would let us join. */
		{ SO_REUSEPORT, false, -EADDRINUSE },
		{ SO_REUSEPORT, true, 0 },
		{ SO_REUSEADDR, true, -EADDRINUSE },
		{ 0, true, -EADDRINUSE },
	};
	struct address any = address_of("127.0.0.1:0"), bound;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int other = other_datagram_socket(&any, cases[i].option);
		struct address busy = bound_to(other);
		int before = open_descriptors();
		int fds[2];
		int result = bind_datagram_group(&busy, 2, cases[i].shared, fds,
						 &bound);

		ck_assert_int_eq(result, cases[i].expected);
		if (result == 0)
			close_group(fds, 2);
		ck_assert_int_eq(open_descriptors(), before);
		close(other);
	}
}
END_TEST

/* With SO_REUSEPORT on all of them the kernel hands out ports twice. */
START_TEST(test_no_two_datagram_groups_get_the_same_free_port)
{
	enum { PORTS = 8, SOCKETS = 2 };
	struct address any = address_of("127.0.0.1:0"), bound;
	int fds[PORTS][SOCKETS], more[SOCKETS];
	unsigned seen = 0;

	if (!enter_small_network())
		skip("needs the right to make a network namespace");
	for (int i = 0; i < PORTS; i++) {
		ck_assert_int_eq(bind_datagram_group(&any, SOCKETS, false,
						     fds[i], &bound),
				 0);
		seen |= 1u << (address_port(&bound) - 40000);
	}
	ck_assert_uint_eq(seen, (1u << PORTS) - 1);
	ck_assert_int_eq(bind_datagram_group(&any, SOCKETS, false, more,
					     &bound),
			 -EADDRINUSE);
	for (int i = 0; i < PORTS; i++)
		close_group(fds[i], SOCKETS);
}
END_TEST

START_TEST(test_streams_and_datagrams_share_a_port)
{
	int stream, datagram;
	struct address bound = opened("127.0.0.1:0", 1, &stream), same;
	int result = bind_datagram_group(&bound, 1, false, &datagram, &same);

	/* By chance the port may be somebody else's. */
	if (result == -EADDRINUSE)
		skip("the port is in use");
	ck_assert_int_eq(result, 0);
	ck_assert(address_equal(&bound, &same));
	close(stream);
	close(datagram);
}
END_TEST

START_TEST(test_a_datagram_group_is_whole_or_not_at_all)
{
	struct address any = address_of("127.0.0.1:0"), bound;
	int next = fill_descriptors();
	int descriptors = open_descriptors();
	struct rlimit before, few;
	int fds[3];

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	for (int room = 0; room <= 3; room++) {
		few.rlim_cur = (rlim_t)(next + room);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		int result = bind_datagram_group(&any, 3, false, fds, &bound);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
		ck_assert_int_eq(result, (room < 3 ? -EMFILE : 0));
		if (result == 0)
			close_group(fds, 3);
		ck_assert_int_eq(open_descriptors(), descriptors);
	}
}
END_TEST

static int
most_backlog(void)
{
	FILE *file = fopen("/proc/sys/net/core/somaxconn", "r");
	int most = -1;

	if (file && fscanf(file, "%d", &most) != 1)
		most = -1;
	if (file)
		fclose(file);
	return most;
}

START_TEST(test_the_backlog_is_set_and_told)
{
	struct address any = address_of("127.0.0.1:0"), bound;
	int fds[2];

	ck_assert_int_eq(listen_group(&any, 7, 2, false, fds, &bound), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(socket_get_backlog(fds[i]), 7);
	ck_assert_int_eq(socket_set_backlog(fds[0], 99), 0);
	ck_assert_int_eq(socket_get_backlog(fds[0]), 99);
	ck_assert_int_eq(socket_get_backlog(fds[1]), 7);
	ck_assert_int_eq(socket_set_backlog(fds[0], 1), 0);
	ck_assert_int_eq(socket_get_backlog(fds[0]), 1);
	close_group(fds, 2);
	ck_assert_int_eq(socket_set_backlog(fds[0], 1), -EBADF);
	ck_assert_int_eq(socket_get_backlog(fds[0]), -EBADF);
}
END_TEST

START_TEST(test_a_backlog_that_the_kernel_caps_is_told_as_capped)
{
	int most = most_backlog();
	int fd;

	if (most < 0)
		skip("the kernel does not tell net.core.somaxconn");
	opened("127.0.0.1:0", 1, &fd);
	ck_assert_int_eq(socket_set_backlog(fd, most + 1), 0);
	ck_assert_int_eq(socket_get_backlog(fd), most);
	close(fd);
}
END_TEST
FAULT(7, test_a_backlog_that_the_kernel_caps_is_told_as_capped)

START_TEST(test_a_family_is_there_or_not)
{
	struct rlimit before, none;
	bool has;

	ck_assert(socket_has_family(AF_INET));
	ck_assert(!socket_has_family(200));
	if (has_ipv6())
		ck_assert(socket_has_family(AF_INET6));

	/* Want of descriptors says nothing of the kernel. */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	has = socket_has_family(AF_INET);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert(has);
}
END_TEST

static int
begin_connect(const struct address *address)
{
	int fd =
		socket(address_family(address), SOCK_STREAM | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	connect(fd, &address->sa, address->length);
	return fd;
}

static bool
is_answered(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	return poll(&pollfd, 1, 0) == 1;
}

/* Handshakes that have begun complete; no new connection is accepted. */
static void
check_hidden(int fd, const struct address *bound, bool refuses)
{
	int client = client_hold(&bound->sa, bound->length);
	int late, accepted;

	ck_assert_int_eq(socket_hide(fd), 0);
	late = begin_connect(bound);
	if (refuses)
		ck_assert_int_eq(client_await(late), ECONNREFUSED);
	client_release(client);
	ck_assert_int_eq(client_await(client), 0);
	ck_assert(is_readable(fd));
	accepted = accept4(fd, NULL, NULL, 0);
	ck_assert_int_ge(accepted, 0);
	ck_assert_int_eq(accept4(fd, NULL, NULL, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	if (!refuses)
		ck_assert(!is_answered(late));
	close(fd);
	if (!refuses)
		ck_assert_int_eq(client_await(late), ECONNREFUSED);

	/* Its connection is like any other. */
	client_say(client, "x");
	client_hear(accepted, "x");
	client_say(accepted, "y");
	client_hear(client, "y");
	close(accepted);
	close(client);
	close(late);
}

START_TEST(test_a_hidden_socket_refuses_new_connections)
{
	int fd;
	struct address bound = opened("127.0.0.1:0", 1, &fd);

	check_hidden(fd, &bound, true);
	if (has_ipv6()) {
		bound = opened("[::1]:0", 1, &fd);
		check_hidden(fd, &bound, true);
	}
}
END_TEST

static void
drop_capability(unsigned capability)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct sets[2];

	ck_assert_int_eq(syscall(SYS_capget, &header, sets), 0);
	sets[capability / 32].effective &= ~(1u << capability % 32);
	ck_assert_int_eq(syscall(SYS_capset, &header, sets), 0);
}

/* As one with a zone is: no more can be bound without privilege. */
START_TEST(test_a_socket_of_an_interface_is_hidden_by_a_filter)
{
	int loopback = (int)if_nametoindex("lo");
	int fd;
	struct address bound = opened("127.0.0.1:0", 1, &fd);

	drop_capability(CAP_NET_RAW);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &loopback,
				    sizeof(loopback)),
			 0);
	check_hidden(fd, &bound, false);
}
END_TEST

START_TEST(test_a_hidden_group_leaves_the_port_to_others)
{
	int group[2], wide, client;
	struct address bound = opened("127.0.0.1:0", 2, group);
	struct address every = address_of("0.0.0.0:0"), got;

	address_set_port(&every, address_port(&bound));
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(socket_hide(group[i]), 0);
	/* Once more is no error. */
	ck_assert_int_eq(socket_hide(group[0]), 0);
	ck_assert_int_eq(listen_group(&every, 10, 1, true, &wide, &got), 0);
	for (int i = 0; i < 10; i++) {
		client = begin_connect(&bound);
		ck_assert_int_eq(client_await(client), 0);
		close(client);
	}
	close_group(group, 2);
	close(wide);
}
END_TEST

SUITE(test_a_group_shares_one_port,
      test_sockets_do_not_block_and_are_not_inherited,
      test_accepted_connections_have_nodelay,
      test_keepalive_is_set_and_taken_back,
      test_sockets_of_the_file_system_have_no_keepalive,
      test_the_kernel_spreads_connections_over_a_group,
      test_a_busy_address_is_an_error,
      test_an_address_is_shared_only_where_that_is_meant,
      test_a_wildcard_and_an_address_are_as_busy,
      test_ipv6_is_beside_ipv4_on_one_port, test_a_port_is_free_again_at_once,
      test_an_address_that_is_not_ours_is_an_error,
      test_a_group_is_whole_or_not_at_all,
      test_a_datagram_group_shares_one_port,
      test_the_kernel_spreads_datagrams_over_a_group,
      test_a_datagram_tells_which_address_was_hit,
      test_an_address_busy_with_datagrams_is_an_error,
      test_no_two_datagram_groups_get_the_same_free_port,
      test_streams_and_datagrams_share_a_port,
      test_a_datagram_group_is_whole_or_not_at_all,
      test_the_backlog_is_set_and_told,
      test_a_backlog_that_the_kernel_caps_is_told_as_capped,
      test_a_family_is_there_or_not,
      test_a_hidden_socket_refuses_new_connections,
      test_a_socket_of_an_interface_is_hidden_by_a_filter,
      test_a_hidden_group_leaves_the_port_to_others)
