#include "tcp/connection_setup.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container_of.h"
#include "base/loop_timers.h"
#include "config/config.h"
#include "tcp/connection_limits.h"
#include "tcp/connection_log.h"
#include "tcp/deadlines.h"
#include "tcp/proxy_protocol.h"
#include "tls/connection.h"

static void on_ready(evutil_socket_t fd, short what, void *argument);

struct connection_setup {
	struct event readable;
	struct wheel_timer timer;
	bool excused; /* the time in which the daemon did not run */
	LIST_ENTRY(connection_setup) link;
	struct connection_setup_context *context;
	struct connection_info info; /* its listener is referenced */
	struct connection_proxied proxied;
	int64_t started;
	unsigned char *header; /* what there is of one that came in pieces */
	size_t held;
};

/* Forgets it; what it owned is the caller's. */
static void
release(struct connection_setup *setup)
{
	struct connection_setup_context *context = setup->context;

	loop_timers_cancel(context->timers, &setup->timer);
	event_del(&setup->readable);
	LIST_REMOVE(setup, link);
	context->count--;
	free(setup->header);
	free(setup);
}

/* Ends it without a session. */
static void
discard(struct connection_setup *setup)
{
	struct connection_setup_context *context = setup->context;
	struct connection_info info = setup->info;

	/* Its events go first: a number that is closed may be another's. */
	release(setup);
	connection_info_refuse(&info);
	config_listener_unref(info.listener);
	if (context->failed)
		context->failed(context);
}

/* `why` tells more than the reason does. */
static void
fail(struct connection_setup *setup, enum close_reason reason, const char *why)
{
	struct connection_log_subject subject =
		connection_info_subject(&setup->info);
	struct stats *stats = setup->context->stats;

	stats_add(stats, STATS_connections, 1);
	stats_bump(&stats->closed[reason], 1);
	connection_log_failure(&subject, reason,
			       loop_timers_now() - setup->started, why);
	discard(setup);
}

/* Ends the connection of a client who may not come in. */
static void
refuse(struct connection_setup *setup, enum refuse_reason reason)
{
	struct connection_log_subject subject =
		connection_info_subject(&setup->info);

	stats_bump(&setup->context->stats->refused[reason], 1);
	connection_log_refusal(&subject, reason);
	discard(setup);
}

static void
finish(struct connection_setup *setup)
{
	struct connection_setup_context *context = setup->context;
	struct connection_info info = setup->info;
	struct connection_proxied proxied = setup->proxied;

	if (info.proxied)
		info.proxied = &proxied;
	release(setup);
	context->opened(context, &info);
	config_listener_unref(info.listener);
}

/* Waits for input, or for room for output: a handshake wants either. */
static bool
wait_for(struct connection_setup *setup, short what)
{
	struct event *event = &setup->readable;

	if (event_get_events(event) & what)
		return true;
	event_del(event);
	return event_assign(event, setup->context->base, setup->info.fd,
			    (short)(what | EV_PERSIST), on_ready, setup) == 0 &&
	       event_add(event, NULL) == 0;
}

/* What came too late to be read would have the alert overtaken by a RST. */
static void
shut(const struct connection_setup *setup)
{
	char waste[4096];
	int fd = setup->info.fd;
	unsigned tries = 16;

	shutdown(fd, SHUT_WR);
	while (recv(fd, waste, sizeof(waste), 0) > 0 && --tries > 0)
		;
}

/* As end_of_input() below: who says nothing wants nothing. */
static void
end_of_handshake(struct connection_setup *setup, int error)
{
	bool silent = tls_connection_received(setup->info.tls) == 0;

	setup->info.quiet |= silent;
	if (error)
		fail(setup, connection_log_reason(error), strerror(error));
	else if (silent)
		fail(setup, CLOSE_eof, "");
	else
		fail(setup, CLOSE_tls_failed, "it ends within the handshake");
}

