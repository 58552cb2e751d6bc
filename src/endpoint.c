#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "inherited.h"
#include "socket.h"
#include "unixfile.h"
#include "withdrawal.h"

/* The free port of one family may be taken in the other: then another. */
#define PORT_TRIES 16

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
close_endpoint(struct endpoint *endpoint, unsigned workers)
{
	/* First, so that who comes too late is told so by his connect(2). */
	unixfile_unref(endpoint->file);
	close_fds(endpoint->fds + endpoint->taken, workers - endpoint->taken);
	free(endpoint->fds);
}

static void
drop_last(struct endpoint_set *set)
{
	close_endpoint(&set->items[--set->count], set->workers);
}

void
endpoint_set_free(struct endpoint_set *set)
{
	if (!set)
		return;
	while (set->count > 0)
		drop_last(set);
	free(set->items);
	free(set);
}

static bool
has_endpoint(const struct endpoint_set *set, unsigned id)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i].id == id)
			return true;
	return false;
}

static const struct config_listener *
settings(const struct endpoint_set *set, const struct endpoint *endpoint)
{
	return set->config->listeners[endpoint->listener].settings;
}

/* A free port belongs to its listener, any other address to who asks. */
static const struct endpoint *
find_kept(const struct opening *opening, const struct endpoint *wanted)
{
	const struct endpoint_set *before = opening->before;

	for (size_t i = 0; before && i < before->count; i++) {
		const struct endpoint *old = &before->items[i];

		if (place_equal(&old->asked, &wanted->asked) &&
		    !has_endpoint(opening->set, old->id) &&
		    (!place_takes_any_port(&old->asked) ||
		     strcmp(settings(before, old)->name,
			    settings(opening->set, wanted)->name) == 0))
			return old;
	}
	return NULL;
}

static bool
is_shared(const struct opening *opening, const struct place *place)
{
	const struct endpoint_set *before = opening->before;

	for (size_t i = 0; before && i < before->count; i++)
		if (place_overlaps(&before->items[i].bound, place))
			return true;
	return false;
}

