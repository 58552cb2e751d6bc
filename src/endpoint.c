#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account.h"
#include "error.h"
#include "inherited.h"
#include "socket.h"
#include "unixfile.h"
#include "withdrawal.h"

/* The free port of one family may be taken in the other: then another. */
#define PORT_TRIES 16

/* Clients of the status port that wait to be accepted. */
#define STATUS_BACKLOG 64

/* What is being made. */
struct opening {
	struct endpoint_set *set;
	const struct endpoint_set *before;
	const struct inherited *inherited;
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
drop_last(struct endpoint_set *set)
{
	struct endpoint *endpoint = &set->items[--set->total];

	/* First, so that who comes too late is told so by his connect(2). */
	unixfile_unref(endpoint->file);
	close_fds(endpoint->fds + endpoint->taken,
		  endpoint->sockets - endpoint->taken);
	free(endpoint->fds);
}

void
endpoint_set_free(struct endpoint_set *set)
{
	if (!set)
		return;
	while (set->total > 0)
		drop_last(set);
	free(set->items);
	free(set);
}

static bool
has_endpoint(const struct endpoint_set *set, unsigned id)
{
	for (size_t i = 0; i < set->total; i++)
		if (set->items[i].id == id)
			return true;
	return false;
}

static const struct config_listener *
settings(const struct endpoint_set *set, const struct endpoint *endpoint)
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
may_keep(const struct opening *opening, const struct endpoint *old,
	 const struct endpoint *wanted)
{
	if (is_status(old) || is_status(wanted))
		return is_status(old) && is_status(wanted);
	return !place_takes_any_port(&old->asked) ||
	       strcmp(settings(opening->before, old)->name,
		      settings(opening->set, wanted)->name) == 0;
}

/* A handed-over socket is for listeners, as at the next start. */
static bool
may_pass(const struct endpoint *old)
{
	return old->bound.transport == TRANSPORT_UNIX && !old->inherited;
}

/* One of the set before that can still be reached, or NULL. */
static const struct endpoint *
find_before(const struct opening *opening, const struct endpoint *wanted)
{
	const struct endpoint_set *before = opening->before;

	for (size_t i = 0; before && i < before->total; i++) {
		const struct endpoint *old = &before->items[i];

		if (place_equal(&old->asked, &wanted->asked) &&
		    !has_endpoint(opening->set, old->id) &&
		    unixfile_is_in_place(old->file) &&
		    (may_keep(opening, old, wanted) || may_pass(old)))
			return old;
	}
	return NULL;
}

static bool
is_shared(const struct opening *opening, const struct place *place)
{
	const struct endpoint_set *before = opening->before;

	for (size_t i = 0; before && i < before->total; i++)
		if (place_overlaps(&before->items[i].bound, place))
			return true;
	return false;
}

static struct unixfile_rights
rights_of(const struct endpoint_set *set, const struct endpoint *endpoint)
{
	const struct config_listener *listener;

	/* Status is for all: who may not connect cannot enter the directory. */
	if (is_status(endpoint))
		return (struct unixfile_rights){
			.mode = 0666,
			.owner = ACCOUNT_UNCHANGED,
			.group = ACCOUNT_UNCHANGED,
		};
	listener = settings(set, endpoint);
	return (struct unixfile_rights){
		.mode = listener->mode,
		.owner = listener->uid,
		.group = listener->gid,
	};
}

static int
backlog_of(const struct endpoint_set *set, const struct endpoint *endpoint)
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
open_duplicate(const struct opening *opening, int original,
	       struct endpoint *endpoint)
{
	int fd, result = 0;

