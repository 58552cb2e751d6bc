#include "listen/listening_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/user_lookup.h"
#include "listen/graceful_close.h"
#include "listen/socket.h"
#include "listen/socket_activation.h"
#include "listen/unix_socket.h"

/* A free port of one family can be in use in the other: another is tried. */
#define PORT_TRIES 16

/* Of the status port. */
#define STATUS_BACKLOG 64

/* A set that is being made. */
struct builder {
	struct listening_set *set;
	const struct listening_set *before;
	const struct socket_activation *activation;
	struct error_list *errors;
	int error;
};

void
listening_set_free(struct listening_set *set)
{
	if (!set)
		return;
	while (set->total > 0)
		endpoint_close(&set->items[--set->total]);
	free(set->items);
	free(set);
}

static bool
has_endpoint(const struct listening_set *set, unsigned id)
{
	for (size_t i = 0; i < set->total; i++)
		if (set->items[i].id == id)
			return true;
	return false;
}

/* NULL for the status port. */
static const struct config_listener *
settings(const struct listening_set *set, size_t listener)
{
	return listener == ENDPOINT_STATUS ?
		       NULL :
		       set->config->listeners[listener].settings;
}

/* The setting that has the address, for errors. */
static const char *
setting_of(size_t listener)
{
	return listener == ENDPOINT_STATUS ? "status.listen" : "listen";
}

/*
 * The port chosen for port 0 stays with its listener.  Any other address can
 * move to another listener.
 */
static bool
may_keep(const struct builder *builder, const struct endpoint *old,
	 const struct endpoint *wanted)
{
	const struct config_listener *from =
		settings(builder->before, old->listener);
	const struct config_listener *to =
		settings(builder->set, wanted->listener);

	if (!from || !to)
		return !from && !to;
	return !listen_address_takes_any_port(&old->asked) ||
	       strcmp(from->name, to->name) == 0;
}

/* An inherited socket is for listeners, as at the next start. */
static bool
may_pass(const struct endpoint *old)
{
	return old->bound.protocol == PROTOCOL_UNIX && !old->inherited;
}

/* An endpoint of the set before that clients can still reach, or NULL. */
static const struct endpoint *
find_before(const struct builder *builder, const struct endpoint *wanted)
{
	const struct listening_set *before = builder->before;

	for (size_t i = 0; before && i < before->total; i++) {
		const struct endpoint *old = &before->items[i];

		if (listen_address_equal(&old->asked, &wanted->asked) &&
		    !has_endpoint(builder->set, old->id) &&
		    unix_socket_is_in_place(old->file) &&
		    (may_keep(builder, old, wanted) || may_pass(old)))
			return old;
	}
	return NULL;
}

/* `set` can be NULL. */
static bool
has_overlap(const struct listening_set *set,
	    const struct listen_address *listen)
{
	for (size_t i = 0; set && i < set->total; i++)
		if (listen_address_overlaps(&set->items[i].bound, listen))
			return true;
	return false;
}

static struct unix_socket_rights
rights_of(const struct listening_set *set, const struct endpoint *endpoint)
{
	const struct config_listener *listener =
		settings(set, endpoint->listener);

	/* The directory of the file decides which users can connect. */
	if (!listener)
		return (struct unix_socket_rights){
			.mode = 0666,
			.owner = USER_UNCHANGED,
			.group = USER_UNCHANGED,
		};
	return (struct unix_socket_rights){
		.mode = listener->mode,
		.owner = listener->uid,
		.group = listener->gid,
	};
}

static int
backlog_of(const struct listening_set *set, const struct endpoint *endpoint)
{
	const struct config_listener *listener =
		settings(set, endpoint->listener);

	return listener ? (int)listener->backlog : STATUS_BACKLOG;
}

/* Sockets of the service manager are for listeners. */
static int
find_inherited(const struct builder *builder, size_t listener,
	       const struct listen_address *listen)
{
	return listener == ENDPOINT_STATUS ?
		       -1 :
		       socket_activation_find(builder->activation, listen);
}

static int
open_sockets(const struct builder *builder, struct endpoint *endpoint)
{
	const struct config_listener *listener =
		settings(builder->set, endpoint->listener);
	struct endpoint_options options = {
		.socket = {
			.backlog = backlog_of(builder->set, endpoint),
			.shared = has_overlap(builder->before,
					      &endpoint->bound),
			.freebind = listener && listener->freebind,
			.mptcp = listener && listener->mptcp &&
				 endpoint->bound.protocol == PROTOCOL_TCP,
		},
		.rights = rights_of(builder->set, endpoint),
	};
	int original =
		find_inherited(builder, endpoint->listener, &endpoint->asked);

	endpoint->inherited = original >= 0;
	return original >= 0 ? endpoint_duplicate(endpoint, original,
						  options.socket.backlog) :
			       endpoint_open(endpoint, &options);
}

