/*
 * bufferevent_echo: what a textbook makes of an echo server on libevent. The
 * read callback moves what is in the input buffer to the output buffer, and
 * libevent does the rest.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define BACKLOG 4096

struct server {
	struct event_base *base;
	const char *prefix;
	size_t prefix_length;
	size_t chunk_size;
};

static _Noreturn void
die(const char *what)
{
	perror(what);
	exit(EX_OSERR);
}

static void
on_read(struct bufferevent *bev, void *argument)
{
	const struct server *server = argument;
	struct evbuffer *input = bufferevent_get_input(bev);
	struct evbuffer *output = bufferevent_get_output(bev);

	if (server->prefix_length == 0) {
		evbuffer_add_buffer(output, input);
		return;
	}
	while (evbuffer_get_length(input) > 0) {
		evbuffer_add(output, server->prefix, server->prefix_length);
		evbuffer_remove_buffer(input, output, server->chunk_size);
	}
}

static void
on_event(struct bufferevent *bev, short events, void *argument)
{
	(void)argument;
	if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		bufferevent_free(bev);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
	  struct sockaddr *address, int length, void *argument)
{
	struct server *server = argument;
	struct bufferevent *bev =
		bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)address;
	(void)length;
	if (!bev)
		die("bufferevent_socket_new");
	bufferevent_setcb(bev, on_read, NULL, on_event, server);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void
listen_on_loopback(struct server *server)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	struct evconnlistener *listener = evconnlistener_new_bind(
		server->base, on_accept, server,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG,
		(struct sockaddr *)&address, sizeof(address));
	int on = 1;

	if (!listener)
		die("listen");
	if (setsockopt(evconnlistener_get_fd(listener), IPPROTO_TCP,
		       TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    getsockname(evconnlistener_get_fd(listener),
			(struct sockaddr *)&address, &length) < 0)
		die("listen");
	fprintf(stderr, "listening=tcp:127.0.0.1:%u\n",
		ntohs(address.sin_port));
}

int
main(int argc, char **argv)
{
	struct server server = { .prefix = "", .chunk_size = 1000 };
	int option;

	while ((option = getopt(argc, argv, "p:k:")) != -1) {
		if (option == 'p')
			server.prefix = optarg;
		else if (option == 'k')
			server.chunk_size = strtoul(optarg, NULL, 10);
		else
			exit(EX_USAGE);
	}
	server.prefix_length = strlen(server.prefix);
	server.base = event_base_new();
	if (!server.base)
		die("event_base_new");
	listen_on_loopback(&server);
	event_base_dispatch(server.base);
	return EX_OSERR;
}
