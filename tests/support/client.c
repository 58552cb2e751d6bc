#include "support/client.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/daemon.h"
#include "support/suite.h"

#define DEADLINE_SECONDS 40

/* A socket that takes nothing for this long is stuck, in milliseconds. */
#define STUCK_MS 300

/* Like ck_assert_msg(), which writes to a pipe even if the check passes. */
#define require(condition, ...) \
	do { \
		if (!(condition)) \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

static int
open_socket(int family)
{
	struct timeval deadline = { .tv_sec = DEADLINE_SECONDS };
	int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	require(fd >= 0, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void
connect_to(int fd, const void *address, socklen_t length)
{
	require(connect(fd, address, length) == 0, "connect: %s",
		strerror(errno));
}

static struct sockaddr_in
ipv4(const char *text, unsigned port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
	};

	require(inet_pton(AF_INET, text, &address.sin_addr) == 1, "%s", text);
	return address;
}

int
client_connect_between(const char *from, const char *to, unsigned port,
		       int bytes)
{
	struct sockaddr_in there = ipv4(to, port);
	int fd = open_socket(AF_INET);
	int on = 1;

	/* tcp(7): before connect(2), or the window is as large as ever. */
	if (bytes > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (from) {
		struct sockaddr_in here = ipv4(from, 0);

		/* ip(7): a port is unique among connections only. */
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
			   sizeof(on));
		require(bind(fd, (struct sockaddr *)&here, sizeof(here)) == 0,
			"bind %s: %s", from, strerror(errno));
	}
	connect_to(fd, &there, sizeof(there));
	return fd;
}

struct sockaddr_in
client_loopback(unsigned port)
{
	return ipv4("127.0.0.1", port);
}

int
client_connect(unsigned port)
{
	return client_connect_between(NULL, "127.0.0.1", port, 0);
}

int
client_hold(const struct sockaddr *address, socklen_t length)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &nothing };
	int fd = open_socket(address->sa_family);

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
		       sizeof(program)) < 0)
		skip("no filter can be attached to a socket");
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(connect(fd, address, length), -1);
	ck_assert_int_eq(errno, EINPROGRESS);
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

void
client_release(int fd)
{
	int unused = 0;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused,
				    sizeof(unused)),
			 0);
}

int
client_await(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t length = sizeof(error);

	require(poll(&pollfd, 1, DEADLINE_SECONDS * 1000) == 1,
		"neither connected nor refused");
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length),
			 0);
	return error;
}

int
client_connect_small(unsigned port, int bytes)
{
	return client_connect_between(NULL, "127.0.0.1", port, bytes);
}

int
client_connect6(unsigned port)
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int fd = open_socket(AF_INET6);

	connect_to(fd, &address, sizeof(address));
	return fd;
}

int
client_connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int fd = open_socket(AF_UNIX);

	require(length < sizeof(address.sun_path), "too long: %s", path);
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	connect_to(
		fd, &address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	return fd;
}

unsigned
client_port(int fd)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address;
	socklen_t length = sizeof(address);

	ck_assert_int_eq(getsockname(fd, &address.sa, &length), 0);
	return ntohs(address.sa.sa_family == AF_INET6 ? address.in6.sin6_port :
							address.in.sin_port);
}

void
client_send(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length > 0) {
		ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);

		require(sent > 0, "send: %s", strerror(errno));
		at += sent;
		length -= (size_t)sent;
	}
}

void
client_say(int fd, const char *text)
{
	client_send(fd, text, strlen(text));
}

void
client_finish(int fd)
{
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
}

