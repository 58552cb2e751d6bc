#include "listen/handshakes.h"

#include <stdio.h>

#include "support/client.h"
#include "support/sockets.h"

static struct address
listen_on(const char *text, int *fd)
{
	struct address address = address_of(text);

	*fd = other_socket(&address, 0);
	ck_assert_int_eq(listen(*fd, 10), 0);
	return bound_to(*fd);
}

static int
under_way(const struct address *local)
{
	int result = handshakes_pending(local, 1);

	ck_assert_int_ge(result, 0);
	return result;
}

/* One is seen from the SYN until it is completed, where it is looked for. */
static void
check_one(const char *listening, const char *to, const char *elsewhere)
{
	int fd;
	struct address bound = listen_on(listening, &fd);
	struct address target = address_of(to);
	struct address other = address_of(elsewhere);
	struct address both[2] = { other, bound };
	int client;

	address_set_port(&target, address_port(&bound));
	ck_assert_int_eq(under_way(&bound), 0);
	client = client_hold(&target.sa, target.length);
	ck_assert_int_eq(under_way(&bound), 1);
	ck_assert_int_eq(under_way(&target), 1);

	address_set_port(&other, address_port(&bound));
	ck_assert_int_eq(under_way(&other), 0);
	ck_assert_int_eq(handshakes_pending(both, 2), 1);
	address_set_port(&bound, address_port(&bound) ^ 1);
	ck_assert_int_eq(under_way(&bound), 0);
	address_set_port(&bound, address_port(&target));

	client_release(client);
	ck_assert_int_eq(client_await(client), 0);
	/* The ACK takes its time, and does not wait for accept(2). */
	while (under_way(&bound) != 0)
		continue;
	close(client);
	close(fd);
}

START_TEST(test_one_to_an_ipv4_address_is_seen)
{
	check_one("127.0.0.1:0", "127.0.0.1:0", "127.0.0.2:0");
}
END_TEST

START_TEST(test_one_to_any_ipv4_address_is_seen)
{
	check_one("0.0.0.0:0", "127.0.0.1:0", "127.0.0.2:0");
}
END_TEST

START_TEST(test_one_to_an_ipv6_address_is_seen)
{
	if (!has_ipv6())
		skip("there is no IPv6");
	check_one("[::1]:0", "[::1]:0", "[::2]:0");
}
END_TEST

START_TEST(test_one_to_any_ipv6_address_is_seen)
{
	if (!has_ipv6())
		skip("there is no IPv6");
	check_one("[::]:0", "[::1]:0", "[::2]:0");
}
END_TEST

START_TEST(test_none_is_where_none_is_looked_for)
{
	ck_assert_int_eq(handshakes_pending(NULL, 0), 0);
}
END_TEST

/* By proc(5), /proc/PID/io. */
static unsigned long long
io_count(const char *name)
{
	FILE *file = fopen("/proc/self/io", "r");
	unsigned long long value;
	char key[32];

	ck_assert(file != NULL);
	while (fscanf(file, "%31s %llu", key, &value) == 2)
		if (strcmp(key, name) == 0)
			break;
	fclose(file);
	return value;
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

/* As where the buffer of a file cannot be had. */
static bool no_buffer;

FILE *
__wrap_fopen(const char *path, const char *mode)
{
	FILE *file = __real_fopen(path, mode);

	if (file && no_buffer)
		setvbuf(file, NULL, _IONBF, 0);
	return file;
}

/* A table of thousands, byte by byte, would take a minute. */
START_TEST(test_none_is_looked_for_byte_by_byte)
{
	int fd, clients[5];
	struct address bound = listen_on("127.0.0.1:0", &fd);
	unsigned long long bytes, reads;

	for (int i = 0; i < 5; i++)
		clients[i] = client_connect(address_port(&bound));
	while (under_way(&bound) != 0)
		continue;
	bytes = io_count("rchar:");
	reads = io_count("syscr:");
	no_buffer = true;
	ck_assert_int_eq(under_way(&bound), 0);
	no_buffer = false;
	bytes = io_count("rchar:") - bytes;
	reads = io_count("syscr:") - reads;
	ck_assert_uint_gt(bytes, 5 * 150);
	ck_assert_uint_gt(bytes / reads, 100);
	for (int i = 0; i < 5; i++)
		close(clients[i]);
	close(fd);
}
END_TEST

SUITE(test_one_to_an_ipv4_address_is_seen, test_one_to_any_ipv4_address_is_seen,
      test_one_to_an_ipv6_address_is_seen, test_one_to_any_ipv6_address_is_seen,
      test_none_is_where_none_is_looked_for,
      test_none_is_looked_for_byte_by_byte)
