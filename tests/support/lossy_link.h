/*
 * lossy_link: two hosts, as network namespaces, and a link between them that is in
 * the hands of the test: it can lose packets, deliver them in another order or
 * twice, or be cut.  It needs no qdisc of the kernel's, only tun devices.
 */
#ifndef ECHOD_TESTS_LOSSY_LINK_H
#define ECHOD_TESTS_LOSSY_LINK_H

#include <stdbool.h>

struct lossy_link;

/* The addresses of the two ends. */
#define LINK_SERVER "192.0.2.1"
#define LINK_CLIENT "192.0.2.2"

enum lossy_link_quality {
	LINK_GOOD,
	LINK_BAD,  /* of 100 packets loses 2, delays 5, doubles 1 */
	LINK_DEAF, /* what the server sends is lost */
	LINK_CUT,  /* everything is */
};

/*
 * Puts this process, and so the daemon that it starts, on the server's host.
 * Where that cannot be, the test is skipped.
 */
struct lossy_link *lossy_link_new(void);

/* This process goes to the client's host; a socket is of where it was made. */
void lossy_link_enter_client(struct lossy_link *link);

void lossy_link_set_quality(struct lossy_link *link,
			    enum lossy_link_quality quality);

/* Takes the network device of the server down. */
void lossy_link_take_down(struct lossy_link *link);

/* How many packets it has lost, and has delivered after later ones. */
unsigned lossy_link_lost(const struct lossy_link *link);
unsigned lossy_link_delayed(const struct lossy_link *link);

void lossy_link_free(struct lossy_link *link);

#endif
