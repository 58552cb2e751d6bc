/*
 * http_request: answers one request to the status port.  Checks its host
 * (admin/http_hosts.h) and its method, and sends a resource of
 * admin/http_status.h or an error: 421 (not our host), 404, 405, or 503.
 *
 * Control thread only.
 */
#ifndef ECHOD_ADMIN_HTTP_REQUEST_H
#define ECHOD_ADMIN_HTTP_REQUEST_H

#include "admin/http_status.h"

struct evhttp_request;
struct http_hosts;

/* evhttp frees `request`. */
void http_request_answer(struct evhttp_request *request,
			 const struct http_status_content *content,
			 struct http_hosts *hosts);

#endif
