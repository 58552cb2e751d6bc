/*
 * epoll_echo: the yardstick. The plainest good echo server on Linux: one
 * thread, one epoll set, level triggered; on each event one recv and, at once,
 * one send.
 *
 * What makes it as fast as a plain loop gets:
 * - one recv an event. A second one, to see EAGAIN, would cost a small message
 *   a system call; level triggering tells if there is more.
 * - a buffer of 64 KiB (-b): a 16 KiB message is one recv and one send, one of
 *   256 KiB a few of each. Smaller buffers cost more; with larger ones a quiet
 *   client beside bulk ones waits longer.
 * - EPOLLOUT is asked for only after a send that did not take everything;
 *   until the rest is gone the connection is not read.
 * - TCP_NODELAY is set on the listening socket, whence Linux hands it down.
 * - with a prefix it does as the teaching server does, recv(chunk_size) and
 *   send(prefix + data), but receives behind the prefix, which therefore costs
 *   no copy and no second system call.
 *
 * -r 8 makes another trade of it: while the buffer comes back full, up to eight
 * reads of a connection in a row. That saves a quarter of the CPU time of 256
 * KiB messages, and the quiet client beside bulk ones waits five times as long.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define EVENTS 512
#define BACKLOG 4096

struct connection {
	int fd;
	size_t unsent_length; /* what a send did not take: not being read */
	char *unsent;
};

struct server {
	int epoll;
	int listener;
	size_t prefix_length;
	size_t read_size;
	unsigned reads; /* of one connection in a row */
	char *buffer;	/* the prefix, then room for read_size */
};

static _Noreturn void
die(const char *what)
{
	perror(what);
	exit(EX_OSERR);
}

static int
watch(const struct server *server, struct connection *c, int operation,
      uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	return epoll_ctl(server->epoll, operation, c->fd, &event);
}

static void
close_connection(struct connection *c)
{
	close(c->fd);
	free(c->unsent);
	free(c);
}

/* Keep what could not be sent, and read no more until it is gone. */
static int
hold_back(const struct server *server, struct connection *c, const char *data,
	  size_t length)
{
	c->unsent = malloc(length);
	if (!c->unsent)
		return -1;
	memcpy(c->unsent, data, length);
	c->unsent_length = length;
	return watch(server, c, EPOLL_CTL_MOD, EPOLLOUT);
}

static int
send_unsent(const struct server *server, struct connection *c)
{
	ssize_t n = send(c->fd, c->unsent, c->unsent_length, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	c->unsent_length -= (size_t)n;
	if (c->unsent_length > 0) {
		memmove(c->unsent, c->unsent + n, c->unsent_length);
		return 0;
	}
	free(c->unsent);
	c->unsent = NULL;
	return watch(server, c, EPOLL_CTL_MOD, EPOLLIN);
}

/* 1 if there may be more to read, 0 if not for now, -1 to close. */
static int
echo_once(const struct server *server, struct connection *c)
{
	char *buffer = server->buffer;
	ssize_t n = recv(c->fd, buffer + server->prefix_length,
			 server->read_size, 0);
	bool full = n == (ssize_t)server->read_size;
	size_t length;

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (n == 0)
		return -1;
	length = server->prefix_length + (size_t)n;
	n = send(c->fd, buffer, length, MSG_NOSIGNAL);
	if (n == (ssize_t)length)
		return full;
	if (n < 0 && errno != EAGAIN)
		return -1;
	if (n < 0)
		n = 0;
	return hold_back(server, c, buffer + n, length - (size_t)n);
}

static int
echo(const struct server *server, struct connection *c)
{
	int more = 1;

	for (unsigned i = 0; i < server->reads && more > 0; i++)
		more = echo_once(server, c);
	return more;
}

static void
accept_one(const struct server *server)
{
	int fd = accept4(server->listener, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *c;

	if (fd < 0) {
		if (errno == EAGAIN || errno == ECONNABORTED)
			return;
		die("accept4");
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		die("calloc");
	c->fd = fd;
	if (watch(server, c, EPOLL_CTL_ADD, EPOLLIN) < 0)
		die("epoll_ctl");
}

static _Noreturn void
serve(const struct server *server)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(server->epoll, events, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (!c)
				accept_one(server);
			else if ((c->unsent ? send_unsent(server, c) :
					      echo(server, c)) < 0)
				close_connection(c);
		}
	}
}

static int
listen_on_loopback(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, length) < 0 ||
	    listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		die("listen");
	fprintf(stderr, "listening=tcp:127.0.0.1:%u\n",
		ntohs(address.sin_port));
	return fd;
}

int
main(int argc, char **argv)
{
	struct server server = { .reads = 1 };
	struct epoll_event event = { .events = EPOLLIN };
	size_t buffer_size = 65536;
	const char *prefix = "";
	int option;

	while ((option = getopt(argc, argv, "p:k:b:r:")) != -1) {
		if (option == 'p')
			prefix = optarg;
		else if (option == 'k')
			server.read_size = strtoul(optarg, NULL, 10);
		else if (option == 'b')
			buffer_size = strtoul(optarg, NULL, 10);
		else if (option == 'r')
			server.reads = (unsigned)strtoul(optarg, NULL, 10);
		else
			exit(EX_USAGE);
	}
	server.prefix_length = strlen(prefix);
	if (server.prefix_length == 0 || server.read_size == 0)
		server.read_size = buffer_size;
	server.buffer = malloc(server.prefix_length + server.read_size);
	if (!server.buffer)
		die("malloc");
	memcpy(server.buffer, prefix, server.prefix_length);

	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	server.listener = listen_on_loopback();
	if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, server.listener, &event) < 0)
		die("epoll_ctl");
	serve(&server);
}
