/*
 * http_client: requests to the status port of a daemon.  The answer is valid
 * until the next request.
 */
#ifndef ECHOD_TESTS_HTTP_CLIENT_H
#define ECHOD_TESTS_HTTP_CLIENT_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "
#define STATUS "status = { listen = \"127.0.0.1:0\"; }; "

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n"
#define CLOSE "Connection: close\r\n\r\n"

/* The port of the last line that names one. */
static inline unsigned
status_port(struct daemon *daemon)
{
	const char *line = daemon_wait_line(daemon, "^Status on http://");

	return (unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10);
}

/* Everything until FIN or RST. */
static inline const char *
read_all(int fd)
{
	static char text[65536];
	size_t used = 0;
	ssize_t got;

	while (used < sizeof(text) - 1 &&
	       (got = recv(fd, text + used, sizeof(text) - 1 - used, 0)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	close(fd);
	return text;
}

/* The response to a request. */
static inline const char *
ask(unsigned port, const char *request)
{
	int fd = client_connect(port);

	client_say(fd, request);
	return read_all(fd);
}

static inline void
starts(const char *answer, const char *start)
{
	ck_assert_msg(strncmp(answer, start, strlen(start)) == 0,
		      "\"%.200s\" does not begin with \"%s\"", answer, start);
}

/* Check takes no message that is as long as the metrics are. */
static inline void
contains(const char *answer, const char *text)
{
	if (strstr(answer, text))
		return;
	fprintf(stderr, "%s\n", answer);
	ck_abort_msg("no \"%s\" in the text above", text);
}

static inline void
ends(const char *answer, const char *end)
{
	ck_assert_msg(strlen(answer) >= strlen(end) &&
			      strcmp(answer + strlen(answer) - strlen(end),
				     end) == 0,
		      "\"%s\" does not end with \"%s\"", answer, end);
}

#endif
