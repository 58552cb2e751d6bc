#include "config/validate.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "config/schema.h"
#include "config/user_lookup.h"
#include "echo/fault.h"
#include "echo/prefix.h"
#include "echo/template.h"
#include "tls/context.h"

#define LISTENER(member) offsetof(struct config_listener, member)

struct path {
	char text[64];
};

/* Names a setting of a listener in errors. */
static struct path
path_of(const struct config_entry *entry, const char *group, const char *name)
{
	struct path path;
	char index[32] = "";

	if (entry->index >= 0)
		snprintf(index, sizeof(index), "listeners[%d].", entry->index);
	snprintf(path.text, sizeof(path.text), "%s%s%s%s", index,
		 group ? group : "", group ? "." : "", name);
	return path;
}

static struct path
path_of_member(const struct config_entry *entry, size_t offset)
{
	const struct schema_option *option = schema_at(offset);

	return path_of(entry, option->group, option->name);
}

/* Adds an error about the setting of the member, in the line that sets it. */
#define ADD_ERROR(errors, entry, offset, ...) \
	error_add(errors, schema_line(entry, offset), \
		  path_of_member(entry, offset).text, __VA_ARGS__)

#define ADD_WARNING(errors, entry, offset, ...) \
	warning_add(errors, schema_line(entry, offset), \
		    path_of_member(entry, offset).text, __VA_ARGS__)

/* Its value is not known: the line that sets it has an error. */
#define IS_WRONG(errors, entry, offset) \
	error_has_line(errors, schema_line(entry, offset))

/* A listener that is being checked: the owner in callbacks. */
struct checked {
	const struct config_entry *entry;
	struct error_list *errors;
};

/* What the environment of the daemon should have, and this process has not. */
static void
add_missing(const struct checked *checked, size_t offset, const char *reason)
{
	if (checked->errors->outside_unit)
		ADD_WARNING(checked->errors, checked->entry, offset,
			    "%s; not checked outside the unit", reason);
	else
		ADD_ERROR(checked->errors, checked->entry, offset, "%s",
			  reason);
}

/* The value of a variable for the prefix, or NULL. */
static const char *
environment(void *owner, const char *name)
{
	const struct checked *checked = owner;
	const char *value = getenv(name);
	char reason[TEMPLATE_REASON_SIZE];

	if (value || !checked->errors->outside_unit)
		return value;
	snprintf(reason, sizeof(reason), "%%{env:%.40s} is not set", name);
	add_missing(checked, LISTENER(prefix), reason);
	return "";
}

static void
compile_prefix(struct config_entry *entry, struct error_list *errors)
{
	struct config_listener *settings = entry->settings;
	char host[HOST_NAME_MAX + 1] = "";
	char buffer[TEMPLATE_REASON_SIZE];
	struct checked checked = { entry, errors };
	const struct template_params params = {
		.host = host,
		.listener = settings->name ? settings->name : "",
		.environment = environment,
		.owner = &checked,
		.tls = settings->tls.certificate.count > 0 ||
		       IS_WRONG(errors, entry, LISTENER(tls.certificate)),
	};
	const char *reason;

	gethostname(host, sizeof(host) - 1);
	reason = template_compile(settings->prefix, &params,
				  &settings->template, buffer, sizeof(buffer));
	if (reason)
		ADD_ERROR(errors, entry, LISTENER(prefix), "%s", reason);
	else if (!settings->template)
		errors->out_of_memory = true;
}

static void
make_frame(struct config_entry *entry, struct error_list *errors)
{
	struct config_listener *settings = entry->settings;

	compile_prefix(entry, errors);
	settings->frame = (struct frame){
		.chunk_size = settings->chunk_size,
		.kind = settings->framing,
	};
	if (!settings->template)
		return;
	settings->frame.prefix = template_constant(
		settings->template, &settings->frame.prefix_length);
	settings->needs_header = settings->dscp == DSCP_REFLECT ||
				 prefix_needs_header(settings->template);
}

