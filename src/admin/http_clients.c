#include "admin/http_clients.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>

/*
 * Several times what libevent 2.1.12 allocates for a connection.  If that
 * fails, it frees what it has not allocated.
 */
#define RESERVE ((size_t)16 << 10)

/*
 * evhttp has no callback for the end of a connection.  A reference to its
 * bufferevent shows it: once evhttp has freed that, it has no callbacks.
 */
struct client {
	TAILQ_ENTRY(client) entry;
	struct bufferevent *connection;
	time_t since; /* accepted, or its last request arrived */
	bool is_new;  /* evhttp is still setting it up */
};

TAILQ_HEAD(client_list, client);

struct http_clients {
	struct http_clients_params params;
	void (*full)(void *owner);
	void *owner;
	struct client_list list; /* the longest idle first */
	unsigned count;
	void *reserve;	     /* RESERVE bytes, for the next connection */
	struct event *sweep; /* once a second while there are clients */
	struct event *soon;  /* after an accept, and after an answer */
};

static time_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
	return time.tv_sec;
}

static bool
is_gone(const struct client *client)
{
	bufferevent_event_cb on_event;

	bufferevent_getcb(client->connection, NULL, NULL, &on_event, NULL);
	return !on_event;
}

/*
 * The last reference closes the descriptor.  If libevent 2.1.12 cannot watch
 * the socket of a new connection, it has closed it already, and another file
 * can have the number.
 */
static void
release(struct http_clients *clients, struct client *client)
{
	TAILQ_REMOVE(&clients->list, client, entry);
	clients->count--;
	if (client->is_new)
		bufferevent_setfd(client->connection, -1);
	bufferevent_decref(client->connection);
	free(client);
}

static void
reap(struct http_clients *clients)
{
	struct client *client = TAILQ_FIRST(&clients->list);

	while (client) {
		struct client *next = TAILQ_NEXT(client, entry);

		if (is_gone(client))
			release(clients, client);
		client = next;
	}
	if (clients->count == 0)
		event_del(clients->sweep);
}

/*
 * Ends the connection, and triggers the event of its end: evhttp would not see
 * it if the event loop cannot watch the socket.
 */
static void
cut_off(const struct client *client)
{
	shutdown(bufferevent_getfd(client->connection), SHUT_RDWR);
	bufferevent_trigger_event(client->connection,
				  BEV_EVENT_READING | BEV_EVENT_TIMEOUT,
				  BEV_TRIG_DEFER_CALLBACKS);
}

static void
on_sweep(evutil_socket_t fd, short what, void *argument)
{
	struct http_clients *clients = argument;
	time_t latest = now() - (time_t)clients->params.seconds;
	struct client *client;

	(void)fd;
	(void)what;
	reap(clients);
	TAILQ_FOREACH(client, &clients->list, entry) {
		if (client->since > latest)
			break;
		cut_off(client);
	}
}

static void
on_soon(evutil_socket_t fd, short what, void *argument)
{
	struct http_clients *clients = argument;
	struct client *client;

	(void)fd;
	(void)what;
	reap(clients);
	TAILQ_FOREACH(client, &clients->list, entry)
		client->is_new = false;
}

/* Without memory for this, only evhttp's own time-outs are left. */
static void
add(struct http_clients *clients, struct bufferevent *connection)
{
	static const struct timeval second = { .tv_sec = 1 };
	struct client *client = malloc(sizeof(*client));

	if (!client)
		return;
	client->connection = connection;
	client->since = now();
	client->is_new = true;
	event_active(clients->soon, EV_TIMEOUT, 0);
	bufferevent_incref(connection);
	TAILQ_INSERT_TAIL(&clients->list, client, entry);
	/* Without memory for the timer it runs at once, and again. */
	if (clients->count++ == 0 && event_add(clients->sweep, &second) < 0)
		event_active(clients->sweep, EV_TIMEOUT, 0);
}

bool
http_clients_have_memory(struct http_clients *clients)
{
	if (!clients->reserve)
		clients->reserve = malloc(RESERVE);
	return clients->reserve;
}

/* Frees the reserve for the next connection. */
static void
use_reserve(struct http_clients *clients)
{
	void *next = malloc(RESERVE);

	free(clients->reserve);
	clients->reserve = next;
	if (!next)
		clients->full(clients->owner);
}

static struct bufferevent *
on_connection(struct event_base *base, void *argument)
{
	struct http_clients *clients = argument;
	struct bufferevent *connection;

	reap(clients);
	use_reserve(clients);
	/*
	 * A new client is likely to have a request; an idle one may have none.
	 */
	if (clients->count >= clients->params.limit) {
		/*
		 * The analyzer does not see that reap() leaves none that is
		 * gone.
		 */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		cut_off(TAILQ_FIRST(&clients->list));
		clients->full(clients->owner);
	}
	connection = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (!connection)
		return NULL;
	bufferevent_setwatermark(connection, EV_READ, 0, clients->params.input);
	add(clients, connection);
	return connection;
}

static void
on_answered(struct evhttp_request *request, void *argument)
{
	struct http_clients *clients = argument;

	(void)request;
	/*
	 * By then evhttp has freed the connection, if it closes it.  Activating
	 * the sweep instead would put off that persistent timer.
	 */
	event_active(clients->soon, EV_TIMEOUT, 0);
}

static struct client *
find(const struct http_clients *clients,
     const struct evhttp_connection *connection)
{
	struct bufferevent *wanted = evhttp_connection_get_bufferevent(
		(struct evhttp_connection *)connection);
	struct client *client;

	TAILQ_FOREACH(client, &clients->list, entry)
		if (client->connection == wanted)
			break;
	return client;
}

void
http_clients_touch(struct http_clients *clients, struct evhttp_request *request)
{
	struct client *client =
		find(clients, evhttp_request_get_connection(request));

	evhttp_request_set_on_complete_cb(request, on_answered, clients);
	if (!client)
		return;
	client->since = now();
	TAILQ_REMOVE(&clients->list, client, entry);
	TAILQ_INSERT_TAIL(&clients->list, client, entry);
}

struct http_clients *
http_clients_new(struct event_base *base, struct evhttp *http,
		 const struct http_clients_params *params,
		 void (*full)(void *owner), void *owner)
{
	struct http_clients *clients = calloc(1, sizeof(*clients));

	if (!clients)
		return NULL;
	clients->sweep = event_new(base, -1, EV_PERSIST, on_sweep, clients);
	clients->soon = event_new(base, -1, 0, on_soon, clients);
	clients->params = *params;
	clients->full = full;
	clients->owner = owner;
	TAILQ_INIT(&clients->list);
	if (!clients->sweep || !clients->soon ||
	    !http_clients_have_memory(clients)) {
		http_clients_free(clients);
		return NULL;
	}
	evhttp_set_bevcb(http, on_connection, clients);
	return clients;
}

void
http_clients_free(struct http_clients *clients)
{
	if (!clients)
		return;
	if (clients->sweep) {
		reap(clients);
		event_free(clients->sweep);
	}
	if (clients->soon)
		event_free(clients->soon);
	free(clients->reserve);
	free(clients);
}
