/*
 * http_clients: limits the resources that the connections of an evhttp use.
 * evhttp itself has a time-out for each read and write, and limits for headers
 * and bodies, which http_status.c sets.  This adds what libevent 2.1.12 lacks:
 *
 * - A limit of connections (libevent 2.2 has one).  Without it, clients that
 *   send nothing would use up the descriptors.
 * - A time-out for a whole request or answer.  Without it, a client that sends
 *   or reads a byte at a time would keep its connection.
 * - A limit of input while an answer is sent: evhttp reads on, into memory.
 * - Memory for a new connection: evhttp crashes if it cannot allocate one, so
 *   a reserve is freed for each and allocated anew.
 * - A check that the event loop can watch a new socket.  If it cannot, evhttp
 *   closes the socket twice.
 *
 * Thread of the event base only.
 */
#ifndef ECHOD_ADMIN_HTTP_CLIENTS_H
#define ECHOD_ADMIN_HTTP_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

struct http_clients;
struct event_base;
struct evhttp;
struct evhttp_request;

struct http_clients_params {
	unsigned limit; /* connections */
	/* Time-out for a whole request, and again for its answer. */
	unsigned seconds;
	size_t input; /* bytes that are read ahead at most */
};

/*
 * Limits the connections that `http` accepts from now on.  At the limit, a new
 * connection closes the one whose last request, or accept, was longest ago.
 *
 * `full` is called at the limit, and if memory for the next connection is out.
 * It must stop accepting, at least until the next pass of the event loop, and
 * until http_clients_have_memory() is true.  NULL: out of memory.
 */
struct http_clients *http_clients_new(struct event_base *base,
				      struct evhttp *http,
				      const struct http_clients_params *params,
				      void (*full)(void *owner), void *owner);

/* After evhttp_free().  NULL is fine. */
void http_clients_free(struct http_clients *clients);

/* True if there is memory for one more connection; tries to allocate it. */
bool http_clients_have_memory(struct http_clients *clients);

/* A whole request has arrived: restarts the time-out of its connection. */
void http_clients_touch(struct http_clients *clients,
			struct evhttp_request *request);

#endif
