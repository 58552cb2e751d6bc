/*
 * loop: an event loop with a deadline, and connections over loopback, for
 * tests of modules.
 */
#ifndef ECHOD_TESTS_LOOP_H
#define ECHOD_TESTS_LOOP_H

#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "addr/address.h"
#include "support/suite.h"

/* Runs the loop until `done` returns true; fails the test after 20 seconds. */
static inline void
loop_until(struct event_base *base, bool (*done)(void *), void *argument)
{
	struct timeval entry = { 0, 1000 };
	time_t deadline = time(NULL) + 20;

	while (!done(argument)) {
		ck_assert_msg(time(NULL) < deadline, "nothing happens");
		event_base_loopexit(base, &entry);
		event_base_dispatch(base);
	}
}

static inline int
loopback_listener(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	ck_assert_int_eq(bind(fd, (struct sockaddr *)address, length), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)address, &length),
			 0);
	return fd;
}

static inline int
loopback_connect(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)address,
				 sizeof(*address)),
			 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Both ends of a connection, non-blocking; the second is the accepted one. */
static inline void
loopback_pair(int fds[2])
{
	struct sockaddr_in address;
	int listening = loopback_listener(&address);

	fds[0] = loopback_connect(&address);
	do {
		fds[1] = accept4(listening, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (fds[1] < 0 && errno == EAGAIN);
	ck_assert_int_ge(fds[1], 0);
	close(listening);
}

/* Waits in the loop for these bytes or for the end. */
struct loop_reader {
	int fd;
	const char *wanted;
	size_t length;
};

static inline bool
loop_read_more(void *argument)
{
	struct loop_reader *reader = argument;
	char data[65536];
	size_t most = reader->length < sizeof(data) ? reader->length :
						      sizeof(data);
	ssize_t got = recv(reader->fd, data, most, MSG_DONTWAIT);

	if (got < 0) {
		ck_assert_msg(errno == EAGAIN, "%s", strerror(errno));
		return false;
	}
	ck_assert_msg(got > 0, "the end, %zu bytes too early", reader->length);
	if (memcmp(data, reader->wanted, (size_t)got) != 0)
		ck_abort_msg("%.*s instead of %.*s", (int)got, data, (int)got,
			     reader->wanted);
	reader->wanted += got;
	reader->length -= (size_t)got;
	return reader->length == 0;
}

static inline bool
loop_at_end(void *argument)
{
	char byte;
	ssize_t got = recv(*(int *)argument, &byte, 1, MSG_DONTWAIT);

	ck_assert_msg(got <= 0, "0x%02x instead of the end",
		      (unsigned char)byte);
	ck_assert_msg(got == 0 || errno == EAGAIN, "%s", strerror(errno));
	return got == 0;
}

static inline void
loop_expect(struct event_base *base, int fd, const char *wanted, size_t length)
{
	struct loop_reader reader = { fd, wanted, length };

	loop_until(base, loop_read_more, &reader);
}

static inline void
loop_expect_text(struct event_base *base, int fd, const char *text)
{
	loop_expect(base, fd, text, strlen(text));
}

static inline void
loop_expect_eof(struct event_base *base, int fd)
{
	loop_until(base, loop_at_end, &fd);
}

#endif