	if (endpoint->asked.transport != TRANSPORT_UDP)
		result = socket_set_backlog(original,
					    backlog_of(opening->set, endpoint));
	if (result < 0)
		return result;
	fd = fcntl(original, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	return share(fd, endpoint->fds, endpoint->sockets);
}

static int
open_unix(const struct opening *opening, struct endpoint *endpoint)
{
	struct unixfile_rights rights = rights_of(opening->set, endpoint);
	int fd = unixfile_listen(&endpoint->bound,
				 backlog_of(opening->set, endpoint), &rights,
				 &endpoint->file);
	int result = fd < 0 ? fd : share(fd, endpoint->fds, endpoint->sockets);

	if (result < 0) {
		unixfile_unref(endpoint->file);
		endpoint->file = NULL;
	}
	return result;
}

static int
open_tcp(const struct opening *opening, struct endpoint *endpoint)
{
	struct address address = endpoint->bound.address;

	return socket_listen_group(&address, backlog_of(opening->set, endpoint),
				   endpoint->sockets,
				   is_shared(opening, &endpoint->bound),
				   endpoint->fds, &endpoint->bound.address);
}

static int
open_udp(const struct opening *opening, struct endpoint *endpoint)
{
	struct address address = endpoint->bound.address;

	return socket_bind_datagram_group(&address, endpoint->sockets,
					  is_shared(opening, &endpoint->bound),
					  endpoint->fds,
					  &endpoint->bound.address);
}

/* What the service manager has handed over is for listeners. */
static int
find_inherited(const struct opening *opening, size_t listener,
	       const struct place *place)
{
	return listener == ENDPOINT_STATUS ?
		       -1 :
		       inherited_find(opening->inherited, place);
}

static int
open_sockets(const struct opening *opening, struct endpoint *endpoint)
{
	int original =
		find_inherited(opening, endpoint->listener, &endpoint->asked);

	endpoint->inherited = original >= 0;
	if (original >= 0)
		return open_duplicate(opening, original, endpoint);
	if (endpoint->asked.transport == TRANSPORT_UNIX)
		return open_unix(opening, endpoint);
	if (endpoint->asked.transport == TRANSPORT_UDP)
		return open_udp(opening, endpoint);
	return open_tcp(opening, endpoint);
}

/* Those of the set before: who has taken them has them still. */
static int
keep_sockets(const struct endpoint *old, struct endpoint *endpoint)
{
	memcpy(endpoint->fds, old->fds, old->sockets * sizeof(*old->fds));
	endpoint->id = old->id;
	endpoint->bound = old->bound;
	endpoint->inherited = old->inherited;
	endpoint->file = unixfile_ref(old->file);
	endpoint->taken = endpoint->sockets;
	endpoint->kept = true;
	return 0;
}

/* An address of a unix socket cannot be bound by two, as one of TCP can. */
static int
pass_socket(const struct opening *opening, const struct endpoint *old,
	    struct endpoint *endpoint)
{
	int result = open_duplicate(opening, old->fds[0], endpoint);