static void
find_owner(struct config_entry *entry, struct error_list *errors)
{
	struct config_listener *settings = entry->settings;
	const char *reason = user_lookup_uid(settings->owner, &settings->uid);

	if (reason)
		ADD_ERROR(errors, entry, LISTENER(owner), "\"%s\": %s",
			  settings->owner, reason);
	reason = user_lookup_gid(settings->group, &settings->gid);
	if (reason)
		ADD_ERROR(errors, entry, LISTENER(group), "\"%s\": %s",
			  settings->group, reason);
}

/*
 * TLS and the PROXY protocol need a stream.  If they are set for all listeners,
 * a listener with a UDP address must switch them off for itself.
 */
static void
check_datagrams(const struct config_entry *entry,
		const struct config_address *item, struct error_list *errors)
{
	const char *group = NULL;
	const char *off = NULL;
	char listen_address[LISTEN_ADDRESS_TEXT_SIZE];

	if (item->address.protocol != PROTOCOL_UDP)
		return;
	if (entry->settings->tls.certificate.count > 0) {
		group = "tls";
		off = "certificate = \"\"";
	} else if (entry->settings->proxy_protocol.from.count > 0) {
		group = "proxy_protocol";
		off = "from = [ ]";
	}
	if (group)
		error_add(errors, item->line,
			  path_of(entry, NULL, "listen").text,
			  "%s cannot have %s, which is for streams; use a "
			  "separate listener with %s = { %s; }",
			  listen_address_format_short(&item->address,
						      listen_address),
			  group, group, off);
}

/*
 * A setting of TLS needs a certificate.  An empty certificate that is set means
 * that a listener has no TLS although it inherits these settings.
 */
static void
check_tls(const struct config_entry *entry, bool is_set, size_t offset,
	  struct error_list *errors)
{
	if (is_set && entry->settings->tls.certificate.count == 0 &&
	    !schema_line(entry, LISTENER(tls.certificate)))
		ADD_ERROR(errors, entry, offset, "it needs tls.certificate");
}

/* A tls_report. */
static void
on_tls_finding(void *owner, enum tls_finding finding, size_t setting,
	       const char *reason)
{
	const struct checked *checked = owner;
	size_t offset = LISTENER(tls) + setting;

	switch (finding) {
	case TLS_ERROR:
		ADD_ERROR(checked->errors, checked->entry, offset, "%s",
			  reason);
		break;
	case TLS_OUT_OF_MEMORY:
		checked->errors->out_of_memory = true;
		break;
	case TLS_WARNING:
		ADD_WARNING(checked->errors, checked->entry, offset, "%s",
			    reason);
		break;
	case TLS_NO_CREDENTIAL:
		add_missing(checked, offset, reason);
		break;
	}
}

static void
make_tls(struct config_entry *entry, struct error_list *errors)
{
	const struct tls_params *tls = &entry->settings->tls;
	const size_t require = LISTENER(tls.require_client_certificate);
	struct checked checked = { entry, errors };

	check_tls(entry, tls->key.count > 0, LISTENER(tls.key), errors);
	check_tls(entry, *tls->client_ca, LISTENER(tls.client_ca), errors);
	check_tls(entry, tls->require_client_certificate, require, errors);
	if (tls->certificate.count > 0 && tls->require_client_certificate &&
	    !*tls->client_ca &&
	    !IS_WRONG(errors, entry, LISTENER(tls.client_ca)))
		ADD_ERROR(errors, entry, require, "it needs tls.client_ca");
	if (tls->certificate.count > 0 && tls->key.count > 0 &&
	    tls->key.count != tls->certificate.count) {
		ADD_ERROR(errors, entry, LISTENER(tls.key),
			  "keys and certificates are pairs, but there are %zu "
			  "keys and %zu certificates",
			  tls->key.count, tls->certificate.count);
		return;
	}
	/* Without a key that is set, the certificate's file would need one. */
	if (IS_WRONG(errors, entry, LISTENER(tls.key)))
		return;
	entry->settings->tls_context =
		tls_context_new(tls, on_tls_finding, &checked);
}

