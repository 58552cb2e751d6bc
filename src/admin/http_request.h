/*
 * http_request: answers one request to the status port: checks its Host and its
 * method, and sends a resource of admin/http_status.h or an error.
 *
 * Control thread only.
 */
#ifndef ECHOD_ADMIN_HTTP_REQUEST_H
#define ECHOD_ADMIN_HTTP_REQUEST_H

#include "admin/http_status.h"

struct evhttp_request;

/* `own` is the name of this host, or "".  evhttp frees the request. */
void http_request_answer(struct evhttp_request *request,
			 const struct http_status_content *content,
			 const char *own);

#endif
