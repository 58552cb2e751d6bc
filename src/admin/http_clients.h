/*
 * http_clients: limits what the connections of an evhttp take.  evhttp itself
 * has a time-out for each read and write, and limits for headers and bodies,
 * which http_status.c sets.  What libevent 2.1.12 lacks:
 *
 * - a limit of connections (libevent 2.2 has one): clients that send nothing
 *   would use up the descriptors;
 * - a time-out for a whole request or answer: a client that sends or reads a
 *   byte at a time would keep its connection;
 * - a limit of input while an answer is sent: evhttp reads on, into memory;
 * - a check for memory: evhttp crashes if it cannot allocate a new connection,
 *   so there is a reserve for each;
 * - a check that the event loop can watch a new socket: if not, evhttp closes
 *   it twice.
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
	/* For a whole request to arrive, and for its answer to be sent. */
	unsigned seconds;
	size_t input; /* bytes that are read ahead */
};

/*
 * Limits the connections that `http` accepts from now on.  At the limit, the
 * one that has been idle for longest is closed for the new one.  `full` must
 * stop accepting, until the next turn of the loop at least and until
 * http_clients_have_memory().  NULL: out of memory.
 */
struct http_clients *http_clients_new(struct event_base *base,
				      struct evhttp *http,
				      const struct http_clients_params *params,
				      void (*full)(void *owner), void *owner);

/* After evhttp_free().  NULL is fine. */
void http_clients_free(struct http_clients *clients);

/* True if there is memory for one more connection. */
bool http_clients_have_memory(struct http_clients *clients);

/* A whole request has arrived: its connection's time begins anew. */
void http_clients_touch(struct http_clients *clients,
			struct evhttp_request *request);

#endif
