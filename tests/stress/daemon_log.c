#include "journal.h"

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

#define LINES 60

/* A report of a sanitizer's goes on for a moment. */
#define REST_MS 500
#define REST_LINES 400

/* A connection that has come and not gone. */
struct arrival {
	LIST_ENTRY(arrival) link;
	unsigned long long number;
	char *line;
};

struct journal {
	struct event *readable;
	struct evbuffer *buffer;
	int fd;
	void (*line)(void *owner, enum journal_line kind, const char *text);
	void (*ended)(void *owner);
	void *owner;
	LIST_HEAD(, arrival) arrivals;
	char *lines[LINES]; /* a ring; the next one replaces `next` */
	size_t next;
};

/* What a line is known by: how it begins, or what is in it. */
static const struct {
	enum journal_line kind;
	const char *begin;
	const char *part;
} known[] = {
	{ JOURNAL_STARTED, "echod ", " started: " },
	{ JOURNAL_RELOADED, "echod ", " reloaded: " },
	{ JOURNAL_USUAL, "Listeners added=", "" },
	{ JOURNAL_USUAL, "Listeners removed=", "" },
	{ JOURNAL_USUAL, "Listeners changed=", "" },
	{ JOURNAL_USUAL, "warning: Address given up ", "" },
	{ JOURNAL_STATUS, "Status on http://", "" },
	{ JOURNAL_REFUSED, "error: reload failed: keeping", "" },
	{ JOURNAL_ERROR, "error: reload failed: ", "" },
	{ JOURNAL_COUNTERS, "Counters open=", "" },
	{ JOURNAL_DRAINED, "drained: ", "" },
	{ JOURNAL_USUAL, "SIGTERM: draining, ", "" },
	{ JOURNAL_USUAL, "listener=", " misbehaves on purpose: " },
	{ JOURNAL_USUAL, "Connection from ", "" },
	{ JOURNAL_USUAL, "Connection closed ", " reason=eof " },
	{ JOURNAL_USUAL, "Connection closed ", " reason=reset " },
	{ JOURNAL_USUAL, "Connection closed ", " reason=fault " },
	{ JOURNAL_USUAL, "Connection closed ", " reason=drain " },
	/* Its time-out is short, and its fault leaves it no other end. */
	{ JOURNAL_USUAL, "Connection closed ",
	  " listener=stall conn=* reason=idle_timeout " },
	/* Those who leave before all that must come first has come. */
	{ JOURNAL_USUAL, "Connection closed ", " reason=tls_failed " },
	{ JOURNAL_USUAL, "Connection closed ", " reason=proxy_invalid " },
	/* More at once than the kernel has room for. */
	{ JOURNAL_USUAL, "Datagrams dropped listener=udp", " overflow=" },
	/* net.core.somaxconn of this machine. */
	{ JOURNAL_USUAL, "warning: listen tcp:", " is capped at " },
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

static enum journal_line
kind_of(const char *line)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strncmp(line, known[i].begin, strlen(known[i].begin)) ==
			    0 &&
		    has(line, known[i].part))
			return known[i].kind;
	return JOURNAL_UNKNOWN;
}

static void
forget(struct arrival *arrival)
{
	LIST_REMOVE(arrival, link);
	free(arrival->line);
	free(arrival);
}

/* Keeps account of who is connected. */
static void
note_connection(struct journal *journal, const char *line)
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
		LIST_INSERT_HEAD(&journal->arrivals, arrival, link);
		return;
	}
	LIST_FOREACH(arrival, &journal->arrivals, link)
		if (arrival->number == number) {
			forget(arrival);
			return;
		}
}

static void
keep(struct journal *journal, char *line)
{
	free(journal->lines[journal->next]);
	journal->lines[journal->next] = line;
	journal->next = (journal->next + 1) % LINES;
}

static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	struct journal *journal = argument;
	int got = evbuffer_read(journal->buffer, fd, 65536);
	char *line;

	(void)what;
	while ((line = evbuffer_readln(journal->buffer, NULL,
				       EVBUFFER_EOL_LF))) {
		keep(journal, line);
		note_connection(journal, line);
		journal->line(journal->owner, kind_of(line), line);
	}
	if (got > 0)
		return;
	event_del(journal->readable);
	journal->ended(journal->owner);
}

struct journal *
journal_new(struct event_base *base, int fd,
	    void (*line)(void *owner, enum journal_line kind, const char *text),
	    void (*ended)(void *owner), void *owner)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	fcntl(fd, F_SETPIPE_SZ, 1024 * 1024);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	journal->fd = fd;
	journal->buffer = evbuffer_new();
	journal->readable =
		event_new(base, fd, EV_READ | EV_PERSIST, on_readable, journal);
	journal->line = line;
	journal->ended = ended;
	journal->owner = owner;
	event_add(journal->readable, NULL);
	return journal;
}

void
journal_free(struct journal *journal)
{
	while (!LIST_EMPTY(&journal->arrivals))
		forget(LIST_FIRST(&journal->arrivals));
	for (size_t i = 0; i < LINES; i++)
		free(journal->lines[i]);
	event_free(journal->readable);
	evbuffer_free(journal->buffer);
	close(journal->fd);
	free(journal);
}

static void
show_rest(struct journal *journal)
{
	struct pollfd pollfd = { .fd = journal->fd, .events = POLLIN };
	int lines = 0;
	char *line;

	while (lines < REST_LINES && poll(&pollfd, 1, REST_MS) == 1 &&
	       evbuffer_read(journal->buffer, journal->fd, 65536) > 0)
		while ((line = evbuffer_readln(journal->buffer, NULL,
					       EVBUFFER_EOL_LF))) {
			printf("# %s\n", line);
			free(line);
			lines++;
		}
}

void
journal_show(struct journal *journal)
{
	const struct arrival *arrival;

	for (size_t i = 0; i < LINES; i++) {
		const char *line = journal->lines[(journal->next + i) % LINES];

		if (line)
			printf("# %s\n", line);
	}
	show_rest(journal);
	LIST_FOREACH(arrival, &journal->arrivals, link)
		printf("# still open: %s\n", arrival->line);
}
