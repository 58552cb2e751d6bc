/*
 * ports: a daemon with a port of every kind, and for each kind a probe: a
 * client that sends "Hello" and waits for the answer.
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

/* Names for messages. */
extern const char *const port_names[PORTS];

/*
 * The text of a configuration with all ports. `settings` are at top level;
 * each of the additional `listeners` begins with a comma. Valid until the next
 * call.
 * ports_clean() removes the certificates, if there is TLS.
 */
const char *ports_config(const char *settings, const char *listeners);
void ports_clean(void);

struct ports {
	struct daemon *daemon;
	unsigned status;
};

/* The ports of a daemon that has started, before any daemon_forget(). */
struct ports ports_of(struct daemon *daemon);

struct probe {
	enum port port;
	int fd;
	bool has_spoken;
	void *tls;
	bool is_shaking; /* the handshake is not complete; "Hello" follows */
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

/* Waits until the daemon closes it with FIN. */
void probe_expect_end(struct probe *probe);

/* Closes it. */
void probe_end(struct probe *probe);

/* All steps; returns the result of probe_is_answered(). */
bool probe_try(const struct ports *ports, enum port port);

#endif
