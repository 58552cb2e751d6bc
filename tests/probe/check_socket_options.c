#include "probe/socket_options.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "support/sockets.h"
#include "support/suite.h"

/* As the options are without arguments. */
static const struct probe_socket_options none = { .dscp = -1, .ttl = -1 };

static struct target_address
source(const char *text)
{
	struct target_address address;
	char reason[TARGET_REASON_SIZE];
	const char *error = source_parse(text, &address, reason);

	ck_assert_msg(!error, "%s: %s", text, reason);
	return address;
}

static int
option(int fd, int level, int name)
{
	int value;
	socklen_t size = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &size), 0);
	ck_assert_uint_eq(size, sizeof(value));
	return value;
}

static int
opened(const struct probe_socket_options *options, const char *peer, int type,
       unsigned number)
{
	struct target_address to = source(peer);
	int fd = socket_open(options, &to, type, number);

	ck_assert_msg(fd >= 0, "%s: %s", peer, strerror(errno));
	return fd;
}

/* It fails with `error`, and leaves no descriptor open. */
static void
refuse(const struct probe_socket_options *options, const char *peer, int type,
       int error)
{
	struct target_address to = source(peer);
	int before = open_descriptors();
	int fd;

	errno = 0;
	fd = socket_open(options, &to, type, 0);
	ck_assert_int_eq(errno, error);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(open_descriptors(), before);
}

static void
check_address(int fd, const char *text)
{
	struct address bound = bound_to(fd), expected = address_of(text);

	/* Whatever the port is. */
	address_set_port(&bound, 0);
	ck_assert_msg(address_equal(&bound, &expected), "not %s", text);
}

START_TEST(test_a_socket_does_not_block_and_is_closed_on_exec)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };

	for (int i = 0; i < 2; i++) {
		int fd = opened(&none, "127.0.0.1", types[i], 0);

		ck_assert_int_eq(option(fd, SOL_SOCKET, SO_TYPE), types[i]);
		ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
		ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
		if (types[i] == SOCK_STREAM)
			ck_assert_int_ne(option(fd, IPPROTO_TCP, TCP_NODELAY),
					 0);
		close(fd);
	}
}
END_TEST

START_TEST(test_nothing_is_set_without_options)
{
	int plain = socket(AF_INET, SOCK_DGRAM, 0);
	int fd = opened(&none, "127.0.0.1", SOCK_DGRAM, 0);
	static const int names[] = { IP_TOS, IP_TTL, IP_MTU_DISCOVER };

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(option(fd, IPPROTO_IP, names[i]),
				 option(plain, IPPROTO_IP, names[i]));
	check_address(fd, "0.0.0.0:0");
	close(fd);
	close(plain);
}
END_TEST

START_TEST(test_the_options_of_ipv4_are_set)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	struct probe_socket_options options = { .dscp = 46,
						.ttl = 9,
						.no_fragment = true };

	for (int i = 0; i < 2; i++) {
		int fd = opened(&options, "127.0.0.1", types[i], 0);

		ck_assert_int_eq(option(fd, IPPROTO_IP, IP_TOS), 46 << 2);
		ck_assert_int_eq(option(fd, IPPROTO_IP, IP_TTL), 9);
		ck_assert_int_eq(option(fd, IPPROTO_IP, IP_MTU_DISCOVER),
				 IP_PMTUDISC_PROBE);
		close(fd);
	}
}
END_TEST

START_TEST(test_the_options_of_ipv6_are_set)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	struct probe_socket_options options = { .dscp = 46,
						.ttl = 9,
						.no_fragment = true };

	if (!has_ipv6())
		skip("there is no IPv6");
	for (int i = 0; i < 2; i++) {
		int fd = opened(&options, "::1", types[i], 0);

		ck_assert_int_eq(option(fd, IPPROTO_IPV6, IPV6_TCLASS),
				 46 << 2);
		ck_assert_int_eq(option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS),
				 9);
		ck_assert_int_eq(option(fd, IPPROTO_IPV6, IPV6_DONTFRAG), 1);
		ck_assert_int_eq(option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER),
				 IPV6_PMTUDISC_PROBE);
		close(fd);
	}
}
END_TEST

/* A control message of the size of `value`; TOS is a byte. */
static int
control_value(struct msghdr *message, int level, int type)
{
	struct cmsghdr *control;
	int value = 0;

	for (control = CMSG_FIRSTHDR(message); control;
	     control = CMSG_NXTHDR(message, control)) {
		if (control->cmsg_level != level || control->cmsg_type != type)
			continue;
		memcpy(&value, CMSG_DATA(control),
		       control->cmsg_len - CMSG_LEN(0));
		return value;
	}
	return -1;
}

/* The receiver's options, and the messages that it gets for them. */
struct seen {
	const char *address;
	int level;
	int want_class, got_class;
	int want_ttl, got_ttl;
};