void
client_reset(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

void
client_expect(int fd, const void *data, size_t length)
{
	char *got = malloc(length);
	size_t have = 0;

	while (have < length) {
		ssize_t more = recv(fd, got + have, length - have, 0);

		require(more > 0, "%zu of %zu bytes, then %s", have, length,
			more ? strerror(errno) : "end of file");
		have += (size_t)more;
	}
	for (size_t i = 0; i < length; i++)
		require(got[i] == ((const char *)data)[i],
			"byte %zu of %zu is 0x%02x, not 0x%02x", i, length,
			(unsigned char)got[i],
			((const unsigned char *)data)[i]);
	free(got);
}

void
client_hear(int fd, const char *text)
{
	client_expect(fd, text, strlen(text));
}

void
client_say_hello(int fd)
{
	client_say(fd, "Hello\n");
	client_hear(fd, "GOT:Hello\n");
}

void
client_expect_eof(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, 0);

	require(got <= 0, "byte 0x%02x instead of the end",
		(unsigned char)byte);
	require(got == 0, "%s instead of the end", strerror(errno));
}

void
client_end(int fd)
{
	client_finish(fd);
	client_expect_eof(fd);
	close(fd);
}

void
client_wait_closed(int fd)
{
	char drop[65536];
	ssize_t got;

	do {
		got = recv(fd, drop, sizeof(drop), 0);
	} while (got > 0);
	require(got == 0 || errno == ECONNRESET || errno == EPIPE,
		"%s instead of the end", strerror(errno));
}

static char
letter(uint32_t number)
{
	return (char)('a' + (number * 2654435761u >> 16) % 26);
}

const char *
pattern_from(uint64_t position)
{
	/* A prime, so that no chunk or buffer is a whole number of periods. */
	enum { PERIOD = 65521 };
	static char table[PERIOD + PATTERN_RUN];

	if (table[0] == '\0')
		for (uint32_t i = 0; i < sizeof(table); i++)
			table[i] = letter(i % PERIOD);
	return table + position % PERIOD;
}

void
client_send_pattern(int fd, uint64_t length)
{
	uint64_t sent = 0;

	while (sent < length) {
		size_t piece = length - sent < PATTERN_RUN ? length - sent :
							     PATTERN_RUN;

		client_send(fd, pattern_from(sent), piece);
		sent += piece;
	}
}

struct framing
framing_of(const char *prefix, size_t chunk_size)
{
	return (struct framing){
		.prefix = prefix,
		.prefix_length = strlen(prefix),
		.chunk_size = chunk_size,
	};
}

static void
feed_prefix(struct framing *framing, char c)
{
	require(c == framing->prefix[framing->in_prefix],
		"wrong after %llu bytes: 0x%02x",
		(unsigned long long)framing->position, (unsigned char)c);
	if (++framing->in_prefix == framing->prefix_length)
		framing->chunks++;
}

/* Returns how many bytes go on with the chunk. */
static size_t
feed_chunk(struct framing *framing, const char *data, size_t length)
{
	const char *wanted = pattern_from(framing->position);
	size_t room = PATTERN_RUN;
	size_t fed = 0;

	if (framing->prefix_length > 0)
		room = framing->chunk_size - framing->in_chunk;
	while (fed < length && fed < room && data[fed] == wanted[fed])
		fed++;
	framing->position += fed;
	framing->in_chunk += fed;
	return fed;
}

void
framing_feed(struct framing *framing, const char *data, size_t length)
{
	while (length > 0) {
		size_t fed = 0;

		if (framing->in_prefix == framing->prefix_length)
			fed = feed_chunk(framing, data, length);
		if (fed == 0) {
			/* Then it has to be the next prefix. */
			if (framing->in_chunk > 0)
				framing->in_chunk = framing->in_prefix = 0;
			require(framing->in_prefix < framing->prefix_length,
				"wrong after %llu bytes: 0x%02x",
				(unsigned long long)framing->position,
				(unsigned char)*data);
			feed_prefix(framing, *data);
			fed = 1;
		}
		data += fed;
		length -= fed;
	}
}

void
framing_end(const struct framing *framing, uint64_t length)
{
	ck_assert_uint_eq(framing->position, length);
	require(framing->in_chunk > 0 || framing->in_prefix == 0,
		"a prefix and no chunk at the end");
}

