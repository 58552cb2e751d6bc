#include "listen/listening_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "config/user_lookup.h"
#include "listen/graceful_close.h"
#include "listen/socket.h"
#include "listen/socket_activation.h"
#include "listen/unix_socket.h"

/* The free port of one family may be taken in the other: then another. */
#define PORT_TRIES 16

/* Clients of the status port that wait to be accepted. */
#define STATUS_BACKLOG 64

/* What is being made. */
struct builder {
	struct listening_set *set;
	const struct listening_set *before;
	const struct socket_activation *activation;
	struct error_list *errors;
	int error;
};

static void
close_fds(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

static void
drop_last(struct listening_set *set)
{
	struct endpoint *endpoint = &set->items[--set->total];

	/* First, so that who comes too late is told so by his connect(2). */
	unix_socket_unref(endpoint->file);
	close_fds(endpoint->fds + endpoint->taken,
		  endpoint->sockets - endpoint->taken);
	free(endpoint->fds);
}

void
listening_set_free(struct listening_set *set)
{
	if (!set)
		return;
	while (set->total > 0)
		drop_last(set);
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

static const struct config_listener *
settings(const struct listening_set *set, const struct endpoint *endpoint)
{
	return set->config->listeners[endpoint->listener].settings;
}

static bool
is_status(const struct endpoint *endpoint)
{
	return endpoint->listener == ENDPOINT_STATUS;
}

/* A free port belongs to its listener, any other address to who asks. */
static bool
may_keep(const struct builder *builder, const struct endpoint *old,
	 const struct endpoint *wanted)
{
	if (is_status(old) || is_status(wanted))
		return is_status(old) && is_status(wanted);
	return !listen_address_takes_any_port(&old->asked) ||
	       strcmp(settings(builder->before, old)->name,
		      settings(builder->set, wanted)->name) == 0;
}

/* A handed-over socket is for listeners, as at the next start. */
static bool
may_pass(const struct endpoint *old)
{
	return old->bound.protocol == PROTOCOL_UNIX && !old->inherited;
}

/* One of the set before that can still be reached, or NULL. */
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

static bool
is_shared(const struct builder *builder,
	  const struct listen_address *listen_address)
{
	const struct listening_set *before = builder->before;

	for (size_t i = 0; before && i < before->total; i++)
		if (listen_address_overlaps(&before->items[i].bound,
					    listen_address))
			return true;
	return false;
}

static struct unix_socket_rights
rights_of(const struct listening_set *set, const struct endpoint *endpoint)
{
	const struct config_listener *listener;

	/* Status is for all: who may not connect cannot enter the directory. */
	if (is_status(endpoint))
		return (struct unix_socket_rights){
			.mode = 0666,
			.owner = USER_UNCHANGED,
			.group = USER_UNCHANGED,
		};
	listener = settings(set, endpoint);
	return (struct unix_socket_rights){
		.mode = listener->mode,
		.owner = listener->uid,
		.group = listener->gid,
	};
}

static int
backlog_of(const struct listening_set *set, const struct endpoint *endpoint)
{
	return is_status(endpoint) ? STATUS_BACKLOG :
				     (int)settings(set, endpoint)->backlog;
}

/* Every worker gets a duplicate; the descriptor itself is the first's. */
static int
share(int fd, int *fds, unsigned count)
{
	fds[0] = fd;
	for (unsigned i = 1; i < count; i++) {
		fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (fds[i] < 0) {
			int error = errno;

			close_fds(fds, i);
			return -error;
		}
	}
	return 0;
}

/* One that stays another's as well; it gets the backlog that is configured. */
static int
open_duplicate(const struct builder *builder, int original,
	       struct endpoint *endpoint)
{
	int fd, result = 0;

	if (endpoint->asked.protocol != PROTOCOL_UDP)
		result = socket_set_backlog(original,
					    backlog_of(builder->set, endpoint));
	if (result < 0)
		return result;
	fd = fcntl(original, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	return share(fd, endpoint->fds, endpoint->sockets);
}

static int
open_unix(const struct builder *builder, struct endpoint *endpoint)
{
	struct unix_socket_rights rights = rights_of(builder->set, endpoint);
	int fd = unix_socket_listen(&endpoint->bound,
				    backlog_of(builder->set, endpoint), &rights,
				    &endpoint->file);
	int result = fd < 0 ? fd : share(fd, endpoint->fds, endpoint->sockets);

	if (result < 0) {
		unix_socket_unref(endpoint->file);
		endpoint->file = NULL;
	}
	return result;
}

static int
open_tcp(const struct builder *builder, struct endpoint *endpoint)
{
	struct address address = endpoint->bound.address;

	return socket_listen_group(&address, backlog_of(builder->set, endpoint),
				   endpoint->sockets,
				   is_shared(builder, &endpoint->bound),
				   endpoint->fds, &endpoint->bound.address);
}

static int
open_udp(const struct builder *builder, struct endpoint *endpoint)
{
	struct address address = endpoint->bound.address;

	return socket_bind_datagram_group(&address, endpoint->sockets,
					  is_shared(builder, &endpoint->bound),
					  endpoint->fds,
					  &endpoint->bound.address);
}

/* What the service manager has handed over is for listeners. */
static int
find_inherited(const struct builder *builder, size_t listener,
	       const struct listen_address *listen_address)
{
	return listener == ENDPOINT_STATUS ?
		       -1 :
		       socket_activation_find(builder->activation,
					      listen_address);
}

static int
open_sockets(const struct builder *builder, struct endpoint *endpoint)
{
	int original =
		find_inherited(builder, endpoint->listener, &endpoint->asked);

	endpoint->inherited = original >= 0;
	if (original >= 0)
		return open_duplicate(builder, original, endpoint);
	if (endpoint->asked.protocol == PROTOCOL_UNIX)
		return open_unix(builder, endpoint);
	if (endpoint->asked.protocol == PROTOCOL_UDP)
		return open_udp(builder, endpoint);
	return open_tcp(builder, endpoint);
}

/* Those of the set before: who has taken them has them still. */
static int
keep_sockets(const struct endpoint *old, struct endpoint *endpoint)
{
	memcpy(endpoint->fds, old->fds, old->sockets * sizeof(*old->fds));
	endpoint->id = old->id;
	endpoint->bound = old->bound;
	endpoint->inherited = old->inherited;
	endpoint->file = unix_socket_ref(old->file);
	endpoint->taken = endpoint->sockets;
	endpoint->kept = true;
	return 0;
}

/* An address of a unix socket cannot be bound by two, as one of TCP can. */
static int
pass_socket(const struct builder *builder, const struct endpoint *old,
	    struct endpoint *endpoint)
{
	int result = open_duplicate(builder, old->fds[0], endpoint);

	if (result < 0)
		return result;
	endpoint->passed_from = old->id;
	endpoint->inherited = old->inherited;
	endpoint->file = unix_socket_ref(old->file);
	return 0;
}

/* With SO_REUSEPORT the kernel would let two of our own have one address. */
static bool
is_taken(const struct listening_set *set,
	 const struct listen_address *listen_address)
{
	for (size_t i = 0; i < set->total; i++)
		if (listen_address_overlaps(&set->items[i].bound,
					    listen_address))
			return true;
	return false;
}

static int
fill(const struct builder *builder, struct endpoint *endpoint)
{
	static unsigned last_id;
	const struct endpoint *old = find_before(builder, endpoint);
	bool keeps = old && may_keep(builder, old, endpoint);

	if (is_taken(builder->set, keeps ? &old->bound : &endpoint->bound))
		return -EADDRINUSE;
	if (keeps)
		return keep_sockets(old, endpoint);
	endpoint->id = ++last_id;
	return old ? pass_socket(builder, old, endpoint) :
		     open_sockets(builder, endpoint);
}

/* `port` is what port 0 stands for, or 0.  Returns a negated errno or 0. */
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

/* `*`: both families on one port, but for one that the kernel lacks. */
static int
add_every(const struct builder *builder, size_t listener,
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
		drop_last(set);
	return result;
}

static int
add_place(const struct builder *builder, size_t listener,
	  const struct listen_address *listen_address)
{
	struct listen_address out[2];
	int result = 0;

	/* One socket for both families may have been handed over. */
	if (find_inherited(builder, listener, listen_address) >= 0 ||
	    listen_address_expand(listen_address, out) == 1)
		return add_endpoint(builder, listener, listen_address, 0);
	for (int i = 0; i < PORT_TRIES; i++) {
		result = add_every(builder, listener, out);
		if (result != -EADDRINUSE ||
		    !listen_address_takes_any_port(listen_address))
			break;
	}
	return result;
}

/* What listen/unix_socket.h says of errors, in words. */
static const char *
describe(const struct config_listener *listener,
	 const struct listen_address *listen_address, int error)
{
	bool of_unix = listen_address->protocol == PROTOCOL_UNIX;

	if (of_unix && error == EEXIST)
		return "a file that is not a socket is in the way";
	if (of_unix && error == EPERM && listener &&
	    (*listener->owner || *listener->group))
		return "owner and group cannot be set: Operation not permitted";
	return strerror(error);
}

static void
complain(struct builder *builder, const struct config_entry *listener,
	 const struct config_address *item, int error)
{
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	builder->error = error;
	error_add(builder->errors, item->line, "listen",
		  "cannot listen on %s: %s",
		  listen_address_format(&item->listen_address, text),
		  describe(listener->settings, &item->listen_address, error));
}

static void
add_listener(struct builder *builder, size_t at)
{
	const struct config_entry *listener =
		&builder->set->config->listeners[at];
	const struct config_addresses *listen = &listener->listen;

	for (size_t i = 0; i < listen->count; i++) {
		const struct config_address *item = &listen->items[i];
		int result = add_place(builder, at, &item->listen_address);

		if (result < 0)
			complain(builder, listener, item, -result);
	}
}

static void
add_status(struct builder *builder)
{
	const struct config_status *status = &builder->set->config->status;
	char reason[192], text[LISTEN_ADDRESS_TEXT_SIZE];
	struct listen_address listen_address;
	int result;

	/* It has been checked; "" asks for nothing. */
	if (!*status->listen ||
	    listen_address_parse(status->listen, &listen_address, reason,
				 sizeof(reason)))
		return;
	result = add_place(builder, ENDPOINT_STATUS, &listen_address);
	if (result == 0)
		return;
	builder->error = -result;
	error_add(builder->errors, status->line, "status.listen",
		  "cannot listen on %s: %s",
		  listen_address_format(&listen_address, text),
		  describe(NULL, &listen_address, -result));
}

static void
restore_rights(const struct listening_set *set)
{
	for (size_t i = 0; i < set->total; i++)
		if (set->items[i].file)
			unix_socket_restore_rights(set->items[i].file);
}

/* Files that are kept, or change hands, may have other rights from now on. */
static void
change_rights(struct builder *builder)
{
	const struct listening_set *set = builder->set;
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < set->total; i++) {
		const struct endpoint *endpoint = &set->items[i];
		struct unix_socket_rights rights = rights_of(set, endpoint);
		int result = 0;

		if (endpoint->file)
			result =
				unix_socket_set_rights(endpoint->file, &rights);
		if (result == 0)
			continue;
		builder->error = -result;
		error_add(
			builder->errors,
			is_status(endpoint) ?
				set->config->status.line :
				set->config->listeners[endpoint->listener].line,
			is_status(endpoint) ? "status.listen" : "listen",
			"cannot set mode, owner and group of %s: %s",
			listen_address_format(&endpoint->bound, text),
			result == -ENOTSUP ? "/proc is not mounted" :
					     strerror(-result));
	}
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
		/* Last: what has been done so far can be undone. */
		if (!error_any(errors))
			change_rights(&builder);
	}
	if (!error_any(errors))
		return builder.set;
	listening_set_free(builder.set);
	*error = builder.error;
	return NULL;
}

char *
endpoint_text(const struct endpoint *endpoint)
{
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	return strdup(listen_address_format(&endpoint->bound, text));
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

void
listening_set_print(const struct listening_set *set, FILE *out)
{
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < set->count; i++)
		fprintf(out, "%s%s", i ? "," : "",
			listen_address_format(&set->items[i].bound, text));
}