static void
check_seen(const struct seen *seen, int dscp, int ttl)
{
	struct probe_socket_options options = { .dscp = dscp, .ttl = ttl };
	struct target_address to = source(seen->address);
	int peer = socket(to.sa.sa_family, SOCK_DGRAM, 0), on = 1;
	int fd = opened(&options, seen->address, SOCK_DGRAM, 0);
	char byte, control[256];
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };

	ck_assert_int_eq(setsockopt(peer, seen->level, seen->want_class, &on,
				    sizeof(on)),
			 0);
	ck_assert_int_eq(setsockopt(peer, seen->level, seen->want_ttl, &on,
				    sizeof(on)),
			 0);
	ck_assert_int_eq(bind(peer, &to.sa, to.length), 0);
	ck_assert_int_eq(getsockname(peer, &to.sa, &to.length), 0);
	ck_assert_int_eq(sendto(fd, "x", 1, 0, &to.sa, to.length), 1);
	ck_assert(is_readable(peer));
	ck_assert_int_eq(recvmsg(peer, &message, 0), 1);
	ck_assert_int_eq(control_value(&message, seen->level, seen->got_class),
			 dscp << 2);
	ck_assert_int_eq(control_value(&message, seen->level, seen->got_ttl),
			 ttl);
	close(fd);
	close(peer);
}

START_TEST(test_the_peer_sees_dscp_and_ttl_of_ipv4)
{
	static const struct seen ipv4 = {
		"127.0.0.1", IPPROTO_IP, IP_RECVTOS, IP_TOS, IP_RECVTTL, IP_TTL,
	};

	check_seen(&ipv4, 46, 9);
	check_seen(&ipv4, 63, 255);
	check_seen(&ipv4, 0, 1);
}
END_TEST

START_TEST(test_the_peer_sees_dscp_and_hop_limit_of_ipv6)
{
	static const struct seen ipv6 = {
		"::1",	     IPPROTO_IPV6,	IPV6_RECVTCLASS,
		IPV6_TCLASS, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT,
	};

	if (!has_ipv6())
		skip("there is no IPv6");
	check_seen(&ipv6, 46, 9);
	check_seen(&ipv6, 63, 255);
	check_seen(&ipv6, 0, 1);
}
END_TEST

START_TEST(test_sources_of_the_family_are_used_in_turns)
{
	struct target_address sources[] = { source("127.0.0.2"), source("::1"),
					    source("127.0.0.3") };
	struct probe_socket_options options = none;

	options.sources = sources;
	options.source_count = 3;
	ck_assert_uint_eq(source_count(&options, AF_INET), 2);
	ck_assert_uint_eq(source_count(&options, AF_INET6), 1);
	for (unsigned i = 0; i < 5; i++) {
		const char *expected = i % 2 ? "127.0.0.3:0" : "127.0.0.2:0";
		int stream = opened(&options, "127.0.0.1", SOCK_STREAM, i);
		int datagram = opened(&options, "127.0.0.1", SOCK_DGRAM, i);

		check_address(stream, expected);
		check_address(datagram, expected);
		ck_assert_ptr_eq(source_choose(&options, AF_INET, i),
				 &sources[i % 2 * 2]);
		ck_assert_ptr_eq(source_choose(&options, AF_INET6, i),
				 &sources[1]);
		close(stream);
		close(datagram);
	}
	/* The counter of connections can wrap. */
	ck_assert_ptr_eq(source_choose(&options, AF_INET, UINT32_MAX),
			 &sources[2]);
}
END_TEST

START_TEST(test_a_source_of_ipv6_is_used)
{
	struct target_address address = source("::1");
	struct probe_socket_options options = none;
	int fd;

	if (!has_ipv6())
		skip("there is no IPv6");
	options.sources = &address;
	options.source_count = 1;
	fd = opened(&options, "::1", SOCK_STREAM, 7);
	check_address(fd, "[::1]:0");
	close(fd);
}
END_TEST

START_TEST(test_no_source_of_the_family_is_an_error)
{
	struct target_address sources[] = { source("2001:db8::1") };
	struct probe_socket_options options = none;

	options.sources = sources;
	options.source_count = 1;
	ck_assert_ptr_null(source_choose(&options, AF_INET, 0));
	refuse(&options, "127.0.0.1", SOCK_STREAM, EADDRNOTAVAIL);
	refuse(&options, "127.0.0.1", SOCK_DGRAM, EADDRNOTAVAIL);
}
END_TEST

START_TEST(test_a_source_of_another_host_is_an_error)
{
	struct target_address sources[] = { source("192.0.2.1") };
	struct probe_socket_options options = none;

	options.sources = sources;
	options.source_count = 1;
	refuse(&options, "127.0.0.1", SOCK_STREAM, EADDRNOTAVAIL);
	refuse(&options, "127.0.0.1", SOCK_DGRAM, EADDRNOTAVAIL);
}
END_TEST

