/*
 * client: clients of the daemon in tests. Sockets block, with a time-out of 40
 * seconds. A time-out or any other error fails the test.
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

/* The address 127.0.0.1 with a port. */
struct sockaddr_in client_loopback(unsigned port);

/* Connects to the unix socket "/PATH" or "@NAME". */
int client_connect_unix(const char *path);
/*
 * Starts a handshake and drops the answers of the listening socket until
 * client_release(); the kernel retries a second after the first packet.
 * client_await() waits for the connection and returns 0 or an errno.
 */
int client_hold(const struct sockaddr *address, socklen_t length);
void client_release(int fd);
int client_await(int fd);

/* With a receive buffer of `bytes` (the kernel has a minimum). */
int client_connect_small(unsigned port, int bytes);

/*
 * From one IPv4 address (NULL: any) to another, with a receive buffer of
 * `bytes` (0: the kernel's default).
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

/* Reads and discards until the connection ends by FIN or RST. */
void client_wait_closed(int fd);

/*
 * The pattern: a stream of lower case letters whose byte at each position is
 * known. A prefix that begins with another byte can be told from it.
 */
#define PATTERN_RUN 65536

/* PATTERN_RUN bytes of it. */
const char *pattern_from(uint64_t position);

/* Sends the first `length` bytes. */
void client_send_pattern(int fd, uint64_t length);

/* The expected echo of the pattern, checked as it arrives. */
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

/* Fails the test unless exactly the first `length` bytes have arrived. */
void framing_end(const struct framing *framing, uint64_t length);

/*
 * Sends `length` bytes of the pattern, at most `piece` at a time, then FIN.
 * Reads at most `piece` bytes at a time meanwhile, until the end, which must
 * be that of the echo.
 */
void client_exchange(int fd, struct framing *framing, uint64_t length,
		     size_t piece);

struct daemon;

/*
 * client_exchange() of `length` bytes in chunks of 1000, and the daemon's line
 * about it: reason=eof, with the bytes of both directions.  0 bytes have no
 * line, but must be the daemon's first close with reason no_data.  Closes.
 */
void client_exchange_logged(int fd, struct daemon *daemon, const char *prefix,
			    uint64_t length, size_t piece);

/*
 * Waits until the daemon closes a TCP connection from 127.0.0.1 to the listener
 * "main" that has echoed nothing; its line has this reason and, after ": ",
 * this text, both extended regular expressions.
 */
void client_expect_failed(int fd, struct daemon *daemon, const char *reason,
			  const char *text);

/* client_exchange() if `sent` of the bytes have been sent already. */
void client_continue(int fd, struct framing *framing, uint64_t sent,
		     uint64_t length, size_t piece);

/* Reads to the end, which must be that of the echo. */
void client_receive(int fd, struct framing *framing, uint64_t length,
		    size_t piece);

/*
 * Sends the pattern without reading, until the peer takes no more for a while
 * or ends the connection. Returns the number of bytes sent: `most` if the peer
 * never stops.
 */
uint64_t client_stuff(int fd, uint64_t most);

#endif