/* False while there is more to wait for; otherwise the opening is over. */
static bool
shake(struct connection_setup *setup)
{
	char reason[TLS_CONNECTION_REASON_SIZE];
	enum tls_connection_state state =
		tls_connection_handshake(setup->info.tls, reason);

	switch (state) {
	case TLS_CONNECTION_WANTS_READ:
	case TLS_CONNECTION_WANTS_WRITE:
		if (wait_for(setup, state == TLS_CONNECTION_WANTS_READ ?
					    EV_READ :
					    EV_WRITE))
			return false;
		fail(setup, CLOSE_error, strerror(ENOMEM));
		return true;
	case TLS_CONNECTION_ENDED:
		end_of_handshake(setup, errno);
		return true;
	case TLS_CONNECTION_FAILED:
		shut(setup);
		fail(setup, CLOSE_tls_failed, reason);
		return true;
	default:
		finish(setup);
		return true;
	}
}

/* It has been let in, and has so long from now on. */
static void
begin_tls(struct connection_setup *setup)
{
	const struct config_listener *listener = setup->info.listener;

	setup->info.tls =
		tls_connection_new(listener->tls_context, setup->info.fd);
	if (!setup->info.tls) {
		fail(setup, CLOSE_error, strerror(ENOMEM));
		return;
	}
	loop_timers_set(setup->context->timers, &setup->timer,
			loop_timers_now() +
				deadlines_ms(listener->tls.handshake_timeout));
	shake(setup);
}

/* The next thing that it is to open with, or the session. */
static void
go_on(struct connection_setup *setup)
{
	if (setup->info.listener->tls_context)
		begin_tls(setup);
	else
		finish(setup);
}

/*
 * A load balancer asks whether the port is open by no more than connecting, and
 * many of them hang up by RST: nothing to tell of.
 */
static void
end_of_input(struct connection_setup *setup, int error)
{
	bool silent = setup->held == 0;

	setup->info.quiet = silent;
	if (error)
		fail(setup, connection_log_reason(error), strerror(error));
	else if (silent)
		fail(setup, CLOSE_eof, "");
	else
		fail(setup, CLOSE_proxy_invalid, "it ends within its header");
}

/* It has been admitted by `from`, and that is all that has to be said of it. */
static void
open_for_proxy(struct connection_setup *setup)
{
	setup->info.quiet = true;
	go_on(setup);
}

static void
open_for_client(struct connection_setup *setup)
{
	struct connection_info *info = &setup->info;
	const struct config_listener *listener = info->listener;

	if (!acl_admits(&listener->allow, &listener->deny, &info->peer)) {
		refuse(setup, REFUSE_denied);
	} else if (!listener_limit_enter_source(info->listener_limit,
						&info->peer,
						listener->per_source)) {
		refuse(setup, REFUSE_per_source);
	} else {
		info->per_source = listener->per_source;
		go_on(setup);
	}
}

/* Who the client is, as the header has it. */
static void
apply_header(struct connection_setup *setup,
	     const struct proxy_protocol_header *header)
{
	struct connection_info *info = &setup->info;

	if (header->proxied) {
		setup->proxied.via = info->peer;
		setup->proxied.local = header->destination;
		info->proxied = &setup->proxied;
		info->peer = header->source;
	}
	if (header->local)
		open_for_proxy(setup);
	else
		open_for_client(setup);
}

/* Keeps what there is of a header; false where memory is out. */
static bool
keep(struct connection_setup *setup, const unsigned char *header, size_t length)
{
	if (!setup->header) {
		setup->header = malloc(PROXY_PROTOCOL_MAX);
		if (!setup->header)
			return false;
		memcpy(setup->header, header, length);
	}
	setup->held = length;
	return true;
}

/* recv(2) has returned `got`, not positive.  False if it is to be tried again. */
static bool
end_if_over(struct connection_setup *setup, ssize_t got)
{
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	end_of_input(setup, got < 0 ? errno : 0);
	return true;
}

/*
 * Takes what has been looked at, up to `length` bytes of the header in all.
 * `header` is NULL as long as the header is incomplete.  Only what recv(2) has
 * really taken counts: it may fail, or take less.  False while there is more to
 * wait for; otherwise the opening is over.
 */
static bool
take(struct connection_setup *setup, unsigned char *bytes, size_t length,
     const struct proxy_protocol_header *header)
{
	size_t held = setup->held;
	ssize_t got = recv(setup->info.fd, bytes + held, length - held, 0);

	if (got <= 0)
		return end_if_over(setup, got);
	if (header && held + (size_t)got == length) {
		apply_header(setup, header);
		return true;
	}
	if (keep(setup, bytes, held + (size_t)got))
		return false;
	fail(setup, CLOSE_error, strerror(ENOMEM));
	return true;
}

