#include "daemon_log.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "support/log_time.h"

#define LINES 60

/* A sanitizer's report takes a moment to arrive. */
#define REST_MS 500
#define REST_LINES 400

/* An open connection. */
struct arrival {
	LIST_ENTRY(arrival) link;
	unsigned long long number;
	char *line;
};

struct daemon_log {
	struct event *readable;
	struct evbuffer *buffer;
	int fd;
	void (*line)(void *owner, enum log_line kind, const char *text);
	void (*ended)(void *owner);
	void *owner;
	LIST_HEAD(, arrival) arrivals;
	char *lines[LINES]; /* a ring; the next one replaces `next` */
	size_t next;
};

/* A kind of line: its beginning, and a pattern of the rest. */
static const struct {
	enum log_line kind;
	const char *begin;
	const char *part;
} known[] = {
	{ LOG_STARTED, "echod ", " started " },
	{ LOG_RELOADED, "echod ", " reloaded " },
	{ LOG_USUAL, "Listeners added=", "" },
	{ LOG_USUAL, "Listeners removed=", "" },
	{ LOG_USUAL, "Listeners changed=", "" },
	{ LOG_USUAL, "warning: Address given up ", "" },
	{ LOG_STATUS, "Status on http://", "" },
	{ LOG_REFUSED, "error: Reload failed: keeping", "" },
	{ LOG_ERROR, "error: Reload failed: ", "" },
	{ LOG_COUNTERS, "Counters open=", "" },
	{ LOG_DRAINED, "Drained ", "" },
	{ LOG_USUAL, "Draining signal=SIGTERM ", "" },
	{ LOG_USUAL, "Fault injection listener=", "" },
	{ LOG_USUAL, "Connection from ", "" },
	{ LOG_USUAL, "Connection closed ", " reason=eof " },
	{ LOG_USUAL, "Connection closed ", " reason=no_data " },
	{ LOG_USUAL, "Connection closed ", " reason=reset " },
	{ LOG_USUAL, "Connection closed ", " reason=fault " },
	{ LOG_USUAL, "Connection closed ", " reason=drain " },
	/* The kind has a short time-out, and its fault allows no other end. */
	{ LOG_USUAL, "Connection closed ",
	  " listener=stall conn=* reason=idle_timeout " },
	/* Clients that close before the handshake or the header is complete. */
	{ LOG_USUAL, "Connection closed ", " reason=tls_failed " },
	{ LOG_USUAL, "Connection closed ", " reason=proxy_invalid " },
	/* More datagrams than the socket buffer holds. */
	{ LOG_USUAL, "Datagrams dropped listener=udp", " overflow=" },
	/* net.core.somaxconn of this machine. */
	{ LOG_USUAL, "Backlog capped tcp:", "" },
};

/* Whether the parts of a pattern, between its stars, come in that order. */
static bool
has(const char *line, const char *pattern)
{
	for (;;) {
		size_t length = strcspn(pattern, "*");

		line = memmem(line, strlen(line), pattern, length);
		if (!line || !pattern[length])
			return line;
		line += length;
		pattern += length + 1;
	}
}

static enum log_line
kind_of(const char *line)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strncmp(line, known[i].begin, strlen(known[i].begin)) ==
			    0 &&
		    has(line, known[i].part))
			return known[i].kind;
	return LOG_UNKNOWN;
}

static void
forget(struct arrival *arrival)
{
	LIST_REMOVE(arrival, link);
	free(arrival->line);
	free(arrival);
}

/* Updates the list of open connections. */
static void
note_connection(struct daemon_log *log, const char *line)
{
	const char *at = strstr(line, " conn=");
	unsigned long long number =
		at ? strtoull(at + strlen(" conn="), NULL, 10) : 0;
	struct arrival *arrival;

	if (number == 0)
		return;
	if (strncmp(line, "Connection from ", 16) == 0) {
		arrival = calloc(1, sizeof(*arrival));
		arrival->number = number;
		arrival->line = strdup(line);
		LIST_INSERT_HEAD(&log->arrivals, arrival, link);
		return;
	}
	LIST_FOREACH(arrival, &log->arrivals, link)
		if (arrival->number == number) {
			forget(arrival);
			return;
		}
}

static void
keep(struct daemon_log *log, char *line)
{
	free(log->lines[log->next]);
	log->lines[log->next] = line;
	log->next = (log->next + 1) % LINES;
}

static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	struct daemon_log *log = argument;
	int got = evbuffer_read(log->buffer, fd, 65536);
	char *line;

	(void)what;
	while ((line = evbuffer_readln(log->buffer, NULL, EVBUFFER_EOL_LF))) {
		const char *text = skip_log_time(line);

		keep(log, line);
		note_connection(log, text);
		log->line(log->owner, kind_of(text), text);
	}
	if (got > 0)
		return;
	event_del(log->readable);
	log->ended(log->owner);
}

struct daemon_log *
daemon_log_new(struct event_base *base, int fd,
	       void (*line)(void *owner, enum log_line kind, const char *text),
	       void (*ended)(void *owner), void *owner)
{
	struct daemon_log *log = calloc(1, sizeof(*log));

	fcntl(fd, F_SETPIPE_SZ, 1024 * 1024);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	log->fd = fd;
	log->buffer = evbuffer_new();
	log->readable =
		event_new(base, fd, EV_READ | EV_PERSIST, on_readable, log);
	log->line = line;
	log->ended = ended;
	log->owner = owner;
	event_add(log->readable, NULL);
	return log;
}

void
daemon_log_free(struct daemon_log *log)
{
	while (!LIST_EMPTY(&log->arrivals))
		forget(LIST_FIRST(&log->arrivals));
	for (size_t i = 0; i < LINES; i++)
		free(log->lines[i]);
	event_free(log->readable);
	evbuffer_free(log->buffer);
	close(log->fd);
	free(log);
}

static void
show_rest(struct daemon_log *log)
{
	struct pollfd pollfd = { .fd = log->fd, .events = POLLIN };
	int lines = 0;
	char *line;

	while (lines < REST_LINES && poll(&pollfd, 1, REST_MS) == 1 &&
	       evbuffer_read(log->buffer, log->fd, 65536) > 0)
		while ((line = evbuffer_readln(log->buffer, NULL,
					       EVBUFFER_EOL_LF))) {
			printf("# %s\n", line);
			free(line);
			lines++;
		}
}

void
daemon_log_show(struct daemon_log *log)
{
	const struct arrival *arrival;

	for (size_t i = 0; i < LINES; i++) {
		const char *line = log->lines[(log->next + i) % LINES];

		if (line)
			printf("# %s\n", line);
	}
	show_rest(log);
	LIST_FOREACH(arrival, &log->arrivals, link)
		printf("# still open: %s\n", arrival->line);
}
