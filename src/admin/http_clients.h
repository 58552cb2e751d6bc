/*
 * http_clients: bounds what the connections of an evhttp take: how many there are,
 * for how long each may keep us waiting, and what is read ahead; and sees to it
 * that there is memory for each, since evhttp does not bear to be without.
 *
 * From the thread of the event base.
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
	/* For a request to arrive whole, and for its answer to be taken. */
	unsigned seconds;
	size_t input; /* bytes that wait to be looked at */
};

/*
 * Watches over the connections that `http` accepts from now on.  At the limit,
 * the one that has been idle for longest has to make room for the one that comes.
 * `full` has to see to it that no more is accepted in this turn of the loop, nor
 * before http_clients_have_memory().  NULL where memory is out.
 */
struct http_clients *http_clients_new(struct event_base *base,
				      struct evhttp *http,
				      const struct http_clients_params *params,
				      void (*full)(void *owner), void *owner);

/* To be called after evhttp_free().  NULL is fine. */
void http_clients_free(struct http_clients *clients);

/* Whether there is memory for one more. */
bool http_clients_have_memory(struct http_clients *clients);

/* A request has arrived whole, and its connection has its time anew. */
void http_clients_touch(struct http_clients *clients,
			struct evhttp_request *request);

#endif
