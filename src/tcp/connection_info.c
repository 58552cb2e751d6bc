#include "tcp/connection_info.h"

#include <stddef.h>
#include <unistd.h>

#include "addr/listen_address.h"
#include "config/config.h"
#include "echo/prefix.h"
#include "listen/socket.h"
#include "tcp/connection_limits.h"
#include "tls/connection.h"

void
connection_info_leave(const struct connection_info *info)
{
	limit_leave(info->limit, &info->peer, info->per_source);
}

void
connection_info_refuse(const struct connection_info *info)
{
	tls_connection_free(info->tls);
	close(info->fd);
	connection_info_leave(info);
}

struct connection_log_subject
connection_info_subject(const struct connection_info *info)
{
	return (struct connection_log_subject){
		.peer = &info->peer,
		.via = info->proxied ? &info->proxied->via : NULL,
		.tls = info->tls ? tls_connection_version(info->tls) : NULL,
		.listener = info->listener->name,
		.id = info->id,
		.quiet = info->quiet,
	};
}

const struct fault_params *
connection_info_fault(const struct connection_info *info)
{
	const struct fault_params *params = &info->listener->fault;

	return fault_is_set(params) &&
			       fault_hits(params,
					  limit_next_number(info->limit)) ?
		       params :
		       NULL;
}

static const char *
or_none(const char *name)
{
	return *name ? name : "-";
}

/* The local address as text, from the PROXY header if there is one. */
static const char *
format_local(const struct connection_info *info,
	     char text[LISTEN_ADDRESS_TEXT_SIZE])
{
	struct listen_address local;

	if (info->proxied)
		return address_format(&info->proxied->local, text);
	if (socket_get_listen_address(info->fd, &local) < 0)
		return NULL;
	return listen_address_format_short(&local, text);
}

const struct frame *
connection_info_frame(const struct connection_info *info)
{
	const struct config_listener *listener = info->listener;
	const struct ssl_st *tls = info->tls;
	char local[LISTEN_ADDRESS_TEXT_SIZE];
	char cn[TLS_CONNECTION_NAME_SIZE];
	struct prefix_values values = {
		.peer = &info->peer,
		.number = info->id,
		.ttl = info->ttl,
		.tos = info->tos,
		.tls_version = tls ? tls_connection_version(tls) : NULL,
		.tls_sni = tls ? or_none(tls_connection_sni(tls)) : NULL,
		.tls_cn = tls ? or_none(tls_connection_cn(tls, cn)) : NULL,
	};

	if (prefix_needs_local(listener->template))
		values.local = format_local(info, local);
	return prefix_frame(&listener->frame, listener->template, &values);
}
