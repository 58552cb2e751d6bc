/*
 * balancer: chooses the worker that serves a new connection, by the number of
 * connections of each worker.
 *
 * Any thread may call.  The counts are atomic, and a choice is made by their
 * values at about that time.
 */
#ifndef ECHOD_WORKER_BALANCER_H
#define ECHOD_WORKER_BALANCER_H

struct balancer;

/* For workers 0 to count - 1.  NULL if memory is out. */
struct balancer *balancer_new(unsigned count);
void balancer_free(struct balancer *balancer); /* NULL is fine */

/*
 * The worker for a connection that worker `here` has accepted; to be called on
 * the thread of that worker.  Does not count the connection.
 */
unsigned balancer_choose(struct balancer *balancer, unsigned here);

/* The worker has one connection more, and one less. */
void balancer_enter(struct balancer *balancer, unsigned worker);
void balancer_leave(struct balancer *balancer, unsigned worker);

/* The connections of a worker. */
unsigned balancer_load(const struct balancer *balancer, unsigned worker);

#endif