/* Unlike TCP sockets, two unix sockets cannot be bound to one address. */
static int
pass_socket(const struct builder *builder, const struct endpoint *old,
	    struct endpoint *endpoint)
{
	int result = endpoint_duplicate(endpoint, old->fds[0],
					backlog_of(builder->set, endpoint));

	if (result < 0)
		return result;
	endpoint->passed_from = old->id;
	endpoint->inherited = old->inherited;
	endpoint->file = unix_socket_ref(old->file);
	return 0;
}

static int
fill(const struct builder *builder, struct endpoint *endpoint)
{
	static unsigned last_id;
	const struct endpoint *old = find_before(builder, endpoint);
	bool keeps = old && may_keep(builder, old, endpoint);

	/* SO_REUSEPORT would let two endpoints of a set have one address. */
	if (has_overlap(builder->set, keeps ? &old->bound : &endpoint->bound))
		return -EADDRINUSE;
	if (keeps) {
		endpoint_keep(endpoint, old);
		return 0;
	}
	endpoint->id = ++last_id;
	return old ? pass_socket(builder, old, endpoint) :
		     open_sockets(builder, endpoint);
}

/* `port` is used for port 0.  Returns a negated errno or 0. */
static int
add_endpoint(const struct builder *builder, size_t listener,
	     const struct listen_address *asked, uint16_t port)
{
	struct listening_set *set = builder->set;
	struct endpoint endpoint = {
		.listener = listener,
		.asked = *asked,
		.bound = *asked,
		.sockets = listener == ENDPOINT_STATUS ? 1 : set->workers,
	};
	int result;

	endpoint.fds = calloc(endpoint.sockets, sizeof(*endpoint.fds));
	if (!endpoint.fds)
		return -ENOMEM;
	if (listen_address_takes_any_port(asked))
		address_set_port(&endpoint.bound.address, port);
	result = fill(builder, &endpoint);
	if (result == 0)
		set->items[set->total++] = endpoint;
	else
		free(endpoint.fds);
	return result;
}

/* `*`: both families on one port, except one that the kernel lacks. */
static int
add_families(const struct builder *builder, size_t listener,
	     const struct listen_address families[2])
{
	struct listening_set *set = builder->set;
	size_t begin = set->total;
	int result = -EAFNOSUPPORT;

	for (size_t i = 0; i < 2; i++) {
		uint16_t port =
			set->total == begin ?
				0 :
				address_port(&set->items[begin].bound.address);

		if (!socket_has_family(address_family(&families[i].address)))
			continue;
		result = add_endpoint(builder, listener, &families[i], port);
		if (result < 0)
			break;
	}
	while (result < 0 && set->total > begin)
		endpoint_close(&set->items[--set->total]);
	return result;
}

static int
add_address(const struct builder *builder, size_t listener,
	    const struct listen_address *listen)
{
	struct listen_address out[2];
	int result = 0;

	/* One inherited socket can be for both families. */
	if (find_inherited(builder, listener, listen) >= 0 ||
	    listen_address_expand(listen, out) == 1)
		return add_endpoint(builder, listener, listen, 0);
	for (int i = 0; i < PORT_TRIES; i++) {
		result = add_families(builder, listener, out);
		if (result != -EADDRINUSE ||
		    !listen_address_takes_any_port(listen))
			break;
	}
	return result;
}

/* `listener` is NULL for the status port. */
static const char *
describe(const struct config_listener *listener,
	 const struct listen_address *listen, int error)
{
	bool of_unix = listen->protocol == PROTOCOL_UNIX;

	/* See listen/unix_socket.h. */
	if (of_unix && error == EEXIST)
		return "a file that is not a socket is in the way";
	if (of_unix && error == EPERM && listener &&
	    (*listener->owner || *listener->group))
		return "owner and group cannot be set: Operation not permitted";
	if (error == EADDRNOTAVAIL && listener && !listener->freebind)
		return "Cannot assign requested address; an address that comes "
		       "later needs freebind = true";
	return strerror(error);
}

/* Adds what a listener, or the status port, listens on. */
static void
add(struct builder *builder, size_t at, int line,
    const struct listen_address *listen)
{
	char text[LISTEN_ADDRESS_TEXT_SIZE];
	int result = add_address(builder, at, listen);

	if (result == 0)
		return;
	builder->error = -result;
	error_add(builder->errors, line, setting_of(at),
		  "cannot listen on %s: %s",
		  listen_address_format(listen, text),
		  describe(settings(builder->set, at), listen, -result));
}

