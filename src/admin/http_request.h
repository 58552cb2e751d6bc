/*
 * http_request: answers one request to the status port.  Checks its Host and
 * its method, and sends a resource of admin/http_status.h or an error: 421 (not
 * our Host), 404, 405, or 503.
 *
 * Control thread only.
 */
#ifndef ECHOD_ADMIN_HTTP_REQUEST_H
#define ECHOD_ADMIN_HTTP_REQUEST_H

#include "admin/http_status.h"

struct evhttp_request;

/* `own` is the name of this host, or "" if unknown.  evhttp frees `request`. */
void http_request_answer(struct evhttp_request *request,
			 const struct http_status_content *content,
			 const char *own);

#endif
