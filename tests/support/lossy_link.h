/*
 * lossy_link: two hosts, as network namespaces, with a link between them that
 * the test controls. The link can lose, reorder or duplicate packets, or be
 * cut. It needs only tun devices, no qdisc.
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
 * Moves this process, and so the daemon that it starts, to the server's host.
 * Skips the test if that is not possible.
 */
struct lossy_link *lossy_link_new(void);

/*
 * Moves this process to the client's host; existing sockets stay on the
 * server's.
 */
void lossy_link_enter_client(struct lossy_link *link);

void lossy_link_set_quality(struct lossy_link *link,
			    enum lossy_link_quality quality);

/* Takes the network device of the server down. */
void lossy_link_take_down(struct lossy_link *link);

/* Number of packets that were lost, or delivered after later ones. */
unsigned lossy_link_lost(const struct lossy_link *link);
unsigned lossy_link_delayed(const struct lossy_link *link);

void lossy_link_free(struct lossy_link *link);

#endif
