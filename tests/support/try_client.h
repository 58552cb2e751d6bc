/*
 * try_client: clients of a daemon with injected failures. The connection may
 * end early, but a wrong byte fails the test.
 */
#ifndef ECHOD_TESTS_TRY_CLIENT_H
#define ECHOD_TESTS_TRY_CLIENT_H

#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/datagrams.h"

/* True if the echo arrives, false if the connection ends before it. */
static inline bool
try_words(unsigned port, const char *words)
{
	int fd = client_connect(port);
	char got[10];
	bool heard;

	send(fd, words, strlen(words), MSG_NOSIGNAL);
	heard = recv(fd, got, sizeof(got), MSG_WAITALL) == sizeof(got);
	if (heard)
		ck_assert_mem_eq(got, "GOT:Hello\n", sizeof(got));
	else
		client_wait_closed(fd);
	close(fd);
	return heard;
}

static inline bool
try_hello(unsigned port)
{
	return try_words(port, "Hello\n");
}

/* Sends `size` bytes of the pattern; true if the echo is complete. */
static inline bool
try_bulk(unsigned port, const char *prefix, size_t size)
{
	struct framing framing = framing_of(prefix, 1000);
	int fd = client_connect_small(port, 65536);
	struct pollfd poll_fd = { .fd = fd };
	size_t sent = 0;
	ssize_t got = 1;
	char data[65536];

	while (got > 0) {
		poll_fd.events = sent < size ? POLLIN | POLLOUT : POLLIN;
		ck_assert_int_eq(poll(&poll_fd, 1, DEADLINE_MS), 1);
		if (poll_fd.revents & POLLOUT) {
			const char *from = pattern_from(sent);
			size_t most = size - sent < PATTERN_RUN ? size - sent :
								  PATTERN_RUN;

			got = send(fd, from, most, MSG_DONTWAIT | MSG_NOSIGNAL);
			sent += got > 0 ? (size_t)got : 0;
			/* The connection may have been reset. */
			if (sent == size)
				shutdown(fd, SHUT_WR);
		} else {
			got = recv(fd, data, sizeof(data), 0);
			if (got > 0)
				framing_feed(&framing, data, (size_t)got);
		}
	}
	close(fd);
	return framing.position == size;
}

/* True if a datagram is answered within a second. */
static inline bool
try_datagram(unsigned port)
{
	static unsigned char host = 1;
	char source[32];
	int fd;
	bool answered;

	/* A new source network each time: rate limits are per network. */
	snprintf(source, sizeof(source), "127.0.%u.1:0", host++);
	fd = udp_socket(source);
	udp_connect(fd, "127.0.0.1:0", port);
	udp_say(fd, "1");
	answered = poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1,
			1000) == 1;
	if (answered)
		udp_hear(fd, "GOT:1");
	close(fd);
	return answered;
}

#endif
