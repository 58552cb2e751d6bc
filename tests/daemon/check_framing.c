/* framing = "line": a prefix for each line, however TCP segments the stream. */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define LINES \
	"listen = \"127.0.0.1:0\"; workers = 1; framing = \"line\"; " \
	"log = { rate = 0; }; "

/*
 * The echo of a text whose first `before` bytes came first; the prefix is
 * GOT:.
 */
static size_t
model(const char *text, size_t from, size_t to, char *out)
{
	size_t used = 0;

	for (size_t i = from; i < to; i++) {
		if (i == 0 || text[i - 1] == '\n') {
			memcpy(out + used, "GOT:", 4);
			used += 4;
		}
		out[used++] = text[i];
	}
	return used;
}

static void
say_and_hear(int fd, const char *text, size_t from, size_t to)
{
	char expected[512];
	size_t length = model(text, from, to, expected);

	client_send(fd, text + from, to - from);
	client_expect(fd, expected, length);
}

/* No part is held back: the second is sent after the echo of the first. */
START_TEST(test_cut_everywhere)
{
	static const char text[] = "\none\r\n\n\r\nlonger line\nno end";
	const size_t length = sizeof(text) - 1;
	struct daemon *daemon = daemon_start(LINES);

	for (size_t cut = 0; cut <= length; cut++) {
		int fd = client_connect(daemon_port(daemon, 0));

		say_and_hear(fd, text, 0, cut);
		say_and_hear(fd, text, cut, length);
		client_end(fd);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_byte_by_byte)
{
	static const char text[] = "one\n\ntwo\r\nthree";
	struct daemon *daemon = daemon_start(LINES);
	int fd = client_connect(daemon_port(daemon, 0));

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		say_and_hear(fd, text, i, i + 1);
	client_end(fd);
	daemon_wait_line(daemon, " reason=eof in=15 out=31 ");

	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A prefix is sent with the first byte of its line, not after an LF. */
START_TEST(test_no_line_no_prefix)
{
	struct daemon *daemon = daemon_start(LINES);
	int fd = client_connect(daemon_port(daemon, 0));

	client_end(fd);

	fd = client_connect(daemon_port(daemon, 0));
	client_say(fd, "\n");
	client_finish(fd);
	client_hear(fd, "GOT:\n");
	client_expect_eof(fd);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_framing_per_listener)
{
	struct daemon *daemon = daemon_start(
		"workers = 1; framing = \"line\"; chunk_size = 2; listeners = ("
		"{ name = \"lines\"; listen = \"127.0.0.1:0\"; },"
		"{ name = \"chunks\"; listen = \"127.0.0.1:0\";"
		"  framing = \"chunk\"; } );");
	int lines = client_connect(daemon_port(daemon, 0));
	int chunks = client_connect(daemon_port(daemon, 1));

	client_say(lines, "abc\nd");
	client_hear(lines, "GOT:abc\nGOT:d");
	client_say(chunks, "abc\nd");
	client_hear(chunks, "GOT:abGOT:c\nGOT:d");
	close(lines);
	close(chunks);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A stream and its expected echo. */
struct exchange {
	int fd;
	const char *prefix;
	char (*byte)(size_t at);
	size_t length;
	size_t sent;
	size_t heard;
	size_t in_prefix; /* bytes so far of the one that is due */
};

static void
hear_byte(struct exchange *exchange, char got)
{
	size_t at = exchange->heard;
	bool starts = at == 0 || exchange->byte(at - 1) == '\n';
	char wanted = exchange->byte(at);

	if (starts && exchange->prefix[exchange->in_prefix] != '\0') {
		wanted = exchange->prefix[exchange->in_prefix++];
	} else {
		exchange->heard++;
		exchange->in_prefix = 0;
	}
	if (got != wanted)
		ck_abort_msg("byte %zu: 0x%02x, not 0x%02x", at,
			     (unsigned char)got, (unsigned char)wanted);
}

/* False at the end of the echo. */
static bool
hear_some(struct exchange *exchange)
{
	char data[16384];
	ssize_t got = recv(exchange->fd, data, sizeof(data), MSG_DONTWAIT);

	for (ssize_t i = 0; i < got; i++)
		hear_byte(exchange, data[i]);
	if (exchange->heard > exchange->length)
		ck_abort_msg("more than was sent");
	return got != 0;
}

static void
say_some(struct exchange *exchange)
{
	char data[16384];
	size_t left = exchange->length - exchange->sent;
	size_t count = left < sizeof(data) ? left : sizeof(data);
	ssize_t sent;

	for (size_t i = 0; i < count; i++)
		data[i] = exchange->byte(exchange->sent + i);
	sent = send(exchange->fd, data, count, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0)
		exchange->sent += (size_t)sent;
	if (exchange->sent == exchange->length)
		client_finish(exchange->fd);
}

/* Sends and reads everything, as fast as possible. */
static void
exchange_all(struct exchange *exchange)
{
	bool more = true;

	while (more) {
		bool saying = exchange->sent < exchange->length;
		struct pollfd wait = {
			.fd = exchange->fd,
			.events = (short)(POLLIN | (saying ? POLLOUT : 0)),
		};

		if (poll(&wait, 1, 40000) != 1)
			ck_abort_msg("nothing happens");
		if (saying && wait.revents & POLLOUT)
			say_some(exchange);
		if (wait.revents & (POLLIN | POLLHUP | POLLERR))
			more = hear_some(exchange);
	}
	ck_assert_uint_eq(exchange->heard, exchange->length);
}

static void
check_bulk(const char *config, const char *prefix, char (*byte)(size_t at),
	   size_t length)
{
	struct daemon *daemon = daemon_start(config);
	struct exchange exchange = { .prefix = prefix,
				     .byte = byte,
				     .length = length };

	/* Small, so that the daemon's socket is often full. */
	exchange.fd = client_connect_small(daemon_port(daemon, 0), 65536);
	exchange_all(&exchange);
	close(exchange.fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

/* Lines of 1 to 100 bytes, and sometimes a long one. */
static char
of_lines(size_t at)
{
	size_t in_block = at % 9973;

	if (in_block < 4000)
		return 'x';
	return in_block * in_block / 7 % 23 == 5 ? '\n' : (char)('a' + at % 26);
}

static char
of_empty_lines(size_t at)
{
	(void)at;
	return '\n';
}

static char
of_one_line(size_t at)
{
	return (char)('a' + at % 26);
}

TEST(test_bulk, check_bulk(LINES, "GOT:", of_lines, 3000000))

/* Little of each recv(2) may be used, and the echo is still complete. */
TEST(test_bulk_in_little_room,
     check_bulk(LINES "output_limit = 1024;", "GOT:", of_lines, 500000))

TEST(test_empty_lines, check_bulk(LINES, "GOT:", of_empty_lines, 1000000))

TEST(test_one_long_line, check_bulk(LINES, "GOT:", of_one_line, 3000000))

/* No prefix: the bytes may be spliced. */
TEST(test_bulk_without_prefix,
     check_bulk(LINES "prefix = \"\";", "", of_lines, 5000000))

/* A million empty lines make a thousand million bytes of prefixes. */
START_TEST(test_amplification)
{
	enum { PREFIX = 1000, LIMIT = 65536, SLACK_KIB = 8192 };
	static char lines[1000000];
	char prefix[PREFIX + 1] = "", config[1400];
	struct daemon *daemon;
	size_t sent = 0;
	ssize_t more;

	memset(prefix, 'P', PREFIX);
	memset(lines, '\n', sizeof(lines));
	snprintf(config, sizeof(config),
		 LINES "prefix = \"%s\"; output_limit = %d; "
		       "write_timeout = 0.5;",
		 prefix, LIMIT);
	daemon = daemon_start(config);
	long before = daemon_status_kib(daemon, "VmHWM");
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);

	/* Ends when the daemon takes no more, at the latest by a RST. */
	do {
		more = send(fd, lines, sizeof(lines), MSG_NOSIGNAL);
		sent += more > 0 ? (size_t)more : 0;
	} while (more > 0 && sent < 256000000);
	ck_assert_uint_lt(sent, 256000000);

	const char *line = daemon_wait_line(daemon, " reason=write_timeout ");
	unsigned long long made = line_number(line, "in") * (PREFIX + 1);
	ck_assert_uint_gt(made, line_number(line, "out"));
	ck_assert_uint_le(made - line_number(line, "out"),
			  LIMIT + 65 * (PREFIX + 1));
	ck_assert_int_lt(daemon_status_kib(daemon, "VmHWM") - before,
			 SLACK_KIB);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_cut_everywhere, test_byte_by_byte, test_no_line_no_prefix,
      test_framing_per_listener, test_bulk, test_bulk_in_little_room,
      test_empty_lines, test_one_long_line, test_bulk_without_prefix,
      test_amplification)
