#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define READ_SIZE (256 * 1024)
/* What one sendmsg takes at most; a stretch of pattern may end inside. */
#define SEND_SIZE (256 * 1024)
#define SEND_SPANS (SEND_SIZE / PATTERN_PERIOD + 2)
/* Connected before the server has to answer: less than any backlog. */
#define OPEN_AT_A_TIME 64
/*
 * Connections from each loopback address before the next is used: well below
 * the number of ephemeral ports (28,232), since finding a free one gets slow
 * as they run out.  There are enough addresses that the ports of one have left
 * TIME_WAIT before it is used again.
 */
#define PORTS_OF_A_SOURCE 8192
#define SOURCES 64

enum phase {
	OPENING,
	RUNNING,
	CLOSING,
};

struct connection {
	int fd;
	uint64_t sent;	   /* payload bytes */
	uint64_t goal;	   /* payload bytes to send for now */
	uint64_t messages; /* of this run, or times connected */
	uint64_t started;  /* the message under way, or connecting */
	bool wants_write;
	bool finished; /* FIN is sent */
	struct verifier verifier;
};

struct client {
	const struct client_plan *plan;
	const struct pattern *pattern;
	struct client_result *result;
	enum phase phase;
	int epoll;
	unsigned busy;	   /* connections that the phase waits for */
	unsigned dialled;  /* connections made in all */
	uint64_t deadline; /* on the clock; 0: none */
	struct connection *connections;
	unsigned char *buffer;
};

uint64_t
client_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int
failed(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	return -1;
}

static int
wrong(const struct client *client, const struct connection *c, const char *text)
{
	fprintf(stderr, "load: connection %td: %s\n", c - client->connections,
		text);
	return -1;
}

static int
bind_source(int fd, const struct sockaddr_in *server, unsigned number)
{
	struct sockaddr_in source = { .sin_family = AF_INET };
	int on = 1;

	if (ntohl(server->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return 0;
	source.sin_addr.s_addr =
		htonl(INADDR_LOOPBACK + number / PORTS_OF_A_SOURCE % SOURCES);
	/* The port is chosen by connect, which knows the whole tuple. */
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
		       sizeof(on)) < 0)
		return failed("IP_BIND_ADDRESS_NO_PORT");
	if (bind(fd, (struct sockaddr *)&source, sizeof(source)) < 0)
		return failed("bind");
	return 0;
}

