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
#include "echo/template.h"
#include "tls/context.h"

static const char *
path_of(const struct config_entry *listener, const char *name, char path[64])
{
	if (listener->index < 0)
		snprintf(path, 64, "%s", name);
	else
		snprintf(path, 64, "listeners[%d].%s", listener->index, name);
	return path;
}

static const char *
environment(const char *name)
{
	return getenv(name);
}

static void
compile_prefix(struct config_entry *listener, struct error_list *errors)
{
	struct config_listener *settings = listener->settings;
	char host[HOST_NAME_MAX + 1] = "";
	char buffer[TEMPLATE_REASON_SIZE], path[64];
	const struct template_params params = {
		.host = host,
		.listener = settings->name ? settings->name : "",
		.environment = environment,
		.tls = *settings->tls.certificate != '\0',
	};
	const char *reason;

	gethostname(host, sizeof(host) - 1);
	reason = template_compile(settings->prefix, &params,
				  &settings->template, buffer, sizeof(buffer));
	if (reason)
		error_add(errors,
			  schema_line(listener,
				      offsetof(struct config_listener, prefix)),
			  path_of(listener, "prefix", path), "%s", reason);
	else if (!settings->template)
		errors->out_of_memory = true;
}

static void
make_frame(struct config_entry *listener, struct error_list *errors)
{
	struct config_listener *settings = listener->settings;

	compile_prefix(listener, errors);
	settings->frame = (struct frame){
		.chunk_size = settings->chunk_size,
		.kind = settings->framing,
	};
	if (settings->template)
		settings->frame.prefix = template_constant(
			settings->template, &settings->frame.prefix_length);
}

static void
check_account(const struct config_entry *listener, const char *name,
	      size_t offset, const char *value, const char *reason,
	      struct error_list *errors)
{
	char path[64];

	if (reason)
		error_add(errors, schema_line(listener, offset),
			  path_of(listener, name, path), "\"%s\": %s", value,
			  reason);
}

static void
find_accounts(struct config_entry *listener, struct error_list *errors)
{
	struct config_listener *settings = listener->settings;

	check_account(listener, "owner",
		      offsetof(struct config_listener, owner), settings->owner,
		      user_lookup_uid(settings->owner, &settings->uid), errors);
	check_account(listener, "group",
		      offsetof(struct config_listener, group), settings->group,
		      user_lookup_gid(settings->group, &settings->gid), errors);
}

/*
 * Both stand between a stream and its echo.  Where they were set for all
 * listeners, those of datagrams have to do without.
 */
static void
check_datagrams(const struct config_entry *listener,
		const struct config_address *item, struct error_list *errors)
{
	const char *group = NULL;
	const char *off = NULL;
	char path[64], listen_address[LISTEN_ADDRESS_TEXT_SIZE];

	if (item->listen_address.protocol != PROTOCOL_UDP)
		return;
	if (*listener->settings->tls.certificate) {
		group = "tls";
		off = "certificate = \"\"";
	} else if (listener->settings->proxy_protocol.from.count > 0) {
		group = "proxy_protocol";
		off = "from = [ ]";
	}
	if (group)
		error_add(errors, item->line, path_of(listener, "listen", path),
			  "%s cannot have %s, which is for streams; a listener "
			  "of its own with %s = { %s; } can do without",
			  listen_address_format_short(&item->listen_address,
						      listen_address),
			  group, group, off);
}

#define TLS_SETTING(member) \
	"tls." #member, offsetof(struct config_listener, tls.member)

/*
 * What does not go together.  An empty certificate, where it has been set, is
 * how a listener does without what it inherits.
 */
static void
check_tls(const struct config_entry *listener, bool is_set, const char *name,
	  size_t offset, struct error_list *errors)
{
	char path[64];

	if (is_set && !*listener->settings->tls.certificate &&
	    !schema_line(listener,
			 offsetof(struct config_listener, tls.certificate)))
		error_add(errors, schema_line(listener, offset),
			  path_of(listener, name, path),
			  "no tls.certificate is set that it belongs to");
}

static void
check_client_certificates(const struct config_entry *listener,
			  struct error_list *errors)
{
	const struct tls_params *tls = &listener->settings->tls;
	size_t offset = offsetof(struct config_listener,
				 tls.require_client_certificate);
	char path[64];

	if (*tls->certificate && tls->require_client_certificate &&
	    !*tls->client_ca)
		error_add(errors, schema_line(listener, offset),
			  path_of(listener, "tls.require_client_certificate",
				  path),
			  "no tls.client_ca is set to verify them with");
}

static void
make_tls(struct config_entry *listener, struct error_list *errors)
{
	const struct tls_params *tls = &listener->settings->tls;
	struct tls_problem problem;
	char path[64];

	check_tls(listener, *tls->key, TLS_SETTING(key), errors);
	check_tls(listener, *tls->client_ca, TLS_SETTING(client_ca), errors);
	check_tls(listener, tls->require_client_certificate,
		  TLS_SETTING(require_client_certificate), errors);
	check_client_certificates(listener, errors);
	if (tls_context_new(&listener->settings->tls,
			    &listener->settings->tls_context, &problem))
		return;
	if (*problem.reason)
		error_add(errors,
			  schema_line(listener,
				      offsetof(struct config_listener, tls) +
					      problem.offset),
			  path_of(listener, problem.setting, path), "%s",
			  problem.reason);
	else
		errors->out_of_memory = true;
}

