#include "tcp/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stats.h"
#include "base/timers.h"
#include "config/config.h"
#include "listen/binding.h"
#include "listen/socket.h"
#include "tcp/connection_limits.h"
#include "tcp/connection_log.h"
#include "tcp/stream_socket.h"

/* At a wake-up: a flood of connections must not starve the sessions. */
#define ACCEPTS_PER_WAKEUP 64

#define PAUSE_LOG_SECONDS 10

struct listener {
	int fd;
	const struct binding *binding;	  /* borrowed */
	struct listener_context *context; /* NULL until started */
	struct event readable;
	struct event resume;
	/* The queue can hold connections older than the socket's options. */
	bool queue_is_old;
	bool saves_syn;
	bool mptcp; /* Multipath TCP, with which TCP clients can connect, too */
};

enum accepted {
	ACCEPTED_ONE,
	ACCEPTED_NONE,	/* the queue is empty */
	ACCEPTED_PAUSE, /* no resources */
};

static const struct config_listener *
settings(const struct listener *listener)
{
	return listener->binding->settings;
}

/* Accepted sockets inherit it, except those already in the queue. */
static void
set_keepalive(struct listener *listener)
{
	int error = socket_set_keepalive(listener->fd,
					 settings(listener)->keepalive);

	listener->queue_is_old = true;
	if (error < 0)
		log_error("Cannot set keepalive listener=%s: %s",
			  settings(listener)->name, strerror(-error));
}

/*
 * The SYN of a connection is kept only if something uses it.  Linux cannot keep
 * it for Multipath TCP.
 */
static void
set_save_syn(struct listener *listener)
{
	bool on = settings(listener)->needs_header && !listener->mptcp;
	int error;

	if (on == listener->saves_syn)
		return;
	error = socket_save_syn(listener->fd, on);
	if (error < 0)
		log_error("Cannot save SYN listener=%s: %s",
			  settings(listener)->name, strerror(-error));
	else
		listener->saves_syn = on;
}

struct listener *
listener_new(int fd, const struct binding *binding)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->fd = fd;
	listener->binding = binding;
	listener->mptcp = socket_is_mptcp(fd);
	set_keepalive(listener);
	set_save_syn(listener);
	return listener;
}

void
listener_free(struct listener *listener)
{
	if (!listener)
		return;
	if (listener->context) {
		event_del(&listener->readable);
		event_del(&listener->resume);
	}
	close(listener->fd);
	free(listener);
}

/* One line in ten seconds for all workers: they share the shortage. */
static void
log_pause(const struct listener *listener, int error)
{
	static _Atomic time_t last;
	struct timespec now;
	time_t before = atomic_load(&last);

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (before && now.tv_sec - before < PAUSE_LOG_SECONDS)
		return;
	if (atomic_compare_exchange_strong(&last, &before, now.tv_sec))
		log_warning("Accepting paused listener=%s: %s",
			    settings(listener)->name, strerror(error));
}

static void
pause_accepting(struct listener *listener, int error)
{
	stats_add(listener->binding->stats, STATS_accept_pauses, 1);
	log_pause(listener, error);
	event_del(&listener->readable);
	timers_pause(&listener->resume);
}

static void
refuse(struct listener *listener, int fd, const struct address *peer,
       enum refuse_reason reason)
{
	struct connection_log_subject subject = {
		.peer = peer,
		.listener = settings(listener)->name,
	};

	close(fd);
	stats_bump(&listener->binding->stats->refused[reason], 1);
	connection_log_refusal(&subject, reason);
}

/*
 * Behind a proxy the client's address is unknown until the PROXY header has
 * arrived: only the proxy's own is checked.  A unix socket is protected by its
 * permissions.
 */
static bool
is_allowed(const struct config_listener *listener, const struct address *peer,
	   enum refuse_reason *reason)
{
	const struct acl *proxies = &listener->proxy_protocol.from;

	*reason = proxies->count > 0 ? REFUSE_unknown_proxy : REFUSE_denied;
	return proxies->count > 0 ?
		       address_family(peer) == AF_UNIX ||
			       acl_match(proxies, peer) :
		       acl_admits(&listener->allow, &listener->deny, peer);
}

/* What the packets of the connection say, and what those of echod will. */
static void
set_header(struct connection_info *info)
{
	int dscp = info->listener->dscp;
	int error = 0;

	if (address_family(&info->peer) == AF_UNIX)
		return;
	if (info->listener->needs_header)
		socket_get_syn(info->fd, &info->ttl, &info->tos);
	if (dscp == DSCP_REFLECT && info->tos >= 0)
		dscp = info->tos >> 2;
	if (dscp >= 0)
		error = socket_set_dscp(info->fd, &info->peer, dscp);
	if (error < 0)
		log_peer(LOG_WARNING, "Cannot set DSCP listener=%s: %s",
			 info->listener->name, strerror(-error));
}

static void
admit(struct listener *listener, int fd, const struct address *peer)
{
	struct connection_info info = {
		.fd = fd,
		.peer = *peer,
		.limit = listener->binding->limit,
		.listener = settings(listener),
		.ttl = -1,
		.tos = -1,
		.quiet = acl_match(&settings(listener)->quiet, peer),
	};
	enum refuse_reason reason;

	/* The limit of one source is for clients, not for the proxy. */
	if (info.listener->proxy_protocol.from.count == 0)
		info.per_source = info.listener->per_source;
	if (is_allowed(info.listener, peer, &reason) &&
	    limit_enter(info.limit, peer, info.per_source, &info.id, &reason)) {
		set_header(&info);
		listener->context->accepted(listener->context, &info);
	} else {
		refuse(listener, fd, peer, reason);
	}
}