/* Listeners with the same certificate and TLS settings share one context. */
static void
share_tls(const struct config *config, size_t at)
{
	for (size_t i = 0; i < at; i++)
		tls_context_share(&config->listeners[at].settings->tls_context,
				  config->listeners[i].settings->tls_context);
}

static bool
is_wrong_fault(const struct config_entry *entry,
	       const struct error_list *errors)
{
	bool wrong = false;

	for (size_t i = 0; i < schema_option_count; i++)
		if (schema_options[i].group &&
		    strcmp(schema_options[i].group, "fault") == 0)
			wrong |= error_has_line(errors, entry->lines[i]);
	return wrong;
}

static void
check_fault_settings(const struct config_entry *entry,
		     struct error_list *errors)
{
	const char *setting = "";
	const char *reason = fault_check(&entry->settings->fault, &setting);

	if (reason && !is_wrong_fault(entry, errors))
		ADD_ERROR(errors, entry,
			  schema_find(true, "fault", setting)->offset, "%s",
			  reason);
}

/* Fault injection needs a stream, and a RST needs TCP. */
static const char *
beyond_fault(const struct fault_params *fault, enum protocol protocol)
{
	if (!fault_is_set(fault))
		return NULL;
	if (protocol == PROTOCOL_UDP)
		return "fault injection is for streams; set \"every = 0\" here "
		       "against inherited faults";
	if (protocol == PROTOCOL_UNIX && fault->end == FAULT_reset)
		return "a unix socket has no reset: fault.end cannot be "
		       "\"reset\"";
	return NULL;
}

static void
check_fault(const struct config_entry *entry, struct error_list *errors)
{
	char where[LISTEN_ADDRESS_TEXT_SIZE];

	check_fault_settings(entry, errors);
	for (size_t i = 0; i < entry->listen.count; i++) {
		const struct config_address *item = &entry->listen.items[i];
		const char *reason = beyond_fault(&entry->settings->fault,
						  item->address.protocol);

		if (reason)
			error_add(errors, item->line,
				  path_of(entry, NULL, "fault").text, "%s: %s",
				  listen_address_format_short(&item->address,
							      where),
				  reason);
	}
}

/* The kernel has a minimum of 2304 bytes, and would raise a lower value. */
static void
check_socket_buffer(const struct config_entry *entry, struct error_list *errors)
{
	unsigned bytes = entry->settings->udp.socket_buffer;

	if (bytes > 0 && bytes < 4096)
		ADD_ERROR(errors, entry, LISTENER(udp.socket_buffer),
			  "must be 0 or at least 4096");
}

/* With `ipv6`, the address must be able to get IPv6 connections. */
static bool
has_tcp(const struct config_addresses *listen, bool ipv6)
{
	for (size_t i = 0; i < listen->count; i++) {
		const struct listen_address *item = &listen->items[i].address;

		if (item->protocol == PROTOCOL_TCP &&
		    !(ipv6 && address_family(&item->address) == AF_INET))
			return true;
	}
	return false;
}

/* Linux supports TCP_SAVE_SYN and IPV6_TCLASS for TCP only. */
static void
check_mptcp(const struct config_entry *entry, struct error_list *errors)
{
	const struct config_listener *settings = entry->settings;

	if (!settings->mptcp || !has_tcp(&entry->listen, false))
		return;
	if (settings->template && prefix_needs_header(settings->template))
		ADD_WARNING(errors, entry, LISTENER(prefix),
			    "%%{ttl}, %%{dscp} and %%{ecn} are unknown over "
			    "TCP with mptcp");
	if (settings->dscp == DSCP_REFLECT)
		ADD_WARNING(errors, entry, LISTENER(dscp),
			    "\"reflect\" has no effect over TCP with mptcp");
	else if (settings->dscp >= 0 && has_tcp(&entry->listen, true))
		ADD_WARNING(errors, entry, LISTENER(dscp),
			    "it has no effect on Multipath TCP over IPv6");
}

