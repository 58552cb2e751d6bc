#include "admin/http_status.h"

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "addr/listen_address.h"
#include "admin/http_clients.h"
#include "admin/http_hosts.h"
#include "admin/http_request.h"
#include "base/log.h"
#include "base/timers.h"
#include "listen/listening_set.h"

#define HEADER_BYTES 8192

/* `input` must hold a header that is too long, or evhttp does not see it. */
static const struct http_clients_params params = {
	.limit = 64,
	.seconds = 10,
	.input = 2 * HEADER_BYTES,
};

/* The most sockets: `*` has one for each family. */
#define SOCKETS 2

struct port {
	unsigned id; /* of its endpoint */
	struct listen_address bound;
	struct evhttp_bound_socket *socket;
	bool passes; /* to a listener, which accepts its queue */
};

struct ports {
	struct port items[SOCKETS];
	size_t count;
};

struct http_status {
	struct event_base *base;
	struct evhttp *http;
	struct http_status_content content;
	struct ports ports;
	struct ports next;    /* prepared */
	struct ports leaving; /* to be closed once their queues are accepted */
	bool announced;
	struct http_hosts hosts;

	struct http_clients *clients;
	struct event *resume; /* accepting */
	struct event *leave;
};

/*
 * evhttp sets the argument of its evconnlisteners to itself, that of the error
 * callback included.  A process has one status port.
 */
static struct http_status *served;

static struct evconnlistener *
listener_of(const struct port *port)
{
	return evhttp_bound_socket_get_listener(port->socket);
}

static void
stop_accepting(struct http_status *status)
{
	for (size_t i = 0; i < status->ports.count; i++)
		evconnlistener_disable(listener_of(&status->ports.items[i]));
}

static void
pause_accepting(struct http_status *status)
{
	stop_accepting(status);
	timers_pause(status->resume);
}

static void
start_accepting(struct http_status *status)
{
	for (size_t i = 0; i < status->ports.count; i++) {
		struct port *port = &status->ports.items[i];

		if (evconnlistener_enable(listener_of(port)) < 0) {
			pause_accepting(status);
			return;
		}
	}
}

static void
on_resume(evutil_socket_t fd, short what, void *argument)
{
	struct http_status *status = argument;

	(void)fd;
	(void)what;
	if (http_clients_have_memory(status->clients))
		start_accepting(status);
	else
		pause_accepting(status);
}

/* Accepts again in the next turn of the loop, or after a pause. */
static void
on_full(void *owner)
{
	struct http_status *status = owner;

	stop_accepting(status);
	event_active(status->resume, EV_TIMEOUT, 0);
}

static void
on_request(struct evhttp_request *request, void *argument)
{
	struct http_status *status = argument;

	http_clients_touch(status->clients, request);
	http_request_answer(request, &status->content, &status->hosts);
}

/* ---- sockets */

static const struct port *
find_port(const struct ports *ports, unsigned id)
{
	for (size_t i = 0; i < ports->count; i++)
		if (ports->items[i].id == id)
			return &ports->items[i];
	return NULL;
}

/* Closes the ports that are not in `others`. */
static void
close_ports(struct http_status *status, struct ports *ports,
	    const struct ports *others)
{
	while (ports->count > 0) {
		const struct port *port = &ports->items[--ports->count];

		if (!find_port(others, port->id))
			evhttp_del_accept_socket(status->http, port->socket);
	}
}

/* accept(2) failed: out of descriptors. */
static void
on_accept_error(struct evconnlistener *listener, void *argument)
{
	(void)listener;
	(void)argument;
	pause_accepting(served);
}

/* Takes the socket of an endpoint, and does not accept yet. */
static bool
open_port(struct http_status *status, struct endpoint *endpoint,
	  struct port *port)
{
	struct evconnlistener *listener = evconnlistener_new(
		status->base, NULL, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
			LEV_OPT_DISABLED,
		0, endpoint->fds[0]);

	if (!listener)
		return false;
	endpoint->taken = endpoint->sockets;
	*port = (struct port){
		.id = endpoint->id,
		.bound = endpoint->bound,
		.socket = evhttp_bind_listener(status->http, listener),
	};
	if (port->socket)
		evconnlistener_set_error_cb(listener, on_accept_error);
	else
		evconnlistener_free(listener);
	return port->socket;
}

