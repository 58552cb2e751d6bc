/*
 * client_counts: how many connections there are from one place in the network, an IPv4
 * address or an IPv6 /64, which is what one customer has (RFC 6177) and can
 * fill with addresses as he likes.
 *
 * A table that all threads share, in parts with a lock each.  A place is in it
 * only while it has a connection, so that it never holds more places than there
 * are connections.
 */
#ifndef ECHOD_TCP_CLIENT_COUNTS_H
#define ECHOD_TCP_CLIENT_COUNTS_H

#include <stdbool.h>
#include <stddef.h>

struct address;
struct client_counts;

/* NULL where memory is out. */
struct client_counts *client_counts_new(void);
void client_counts_free(struct client_counts *table); /* NULL is fine */

/*
 * One more connection from where `peer` is, counted for each `owner` apart.
 * False where it has `limit` of them; true also where it cannot be counted, as
 * memory is out or the peer is of a family without places.
 */
bool client_counts_enter(struct client_counts *table, const void *owner,
			 const struct address *peer, unsigned limit);

/* One less, after client_counts_enter() was true. */
void client_counts_leave(struct client_counts *table, const void *owner,
			 const struct address *peer);

/* The places that have a connection, for tests. */
size_t client_counts_count(struct client_counts *table);

#endif
