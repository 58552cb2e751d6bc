/*
 * schema: the structures of a configuration, and the table of its options, one
 * row each.  Reading, defaults, ranges, printing (echod -T) and the comparison
 * at a reload all follow from the rows.  Pure.
 *
 * struct config is a snapshot of a file and the command line.  It owns a struct
 * config_entry for each listener, which has a reference to a struct
 * config_listener, the settings.  Sessions and sockets have references to
 * settings only.  Snapshots share settings that are equal (config/diff.h).
 */
#ifndef ECHOD_CONFIG_SCHEMA_H
#define ECHOD_CONFIG_SCHEMA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr/acl.h"
#include "addr/listen_address.h"
#include "base/log.h"
#include "base/string_list.h"
#include "config/user_lookup.h"
#include "echo/fault.h"
#include "echo/frame.h"
#include "tls/context.h"

struct option_type;
struct template;

/* Longest name of a listener, in bytes without the NUL. */
#define SCHEMA_NAME_MAX 63

struct config_address {
	struct listen_address address;
	int line; /* 0: default; or ERROR_COMMAND_LINE (base/error.h) */
};

struct config_addresses {
	struct config_address *items;
	size_t count;
};

/* Ports from `low` to `high`, both included. */
struct config_port_range {
	uint16_t low;
	uint16_t high;
};

struct config_ports {
	struct config_port_range *items;
	size_t count;
};

struct config_udp {
	unsigned max_datagram; /* bytes */
	unsigned rate; /* datagrams a second from one network; 0: no limit */
	unsigned socket_buffer; /* bytes; 0: see listen/socket.h */
	struct config_ports deny_source_ports;
};

/* Proxies that send the client's address in a PROXY header. */
struct config_proxy_protocol {
	struct acl from; /* the proxies; empty: off */
	double timeout;	 /* seconds */
};

/* Values of `dscp` that are no DSCP. */
enum {
	DSCP_UNCHANGED = -2,
	DSCP_REFLECT = -1, /* that of the datagram or SYN */
};

/* The largest number of rows in schema_options. */
#define SCHEMA_OPTION_MAX 64

/*
 * The settings of one listener, and what validate_config() makes from them.
 * Immutable after config_load(); counted references (config/config.h).
 */
struct config_listener {
	atomic_uint references;
	char *name;
	char *prefix; /* the template, as it was set */
	enum frame_kind framing;
	unsigned chunk_size; /* bytes; for chunk framing */
	unsigned backlog;
	bool freebind;		  /* its addresses can come later */
	bool mptcp;		  /* Multipath TCP, if the kernel has it */
	double idle_timeout;	  /* seconds; 0: never */
	double write_timeout;	  /* seconds; 0: never */
	unsigned minimum_rate;	  /* bytes a second; 0: no minimum */
	unsigned keepalive;	  /* seconds; 0: off */
	int dscp;		  /* of what is sent, or an enumerator above */
	unsigned output_limit;	  /* bytes */
	unsigned max_connections; /* 0: only the global limit */
	unsigned per_source;	  /* 0: no limit */
	struct acl allow;	  /* empty: every address */
	struct acl deny;
	unsigned mode; /* permissions of its unix sockets */
	char *owner;   /* of its unix sockets; "": unchanged */
	char *group;   /* likewise */
	struct config_udp udp;
	struct config_proxy_protocol proxy_protocol;
	struct tls_params tls;
	struct fault_params fault;

	uid_t uid;		   /* `owner`, looked up */
	gid_t gid;		   /* `group` */
	struct template *template; /* the prefix, compiled */
	bool needs_header;	   /* fields of received IP headers are used */
	struct tls_context *tls_context; /* NULL: no TLS */
	struct acl quiet;		 /* log.quiet, the same for all */
	struct frame frame; /* with the prefix if constant: echo/prefix.h */
};

/*
 * One listener of a snapshot: settings, addresses, and their lines in the file.
 */
struct config_entry {
	struct config_listener *settings; /* holds a reference */
	struct config_addresses listen;
	int index; /* in the list `listeners` of the file, or -1: `main` */
	int line;  /* the first one; 0: default; or ERROR_COMMAND_LINE */

	/*
	 * The line that sets each option of schema_options; 0: none; or
	 * ERROR_COMMAND_LINE.
	 */
	int lines[SCHEMA_OPTION_MAX];
};

struct config_drain {
	double delay; /* seconds */
	double grace; /* seconds */
};

struct config_status {
	char *listen; /* the address of the status page; "": none */
	int line;     /* the one that sets it; 0: none; or ERROR_COMMAND_LINE */
	struct string_list hosts; /* patterns as in addr/host_name.h */
};

/*
 * A snapshot: immutable after config_load(), shared by all threads, freed with
 * its last reference (config/config.h).
 */
struct config {
	atomic_uint references;
	unsigned workers;	  /* 0: one for each CPU */
	unsigned max_connections; /* 0: what RLIMIT_NOFILE allows */
	struct log_settings log;
	struct acl quiet; /* log.quiet: clients logged at level debug */
	struct config_drain drain;
	struct config_status status;
	struct config_entry *listeners;
	size_t listener_count;
};

/* In which places an option can be set, and which structure has its member. */
enum option_scope {
	/* At top level only.  struct config */
	SCOPE_GLOBAL,
	/* At top level as a default, in listeners.  struct config_listener */
	SCOPE_INHERITED,
	/* At top level for `main`, in listeners.  struct config_entry */
	SCOPE_MAIN,
	/* In listeners only.  struct config_listener */
	SCOPE_LISTENER,
};

struct option_choice {
	const char *name;
	int value;
};

struct schema_option {
	enum option_scope scope;
	const char *group; /* "log" for log.level, or NULL */
	const char *name;
	const struct option_type *type; /* config/types.h */
	size_t offset; /* of the member in the structure of its scope */
	double minimum;
	double maximum;
	const char *text; /* default of a string or a list ("7 20-23") */
	double number;	  /* default of any other type */
	const struct option_choice
		*choices; /* of a choice, up to a NULL name */
};

/* The options of a group have one scope and are adjacent. */
extern const struct schema_option schema_options[];
extern const size_t schema_option_count;

/*
 * Below, an option is looked up in a place: `in_listener` means a listener,
 * otherwise the top level.
 */

/* True if the option can be set in that place. */
bool schema_applies(const struct schema_option *option, bool in_listener);

/* The option with that name and group (or NULL) in that place, or NULL. */
const struct schema_option *schema_find(bool in_listener, const char *group,
					const char *name);

/* True if that place has a group of that name. */
bool schema_is_group(bool in_listener, const char *name);

/* The option with its member at `offset` of struct config_listener, or NULL. */
const struct schema_option *schema_at(size_t offset);

/* The line that sets this member for the listener; 0: none does. */
int schema_line(const struct config_entry *entry, size_t offset);

/*
 * The option's member, in `config`, `entry` or the settings of `entry`.  The
 * one that its scope does not need can be NULL.  The member is writable if the
 * structure is.
 */
void *schema_member(const struct schema_option *option,
		    const struct config *config,
		    const struct config_entry *entry);

#endif
