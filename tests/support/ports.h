/*
 * ports: a daemon with a port of every kind, and for each kind a client that
 * says "Hello" and waits for the answer.
 */
#ifndef ECHOD_TESTS_PORTS_H
#define ECHOD_TESTS_PORTS_H

#include <stdbool.h>

struct daemon;

enum port {
	PORT_TCP,
	PORT_RAW, /* without a prefix */
	PORT_PROXY,
	PORT_UNIX,
	PORT_STATUS,
#ifdef HAVE_TLS
	PORT_TLS,
#endif
	PORT_UDP, /* the last: it has no connections */
	PORTS
};

/* What a failed test calls it. */
extern const char *const port_names[PORTS];

/*
 * The text of a configuration with all of them, `settings` at top level, and more
 * `listeners`, each of which begins with a comma.  It is valid until the next call.  tls_clean() (certificates.h) removes what TLS
 * needs, ports_clean() does it where there may be none.
 */
const char *ports_config(const char *settings, const char *listeners);
void ports_clean(void);

struct ports {
	struct daemon *daemon;
	unsigned status;
};

/* Of a daemon that has started and of which no line was forgotten. */
struct ports ports_of(struct daemon *daemon);

struct probe {
	enum port port;
	int fd;
	bool has_spoken;
	void *tls;
	bool is_shaking; /* hands: "Hello" is to follow */
};

/* Connects; the daemon need not run for that. */
struct probe probe_begin(const struct ports *ports, enum port port);

/* Sends a PROXY header or begins the handshake the first time, and "Hello". */
void probe_say(struct probe *probe);

/*
 * True if the answer has come, false if the connection ended before, or no
 * datagram came within a second.  A wrong byte fails the test.
 */
bool probe_is_answered(struct probe *probe);

/* Waits until the daemon ends it, in order. */
void probe_expect_end(struct probe *probe);

/* Closes it. */
void probe_end(struct probe *probe);

/* All of it; the result is that of probe_is_answered(). */
bool probe_try(const struct ports *ports, enum port port);

#endif
