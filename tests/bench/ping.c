#include "ping.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

/* Unlike any connection of the load. */
#define PING_SEED 65000

struct ping {
	int fd;
	pthread_t thread;
	atomic_bool stop;
	bool failed;
	struct verifier verifier;
	struct histogram *latency;
};

static bool
send_ping(struct ping *ping, uint64_t position)
{
	unsigned char message[PING_SIZE];
	size_t have = 0;

	while (have < sizeof(message)) {
		size_t length;
		const unsigned char *from =
			pattern_at(ping->verifier.pattern, PING_SEED,
				   position + have, &length);

		if (length > sizeof(message) - have)
			length = sizeof(message) - have;
		memcpy(message + have, from, length);
		have += length;
	}
	/* The connection is otherwise empty: there is room for all of it. */
	return send(ping->fd, message, sizeof(message), MSG_NOSIGNAL) ==
	       (ssize_t)sizeof(message);
}

static bool
exchange(struct ping *ping)
{
	uint64_t end = ping->verifier.position + PING_SIZE;
	unsigned char buffer[4096];

	if (!send_ping(ping, ping->verifier.position)) {
		fprintf(stderr, "load: ping: cannot send\n");
		return false;
	}
	while (ping->verifier.position < end) {
		ssize_t n = recv(ping->fd, buffer, sizeof(buffer), 0);
		const char *text;

		if (n <= 0) {
			fprintf(stderr, "load: ping: %s\n",
				n < 0 ? strerror(errno) : "closed");
			return false;
		}
		text = verifier_feed(&ping->verifier, buffer, (size_t)n, end);
		if (text) {
			fprintf(stderr, "load: ping: %s\n", text);
			return false;
		}
	}
	return true;
}

/* Irregular, so as not to fall in step with the load. */
static void
pause_between(void)
{
	struct timespec pause = { .tv_nsec = 200000 + random() % 600000 };

	nanosleep(&pause, NULL);
}

static void *
run(void *argument)
{
	struct ping *ping = argument;

	while (!atomic_load(&ping->stop)) {
		uint64_t begin = client_clock();

		if (!exchange(ping)) {
			ping->failed = true;
			break;
		}
		histogram_add(ping->latency, client_clock() - begin);
		pause_between();
	}
	return NULL;
}

/*
 * The load runs on the same CPU: with a real-time priority (where that is
 * allowed) the ping does not wait for it, and what is measured is the server.
 * 2, since with `run --realtime` the load itself has 1.
 */
static void
raise_priority(pthread_t thread)
{
	struct sched_param param = { .sched_priority = 2 };

	pthread_setschedparam(thread, SCHED_FIFO, &param);
}

struct ping *
ping_start(const struct sockaddr_in *server, const struct framing *framing,
	   const struct pattern *pattern, unsigned patience,
	   struct histogram *latency)
{
	struct timeval timeout = { .tv_sec = patience };
	struct ping *ping = calloc(1, sizeof(*ping));

	if (!ping)
		return NULL;
	ping->latency = latency;
	verifier_init(&ping->verifier, pattern, framing, PING_SEED);
	ping->fd = client_dial(server, 0);
	if (ping->fd < 0) {
		free(ping);
		return NULL;
	}
	setsockopt(ping->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
		   sizeof(timeout));
	if (pthread_create(&ping->thread, NULL, run, ping) != 0) {
		close(ping->fd);
		free(ping);
		return NULL;
	}
	raise_priority(ping->thread);
	return ping;
}

int
ping_stop(struct ping *ping)
{
	bool failed;

	atomic_store(&ping->stop, true);
	pthread_join(ping->thread, NULL);
	failed = ping->failed;
	close(ping->fd);
	free(ping);
	return failed ? -1 : 0;
}