/* What the socket takes at once of the pattern from `position` on. */
static size_t
send_pattern(int fd, uint64_t position, uint64_t left, size_t piece)
{
	ssize_t sent;

	if (piece > PATTERN_RUN)
		piece = PATTERN_RUN;
	if (piece > left)
		piece = (size_t)left;
	sent = send(fd, pattern_from(position), piece,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	require(sent > 0 || errno == EAGAIN, "send: %s", strerror(errno));
	return sent > 0 ? (size_t)sent : 0;
}

/* False at the end of the stream. */
static bool
receive_some(int fd, struct framing *framing, size_t piece)
{
	char data[65536];
	ssize_t got =
		recv(fd, data, piece < sizeof(data) ? piece : sizeof(data), 0);

	require(got >= 0, "after %llu bytes: %s",
		(unsigned long long)framing->position, strerror(errno));
	framing_feed(framing, data, (size_t)got);
	return got > 0;
}

void
client_receive(int fd, struct framing *framing, uint64_t length, size_t piece)
{
	while (receive_some(fd, framing, piece))
		continue;
	framing_end(framing, length);
}

void
client_continue(int fd, struct framing *framing, uint64_t sent, uint64_t length,
		size_t piece)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT };
	bool reading = true;

	while (reading && sent < length) {
		int ready = poll(&poll_fd, 1, DEADLINE_SECONDS * 1000);

		require(ready == 1, "%llu of %llu bytes, and no more",
			(unsigned long long)framing->position,
			(unsigned long long)length);
		if (poll_fd.revents & POLLOUT)
			sent += send_pattern(fd, sent, length - sent, piece);
		if (poll_fd.revents & ~POLLOUT)
			reading = receive_some(fd, framing, piece);
	}
	client_finish(fd);
	client_receive(fd, framing, length, piece);
}

void
client_exchange(int fd, struct framing *framing, uint64_t length, size_t piece)
{
	client_continue(fd, framing, 0, length, piece);
}

uint64_t
client_stuff(int fd, uint64_t most)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	uint64_t sent = 0;

	while (sent < most && poll(&poll_fd, 1, STUCK_MS) == 1) {
		size_t piece = most - sent < PATTERN_RUN ?
				       (size_t)(most - sent) :
				       PATTERN_RUN;
		ssize_t taken = send(fd, pattern_from(sent), piece,
				     MSG_DONTWAIT | MSG_NOSIGNAL);

		/* A busy machine may take longer than the write time-out. */
		if (taken < 0 && (errno == ECONNRESET || errno == EPIPE))
			break;
		require(taken > 0 || errno == EAGAIN, "send: %s",
			strerror(errno));
		sent += taken > 0 ? (uint64_t)taken : 0;
	}
	return sent;
}

void
client_exchange_logged(int fd, struct daemon *daemon, const char *prefix,
		       uint64_t length, size_t piece)
{
	struct framing framing = framing_of(prefix, 1000);
	char pattern[100];

	client_exchange(fd, &framing, length, piece);
	if (length == 0) {
		daemon_wait_counter(daemon, "closed.no_data", 1);
		close(fd);
		return;
	}
	snprintf(
		pattern, sizeof(pattern), " reason=eof in=%llu out=%llu ",
		(unsigned long long)length,
		(unsigned long long)(length + framing.chunks * strlen(prefix)));
	daemon_wait_line(daemon, pattern);
	close(fd);
}

void
client_expect_failed(int fd, struct daemon *daemon, const char *reason,
		     const char *text)
{
	char pattern[256];

	client_wait_closed(fd);
	snprintf(pattern, sizeof(pattern),
		 "^Connection closed 127\\.0\\.0\\.1:%u listener=main "
		 "conn=[0-9]+ reason=%s in=0 out=0 seconds=[0-9.]+ "
		 "peer=[^ ]+: %s$",
		 client_port(fd), reason, text);
	daemon_wait_line(daemon, pattern);
}