	if (result < 0)
		return result;
	endpoint->passed_from = old->id;
	endpoint->inherited = old->inherited;
	endpoint->file = unixfile_ref(old->file);
	return 0;
}

/* With SO_REUSEPORT the kernel would let two of our own have one address. */
static bool
is_taken(const struct endpoint_set *set, const struct place *place)
{
	for (size_t i = 0; i < set->total; i++)
		if (place_overlaps(&set->items[i].bound, place))
			return true;
	return false;
}

static int
fill(const struct opening *opening, struct endpoint *endpoint)
{
	static unsigned last_id;
	const struct endpoint *old = find_before(opening, endpoint);
	bool keeps = old && may_keep(opening, old, endpoint);

	if (is_taken(opening->set, keeps ? &old->bound : &endpoint->bound))
		return -EADDRINUSE;
	if (keeps)
		return keep_sockets(old, endpoint);
	endpoint->id = ++last_id;
	return old ? pass_socket(opening, old, endpoint) :
		     open_sockets(opening, endpoint);
}

/* `port` is what port 0 stands for, or 0.  Returns a negated errno or 0. */
static int
add_endpoint(const struct opening *opening, size_t listener,
	     const struct place *asked, uint16_t port)
{
	struct endpoint_set *set = opening->set;
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
	if (place_takes_any_port(asked))
		address_set_port(&endpoint.bound.address, port);
	result = fill(opening, &endpoint);
	if (result == 0)
		set->items[set->total++] = endpoint;
	else
		free(endpoint.fds);
	return result;
}

/* `*`: both families on one port, but for one that the kernel lacks. */
static int
add_every(const struct opening *opening, size_t listener,
	  const struct place families[2])
{
	struct endpoint_set *set = opening->set;
	size_t begin = set->total;
	int result = -EAFNOSUPPORT;

	for (size_t i = 0; i < 2; i++) {
		uint16_t port =
			set->total == begin ?
				0 :
				address_port(&set->items[begin].bound.address);

		if (!socket_has_family(address_family(&families[i].address)))
			continue;
		result = add_endpoint(opening, listener, &families[i], port);
		if (result < 0)
			break;
	}
	while (result < 0 && set->total > begin)
		drop_last(set);
	return result;
}

static int
add_place(const struct opening *opening, size_t listener,
	  const struct place *place)
{
	struct place out[2];
	int result = 0;

	/* One socket for both families may have been handed over. */
	if (find_inherited(opening, listener, place) >= 0 ||
	    place_expand(place, out) == 1)
		return add_endpoint(opening, listener, place, 0);
	for (int i = 0; i < PORT_TRIES; i++) {
		result = add_every(opening, listener, out);
		if (result != -EADDRINUSE || !place_takes_any_port(place))
			break;
	}
	return result;
}

/* What unixfile.h says of errors, in words. */
static const char *
describe(const struct config_listener *listener, const struct place *place,
	 int error)
{
	bool of_unix = place->transport == TRANSPORT_UNIX;

	if (of_unix && error == EEXIST)
		return "a file that is not a socket is in the way";
	if (of_unix && error == EPERM && listener &&
	    (*listener->owner || *listener->group))
		return "owner and group cannot be set: Operation not permitted";
	return strerror(error);
}

static void
complain(struct opening *opening, const struct config_entry *listener,
	 const struct config_address *item, int error)
{
	char text[PLACE_TEXT_SIZE];

	opening->error = error;
	error_add(opening->errors, item->line, "listen",
		  "cannot listen on %s: %s", place_format(&item->place, text),
		  describe(listener->settings, &item->place, error));
}

static void
add_listener(struct opening *opening, size_t at)
{
	const struct config_entry *listener =
		&opening->set->config->listeners[at];
	const struct config_addresses *listen = &listener->listen;

	for (size_t i = 0; i < listen->count; i++) {
		const struct config_address *item = &listen->items[i];
		int result = add_place(opening, at, &item->place);

		if (result < 0)
			complain(opening, listener, item, -result);
	}
}

static void
add_status(struct opening *opening)
{
	const struct config_status *status = &opening->set->config->status;
	char reason[192], text[PLACE_TEXT_SIZE];
	struct place place;
	int result;

	/* It has been checked; "" asks for nothing. */
	if (!*status->listen ||
	    place_parse(status->listen, &place, reason, sizeof(reason)))
		return;
	result = add_place(opening, ENDPOINT_STATUS, &place);
	if (result == 0)
		return;
	opening->error = -result;
	error_add(opening->errors, status->line, "status.listen",
		  "cannot listen on %s: %s", place_format(&place, text),
		  describe(NULL, &place, -result));
}

static void
restore_rights(const struct endpoint_set *set)
{
	for (size_t i = 0; i < set->total; i++)
		if (set->items[i].file)
			unixfile_restore_rights(set->items[i].file);
}

/* Files that are kept, or change hands, may have other rights from now on. */
static void
change_rights(struct opening *opening)
{
	const struct endpoint_set *set = opening->set;
	char text[PLACE_TEXT_SIZE];

	for (size_t i = 0; i < set->total; i++) {
		const struct endpoint *endpoint = &set->items[i];
		struct unixfile_rights rights = rights_of(set, endpoint);
		int result = 0;

		if (endpoint->file)
			result = unixfile_set_rights(endpoint->file, &rights);
		if (result == 0)
			continue;
		opening->error = -result;
		error_add(
			opening->errors,
			is_status(endpoint) ?
				set->config->status.line :
				set->config->listeners[endpoint->listener].line,
			is_status(endpoint) ? "status.listen" : "listen",
			"cannot set mode, owner and group of %s: %s",
			place_format(&endpoint->bound, text),
			result == -ENOTSUP ? "/proc is not mounted" :
					     strerror(-result));
	}
	if (error_any(opening->errors))
		restore_rights(set);
}

static struct endpoint_set *
new_set(const struct config *config, unsigned workers)
{
	struct endpoint_set *set = calloc(1, sizeof(*set));
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

struct endpoint_set *
endpoint_set_open(const struct config *config,
		  const struct endpoint_set *before,
		  const struct inherited *inherited, unsigned workers,
		  struct error_list *errors, int *error)
{
	struct opening opening = {
		.set = new_set(config, workers),
		.before = before,
		.inherited = inherited,
		.errors = errors,
		.error = ENOMEM,
	};

	if (!opening.set) {
		errors->out_of_memory = true;
	} else {
		for (size_t i = 0; i < config->listener_count; i++)
			add_listener(&opening, i);
		opening.set->count = opening.set->total;
		add_status(&opening);
		/* Last: what has been done so far can be undone. */
		if (!error_any(errors))
			change_rights(&opening);
	}
	if (!error_any(errors))
		return opening.set;
	endpoint_set_free(opening.set);
	*error = opening.error;
	return NULL;
}

char *
endpoint_text(const struct endpoint *endpoint)
{
	char text[PLACE_TEXT_SIZE];

	return strdup(place_format(&endpoint->bound, text));
}

void
endpoint_set_withdraw(const struct endpoint_set *set,
		      const struct endpoint_set *after,
		      struct withdrawal *withdrawal)
{
	for (size_t i = 0; i < (after ? set->total : set->count); i++) {
		const struct endpoint *endpoint = &set->items[i];

		if (endpoint->bound.transport != TRANSPORT_TCP ||
		    endpoint->inherited ||
		    (after && has_endpoint(after, endpoint->id)))
			continue;
		withdrawal_add(withdrawal, endpoint->fds, endpoint->sockets,
			       &endpoint->bound.address);
	}
}

void
endpoint_set_print(const struct endpoint_set *set, FILE *out)
{
	char text[PLACE_TEXT_SIZE];

	for (size_t i = 0; i < set->count; i++)
		fprintf(out, "%s%s", i ? "," : "",
			place_format(&set->items[i].bound, text));
}
