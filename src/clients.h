/*
 * clients: bounds what the connections of an evhttp take: how many there are,
 * for how long each may keep us waiting, and what is read ahead; and sees to it
 * that there is memory for each, since evhttp does not bear to be without.
 *
 * From the thread of the event base.
 */
#ifndef ECHOD_CLIENTS_H
#define ECHOD_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

struct clients;
struct event_base;
struct evhttp;
struct evhttp_request;

struct clients_terms {
	unsigned limit; /* connections */
	/* For a request to arrive whole, and for its answer to be taken. */
	unsigned seconds;
	size_t input; /* bytes that wait to be looked at */
};

/*
 * Watches over the connections that `http` accepts from now on.  At the limit,
 * the one that has been idle for longest has to make room for the one that comes.
 * `full` has to see to it that no more is accepted in this turn of the loop, nor
 * before clients_are_welcome().  NULL where memory is out.
 */
struct clients *clients_new(struct event_base *base, struct evhttp *http,
			    const struct clients_terms *terms,
			    void (*full)(void *owner), void *owner);

/* To be called after evhttp_free().  NULL is fine. */
void clients_free(struct clients *clients);

/* Whether there is memory for one more. */
bool clients_are_welcome(struct clients *clients);

/* A request has arrived whole, and its connection has its time anew. */
void clients_note(struct clients *clients, struct evhttp_request *request);

#endif