/*
 * accept(2): a connection that has ended already fails with its own error, or
 * with a pending network error (Linux).  The next one is not affected.
 */
static enum accepted
after_error(struct listener *listener, int error)
{
	switch (error) {
	case EAGAIN:
	case EINVAL: /* shut down by listener_accept_queued() */
		listener->queue_is_old = false;
		return ACCEPTED_NONE;
	case EINTR:
		return ACCEPTED_ONE;
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		stats_add(listener->binding->stats, STATS_accept_errors, 1);
		return ACCEPTED_ONE;
	default:
		pause_accepting(listener, error);
		return ACCEPTED_PAUSE;
	}
}

/* The peer, which accept(2) does not give, and an option not inherited. */
static int
set_up_unix(int fd, struct address *peer)
{
	int result = socket_get_process(fd, peer);

	return result < 0 ? result : socket_set_urgent_inline(fd);
}

static int
set_up_tcp(const struct listener *listener, int fd)
{
	int result = socket_set_up_tcp(fd);

	return result < 0 ?
		       result :
		       socket_set_keepalive(fd, settings(listener)->keepalive);
}

static int
set_up(const struct listener *listener, int fd, struct address *peer)
{
	if (address_family(peer) == AF_UNIX)
		return set_up_unix(fd, peer);
	if (listener->queue_is_old)
		return set_up_tcp(listener, fd);
	return listener->mptcp ? socket_set_urgent_inline(fd) : 0;
}

static enum accepted
accept_one(struct listener *listener)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);
	int fd = accept4(listener->fd, (struct sockaddr *)&storage, &length,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return after_error(listener, errno);

	struct address peer =
		address_from_sockaddr((struct sockaddr *)&storage, length);
	if (set_up(listener, fd, &peer) < 0) {
		close(fd);
		stats_add(listener->binding->stats, STATS_accept_errors, 1);
		return ACCEPTED_ONE;
	}
	admit(listener, fd, &peer);
	return ACCEPTED_ONE;
}

static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPTS_PER_WAKEUP; i++)
		if (accept_one(argument) != ACCEPTED_ONE)
			return;
}

static void
watch(struct listener *listener)
{
	/* epoll_ctl(2) fails if memory or watches run out. */
	if (event_add(&listener->readable, NULL) < 0)
		pause_accepting(listener, ENOMEM);
}

static void
on_resume(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	watch(argument);
}

/* The kernel caps a backlog without an error. */
static void
check_backlog(const struct listener *listener)
{
	int wanted = (int)settings(listener)->backlog;
	int got = socket_get_backlog(listener->fd);
	struct address bound;
	char text[ADDRESS_TEXT_SIZE];

	if (!listener->context->first || got < 0 || got >= wanted ||
	    socket_get_address(listener->fd, &bound) < 0)
		return;
	log_notice("Backlog capped tcp:%s configured=%d actual=%d: "
		   "net.core.somaxconn",
		   address_format(&bound, text), wanted, got);
}

/* The socket can differ: it was inherited, kept, or the kernel has no MPTCP. */
static void
check_mptcp(const struct listener *listener)
{
	bool wanted = settings(listener)->mptcp;
	bool inherited = listener->binding->inherited;
	struct address bound;
	char text[ADDRESS_TEXT_SIZE];

	if (!listener->context->first || wanted == listener->mptcp ||
	    socket_get_family(listener->fd) == AF_UNIX ||
	    socket_get_address(listener->fd, &bound) < 0)
		return;
	address_format(&bound, text);
	if (inherited)
		log_notice("MPTCP %sused tcp:%s: the service manager opened "
			   "the socket",
			   wanted ? "not " : "", text);
	else if (wanted && !socket_has_mptcp())
		log_notice("MPTCP not used tcp:%s: the kernel has none", text);
	else
		log_warning("Restart needed tcp:%s mptcp=%s", text,
			    wanted ? "true" : "false");
}

void
listener_start(struct listener *listener, struct listener_context *context)
{
	listener->context = context;
	event_assign(&listener->readable, context->base, listener->fd,
		     EV_READ | EV_PERSIST, on_readable, listener);
	event_assign(&listener->resume, context->base, -1, 0, on_resume,
		     listener);
	check_backlog(listener);
	check_mptcp(listener);
	watch(listener);
}

void
listener_change(struct listener *listener, const struct binding *binding)
{
	int error;

	listener->binding = binding;
	set_keepalive(listener);
	set_save_syn(listener);
	error = socket_set_backlog(listener->fd,
				   (int)settings(listener)->backlog);
	if (error < 0)
		log_error("Cannot set backlog listener=%s: %s",
			  settings(listener)->name, strerror(-error));
	check_backlog(listener);
	check_mptcp(listener);
}

void
listener_accept_queued(struct listener *listener)
{
	if (listener->binding->inherited)
		return;
	/*
	 * shutdown(2) makes a unix socket refuse new connections and keep its
	 * queue.  A TCP socket would drop its queue.
	 */
	if (socket_get_family(listener->fd) == AF_UNIX)
		shutdown(listener->fd, SHUT_RD);
	/* The most that was in the queue at the time of the call. */
	for (unsigned left = settings(listener)->backlog + 1; left > 0; left--)
		if (accept_one(listener) != ACCEPTED_ONE)
			return;
}