static bool
passes_on(const struct listening_set *set, unsigned id)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i].passed_from == id)
			return true;
	return false;
}

bool
http_status_prepare(struct http_status *status, struct listening_set *set)
{
	struct ports *next = &status->next;

	for (size_t i = 0; i < status->ports.count; i++)
		status->ports.items[i].passes =
			passes_on(set, status->ports.items[i].id);
	close_ports(status, next, &status->ports);
	for (size_t i = set->count; i < set->total; i++) {
		struct endpoint *endpoint = &set->items[i];
		struct port *port = &next->items[next->count];
		const struct port *kept =
			find_port(&status->ports, endpoint->id);

		if (kept) {
			*port = *kept;
		} else if (!open_port(status, endpoint, port)) {
			close_ports(status, next, &status->ports);
			return false;
		}
		next->count++;
	}
	return true;
}

static void
on_left(evutil_socket_t fd, short what, void *argument)
{
	struct http_status *status = argument;

	(void)fd;
	(void)what;
	close_ports(status, &status->leaving, &status->ports);
}

/* The event loop accepts what is in the queues, then calls on_left(). */
static void
leave_ports(struct http_status *status)
{
	static const struct timeval now = { 0, 0 };
	struct ports given_up = { .count = 0 };

	for (size_t i = 0; i < status->ports.count; i++) {
		const struct port *port = &status->ports.items[i];

		if (find_port(&status->next, port->id))
			continue;
		if (port->passes)
			evhttp_del_accept_socket(status->http, port->socket);
		else
			given_up.items[given_up.count++] = *port;
	}
	close_ports(status, &status->leaving, &status->next);
	status->leaving = given_up;
	if (given_up.count > 0)
		timers_add_event(status->leave, &now);
}

void
http_status_serve(struct http_status *status, const struct string_list *hosts)
{
	http_hosts_update(&status->hosts, hosts);
	for (size_t i = 0; i < status->next.count; i++)
		if (!find_port(&status->ports, status->next.items[i].id))
			status->announced = false;
	leave_ports(status);
	status->ports = status->next;
	status->next.count = 0;
	start_accepting(status);
}

void
http_status_announce(struct http_status *status)
{
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	if (status->announced)
		return;
	status->announced = true;
	for (size_t i = 0; i < status->ports.count; i++) {
		const struct listen_address *bound =
			&status->ports.items[i].bound;

		log_notice(bound->protocol == PROTOCOL_UNIX ?
				   "Status on %s" :
				   "Status on http://%s/",
			   listen_address_format_short(bound, text));
	}
}

/* ---- creation and end */

static bool
set_up(struct http_status *status)
{
	struct event_base *base = status->base;

	status->resume = event_new(base, -1, 0, on_resume, status);
	status->http = evhttp_new(base);
	status->leave = event_new(base, -1, 0, on_left, status);
	if (!status->resume || !status->leave || !status->http)
		return false;
	status->clients =
		http_clients_new(base, status->http, &params, on_full, status);
	if (!status->clients)
		return false;
	evhttp_set_gencb(status->http, on_request, status);
	evhttp_set_timeout(status->http, (int)params.seconds);
	evhttp_set_max_headers_size(status->http, HEADER_BYTES);
	evhttp_set_max_body_size(status->http, 0);
	/* All methods of evhttp, so that on_request() answers them. */
	evhttp_set_allowed_methods(
		status->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST |
				      EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
				      EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
				      EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT |
				      EVHTTP_REQ_PATCH);
	return true;
}

struct http_status *
http_status_new(struct event_base *base,
		const struct http_status_content *content)
{
	struct http_status *status = calloc(1, sizeof(*status));

	if (!status)
		return NULL;
	status->base = base;
	status->content = *content;
	served = status;
	if (set_up(status))
		return status;
	http_status_free(status);
	return NULL;
}

void
http_status_free(struct http_status *status)
{
	if (!status)
		return;
	if (status->http) {
		close_ports(status, &status->next, &status->ports);
		evhttp_free(status->http);
	}
	http_clients_free(status->clients);
	if (status->resume)
		event_free(status->resume);
	if (status->leave)
		event_free(status->leave);
	free(status);
}
