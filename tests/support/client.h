/*
 * client: the peers of the daemon in tests.  Sockets are blocking, with a
 * generous time-out that fails the test, as does every other error.
 */
#ifndef ECHOD_TESTS_CLIENT_H
#define ECHOD_TESTS_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

int client_connect(unsigned port);  /* to 127.0.0.1 */
int client_connect6(unsigned port); /* to ::1 */

/* What client_connect() connects to. */
struct sockaddr_in client_loopback(unsigned port);

/* To "/PATH" or "@NAME". */
int client_connect_unix(const char *path);
/*
 * A handshake that is under way: what the listening socket answers is lost until
 * client_release(), and sent again a second after the first time.  Then
 * client_await() waits for the connection and returns 0, or an errno.
 */
int client_hold(const struct sockaddr *address, socklen_t length);
void client_release(int fd);
int client_await(int fd);

/* With a receive buffer of so many bytes (the kernel has a minimum). */
int client_connect_small(unsigned port, int bytes);

/*
 * From one IPv4 address (or any, where it is NULL) to another, with a receive
 * buffer of so many bytes (0: the kernel's own choice).
 */
int client_connect_between(const char *from, const char *to, unsigned port,
			   int bytes);

unsigned client_port(int fd); /* our end of it */

void client_send(int fd, const void *data, size_t length);
void client_say(int fd, const char *text);
void client_say_hello(int fd); /* and hears it, as it comes back by default */
void client_finish(int fd);    /* FIN; reading goes on */
void client_reset(int fd);     /* RST; the descriptor is gone */

/* Reads exactly these bytes. */
void client_expect(int fd, const void *data, size_t length);
void client_hear(int fd, const char *text);
void client_expect_eof(int fd);

void client_end(int fd); /* FIN; expects FIN and no byte; closes */

/* Waits for the connection to end, by FIN or RST; what comes is dropped. */
void client_wait_closed(int fd);

/*
 * A stream whose byte at each position is known: lower case letters, so that a
 * prefix that begins otherwise can be told from it.
 */
#define PATTERN_RUN 65536

/* PATTERN_RUN bytes of it. */
const char *pattern_from(uint64_t position);

/* Sends the first `length` bytes. */
void client_send_pattern(int fd, uint64_t length);

/* What the echo of the pattern has to look like, checked as it comes in. */
struct framing {
	const char *prefix;
	size_t prefix_length;
	size_t chunk_size;

	uint64_t position; /* bytes of the pattern so far */
	uint64_t chunks;
	size_t in_prefix; /* bytes so far of the prefix, then of the */
	size_t in_chunk;  /* chunk that comes after it */
};

struct framing framing_of(const char *prefix, size_t chunk_size);
void framing_feed(struct framing *framing, const char *data, size_t length);

/* Fails the test unless all of the first `length` bytes have come, no more. */
void framing_end(const struct framing *framing, uint64_t length);

/*
 * Sends `length` bytes of the pattern, at most `piece` at a time, then FIN,
 * reading at most `piece` bytes a time all the while, to the end, which has to
 * be that of the echo.
 */
void client_exchange(int fd, struct framing *framing, uint64_t length,
		     size_t piece);

struct daemon;

/*
 * client_exchange() of `length` bytes in chunks of 1000, and the daemon's line
 * about it: reason=eof, with the bytes of both directions.  Closes.
 */
void client_exchange_logged(int fd, struct daemon *daemon, const char *prefix,
			    uint64_t length, size_t piece);

/*
 * Waits until the daemon closes a TCP connection from 127.0.0.1 to the listener
 * "main" that has echoed nothing; its line has this reason and, after ": ", this
 * text, both extended regular expressions.
 */
void client_expect_failed(int fd, struct daemon *daemon, const char *reason,
			  const char *text);

/* The same, where `sent` bytes of them are under way already. */
void client_continue(int fd, struct framing *framing, uint64_t sent,
		     uint64_t length, size_t piece);

/* Reads to the end, which has to be that of the echo. */
void client_receive(int fd, struct framing *framing, uint64_t length,
		    size_t piece);

/*
 * Sends the pattern without reading, until for a while the peer takes no more
 * or has ended the connection.
 * Returns how many bytes it has taken: `most` where it never stops.
 */
uint64_t client_stuff(int fd, uint64_t most);

#endif
