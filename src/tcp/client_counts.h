/*
 * client_counts: the number of connections from each source: an IPv4 address or
 * an IPv6 /64, in which one customer chooses the addresses (RFC 6177).
 *
 * A table that all threads share, in parts with a lock each.  A source is in it
 * only while it has connections.
 */
#ifndef ECHOD_TCP_CLIENT_COUNTS_H
#define ECHOD_TCP_CLIENT_COUNTS_H

#include <stdbool.h>
#include <stddef.h>

struct address;
struct client_counts;

/* NULL: out of memory. */
struct client_counts *client_counts_new(void);
void client_counts_free(struct client_counts *table); /* NULL is fine */

/*
 * Counts one more connection from the source of `peer`, separately for each
 * `owner`.  False if there are `limit` of them already.  True without counting
 * if memory is out or `peer` is not an IP address.
 */
bool client_counts_enter(struct client_counts *table, const void *owner,
			 const struct address *peer, unsigned limit);

/* One less, after client_counts_enter() returned true. */
void client_counts_leave(struct client_counts *table, const void *owner,
			 const struct address *peer);

/* The number of sources, for tests. */
size_t client_counts_count(struct client_counts *table);

#endif