static void
check_names(const struct config *config, size_t at, struct error_list *errors)
{
	const struct config_entry *entry = &config->listeners[at];

	for (size_t i = 0; i < at && entry->settings->name; i++) {
		const char *other = config->listeners[i].settings->name;

		if (other && strcmp(other, entry->settings->name) == 0) {
			error_add(errors, entry->line,
				  path_of(entry, NULL, "name").text,
				  "\"%s\" is the name of another listener",
				  entry->settings->name);
			return;
		}
	}
}

/* Among the first `count`, or NULL. */
static const struct config_address *
overlapped_by(const struct config_addresses *listen, size_t count,
	      const struct listen_address *listen_address)
{
	for (size_t i = 0; i < count; i++)
		if (listen_address_overlaps(&listen->items[i].address,
					    listen_address))
			return &listen->items[i];
	return NULL;
}

/* Among those of the first `count` listeners, or NULL. */
static const struct config_address *
find_overlap(const struct config *config, size_t count,
	     const struct listen_address *listen_address)
{
	const struct config_address *overlap = NULL;

	for (size_t i = 0; i < count && !overlap; i++) {
		const struct config_addresses *listen =
			&config->listeners[i].listen;

		overlap = overlapped_by(listen, listen->count, listen_address);
	}
	return overlap;
}

struct place {
	char text[32];
};

/* Completes "overlaps with ADDRESS". */
static struct place
place_of(const struct config_address *item)
{
	struct place place = { ", the default" };

	if (item->line == ERROR_COMMAND_LINE)
		strcpy(place.text, " of the command line");
	else if (item->line > 0)
		snprintf(place.text, sizeof(place.text), " of line %d",
			 item->line);
	return place;
}

static void
check_addresses(const struct config *config, size_t at,
		struct error_list *errors)
{
	const struct config_entry *entry = &config->listeners[at];
	char mine[LISTEN_ADDRESS_TEXT_SIZE], other[LISTEN_ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < entry->listen.count; i++) {
		const struct config_address *item = &entry->listen.items[i];
		const struct config_address *overlap =
			find_overlap(config, at, &item->address);

		check_datagrams(entry, item, errors);
		if (!overlap)
			overlap = overlapped_by(&entry->listen, i,
						&item->address);
		if (overlap)
			error_add(errors, item->line,
				  path_of(entry, NULL, "listen").text,
				  "%s overlaps with %s%s",
				  listen_address_format_short(&item->address,
							      mine),
				  listen_address_format_short(&overlap->address,
							      other),
				  place_of(overlap).text);
	}
}

/* Otherwise an overlap would be found only when the socket is opened. */
static void
check_status(const struct config *config, struct error_list *errors)
{
	const struct config_address *overlap;
	char reason[256], mine[LISTEN_ADDRESS_TEXT_SIZE],
		other[LISTEN_ADDRESS_TEXT_SIZE];
	struct listen_address listen_address;

	/* A wrong address has its error already. */
	if (*config->status.listen == '\0' ||
	    listen_address_parse(config->status.listen, &listen_address, reason,
				 sizeof(reason)))
		return;
	overlap = find_overlap(config, config->listener_count, &listen_address);
	if (!overlap)
		return;
	error_add(errors, config->status.line, "status.listen",
		  "%s overlaps with %s%s",
		  listen_address_format_short(&listen_address, mine),
		  listen_address_format_short(&overlap->address, other),
		  place_of(overlap).text);
}

void
validate_config(struct config *config, struct error_list *errors)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		struct config_entry *entry = &config->listeners[i];

		check_names(config, i, errors);
		check_addresses(config, i, errors);
		make_frame(entry, errors);
		find_owner(entry, errors);
		check_fault(entry, errors);
		check_socket_buffer(entry, errors);
		check_mptcp(entry, errors);
		make_tls(entry, errors);
		share_tls(config, i);
		if (!acl_copy(&entry->settings->quiet, &config->quiet))
			errors->out_of_memory = true;
	}
	check_status(config, errors);
}
