#include "listen/socket_activation.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include "addr/listen_address.h"
#include "support/snapshot.h"
#include "support/sockets.h"

/* Where the descriptors that are handed over begin; nobody has them. */
enum { FIRST = 100 };

/* As a service manager leaves it: blocking, inherited by what is executed. */
static int
hand_over(int fd, int as)
{
	ck_assert_int_eq(dup2(fd, as), as);
	close(fd);
	ck_assert_int_eq(fcntl(as, F_SETFL, 0), 0);
	return as;
}

static int
bound(const char *text, int type, int backlog)
{
	struct address address = address_of(text);
	int fd = socket(address_family(&address), type, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, &address.sa, address.length), 0);
	if (backlog > 0)
		ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

static struct socket_activation *
taken(unsigned count)
{
	struct error_list errors;
	struct socket_activation *inherited;

	error_list_init(&errors, "conf");
	inherited = socket_activation_new(FIRST, count, &errors);
	ck_assert_msg(inherited, "%s", snapshot_errors(&errors));
	ck_assert(!error_any(&errors));
	error_list_free(&errors);
	return inherited;
}

static struct listen_address
listen_address_of(const char *text, unsigned port)
{
	struct listen_address listen_address;
	char reason[256];
	const char *why = listen_address_parse(text, &listen_address, reason,
					       sizeof(reason));

	ck_assert_msg(!why, "%s: %s", text, why);
	if (port)
		address_set_port(&listen_address.address, (uint16_t)port);
	return listen_address;
}

static int
found(const struct socket_activation *inherited, const char *text,
      unsigned port)
{
	struct listen_address listen_address = listen_address_of(text, port);

	return socket_activation_find(inherited, &listen_address);
}

static int
get_option(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, option, &value, &length), 0);
	return value;
}

START_TEST(test_each_is_found_by_what_it_is_bound_to)
{
	int tcp = hand_over(bound("127.0.0.1:0", SOCK_STREAM, 1), FIRST);
	int udp = hand_over(bound("127.0.0.1:0", SOCK_DGRAM, 0), FIRST + 1);
	struct address tcp_bound = bound_to(tcp), udp_bound = bound_to(udp);
	struct socket_activation *inherited = taken(2);

	ck_assert_int_eq(
		found(inherited, "127.0.0.1:0", address_port(&tcp_bound)), tcp);
	ck_assert_int_eq(found(inherited, "udp:127.0.0.1:0",
			       address_port(&udp_bound)),
			 udp);
	ck_assert_int_eq(found(inherited, "udp:127.0.0.1:0",
			       address_port(&tcp_bound)),
			 -1);
	ck_assert_int_eq(
		found(inherited, "127.0.0.2:0", address_port(&tcp_bound)), -1);
	ck_assert_int_eq(found(inherited, "*:0", address_port(&tcp_bound)), -1);
	ck_assert_int_eq(found(inherited, "127.0.0.1:0", 0), -1);
	ck_assert_int_eq(socket_activation_find(NULL,
						&(struct listen_address){ 0 }),
			 -1);
	socket_activation_free(inherited);
	/* They were owned. */
	ck_assert_int_eq(fcntl(tcp, F_GETFD), -1);
	ck_assert_int_eq(fcntl(udp, F_GETFD), -1);
	socket_activation_free(NULL);
}
END_TEST

START_TEST(test_they_are_made_like_those_that_are_opened)
{
	int tcp = hand_over(bound("127.0.0.1:0", SOCK_STREAM, 1), FIRST);
	int udp = hand_over(bound("0.0.0.0:0", SOCK_DGRAM, 0), FIRST + 1);
	struct socket_activation *inherited = taken(2);

	for (int fd = tcp; fd <= udp; fd++) {
		ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
		ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	ck_assert_int_ne(get_option(tcp, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ne(get_option(tcp, SOL_SOCKET, SO_OOBINLINE), 0);
	ck_assert_int_ne(get_option(udp, IPPROTO_IP, IP_PKTINFO), 0);
	socket_activation_free(inherited);
}
END_TEST

/* systemd.socket(5): BindIPv6Only=both, which is the default. */
START_TEST(test_a_socket_for_both_families_is_that_of_a_star)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	static const char *const prefixes[] = { "tcp:", "udp:" };
	char star[16], six[16];

	if (!has_ipv6())
		skip("there is no IPv6");
	for (size_t i = 0; i < 2; i++)
		for (int only = 0; only < 2; only++) {
			struct address any = address_of("[::]:0");
			int fd = socket(AF_INET6, types[i], 0);

			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only,
				   sizeof(only));
			ck_assert_int_eq(bind(fd, &any.sa, any.length), 0);
			if (i == 0)
				ck_assert_int_eq(listen(fd, 1), 0);
			fd = hand_over(fd, FIRST);
			any = bound_to(fd);

			struct socket_activation *inherited = taken(1);
			snprintf(star, sizeof(star), "%s*:0", prefixes[i]);
			snprintf(six, sizeof(six), "%s[::]:0", prefixes[i]);
			ck_assert_int_eq(found(inherited, star,
					       address_port(&any)),
					 only ? -1 : fd);
			ck_assert_int_eq(found(inherited, six,
					       address_port(&any)),
					 only ? fd : -1);
			socket_activation_free(inherited);
		}
}
END_TEST

START_TEST(test_unix_sockets_are_found_by_their_names)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct socket_activation *inherited;
	char text[64];
	int length = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1,
			      "echod-test-%d", getpid());
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(
		bind(fd, (struct sockaddr *)&un,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				 (size_t)length)),
		0);
	ck_assert_int_eq(listen(fd, 1), 0);
	fd = hand_over(fd, FIRST);
	inherited = taken(1);
	snprintf(text, sizeof(text), "unix:@echod-test-%d", getpid());
	ck_assert_int_eq(found(inherited, text, 0), fd);
	ck_assert_int_eq(found(inherited, "unix:@echod", 0), -1);
	socket_activation_free(inherited);
}
END_TEST

