/*
 * wire: two hosts, as network namespaces, and a wire between them that is in
 * the hands of the test: it can lose packets, deliver them in another order or
 * twice, or be cut.  It needs no qdisc of the kernel's, only tun devices.
 */
#ifndef ECHOD_TESTS_WIRE_H
#define ECHOD_TESTS_WIRE_H

#include <stdbool.h>

struct wire;

/* The addresses of the two ends. */
#define WIRE_SERVER "192.0.2.1"
#define WIRE_CLIENT "192.0.2.2"

enum wire_quality {
	WIRE_GOOD,
	WIRE_BAD,  /* of 100 packets loses 2, delays 5, doubles 1 */
	WIRE_DEAF, /* what the server sends is lost */
	WIRE_CUT,  /* everything is */
};

/*
 * Puts this process, and so the daemon that it starts, on the server's host.
 * Where that cannot be, the test is skipped.
 */
struct wire *wire_new(void);

/* This process goes to the client's host; a socket is of where it was made. */
void wire_go_to_client(struct wire *wire);

void wire_set_quality(struct wire *wire, enum wire_quality quality);

/* Takes the network device of the server down. */
void wire_take_down(struct wire *wire);

/* How many packets it has lost, and has delivered after later ones. */
unsigned wire_lost(const struct wire *wire);
unsigned wire_delayed(const struct wire *wire);

void wire_free(struct wire *wire);

#endif