/* One context serves all listeners with the same certificate and rules. */
static void
share_tls(const struct config *config, size_t at)
{
	for (size_t i = 0; i < at; i++)
		tls_context_share(&config->listeners[at].settings->tls_context,
				  config->listeners[i].settings->tls_context);
}

static void
check_fault_settings(const struct config_entry *listener,
		     struct error_list *errors)
{
	char name[32], path[64];
	const char *setting = "";
	const char *reason = fault_check(&listener->settings->fault, &setting);

	if (!reason)
		return;
	snprintf(name, sizeof(name), "fault.%s", setting);
	error_add(errors,
		  schema_line(listener,
			      schema_find(true, "fault", setting)->offset),
		  path_of(listener, name, path), "%s", reason);
}

/* Where there is no stream there is no fault; nor a RST where there is no TCP. */
static const char *
beyond_fault(const struct fault_params *fault, enum protocol protocol)
{
	if (!fault_is_set(fault))
		return NULL;
	if (protocol == PROTOCOL_UDP)
		return "datagrams have no fault; \"every = 0\" in the group "
		       "does without what is inherited";
	if (protocol == PROTOCOL_UNIX && fault->end == FAULT_reset)
		return "there is no reset here: fault.end cannot be \"reset\"";
	return NULL;
}

static void
check_fault(const struct config_entry *listener, struct error_list *errors)
{
	char path[64], where[LISTEN_ADDRESS_TEXT_SIZE];

	check_fault_settings(listener, errors);
	for (size_t i = 0; i < listener->listen.count; i++) {
		const struct config_address *item = &listener->listen.items[i];
		const char *reason =
			beyond_fault(&listener->settings->fault,
				     item->listen_address.protocol);

		if (reason)
			error_add(errors, item->line,
				  path_of(listener, "fault", path), "%s: %s",
				  listen_address_format_short(
					  &item->listen_address, where),
				  reason);
	}
}

static void
check_names(const struct config *config, size_t at, struct error_list *errors)
{
	const struct config_entry *listener = &config->listeners[at];
	char path[64];

	for (size_t i = 0; i < at && listener->settings->name; i++) {
		const char *other = config->listeners[i].settings->name;

		if (other && strcmp(other, listener->settings->name) == 0) {
			error_add(errors, listener->line,
				  path_of(listener, "name", path),
				  "\"%s\" is the name of another listener",
				  listener->settings->name);
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
		if (listen_address_overlaps(&listen->items[i].listen_address,
					    listen_address))
			return &listen->items[i];
	return NULL;
}

static const struct config_address *
find_overlap(const struct config *config, size_t at, size_t item)
{
	const struct listen_address *listen_address =
		&config->listeners[at].listen.items[item].listen_address;

	for (size_t i = 0; i <= at; i++) {
		const struct config_addresses *listen =
			&config->listeners[i].listen;
		const struct config_address *overlap = overlapped_by(
			listen, i < at ? listen->count : item, listen_address);

		if (overlap)
			return overlap;
	}
	return NULL;
}

static void
check_addresses(const struct config *config, size_t at,
		struct error_list *errors)
{
	const struct config_entry *listener = &config->listeners[at];
	char path[64], mine[LISTEN_ADDRESS_TEXT_SIZE],
		other[LISTEN_ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < listener->listen.count; i++) {
		const struct config_address *item = &listener->listen.items[i];
		const struct config_address *overlap =
			find_overlap(config, at, i);

		check_datagrams(listener, item, errors);
		if (overlap)
			error_add(errors, item->line,
				  path_of(listener, "listen", path),
				  "%s overlaps with %s of line %d",
				  listen_address_format_short(
					  &item->listen_address, mine),
				  listen_address_format_short(
					  &overlap->listen_address, other),
				  overlap->line);
	}
}

static const struct config_address *
find_overlap_of_status(const struct config *config,
		       const struct listen_address *listen_address)
{
	const struct config_address *overlap = NULL;

	for (size_t i = 0; i < config->listener_count && !overlap; i++) {
		const struct config_addresses *listen =
			&config->listeners[i].listen;

		overlap = overlapped_by(listen, listen->count, listen_address);
	}
	return overlap;
}

/* Here, or it would be found out only when a socket is opened. */
static void
check_status(const struct config *config, struct error_list *errors)
{
	const struct config_address *overlap;
	char reason[256], mine[LISTEN_ADDRESS_TEXT_SIZE],
		other[LISTEN_ADDRESS_TEXT_SIZE];
	char where[32] = ", the default";
	struct listen_address listen_address;

	/* One that is wrong in itself has been complained of. */
	if (*config->status.listen == '\0' ||
	    listen_address_parse(config->status.listen, &listen_address, reason,
				 sizeof(reason)))
		return;
	overlap = find_overlap_of_status(config, &listen_address);
	if (!overlap)
		return;
	if (overlap->line > 0)
		snprintf(where, sizeof(where), " of line %d", overlap->line);
	error_add(errors, config->status.line, "status.listen",
		  "%s overlaps with %s%s",
		  listen_address_format_short(&listen_address, mine),
		  listen_address_format_short(&overlap->listen_address, other),
		  where);
}

void
validate_config(struct config *config, struct error_list *errors)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		check_names(config, i, errors);
		check_addresses(config, i, errors);
		make_frame(&config->listeners[i], errors);
		find_accounts(&config->listeners[i], errors);
		check_fault(&config->listeners[i], errors);
		make_tls(&config->listeners[i], errors);
		share_tls(config, i);
	}
	check_status(config, errors);
}
