#include "admin/http_request.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/metrics.h"
#include "admin/page.h"

/*
 * Protection against DNS rebinding: a web page elsewhere can make its own name
 * resolve to this address, to read the status with the access of its visitor.
 * Its requests have that name as Host.
 */
static bool
is_own_name(const char *own, const char *host)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char binary[sizeof(struct in6_addr)];
	size_t length = strlen(host);

	if (strcasecmp(host, "localhost") == 0 ||
	    (*own && strcasecmp(host, own) == 0) ||
	    inet_pton(AF_INET, host, binary) == 1 ||
	    inet_pton(AF_INET6, host, binary) == 1)
		return true;
	if (length < 2 || length >= sizeof(address) || host[0] != '[' ||
	    host[length - 1] != ']')
		return false;
	memcpy(address, host + 1, length - 2);
	address[length - 2] = '\0';
	return inet_pton(AF_INET6, address, binary) == 1;
}

/* HTTP/1.0 has no Host; browsers use HTTP/1.1 or later. */
static bool
is_for_us(const char *own, struct evhttp_request *request)
{
	const char *host = evhttp_request_get_host(request);

	return !host || is_own_name(own, host);
}

static void
add_headers(struct evkeyvalq *headers, const char *policy, const char *type,
	    size_t length)
{
	char number[24];

	snprintf(number, sizeof(number), "%zu", length);
	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Content-Length", number);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "Content-Security-Policy", policy);
	evhttp_add_header(headers, "Cross-Origin-Resource-Policy",
			  "same-origin");
	evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
}

/*
 * Without this, evhttp drops the answer if it reads the end of input, and nc(1)
 * sends FIN after its request.  evhttp reads again when the answer has been
 * sent.  A client that is gone meanwhile times out (admin/http_clients.h).
 */
static void
send_reply(struct evhttp_request *request, int code, const char *phrase,
	   struct evbuffer *buffer)
{
	struct evhttp_connection *connection =
		evhttp_request_get_connection(request);

	evhttp_send_reply(request, code, phrase, buffer);
	if (connection)
		bufferevent_disable(
			evhttp_connection_get_bufferevent(connection), EV_READ);
}

static void
answer_under(const char *policy, struct evhttp_request *request, int code,
	     const char *phrase, const char *type, const char *body,
	     size_t length)
{
	struct evbuffer *buffer = evbuffer_new();
	bool with_body = evhttp_request_get_command(request) != EVHTTP_REQ_HEAD;

	add_headers(evhttp_request_get_output_headers(request), policy, type,
		    length);
	if (buffer && with_body)
		evbuffer_add(buffer, body, length);
	send_reply(request, code, phrase, buffer);
	if (buffer)
		evbuffer_free(buffer);
}

static void
answer(struct evhttp_request *request, int code, const char *phrase,
       const char *type, const char *body, size_t length)
{
	answer_under("default-src 'none'; frame-ancestors 'none'", request,
		     code, phrase, type, body, length);
}

static void
answer_text(struct evhttp_request *request, int code, const char *phrase,
	    const char *text)
{
	answer(request, code, phrase, "text/plain; charset=utf-8", text,
	       strlen(text));
}

static void
answer_metrics(const struct http_status_content *content,
	       struct evhttp_request *request)
{
	size_t length;
	char *text = content->metrics(content->owner, &length);

	if (text)
		answer(request, HTTP_OK, "OK", METRICS_TYPE, text, length);
	else
		answer_text(request, HTTP_SERVUNAVAIL, "Service Unavailable",
			    "out of memory\n");
	free(text);
}

static void
answer_health(const struct http_status_content *content,
	      struct evhttp_request *request)
{
	if (content->is_draining(content->owner))
		answer_text(request, HTTP_SERVUNAVAIL, "Service Unavailable",
			    "draining\n");
	else
		answer_text(request, HTTP_OK, "OK", "ok\n");
}

static void
answer_page(const struct http_status_content *content,
	    struct evhttp_request *request)
{
	(void)content;
	answer_under(page_policy, request, HTTP_OK, "OK",
		     "text/html; charset=utf-8", (const char *)page_html,
		     page_html_size);
}

static const struct resource {
	const char *path;
	void (*answer)(const struct http_status_content *content,
		       struct evhttp_request *request);
} resources[] = {
	{ "/", answer_page },
	{ "/metrics", answer_metrics },
	{ "/healthz", answer_health },
};

static const struct resource *
find_resource(struct evhttp_request *request)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

	for (size_t i = 0; i < sizeof(resources) / sizeof(*resources); i++)
		if (path && strcmp(path, resources[i].path) == 0)
			return &resources[i];
	return NULL;
}

void
http_request_answer(struct evhttp_request *request,
		    const struct http_status_content *content, const char *own)
{
	const struct resource *resource = find_resource(request);

	if (!is_for_us(own, request)) {
		answer_text(request, 421, "Misdirected Request",
			    "ask by IP address, localhost or host name\n");
	} else if (!resource) {
		answer_text(request, HTTP_NOTFOUND, "Not Found", "not found\n");
	} else if (evhttp_request_get_command(request) &
		   (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD)) {
		resource->answer(content, request);
	} else {
		evhttp_add_header(evhttp_request_get_output_headers(request),
				  "Allow", "GET, HEAD");
		answer_text(request, HTTP_BADMETHOD, "Method Not Allowed",
			    "only GET and HEAD\n");
	}
}
