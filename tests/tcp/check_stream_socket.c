#include "tcp/stream_socket.h"

#include "listen/socket.h"
#include "support/client.h"
#include "support/sockets.h"

START_TEST(test_what_can_be_read_is_counted)
{
	int pair[2];
	char bytes[100] = "";

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_uint_eq(socket_readable(pair[0]), 0);
	ck_assert_int_eq(write(pair[1], bytes, 70), 70);
	ck_assert_uint_eq(socket_readable(pair[0]), 70);
	ck_assert_int_eq(write(pair[1], bytes, 30), 30);
	ck_assert_uint_eq(socket_readable(pair[0]), 100);
	ck_assert_int_eq(read(pair[0], bytes, 60), 60);
	ck_assert_uint_eq(socket_readable(pair[0]), 40);
	close(pair[1]);
	ck_assert_uint_eq(socket_readable(pair[0]), 40);
	ck_assert_int_eq(read(pair[0], bytes, 60), 40);
	ck_assert_uint_eq(socket_readable(pair[0]), 0);
	close(pair[0]);
	ck_assert_uint_eq(socket_readable(pair[0]), 0);
}
END_TEST

START_TEST(test_what_is_not_acknowledged_is_counted)
{
	struct address address = address_of("127.0.0.1:0"), bound;
	int fds[1], pair[2];
	struct socket_options options = { .backlog = 1 };
	int result = socket_listen_group(&address, &options, 1, fds, &bound);
	int peer = connected_to(&bound);
	int fd;

	ck_assert_int_eq(result, 0);
	ck_assert(is_readable(fds[0]));
	fd = accept(fds[0], NULL, NULL);
	ck_assert_uint_eq(socket_unacknowledged(fd), 0);
	ck_assert_int_eq(write(fd, "1234", 4), 4);
	ck_assert(is_readable(peer));
	/* The peer's kernel says so, whether it is read or not. */
	while (socket_unacknowledged(fd) > 0)
		continue;
	ck_assert(!socket_is_unanswered(fd));
	close(fd);
	close(peer);
	close(fds[0]);
	ck_assert_uint_eq(socket_unacknowledged(fd), 0);
	ck_assert(!socket_is_unanswered(fd));

	/* The second one reads. */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(write(pair[0], "1234", 4), 4);
	ck_assert_uint_ge(socket_unacknowledged(pair[0]), 4);
	ck_assert(!socket_is_unanswered(pair[0]));
	ck_assert_int_eq(read(pair[1], (char[4]){ 0 }, 4), 4);
	ck_assert_uint_eq(socket_unacknowledged(pair[0]), 0);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

SUITE(test_what_can_be_read_is_counted,
      test_what_is_not_acknowledged_is_counted)