static void
expect_error(unsigned count, const char *expected)
{
	struct error_list errors;

	error_list_init(&errors, "conf");
	ck_assert_ptr_null(socket_activation_new(FIRST, count, &errors));
	/* Without a line no blank stands before it. */
	ck_assert_uint_ge(errors.count, 1);
	ck_assert_str_eq(errors.items[0].text, expected);
	error_list_free(&errors);
}

START_TEST(test_what_is_of_no_use_is_an_error)
{
	int pair[2];

	expect_error(1, "conf: descriptor 100 from the service manager: "
			"Bad file descriptor");
	hand_over(bound("127.0.0.1:0", SOCK_STREAM, 0), FIRST);
	expect_error(1,
		     "conf: descriptor 100 from the service manager: it does "
		     "not listen (Accept=yes is not for echod)");
	hand_over(open("/dev/null", O_RDWR), FIRST);
	expect_error(
		1,
		"conf: descriptor 100 from the service manager: not a type of "
		"socket that echod supports");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	close(pair[1]);
	hand_over(pair[0], FIRST);
	expect_error(
		1,
		"conf: descriptor 100 from the service manager: not a type of "
		"socket that echod supports");
}
END_TEST

START_TEST(test_an_unserved_socket_is_named)
{
	int one = hand_over(bound("127.0.0.1:0", SOCK_STREAM, 1), FIRST);
	int two = hand_over(bound("127.0.0.2:0", SOCK_STREAM, 1), FIRST + 1);
	struct address first = bound_to(one), second = bound_to(two);
	struct socket_activation *inherited = taken(2);
	char text[256], expected[256];
	struct error_list errors;

	snprintf(text, sizeof(text),
		 "listen = \"127.0.0.2:%u\"; listeners = ( { name = \"a\";\n"
		 "listen = [ \"127.0.0.3:1\", \"127.0.0.1:%u\" ]; } );",
		 address_port(&second), address_port(&first));
	struct config *config = accepted(text);
	error_list_init(&errors, "conf");
	socket_activation_check(inherited, config, &errors);
	ck_assert(!error_any(&errors));
	config_unref(config);

	snprintf(text, sizeof(text), "listen = \"127.0.0.1:%u\";",
		 address_port(&first));
	config = accepted(text);
	socket_activation_check(inherited, config, &errors);
	ck_assert_uint_eq(errors.count, 1);
	snprintf(expected, sizeof(expected),
		 "conf: listen: no listener has tcp:127.0.0.2:%u, a socket "
		 "from the service manager",
		 address_port(&second));
	ck_assert_str_eq(errors.items[0].text, expected);
	error_list_free(&errors);
	config_unref(config);
	socket_activation_free(inherited);
}
END_TEST

/* One family of `*` is asked for, too. */
START_TEST(test_a_star_asks_for_either_family)
{
	int fd = hand_over(bound("0.0.0.0:0", SOCK_STREAM, 1), FIRST);
	struct address any = bound_to(fd);
	struct socket_activation *inherited = taken(1);
	struct error_list errors;
	char text[64];

	snprintf(text, sizeof(text), "listen = \"*:%u\";", address_port(&any));
	struct config *config = accepted(text);
	error_list_init(&errors, "conf");
	socket_activation_check(inherited, config, &errors);
	ck_assert(!error_any(&errors));
	error_list_free(&errors);
	config_unref(config);
	socket_activation_free(inherited);
}
END_TEST

static void
take_of_environment(const char *pid, const char *fds, bool expected)
{
	struct error_list errors;
	struct socket_activation *inherited;

	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", fds, 1);
	setenv("LISTEN_FDNAMES", "a:b", 1);
	error_list_init(&errors, "conf");
	inherited = socket_activation_take(&errors);
	/* Descriptor 3 of a test is no socket, so that it is an error to */
	/* look at it, and nothing else is. */
	ck_assert_int_eq(inherited == NULL, expected);
	ck_assert_int_eq(error_any(&errors), expected);
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
	socket_activation_free(inherited);
	error_list_free(&errors);
}

START_TEST(test_the_environment_is_for_one_process_and_once)
{
	char pid[16], other[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	snprintf(other, sizeof(other), "%d", getppid());
	ck_assert_int_eq(dup2(open("/dev/null", O_RDWR), 3), 3);
	take_of_environment(other, "1", false);
	take_of_environment(pid, "0", false);
	take_of_environment(pid, "-1", false);
	take_of_environment(pid, "1x", false);
	take_of_environment(pid, "", false);
	take_of_environment("", "1", false);
	take_of_environment(pid, "99999999999999999999", false);
	take_of_environment(pid, "1", true);
}
END_TEST

SUITE(test_each_is_found_by_what_it_is_bound_to,
      test_they_are_made_like_those_that_are_opened,
      test_a_socket_for_both_families_is_that_of_a_star,
      test_unix_sockets_are_found_by_their_names,
      test_what_is_of_no_use_is_an_error, test_an_unserved_socket_is_named,
      test_a_star_asks_for_either_family,
      test_the_environment_is_for_one_process_and_once)
