/*
 * balancer: who serves the next connection: how many each worker has, and the
 * choice among them.
 *
 * Any thread may call; the counts are atomic, and a choice is made by what they
 * are at about that time.
 */
#ifndef ECHOD_WORKER_BALANCER_H
#define ECHOD_WORKER_BALANCER_H

struct balancer;

/* For workers 0 to count - 1.  NULL where memory is out. */
struct balancer *balancer_new(unsigned count);
void balancer_free(struct balancer *balancer); /* NULL is fine */

/*
 * Chooses for a connection that worker `here` has accepted, on its thread.  Does
 * not count it.
 */
unsigned balancer_choose(struct balancer *balancer, unsigned here);

/* A connection has become that of a worker; it is gone. */
void balancer_enter(struct balancer *balancer, unsigned worker);
void balancer_leave(struct balancer *balancer, unsigned worker);

/* Connections that a worker has. */
unsigned balancer_load(const struct balancer *balancer, unsigned worker);

#endif