int
client_dial(const struct sockaddr_in *server, unsigned number)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return failed("socket");
	if (bind_source(fd, server, number) < 0) {
		close(fd);
		return -1;
	}
	if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) < 0) {
		failed("connect");
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int
watch(struct client *client, struct connection *c, int operation)
{
	struct epoll_event event = {
		.events = EPOLLIN | (c->wants_write ? EPOLLOUT : 0),
		.data.ptr = c,
	};

	if (epoll_ctl(client->epoll, operation, c->fd, &event) < 0)
		return failed("epoll_ctl");
	return 0;
}

static int
open_connection(struct client *client, struct connection *c)
{
	unsigned number = client->dialled++;

	c->started = client_clock();
	c->fd = client_dial(&client->plan->server, number);
	if (c->fd < 0)
		return -1;
	c->sent = 0;
	c->goal = 0;
	c->wants_write = false;
	c->finished = false;
	verifier_init(&c->verifier, client->pattern, &client->plan->framing,
		      number);
	return watch(client, c, EPOLL_CTL_ADD);
}

static ssize_t
send_some(const struct client *client, const struct connection *c)
{
	struct iovec spans[SEND_SPANS];
	struct msghdr message = { .msg_iov = spans };
	uint64_t position = c->sent;
	uint64_t end = c->goal;

	if (end - position > SEND_SIZE)
		end = position + SEND_SIZE;
	while (position < end) {
		struct iovec *span = &spans[message.msg_iovlen++];
		size_t length;

		span->iov_base = (void *)pattern_at(
			client->pattern, c->verifier.seed, position, &length);
		span->iov_len = length < end - position ? length :
							  end - position;
		position += span->iov_len;
	}
	return sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/*
 * Send what the socket takes, and have epoll tell when it takes more. In bulk
 * one piece at a time: the echoes must be read in between.
 */
static int
push(struct client *client, struct connection *c)
{
	bool bulk = client->plan->mode == CLIENT_BULK;
	bool wants_write;

	while (c->sent < c->goal) {
		ssize_t n = send_some(client, c);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return wrong(client, c, strerror(errno));
		c->sent += (uint64_t)n;
		if (bulk)
			break;
	}
	wants_write = c->sent < c->goal;
	if (wants_write == c->wants_write)
		return 0;
	c->wants_write = wants_write;
	return watch(client, c, EPOLL_CTL_MOD);
}

static int
send_message(struct client *client, struct connection *c)
{
	c->goal += client->plan->size;
	return push(client, c);
}

static int
finish(struct client *client, struct connection *c)
{
	c->finished = true;
	if (shutdown(c->fd, SHUT_WR) < 0)
		return wrong(client, c, strerror(errno));
	return 0;
}

/* Count what has been under way; may the connection begin the next? */
static bool
count_message(struct client *client, struct connection *c)
{
	const struct client_plan *plan = client->plan;
	uint64_t now = client_clock();

	histogram_add(&client->result->latency, now - c->started);
	client->result->messages++;
	c->messages++;
	c->started = now;
	return (plan->count == 0 || c->messages < plan->count) &&
	       (client->deadline == 0 || now < client->deadline);
}

/* All that the connection was to send has come back. */
static int
on_echoed(struct client *client, struct connection *c)
{
	if (client->phase == RUNNING) {
		switch (client->plan->mode) {
		case CLIENT_MESSAGE:
			if (count_message(client, c))
				return send_message(client, c);
			break;
		case CLIENT_BULK:
			c->messages++;
			break;
		case CLIENT_CONNECT:
			return finish(client, c);
		}
	}
	client->busy--;
	return 0;
}

/* The server sent FIN: right if we did, and have everything. */
static int
on_closed(struct client *client, struct connection *c)
{
	if (!c->finished)
		return wrong(client, c, "closed by the server");
	if (!verifier_complete(&c->verifier, c->sent))
		return wrong(client, c, "closed in the middle of the echo");
	close(c->fd);
	c->fd = -1;
	if (client->phase == RUNNING && count_message(client, c)) {
		if (open_connection(client, c) < 0)
			return -1;
		return send_message(client, c);
	}
	client->busy--;
	return 0;
}

static int
pull(struct client *client, struct connection *c)
{
	ssize_t n = recv(c->fd, client->buffer, READ_SIZE, MSG_DONTWAIT);
	uint64_t before = c->verifier.position;
	const char *text;

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0)
		return wrong(client, c, strerror(errno));
	if (n == 0)
		return on_closed(client, c);
	text = verifier_feed(&c->verifier, client->buffer, (size_t)n, c->sent);
	if (text)
		return wrong(client, c, text);
	client->result->bytes += c->verifier.position - before;
	if (c->verifier.position == c->goal && before < c->goal)
		return on_echoed(client, c);
	return 0;
}

/* The bulk's time is up: what has been sent is all that will be. */
static int
cut_short(struct client *client)
{
	client->deadline = 0;
	for (unsigned i = 0; i < client->plan->connections; i++) {
		struct connection *c = &client->connections[i];

		if (c->verifier.position == c->goal)
			continue;
		c->goal = c->sent;
		if (push(client, c) < 0)
			return -1;
		if (c->verifier.position == c->goal && on_echoed(client, c) < 0)
			return -1;
	}
	return 0;
}

static int
handle(struct client *client, const struct epoll_event *event)
{
	struct connection *c = event->data.ptr;

	if (event->events & EPOLLOUT && push(client, c) < 0)
		return -1;
	if (event->events & ~(uint32_t)EPOLLOUT)
		return pull(client, c);
	return 0;
}

static int
loop(struct client *client)
{
	const struct client_plan *plan = client->plan;
	struct epoll_event events[EVENTS];

	while (client->busy > 0) {
		int n = epoll_wait(client->epoll, events, EVENTS,
				   (int)plan->patience * 1000);

		if (n < 0 && errno != EINTR)
			return failed("epoll_wait");
		if (n == 0) {
			fprintf(stderr,
				"load: nothing came for %u seconds, "
				"%u connections wait\n",
				plan->patience, client->busy);
			return -1;
		}
		for (int i = 0; i < n; i++)
			if (handle(client, &events[i]) < 0)
				return -1;
		if (plan->mode == CLIENT_BULK && client->deadline != 0 &&
		    client_clock() >= client->deadline && cut_short(client) < 0)
			return -1;
	}
	return 0;
}

static int
start(struct client *client, struct connection *c)
{
	const struct client_plan *plan = client->plan;

	client->busy++;
	c->started = client_clock();
	switch (plan->mode) {
	case CLIENT_CONNECT:
		if (open_connection(client, c) < 0)
			return -1;
		return send_message(client, c);
	case CLIENT_MESSAGE:
		return send_message(client, c);
	case CLIENT_BULK:
		c->goal = plan->count ? c->goal + plan->count : UINT64_MAX;
		return push(client, c);
	}
	return 0;
}

struct client *
client_new(const struct client_plan *plan, const struct pattern *pattern,
	   struct client_result *result)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->plan = plan;
	client->pattern = pattern;
	client->result = result;
	client->epoll = epoll_create1(EPOLL_CLOEXEC);
	client->buffer = malloc(READ_SIZE);
	client->connections =
		calloc(plan->connections, sizeof(*client->connections));
	if (client->epoll < 0 || !client->buffer || !client->connections) {
		client_free(client);
		return NULL;
	}
	for (unsigned i = 0; i < plan->connections; i++)
		client->connections[i].fd = -1;
	return client;
}

