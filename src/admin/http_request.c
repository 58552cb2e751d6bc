#include "admin/http_request.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/http_hosts.h"
#include "admin/metrics.h"
#include "admin/page.h"

#define TEXT_TYPE "text/plain; charset=utf-8"

/* Content-Security-Policy of all but the page. */
static const char text_policy[] = "default-src 'none'; frame-ancestors 'none'";

/*
 * The host that the request names, perhaps with a port; NULL if it names none.
 * In absolute form the URI has it, and Host is ignored (RFC 9112, 3.2.2).  Only
 * a URI with a scheme is that: evhttp also finds a host in "//HOST/", which is
 * a path, and a path is the choice of any web page.
 */
static const char *
find_host(struct evhttp_request *request)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *host = NULL;

	if (uri && evhttp_uri_get_scheme(uri))
		host = evhttp_uri_get_host(uri);
	return host ? host :
		      evhttp_find_header(
			      evhttp_request_get_input_headers(request),
			      "Host");
}

/* HTTP/1.0 has no Host.  Browsers always send one that is not empty. */
static bool
is_for_us(const struct http_hosts *hosts, const char *host)
{
	return !host || !*host || http_hosts_accept(hosts, host);
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
	answer_under(text_policy, request, code, phrase, type, body, length);
}

static void
answer_text(struct evhttp_request *request, int code, const char *phrase,
	    const char *text)
{
	answer(request, code, phrase, TEXT_TYPE, text, strlen(text));
}

/* Frees `text`; NULL: out of memory. */
static void
answer_made(struct evhttp_request *request, const char *policy,
	    const char *type, char *text, size_t length)
{
	if (text)
		answer_under(policy, request, HTTP_OK, "OK", type, text,
			     length);
	else
		answer_text(request, HTTP_SERVUNAVAIL, "Service Unavailable",
			    "out of memory\n");
	free(text);
}

static void
answer_metrics(const struct http_status_content *content,
	       struct evhttp_request *request)
{
	size_t length = 0;
	char *text = content->metrics(content->owner, &length);

	answer_made(request, text_policy, METRICS_TYPE, text, length);
}

static void
answer_config(const struct http_status_content *content,
	      struct evhttp_request *request)
{
	size_t length = 0;
	char *text = content->configuration(content->owner, &length);

	answer_made(request, text_policy, TEXT_TYPE, text, length);
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
answer_alive(const struct http_status_content *content,
	     struct evhttp_request *request)
{
	(void)content;
	answer_text(request, HTTP_OK, "OK", "ok\n");
}

static void
answer_page(const struct http_status_content *content,
	    struct evhttp_request *request)
{
	size_t length = 0;
	char *metrics = content->metrics(content->owner, &length);
	char *page = metrics ? page_format(metrics, &length) : NULL;

	answer_made(request, page_policy, "text/html; charset=utf-8", page,
		    length);
	free(metrics);
}

/*
 * A probe is answered whatever Host says: load balancers and orchestrators send
 * names of their own, or an empty one.  Protection against DNS rebinding is not
 * needed: a probe discloses only whether the daemon drains.
 */
static const struct resource {
	const char *path;
	void (*answer)(const struct http_status_content *content,
		       struct evhttp_request *request);
	bool is_probe;
} resources[] = {
	{ "/", answer_page, false },
	{ "/metrics", answer_metrics, false },
	{ "/config", answer_config, false },
	{ "/healthz", answer_health, true },
	{ "/readyz", answer_health, true },
	{ "/livez", answer_alive, true },
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

static void
answer_misdirected(struct evhttp_request *request, struct http_hosts *hosts,
		   const char *host)
{
	http_hosts_log_refused(hosts, host);
	answer_text(request, 421, "Misdirected Request",
		    "Host is not a name of this host: ask by IP address or "
		    "host name,\nor add the name to \"status.hosts\"\n");
}

static void
add_allow(struct evhttp_request *request)
{
	evhttp_add_header(evhttp_request_get_output_headers(request), "Allow",
			  "GET, HEAD, OPTIONS");
}

/*
 * RFC 9110, 9.3.7.  To a probe it is the same question as GET: haproxy's
 * "option httpchk" sends OPTIONS if the method is not set.
 */
static void
answer_options(const struct resource *resource,
	       const struct http_status_content *content,
	       struct evhttp_request *request)
{
	add_allow(request);
	if (resource->is_probe)
		resource->answer(content, request);
	else
		answer_text(request, HTTP_OK, "OK", "");
}

static void
answer_method(const struct resource *resource,
	      const struct http_status_content *content,
	      struct evhttp_request *request)
{
	switch (evhttp_request_get_command(request)) {
	case EVHTTP_REQ_GET:
	case EVHTTP_REQ_HEAD:
		resource->answer(content, request);
		return;
	case EVHTTP_REQ_OPTIONS:
		answer_options(resource, content, request);
		return;
	default:
		add_allow(request);
		answer_text(request, HTTP_BADMETHOD, "Method Not Allowed",
			    "only GET, HEAD and OPTIONS\n");
	}
}

void
http_request_answer(struct evhttp_request *request,
		    const struct http_status_content *content,
		    struct http_hosts *hosts)
{
	const struct resource *resource = find_resource(request);
	const char *host = find_host(request);

	if (!(resource && resource->is_probe) && !is_for_us(hosts, host))
		answer_misdirected(request, hosts, host);
	else if (!resource)
		answer_text(request, HTTP_NOTFOUND, "Not Found", "not found\n");
	else
		answer_method(resource, content, request);
}