static void
add_listener(struct builder *builder, size_t at)
{
	const struct config_addresses *listen =
		&builder->set->config->listeners[at].listen;

	for (size_t i = 0; i < listen->count; i++)
		add(builder, at, listen->items[i].line,
		    &listen->items[i].address);
}

static void
add_status(struct builder *builder)
{
	const struct config_status *status = &builder->set->config->status;
	struct listen_address listen;
	char reason[192];

	/* It has been checked already; "" is no address. */
	if (*status->listen && !listen_address_parse(status->listen, &listen,
						     reason, sizeof(reason)))
		add(builder, ENDPOINT_STATUS, status->line, &listen);
}

static void
restore_rights(const struct listening_set *set)
{
	for (size_t i = 0; i < set->total; i++)
		if (set->items[i].file)
			unix_socket_restore_rights(set->items[i].file);
}

/* Sets the rights of the file of a unix socket. */
static void
change_rights(struct builder *builder, const struct endpoint *endpoint)
{
	const struct config *config = builder->set->config;
	struct unix_socket_rights rights = rights_of(builder->set, endpoint);
	int result = unix_socket_set_rights(endpoint->file, &rights);
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	if (result == 0)
		return;
	builder->error = -result;
	error_add(builder->errors,
		  endpoint->listener == ENDPOINT_STATUS ?
			  config->status.line :
			  config->listeners[endpoint->listener].line,
		  setting_of(endpoint->listener),
		  "cannot set mode, owner and group of %s: %s",
		  listen_address_format(&endpoint->bound, text),
		  result == -ENOTSUP ? "/proc is not mounted" :
				       strerror(-result));
}

/* The rights of a file that is kept or passed on can differ. */
static void
change_all_rights(struct builder *builder)
{
	const struct listening_set *set = builder->set;

	for (size_t i = 0; i < set->total; i++)
		if (set->items[i].file)
			change_rights(builder, &set->items[i]);
	if (error_any(builder->errors))
		restore_rights(set);
}

static struct listening_set *
new_set(const struct config *config, unsigned workers)
{
	struct listening_set *set = calloc(1, sizeof(*set));
	size_t most = 2; /* of the status port */

	for (size_t i = 0; i < config->listener_count; i++)
		most += 2 * config->listeners[i].listen.count;
	if (set)
		set->items = calloc(most, sizeof(*set->items));
	if (!set || !set->items) {
		free(set);
		return NULL;
	}
	set->config = config;
	set->workers = workers;
	return set;
}

struct listening_set *
listening_set_open(const struct config *config,
		   const struct listening_set *before,
		   const struct socket_activation *activation, unsigned workers,
		   struct error_list *errors, int *error)
{
	struct builder builder = {
		.set = new_set(config, workers),
		.before = before,
		.activation = activation,
		.errors = errors,
		.error = ENOMEM,
	};

	if (!builder.set) {
		errors->out_of_memory = true;
	} else {
		for (size_t i = 0; i < config->listener_count; i++)
			add_listener(&builder, i);
		builder.set->count = builder.set->total;
		add_status(&builder);
		/* Last: freeing the set undoes all that is done before. */
		if (!error_any(errors))
			change_all_rights(&builder);
	}
	if (!error_any(errors))
		return builder.set;
	listening_set_free(builder.set);
	*error = builder.error;
	return NULL;
}

void
listening_set_close_dropped(const struct listening_set *set,
			    const struct listening_set *after,
			    struct graceful_close *graceful_close)
{
	for (size_t i = 0; i < (after ? set->total : set->count); i++) {
		const struct endpoint *endpoint = &set->items[i];

		if (endpoint->bound.protocol != PROTOCOL_TCP ||
		    endpoint->inherited ||
		    (after && has_endpoint(after, endpoint->id)))
			continue;
		graceful_close_add(graceful_close, endpoint->fds,
				   endpoint->sockets, &endpoint->bound.address);
	}
}

/* A path can have a space in it, which would end the value in the log. */
static void
print_without_spaces(const char *text, FILE *out)
{
	for (; *text; text++)
		if (*text == ' ')
			fputs("\\x20", out);
		else
			putc(*text, out);
}

void
listening_set_print(const struct listening_set *set, FILE *out)
{
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < set->count; i++) {
		fputs(i ? "," : "", out);
		print_without_spaces(
			listen_address_format(&set->items[i].bound, text), out);
	}
}
