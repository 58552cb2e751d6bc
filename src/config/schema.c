#include "config/schema.h"

#include <stdint.h>
#include <string.h>

#include "config/types_lists.h"
#include "config/types_mode.h"
#include "config/types_strings.h"

#define YEAR (366.0 * 24 * 3600)

static const struct option_choice framings[] = {
	{ "chunk", FRAME_CHUNK },
	{ "line", FRAME_LINE },
	{ NULL, 0 },
};

static const struct option_choice dscps[] = {
	{ "", DSCP_UNCHANGED },
	{ "reflect", DSCP_REFLECT },
	{ NULL, 0 },
};

static const struct option_choice tls_versions[] = {
	{ "1.2", TLS_1_2 },
	{ "1.3", TLS_1_3 },
	{ NULL, 0 },
};

static const struct option_choice sinks[] = {
	{ "auto", LOG_TO_AUTO },
	{ "syslog", LOG_TO_SYSLOG },
	{ "stderr", LOG_TO_STDERR },
	{ "journal", LOG_TO_JOURNAL },
	{ NULL, 0 },
};

static const struct option_choice formats[] = {
	{ "text", LOG_TEXT },
	{ "json", LOG_JSON },
	{ NULL, 0 },
};

static const struct option_choice facilities[] = {
	{ "daemon", LOG_DAEMON },
	{ "user", LOG_USER },
	{ "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 },
	{ NULL, 0 },
};

static const struct option_choice levels[] = {
	{ "error", LOG_ERR },	  { "warning", LOG_WARNING },
	{ "notice", LOG_NOTICE }, { "info", LOG_INFO },
	{ "debug", LOG_DEBUG },	  { NULL, 0 },
};

#define FAULT_CHOICE(name) { #name, FAULT_##name },
static const struct option_choice fault_ends[] = {
	FAULT_ENDS(FAULT_CHOICE){ NULL, 0 },
};
#undef FAULT_CHOICE

#define GLOBAL(member) offsetof(struct config, member)
#define LISTENER(member) offsetof(struct config_listener, member)

/* clang-format off */
const struct schema_option schema_options[] = {
	/* In the order of the manual and, within a scope, of echod -T. */
	{ SCOPE_LISTENER, NULL, "name", &type_name, LISTENER(name),
	  .text = "main" },
	{ SCOPE_MAIN, NULL, "listen", &type_addresses,
	  offsetof(struct config_entry, listen),
	  .text = "*:25000" },
	{ SCOPE_INHERITED, NULL, "prefix", &type_template, LISTENER(prefix),
	  .text = "GOT:" },
	{ SCOPE_INHERITED, NULL, "framing", &type_choice, LISTENER(framing),
	  .number = FRAME_CHUNK, .choices = framings },
	{ SCOPE_INHERITED, NULL, "chunk_size", &type_integer,
	  LISTENER(chunk_size), 1, 65536, .number = 1000 },
	{ SCOPE_INHERITED, NULL, "backlog", &type_integer, LISTENER(backlog),
	  1, 65535, .number = 4096 },
	{ SCOPE_INHERITED, NULL, "freebind", &type_boolean, LISTENER(freebind),
	  .number = false },
	{ SCOPE_INHERITED, NULL, "mptcp", &type_boolean, LISTENER(mptcp),
	  .number = false },
	{ SCOPE_INHERITED, NULL, "idle_timeout", &type_seconds,
	  LISTENER(idle_timeout), 0, YEAR, .number = 600 },
	{ SCOPE_INHERITED, NULL, "write_timeout", &type_seconds,
	  LISTENER(write_timeout), 0, YEAR, .number = 30 },
	{ SCOPE_INHERITED, NULL, "minimum_rate", &type_integer,
	  LISTENER(minimum_rate), 0, INT32_MAX, .number = 256 },
	/* The range of TCP_KEEPIDLE. */
	{ SCOPE_INHERITED, NULL, "keepalive", &type_integer,
	  LISTENER(keepalive), 0, 32767, .number = 60 },
	{ SCOPE_INHERITED, NULL, "dscp", &type_choice_or_number,
	  LISTENER(dscp), 0, 63, .number = DSCP_UNCHANGED, .choices = dscps },
	{ SCOPE_INHERITED, NULL, "output_limit", &type_integer,
	  LISTENER(output_limit), 1024, 1 << 30, .number = 256 * 1024 },
	{ SCOPE_LISTENER, NULL, "max_connections", &type_integer,
	  LISTENER(max_connections), 0, INT32_MAX, .number = 0 },
	{ SCOPE_INHERITED, NULL, "per_source", &type_integer,
	  LISTENER(per_source), 0, INT32_MAX, .number = 0 },
	{ SCOPE_INHERITED, NULL, "allow", &type_networks, LISTENER(allow),
	  .text = NULL },
	{ SCOPE_INHERITED, NULL, "deny", &type_networks, LISTENER(deny),
	  .text = NULL },
	{ SCOPE_INHERITED, NULL, "mode", &type_mode, LISTENER(mode),
	  .number = 0666 },
	{ SCOPE_INHERITED, NULL, "owner", &type_string, LISTENER(owner),
	  .text = "" },
	{ SCOPE_INHERITED, NULL, "group", &type_string, LISTENER(group),
	  .text = "" },
	{ SCOPE_INHERITED, "proxy_protocol", "from", &type_networks,
	  LISTENER(proxy_protocol.from), .text = NULL },
	{ SCOPE_INHERITED, "proxy_protocol", "timeout", &type_seconds,
	  LISTENER(proxy_protocol.timeout), 1, 3600, .number = 3 },

	{ SCOPE_INHERITED, "tls", "certificate", &type_files,
	  LISTENER(tls.certificate), .text = "" },
	{ SCOPE_INHERITED, "tls", "key", &type_files, LISTENER(tls.key),
	  .text = "" },
	{ SCOPE_INHERITED, "tls", "client_ca", &type_string,
	  LISTENER(tls.client_ca), .text = "" },
	{ SCOPE_INHERITED, "tls", "require_client_certificate", &type_boolean,
	  LISTENER(tls.require_client_certificate), .number = false },
	{ SCOPE_INHERITED, "tls", "minimum", &type_choice,
	  LISTENER(tls.minimum), .number = TLS_1_2, .choices = tls_versions },
	{ SCOPE_INHERITED, "tls", "alpn", &type_protocols, LISTENER(tls.alpn),
	  .text = "echo" },
	{ SCOPE_INHERITED, "tls", "handshake_timeout", &type_seconds,
	  LISTENER(tls.handshake_timeout), 1, 3600, .number = 10 },
	{ SCOPE_INHERITED, "fault", "every", &type_integer,
	  LISTENER(fault.every), 0, INT32_MAX, .number = 1 },
	{ SCOPE_INHERITED, "fault", "delay", &type_seconds,
	  LISTENER(fault.delay), 0, 3600, .number = 0 },
	{ SCOPE_INHERITED, "fault", "rate", &type_integer, LISTENER(fault.rate),
	  0, INT32_MAX, .number = 0 },
	{ SCOPE_INHERITED, "fault", "corrupt_every", &type_integer,
	  LISTENER(fault.corrupt_every), 0, INT32_MAX, .number = 0 },
	{ SCOPE_INHERITED, "fault", "end", &type_choice, LISTENER(fault.end),
	  .number = FAULT_none, .choices = fault_ends },
	{ SCOPE_INHERITED, "fault", "after", &type_integer,
	  LISTENER(fault.after), 0, INT32_MAX, .number = 0 },

	/* 65507 is the most that UDP over IPv4 carries. */
	{ SCOPE_INHERITED, "udp", "max_datagram", &type_integer,
	  LISTENER(udp.max_datagram), 1, 65507, .number = 65507 },
	{ SCOPE_INHERITED, "udp", "rate", &type_integer, LISTENER(udp.rate),
	  0, 1000000, .number = 1000 },
	{ SCOPE_INHERITED, "udp", "socket_buffer", &type_integer,
	  LISTENER(udp.socket_buffer), 0, 1 << 30, .number = 0 },
	{ SCOPE_INHERITED, "udp", "deny_source_ports", &type_ports,
	  LISTENER(udp.deny_source_ports), .text = "0-1023 2049" },

	{ SCOPE_GLOBAL, NULL, "max_connections", &type_integer,
	  GLOBAL(max_connections), 0, INT32_MAX, .number = 0 },
	{ SCOPE_GLOBAL, NULL, "workers", &type_integer, GLOBAL(workers),
	  0, 1024, .number = 0 },
	{ SCOPE_GLOBAL, "log", "to", &type_choice, GLOBAL(log.sink),
	  .number = LOG_TO_AUTO, .choices = sinks },
	{ SCOPE_GLOBAL, "log", "format", &type_choice, GLOBAL(log.format),
	  .number = LOG_TEXT, .choices = formats },
	{ SCOPE_GLOBAL, "log", "facility", &type_choice, GLOBAL(log.facility),
	  .number = LOG_DAEMON, .choices = facilities },
	{ SCOPE_GLOBAL, "log", "level", &type_choice, GLOBAL(log.level),
	  .number = LOG_INFO, .choices = levels },
	{ SCOPE_GLOBAL, "log", "connections", &type_boolean,
	  GLOBAL(log.connections), .number = true },
	{ SCOPE_GLOBAL, "log", "rate", &type_integer, GLOBAL(log.rate),
	  0, INT32_MAX, .number = 300 },
	{ SCOPE_GLOBAL, "log", "quiet", &type_networks, GLOBAL(quiet),
	  .text = NULL },
	{ SCOPE_GLOBAL, "status", "listen", &type_address,
	  GLOBAL(status.listen), .text = "" },
	{ SCOPE_GLOBAL, "status", "hosts", &type_hosts, GLOBAL(status.hosts),
	  .text = "" },
	{ SCOPE_GLOBAL, "drain", "delay", &type_seconds, GLOBAL(drain.delay),
	  0, YEAR, .number = 0 },
	{ SCOPE_GLOBAL, "drain", "grace", &type_seconds, GLOBAL(drain.grace),
	  0, YEAR, .number = 8 },
};
/* clang-format on */

const size_t schema_option_count =
	sizeof(schema_options) / sizeof(schema_options[0]);

_Static_assert(sizeof(schema_options) / sizeof(schema_options[0]) <=
		       SCHEMA_OPTION_MAX,
	       "SCHEMA_OPTION_MAX is too small");

static bool
same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool
schema_applies(const struct schema_option *option, bool in_listener)
{
	switch (option->scope) {
	case SCOPE_GLOBAL:
		return !in_listener;
	case SCOPE_LISTENER:
		return in_listener;
	default:
		return true;
	}
}

const struct schema_option *
schema_find(bool in_listener, const char *group, const char *name)
{
	for (size_t i = 0; i < schema_option_count; i++)
		if (schema_applies(&schema_options[i], in_listener) &&
		    same(schema_options[i].group, group) &&
		    same(schema_options[i].name, name))
			return &schema_options[i];
	return NULL;
}

bool
schema_is_group(bool in_listener, const char *name)
{
	for (size_t i = 0; i < schema_option_count; i++)
		if (schema_applies(&schema_options[i], in_listener) &&
		    same(schema_options[i].group, name))
			return true;
	return false;
}

const struct schema_option *
schema_at(size_t offset)
{
	for (size_t i = 0; i < schema_option_count; i++)
		if ((schema_options[i].scope == SCOPE_INHERITED ||
		     schema_options[i].scope == SCOPE_LISTENER) &&
		    schema_options[i].offset == offset)
			return &schema_options[i];
	return NULL;
}

int
schema_line(const struct config_entry *entry, size_t offset)
{
	const struct schema_option *option = schema_at(offset);

	return option ? entry->lines[option - schema_options] : 0;
}

void *
schema_member(const struct schema_option *option, const struct config *config,
	      const struct config_entry *entry)
{
	const void *base = option->scope == SCOPE_GLOBAL ?
				   (const void *)config :
			   option->scope == SCOPE_MAIN ? (const void *)entry :
							 entry->settings;

	return (char *)base + option->offset;
}