static struct unixfile_rights
rights_of(const struct config_listener *listener)
{
	return (struct unixfile_rights){
		.mode = listener->mode,
		.owner = listener->uid,
		.group = listener->gid,
	};
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

/* TCP and unix sockets get the backlog that is configured, as any other. */
static int
open_inherited(const struct config_listener *listener, unsigned workers,
	       int original, struct endpoint *endpoint)
{
	int fd, result = 0;

	if (endpoint->asked.transport != TRANSPORT_UDP)
		result = socket_set_backlog(original, (int)listener->backlog);
	if (result < 0)
		return result;
	fd = fcntl(original, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	endpoint->inherited = true;
	return share(fd, endpoint->fds, workers);
}

static int
open_unix(const struct config_listener *listener, unsigned workers,
	  struct endpoint *endpoint)
{
	struct unixfile_rights rights = rights_of(listener);
	int fd = unixfile_listen(&endpoint->bound, (int)listener->backlog,
				 &rights, &endpoint->file);
	int result = fd < 0 ? fd : share(fd, endpoint->fds, workers);

	if (result < 0) {
		unixfile_unref(endpoint->file);
		endpoint->file = NULL;
	}
	return result;
}

static int
open_tcp(const struct opening *opening, const struct config_listener *listener,
	 struct endpoint *endpoint)
{
	struct address address = endpoint->bound.address;

	return socket_listen_group(&address, (int)listener->backlog,
				   opening->set->workers,
				   is_shared(opening, &endpoint->bound),
				   endpoint->fds, &endpoint->bound.address);
}

static int
open_udp(const struct opening *opening, struct endpoint *endpoint)
{
	struct address address = endpoint->bound.address;

	return socket_bind_datagram_group(&address, opening->set->workers,
					  is_shared(opening, &endpoint->bound),
					  endpoint->fds,
					  &endpoint->bound.address);
}

static int
open_sockets(const struct opening *opening, struct endpoint *endpoint)
{
	const struct endpoint_set *set = opening->set;
	const struct config_listener *listener = settings(set, endpoint);
	int original = inherited_find(opening->inherited, &endpoint->asked);
	int result;

	endpoint->fds = calloc(set->workers, sizeof(*endpoint->fds));
	if (!endpoint->fds)
		return -ENOMEM;
	if (original >= 0)
		result = open_inherited(listener, set->workers, original,
					endpoint);
	else if (endpoint->asked.transport == TRANSPORT_UNIX)
		result = open_unix(listener, set->workers, endpoint);
	else if (endpoint->asked.transport == TRANSPORT_UDP)
		result = open_udp(opening, endpoint);
	else
		result = open_tcp(opening, listener, endpoint);
	if (result < 0)
		free(endpoint->fds);
	return result;
}

static int
keep_sockets(const struct opening *opening, const struct endpoint *kept,
	     struct endpoint *endpoint)
{
	size_t size = opening->set->workers * sizeof(*endpoint->fds);

	endpoint->fds = malloc(size);
	if (!endpoint->fds)
		return -ENOMEM;
	memcpy(endpoint->fds, kept->fds, size);
	endpoint->id = kept->id;
	endpoint->bound = kept->bound;
	endpoint->inherited = kept->inherited;
	endpoint->file = unixfile_ref(kept->file);
	endpoint->taken = opening->set->workers;
	endpoint->kept = true;
	return 0;
}

/* `port` is what port 0 stands for, or 0.  Returns a negated errno or 0. */
static int
add_endpoint(const struct opening *opening, size_t listener,
	     const struct place *asked, uint16_t port)
{
	static unsigned last_id;
	struct endpoint_set *set = opening->set;
	struct endpoint endpoint = {
		.listener = listener,
		.asked = *asked,
		.bound = *asked,
	};
	const struct endpoint *kept = find_kept(opening, &endpoint);
	int result;

	if (kept) {
		result = keep_sockets(opening, kept, &endpoint);
	} else {
		endpoint.id = ++last_id;
		if (place_takes_any_port(asked))
			address_set_port(&endpoint.bound.address, port);
		result = open_sockets(opening, &endpoint);
	}
	if (result == 0)
		set->items[set->count++] = endpoint;
	return result;
}

/* `*`: both families on one port, but for one that the kernel lacks. */
static int
add_every(const struct opening *opening, size_t listener,
	  const struct place families[2])
{
	struct endpoint_set *set = opening->set;
	size_t begin = set->count;
	int result = -EAFNOSUPPORT;

	for (size_t i = 0; i < 2; i++) {
		uint16_t port =
			set->count == begin ?
				0 :
				address_port(&set->items[begin].bound.address);

		if (!socket_has_family(address_family(&families[i].address)))
			continue;
		result = add_endpoint(opening, listener, &families[i], port);
		if (result < 0)
			break;
	}
	while (result < 0 && set->count > begin)
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
	if (inherited_find(opening->inherited, place) >= 0 ||
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
	if (of_unix && error == EPERM && (*listener->owner || *listener->group))
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

/* Files that are kept may have other rights from now on. */
static void
change_rights(struct opening *opening)
{
	const struct endpoint_set *set = opening->set;
	char text[PLACE_TEXT_SIZE];

	for (size_t i = 0; i < set->count; i++) {
		const struct endpoint *endpoint = &set->items[i];
		const struct config_entry *listener =
			&set->config->listeners[endpoint->listener];
		struct unixfile_rights rights = rights_of(listener->settings);
		int result = 0;

		if (endpoint->file && endpoint->kept)
			result = unixfile_set_rights(endpoint->file, &rights);
		if (result == 0)
			continue;
		opening->error = -result;
		error_add(opening->errors, listener->line, "listen",
			  "cannot set mode, owner and group of %s: %s",
			  place_format(&endpoint->bound, text),
			  strerror(-result));
	}
}

static struct endpoint_set *
new_set(const struct config *config, unsigned workers)
{
	struct endpoint_set *set = calloc(1, sizeof(*set));
	size_t most = 0;

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
	for (size_t i = 0; i < set->count; i++) {
		const struct endpoint *endpoint = &set->items[i];

		if (endpoint->bound.transport != TRANSPORT_TCP ||
		    endpoint->inherited ||
		    (after && has_endpoint(after, endpoint->id)))
			continue;
		withdrawal_add(withdrawal, endpoint->fds, set->workers,
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
