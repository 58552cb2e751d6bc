/*
 * balancer: chooses the worker that serves a new connection, by the number of
 * connections of each worker.
 *
 * Any thread can call all functions, if no comment says otherwise.  The counts
 * are atomic, and a choice uses their approximate values.
 */
#ifndef ECHOD_WORKER_BALANCER_H
#define ECHOD_WORKER_BALANCER_H

struct balancer;

/* For workers 0 to count - 1.  NULL: out of memory. */
struct balancer *balancer_new(unsigned count);
void balancer_free(struct balancer *balancer); /* NULL is fine */

/*
 * The worker for a connection that worker `here` has accepted.  Thread of that
 * worker only.  Does not count the connection: balancer_enter() does.
 */
unsigned balancer_choose(struct balancer *balancer, unsigned here);

/* Counts one connection more, or one less, of a worker. */
void balancer_enter(struct balancer *balancer, unsigned worker);
void balancer_leave(struct balancer *balancer, unsigned worker);

/* The number of connections of a worker. */
unsigned balancer_load(const struct balancer *balancer, unsigned worker);

#endif
