#include "requests.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "stream.h"
#include "target.h"

/*
 * echod gives up an answer that is not read within seconds.  A page has some
 * 50,000 bytes; read one by one, they take longer beside 200 sessions.
 */
#define PIECE_LEAST 256

static const struct page {
	const char *path;
	const char *status;
	const char *part; /* of the body */
} pages[] = {
	{ "/", " 200 ", "</html>" },
	{ "/metrics", " 200 ", "\nechod_open_connections " },
	{ "/healthz", " 200 ", "ok" },
	{ "/nothing", " 404 ", "" },
};
#define PAGES (sizeof(pages) / sizeof(*pages))

struct request {
	struct run *run;
	uint64_t index;
	struct script script;
	const struct page *page;
	struct stream stream;
	struct event event;
	struct evbuffer *answer;
	char text[128];
	size_t length;
	size_t sent;
	bool head;
	bool leaves; /* before all is sent */
	int64_t begun;
};

static void on_event(evutil_socket_t fd, short what, void *argument);

static _Noreturn void
wrong(struct request *request, const char *what, const char *more)
{
	run_fail(request->run,
		 "request %" PRIu64 " for %s: %s %s\n# sent=%zu of %zu\n"
		 "# answer: %.*s",
		 request->index, request->page->path, what, more, request->sent,
		 request->length, (int)evbuffer_get_length(request->answer),
		 (char *)evbuffer_pullup(request->answer, -1));
}

static void
end(struct request *request)
{
	event_del(&request->event);
	stream_close(&request->stream);
	evbuffer_free(request->answer);
	run_end(request->run, request->script.kind, true);
	free(request);
}

static void
check_answer(struct request *request)
{
	const struct page *page = request->page;
	char *text, *body, *length;

	evbuffer_add(request->answer, "", 1);
	text = (char *)evbuffer_pullup(request->answer, -1);
	body = strstr(text, "\r\n\r\n");
	if (!body)
		wrong(request, "not a whole answer", "");
	body += 4;
	length = strcasestr(text, "\r\nContent-Length: ");
	if (strncmp(text, "HTTP/1.1", 8) != 0 ||
	    strncmp(text + 8, page->status, 5) != 0)
		wrong(request, "not the status", page->status);
	if (request->head && *body)
		wrong(request, "a body for HEAD", "");
	if (request->head)
		return;
	if (!length || length > body ||
	    strtoul(length + 18, NULL, 10) != strlen(body))
		wrong(request, "a body of another length", "");
	if (!strstr(body, page->part))
		wrong(request, "a body without", page->part);
}

/* False if the request has ended and was freed. */
static bool
receive_some(struct request *request)
{
	char data[16384];
	size_t piece = request->script.read_piece;
	ssize_t got;

	if (piece < PIECE_LEAST)
		piece = PIECE_LEAST;
	got = stream_read(&request->stream, data,
			  piece < sizeof(data) ? piece : sizeof(data));
	if (got > 0) {
		evbuffer_add(request->answer, data, (size_t)got);
		return true;
	}
	if (got < 0 && errno == EAGAIN)
		return true;
	/* A daemon that exits may not answer here. */
	if (request->run->draining) {
		end(request);
		return false;
	}
	if (got < 0)
		wrong(request, "recv:", strerror(errno));
	check_answer(request);
	end(request);
	return false;
}

/* False if the request has ended and was freed. */
static bool
send_some(struct request *request)
{
	size_t left = request->length - request->sent;
	size_t piece = request->script.header_piece;
	ssize_t sent = stream_write(&request->stream,
				    request->text + request->sent,
				    piece < left ? piece : left);

	if (sent < 0 && errno != EAGAIN) {
		if (!request->run->draining)
			wrong(request, "send:", strerror(errno));
		end(request);
		return false;
	}
	request->sent += sent > 0 ? (size_t)sent : 0;
	if (request->leaves && request->sent > request->length / 2) {
		end(request);
		return false;
	}
	return true;
}

static void
arm(struct request *request)
{
	short what = request->sent < request->length ? EV_WRITE : EV_READ;

	event_assign(&request->event, request->run->base, request->stream.fd,
		     what, on_event, request);
	event_add(&request->event, &(struct timeval){ .tv_sec = 1 });
}

static void
on_event(evutil_socket_t fd, short what, void *argument)
{
	struct request *request = argument;
	bool stays = true;

	(void)fd;
	if (run_now() - request->begun > DEADLINES_MS)
		wrong(request, "no answer", "");
	if (what & EV_WRITE)
		stays = send_some(request);
	else if (what & EV_READ)
		stays = receive_some(request);
	if (stays)
		arm(request);
}

void
requests_begin(struct run *run, uint64_t index, const struct script *script)
{
	struct request *request = calloc(1, sizeof(*request));
	struct random random = random_of(run->seed, ~index);
	struct sockaddr_storage address;
	socklen_t length = target_address(run->target, script->kind, &address);
	int error;

	run_begin(run);
	request->run = run;
	request->index = index;
	request->script = *script;
	request->page = &pages[random_below(&random, PAGES)];
	request->head = random_chance(&random, 20);
	request->leaves = script->ending == ENDING_leave ||
			  script->ending == ENDING_reset;
	request->begun = run_now();
	request->answer = evbuffer_new();
	request->length = (size_t)snprintf(
		request->text, sizeof(request->text),
		"%s %s HTTP/1.1\r\nHost: localhost\r\n"
		"Connection: close\r\n\r\n",
		request->head ? "HEAD" : "GET", request->page->path);
	error = stream_connect(&request->stream, (struct sockaddr *)&address,
			       length, script->buffer);
	if (error != 0 && error != EINPROGRESS)
		wrong(request, "connect:", strerror(error));
	arm(request);
}