/*
 * Looks before it takes (recv(2), MSG_PEEK), and takes what is the header's:
 * what the client sent along with it stays in the socket for the session.  Of a
 * header that is not complete all that there is has to be taken, or else the
 * socket would be readable all the time.  Returns as take() does.
 */
static bool
read_header(struct connection_setup *setup)
{
	unsigned char whole[PROXY_PROTOCOL_MAX];
	unsigned char *bytes = setup->header ? setup->header : whole;
	size_t held = setup->held;
	struct proxy_protocol_header header;
	ssize_t got = recv(setup->info.fd, bytes + held,
			   PROXY_PROTOCOL_MAX - held, MSG_PEEK);

	if (got <= 0)
		return end_if_over(setup, got);
	switch (proxy_protocol_parse(bytes, held + (size_t)got, &header)) {
	case PROXY_PROTOCOL_MORE:
		return take(setup, bytes, held + (size_t)got, NULL);
	case PROXY_PROTOCOL_INVALID:
		fail(setup, CLOSE_proxy_invalid, header.reason);
		return true;
	default:
		return take(setup, bytes, header.length, &header);
	}
}

/* Goes on with what it is at; false while there is more to wait for. */
static bool
step(struct connection_setup *setup)
{
	return setup->info.tls ? shake(setup) : read_header(setup);
}

static void
on_ready(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	step(argument);
}

static void
on_expired(struct wheel_timer *timer, int64_t late)
{
	struct connection_setup *setup =
		container_of(timer, struct connection_setup, timer);

	/* After SIGSTOP time has passed, but it may have come in time. */
	if (step(setup))
		return;
	/*
	 * A handshake needs answers from both sides.  The time in which this
	 * side did not run is added once.
	 */
	if (late > 0 && !setup->excused) {
		setup->excused = true;
		loop_timers_set(setup->context->timers, timer,
				loop_timers_now() + late);
		return;
	}
	if (setup->info.tls)
		fail(setup, CLOSE_tls_timeout,
		     tls_connection_received(setup->info.tls) > 0 ?
			     "the handshake is not complete" :
			     "no handshake");
	else
		fail(setup, CLOSE_proxy_timeout,
		     setup->held > 0 ? "its header is not complete" :
				       "no header");
}

static void
begin_header(struct connection_setup *setup)
{
	const struct config_listener *listener = setup->info.listener;

	loop_timers_set(setup->context->timers, &setup->timer,
			setup->started +
				deadlines_ms(listener->proxy_protocol.timeout));
	/* A proxy sends its header at once: it may be here. */
	read_header(setup);
}

bool
connection_setup_context_init(struct connection_setup_context *context,
			      struct event_base *base, struct stats *stats)
{
	LIST_INIT(&context->setups);
	context->base = base;
	context->stats = stats;
	context->timers = loop_timers_new(base, on_expired);
	return context->timers;
}

void
connection_setup_context_release(struct connection_setup_context *context)
{
	loop_timers_free(context->timers);
}

bool
connection_setup_is_due(const struct config_listener *listener)
{
	return listener->proxy_protocol.from.count > 0 || listener->tls_context;
}

bool
connection_setup_new(struct connection_setup_context *context,
		     const struct connection_info *info)
{
	const struct config_listener *listener = info->listener;
	struct connection_setup *setup = calloc(1, sizeof(*setup));

	if (!setup) {
		connection_info_refuse(info);
		return false;
	}
	setup->context = context;
	setup->info = *info;
	setup->started = loop_timers_now();
	config_listener_ref(listener);
	LIST_INSERT_HEAD(&context->setups, setup, link);
	context->count++;
	event_assign(&setup->readable, context->base, info->fd,
		     EV_READ | EV_PERSIST, on_ready, setup);
	if (event_add(&setup->readable, NULL) < 0) {
		fail(setup, CLOSE_error, strerror(errno));
		return true;
	}
	if (listener->proxy_protocol.from.count > 0)
		begin_header(setup);
	else
		begin_tls(setup);
	return true;
}

void
connection_setup_close_all(struct connection_setup_context *context)
{
	struct connection_setup *setup;

	while ((setup = LIST_FIRST(&context->setups))) {
		/* The analyzer does not see that it leaves the list by that. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		fail(setup, CLOSE_drain, "");
	}
}
