/*
 * source: how many connections there are from one place in the network, an IPv4
 * address or an IPv6 /64, which is what one customer has (RFC 6177) and can
 * fill with addresses as he likes.
 *
 * A table that all threads share, in parts with a lock each.  A place is in it
 * only while it has a connection, so that it never holds more places than there
 * are connections.
 */
#ifndef ECHOD_SOURCE_H
#define ECHOD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

struct address;
struct source_table;

/* NULL where memory is out. */
struct source_table *source_table_new(void);
void source_table_free(struct source_table *table); /* NULL is fine */

/*
 * One more connection from where `peer` is, counted for each `owner` apart.
 * False where it has `limit` of them; true also where it cannot be counted, as
 * memory is out or the peer is of a family without places.
 */
bool source_enter(struct source_table *table, const void *owner,
		  const struct address *peer, unsigned limit);

/* One less, after source_enter() was true. */
void source_leave(struct source_table *table, const void *owner,
		  const struct address *peer);

/* The places that have a connection, for tests. */
size_t source_count(struct source_table *table);

#endif
