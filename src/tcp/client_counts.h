/*
 * client_counts: the number of connections from each source.  A source is an
 * IPv4 address, or an IPv6 /64, since a /64 belongs to one customer (RFC 6177).
 *
 * All threads share one table; each of its parts has a lock.  The table holds a
 * source only while the source has connections.
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
 * `owner`, a pointer that is only compared.  `limit` is at least 1.  False, and
 * not counted: the source has `limit` connections already.  If memory is out or
 * `peer` is not an IP address: true, and not counted.
 */
bool client_counts_enter(struct client_counts *table, const void *owner,
			 const struct address *peer, unsigned limit);

/* One less, after client_counts_enter() returned true, counted or not. */
void client_counts_leave(struct client_counts *table, const void *owner,
			 const struct address *peer);

/* The number of sources, for tests. */
size_t client_counts_count(struct client_counts *table);

#endif