START_TEST(test_an_option_that_the_kernel_refuses_is_an_error)
{
	struct probe_socket_options options = none;

	options.ttl = 256;
	refuse(&options, "127.0.0.1", SOCK_STREAM, EINVAL);
	refuse(&options, "127.0.0.1", SOCK_DGRAM, EINVAL);
}
END_TEST

/* So many connections to one server as there are ports to each server. */
START_TEST(test_connect_chooses_the_port_of_a_stream)
{
	struct target_address sources[] = { source("127.0.0.2") };
	struct probe_socket_options options = none;
	struct address bound;
	int fd;

	options.sources = sources;
	options.source_count = 1;
	fd = opened(&options, "127.0.0.1", SOCK_STREAM, 0);
	bound = bound_to(fd);
	ck_assert_uint_eq(address_port(&bound), 0);
	close(fd);
	fd = opened(&options, "127.0.0.1", SOCK_DGRAM, 0);
	bound = bound_to(fd);
	ck_assert_uint_ne(address_port(&bound), 0);
	close(fd);
}
END_TEST

START_TEST(test_the_source_port_is_used)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	struct target_address sources[] = { source("127.0.0.2") };
	struct probe_socket_options options = none;
	int reserved = reserve_port(&options.source_port);

	for (int i = 0; i < 4; i++) {
		struct address bound;
		int fd;

		options.sources = sources;
		options.source_count = i < 2;
		fd = opened(&options, "127.0.0.1", types[i % 2], 0);
		bound = bound_to(fd);
		ck_assert_uint_eq(address_port(&bound), options.source_port);
		check_address(fd, i < 2 ? "127.0.0.2:0" : "0.0.0.0:0");
		ck_assert_int_ne(option(fd, SOL_SOCKET, SO_REUSEADDR), 0);
		close(fd);
	}
	close(reserved);
}
END_TEST

START_TEST(test_a_source_port_that_is_taken_is_an_error)
{
	struct target_address sources[] = { source("127.0.0.1") };
	struct probe_socket_options options = none;
	unsigned port;
	int server = listening_socket(&port);

	options.sources = sources;
	options.source_count = 1;
	options.source_port = (uint16_t)port;
	refuse(&options, "127.0.0.1", SOCK_STREAM, EADDRINUSE);
	close(server);
}
END_TEST

START_TEST(test_a_unix_socket_is_left_as_it_is)
{
	struct target_address sources[] = { source("192.0.2.1") };
	struct probe_socket_options options = { .dscp = 46,
						.ttl = 9,
						.no_fragment = true,
						.sources = sources,
						.source_count = 1,
						.source_port = 1 };
	struct target_address peer = { .length = sizeof(peer.un) };
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	int fd;

	peer.sa.sa_family = AF_UNIX;
	fd = socket_open(&options, &peer, SOCK_STREAM, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_DOMAIN), AF_UNIX);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
	/* It has no name. */
	ck_assert_uint_eq(length, sizeof(sa_family_t));
	close(fd);
}
END_TEST

START_TEST(test_a_source_is_an_address_without_a_port)
{
	static const char *const bad[] = {
		"",
		"localhost",
		"127.0.0.1:7",
		"[::1]",
		"fe80::1%none",
		"192.0.2.256",
		"192.0.2.1 x",
		"unix:/x",
		"*",
	};
	struct target_address address = source("fe80::1%lo");
	char reason[TARGET_REASON_SIZE];

	ck_assert_int_eq(address.sa.sa_family, AF_INET6);
	ck_assert_uint_eq(
		((struct sockaddr_in6 *)&address.storage)->sin6_scope_id,
		if_nametoindex("lo"));
	address = source("192.0.2.1");
	ck_assert_int_eq(address.sa.sa_family, AF_INET);
	ck_assert_uint_eq(address.length, sizeof(struct sockaddr_in));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_msg(source_parse(bad[i], &address, reason) == reason,
			      "\"%s\" is accepted", bad[i]);
		ck_assert_msg(strstr(reason, bad[i]), "%s", reason);
	}
}
END_TEST

SUITE(test_a_socket_does_not_block_and_is_closed_on_exec,
      test_nothing_is_set_without_options, test_the_options_of_ipv4_are_set,
      test_the_options_of_ipv6_are_set, test_the_peer_sees_dscp_and_ttl_of_ipv4,
      test_the_peer_sees_dscp_and_hop_limit_of_ipv6,
      test_sources_of_the_family_are_used_in_turns,
      test_a_source_of_ipv6_is_used, test_no_source_of_the_family_is_an_error,
      test_a_source_of_another_host_is_an_error,
      test_an_option_that_the_kernel_refuses_is_an_error,
      test_connect_chooses_the_port_of_a_stream, test_the_source_port_is_used,
      test_a_source_port_that_is_taken_is_an_error,
      test_a_unix_socket_is_left_as_it_is,
      test_a_source_is_an_address_without_a_port)
