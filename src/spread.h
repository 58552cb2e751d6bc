/*
 * spread: who serves the next connection: how many each worker has, and the
 * choice among them.
 *
 * Any thread may call; the counts are atomic, and a choice is made by what they
 * are at about that time.
 */
#ifndef ECHOD_SPREAD_H
#define ECHOD_SPREAD_H

struct spread;

/* For workers 0 to count - 1.  NULL where memory is out. */
struct spread *spread_new(unsigned count);
void spread_free(struct spread *spread); /* NULL is fine */

/*
 * Chooses for a connection that worker `here` has accepted, on its thread.  Does
 * not count it.
 */
unsigned spread_choose(struct spread *spread, unsigned here);

/* A connection has become that of a worker; it is gone. */
void spread_enter(struct spread *spread, unsigned worker);
void spread_leave(struct spread *spread, unsigned worker);

/* Connections that a worker has. */
unsigned spread_load(const struct spread *spread, unsigned worker);

#endif