void
client_free(struct client *client)
{
	if (!client)
		return;
	for (unsigned i = 0;
	     client->connections && i < client->plan->connections; i++)
		if (client->connections[i].fd >= 0)
			close(client->connections[i].fd);
	if (client->epoll >= 0)
		close(client->epoll);
	free(client->connections);
	free(client->buffer);
	free(client);
}

int
client_open(struct client *client)
{
	const struct client_plan *plan = client->plan;

	client->phase = OPENING;
	if (plan->mode == CLIENT_CONNECT)
		return 0;
	for (unsigned i = 0; i < plan->connections; i++) {
		struct connection *c = &client->connections[i];

		if (open_connection(client, c) < 0 ||
		    send_message(client, c) < 0)
			return -1;
		client->busy++;
		if (client->busy == OPEN_AT_A_TIME && loop(client) < 0)
			return -1;
	}
	if (loop(client) < 0)
		return -1;
	client->result->bytes = 0;
	return 0;
}

int
client_run(struct client *client)
{
	const struct client_plan *plan = client->plan;
	struct client_result *result = client->result;
	uint64_t begin = client_clock();

	client->phase = RUNNING;
	if (plan->seconds > 0)
		client->deadline = begin + (uint64_t)(plan->seconds * 1e9);
	for (unsigned i = 0; i < plan->connections; i++)
		if (start(client, &client->connections[i]) < 0)
			return -1;
	if (loop(client) < 0)
		return -1;
	result->nanoseconds = client_clock() - begin;
	for (unsigned i = 0; i < plan->connections; i++)
		if (client->connections[i].messages == 0)
			result->silent++;
	return 0;
}

int
client_close(struct client *client)
{
	client->phase = CLOSING;
	for (unsigned i = 0; i < client->plan->connections; i++) {
		struct connection *c = &client->connections[i];

		if (c->fd < 0)
			continue;
		client->busy++;
		if (finish(client, c) < 0)
			return -1;
	}
	return loop(client);
}
