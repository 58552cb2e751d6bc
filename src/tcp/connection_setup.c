#include "tcp/connection_setup.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container_of.h"
#include "base/timers.h"
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
	bool excused; /* the time in which the daemon did not run is added */
	LIST_ENTRY(connection_setup) link;
	struct connection_setup_context *context;
	struct connection_info info; /* its listener is referenced */
	struct connection_proxied proxied;
	int64_t started;       /* ms */
	int64_t tls_started;   /* ns */
	unsigned char *header; /* the start of an incomplete PROXY header */
	size_t held;
};

/* The counters of its listener that its worker writes. */
static struct stats *
stats_of(const struct connection_setup *setup)
{
	return limit_stats(setup->info.limit, setup->context->worker);
}

/* Frees the setup; the caller now owns what its info holds. */
static void
release(struct connection_setup *setup)
{
	struct connection_setup_context *context = setup->context;

	timers_cancel(context->timers, &setup->timer);
	event_del(&setup->readable);
	LIST_REMOVE(setup, link);
	context->count--;
	free(setup->header);
	free(setup);
}

/* Ends the setup and its connection. */
static void
discard(struct connection_setup *setup)
{
	struct connection_setup_context *context = setup->context;
	struct connection_info info = setup->info;

	/* Events first: a closed descriptor's number can be used again. */
	release(setup);
	connection_info_refuse(&info);
	config_listener_unref(info.listener);
	if (context->failed)
		context->failed(context);
}

/* `why` is logged with the reason. */
static void
fail(struct connection_setup *setup, enum close_reason reason, const char *why)
{
	struct connection_log_subject subject =
		connection_info_subject(&setup->info);
	struct stats *stats = stats_of(setup);
	int64_t ms = timers_now() - setup->started;

	stats_add(stats, STATS_connections, 1);
	stats_close(stats, reason, ms);
	connection_log_failure(&subject, reason, ms, why);
	discard(setup);
}

/* The client is not allowed. */
static void
refuse(struct connection_setup *setup, enum refuse_reason reason)
{
	struct connection_log_subject subject =
		connection_info_subject(&setup->info);

	stats_bump(&stats_of(setup)->refused[reason], 1);
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

/* Waits for input or for room for output, as the handshake needs. */
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

/* Unread input would make the kernel send RST, which overtakes the alert. */
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

/* Whether the client has sent nothing yet. */
static bool
is_silent(const struct connection_setup *setup)
{
	return setup->info.tls ? tls_connection_received(setup->info.tls) == 0 :
				 setup->held == 0;
}

/*
 * Load balancers check a port by connecting to it, and many of them close with
 * RST: that is logged at level debug.  `error`: an errno, or 0.
 */
static void
end_of_input(struct connection_setup *setup, int error)
{
	enum close_reason reason = connection_log_reason(error);

	if (is_silent(setup) && (!error || reason == CLOSE_reset)) {
		setup->info.quiet = true;
		fail(setup, CLOSE_no_data, "");
	} else if (error) {
		fail(setup, reason, strerror(error));
	} else if (setup->info.tls) {
		fail(setup, CLOSE_tls_failed,
		     "connection ended during the handshake");
	} else {
		fail(setup, CLOSE_proxy_invalid,
		     "connection ended within the PROXY header");
	}
}

static void
count_handshake(const struct connection_setup *setup)
{
	struct stats *stats = stats_of(setup);
	int64_t ns = timers_now_ns() - setup->tls_started;

	stats_add(stats, STATS_handshakes, 1);
	stats_measure(stats, HISTOGRAM_tls_handshake, (double)ns / 1e9, 1);
}

/* Continues the handshake.  False: it waits; else the setup is over. */
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
		end_of_input(setup, errno);
		return true;
	case TLS_CONNECTION_FAILED:
		shut(setup);
		fail(setup, CLOSE_tls_failed, reason);
		return true;
	default:
		count_handshake(setup);
		finish(setup);
		return true;
	}
}

/* The time of the handshake counts from now on. */
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
	setup->tls_started = timers_now_ns();
	timers_set(setup->context->timers, &setup->timer,
		   timers_now() +
			   deadlines_ms(listener->tls.handshake_timeout));
	shake(setup);
}

/* The handshake comes next, or the session. */
static void
go_on(struct connection_setup *setup)
{
	if (setup->info.listener->tls_context)
		begin_tls(setup);
	else
		finish(setup);
}

static void
open_for_client(struct connection_setup *setup)
{
	struct connection_info *info = &setup->info;
	const struct config_listener *listener = info->listener;

	if (!acl_admits(&listener->allow, &listener->deny, &info->peer)) {
		refuse(setup, REFUSE_denied);
	} else if (!limit_enter_source(info->limit, &info->peer,
				       listener->per_source)) {
		refuse(setup, REFUSE_per_source);
	} else {
		info->per_source = listener->per_source;
		go_on(setup);
	}
}

/* Takes the client's address from the header. */
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
		info->quiet = acl_match(&info->listener->quiet, &info->peer);
	}
	if (!header->local) {
		open_for_client(setup);
		return;
	}
	/* A health check by the proxy itself, which `from` has admitted. */
	info->quiet = true;
	go_on(setup);
}

/* Keeps an incomplete header.  False: out of memory. */
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

/* recv(2) has returned `got`, 0 or less.  False: try again later. */
static bool
end_if_over(struct connection_setup *setup, ssize_t got)
{
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	end_of_input(setup, got < 0 ? errno : 0);
	return true;
}

/*
 * Reads the header up to byte `length` of the connection.  `header`: NULL if it
 * is incomplete.  Only the result of recv(2) counts: it can fail or read
 * less.  False: it waits; else the setup is over.
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
 * Looks at the input (recv(2), MSG_PEEK) and then reads the header only: the
 * bytes behind it are left for the session.  An incomplete header is read as
 * far as it has arrived; otherwise the socket would stay readable.  Returns as
 * take().
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

/* Continues.  False: it waits; else the setup is over. */
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

	/* After SIGSTOP, input that arrived in time may be unread. */
	if (step(setup))
		return;
	/*
	 * A handshake needs answers from both sides.  The time in which this
	 * side did not run is added once.
	 */
	if (late > 0 && !setup->excused) {
		setup->excused = true;
		timers_set(setup->context->timers, timer, timers_now() + late);
		return;
	}
	if (setup->info.tls)
		fail(setup, CLOSE_tls_timeout,
		     is_silent(setup) ? "no TLS handshake" :
					"TLS handshake incomplete");
	else
		fail(setup, CLOSE_proxy_timeout,
		     is_silent(setup) ? "no PROXY header" :
					"PROXY header incomplete");
}

static void
begin_header(struct connection_setup *setup)
{
	const struct config_listener *listener = setup->info.listener;

	timers_set(setup->context->timers, &setup->timer,
		   setup->started +
			   deadlines_ms(listener->proxy_protocol.timeout));
	/* A proxy sends its header at once: it may have arrived. */
	read_header(setup);
}

bool
connection_setup_context_init(struct connection_setup_context *context,
			      struct event_base *base, unsigned worker)
{
	LIST_INIT(&context->setups);
	context->base = base;
	context->worker = worker;
	context->timers = timers_new(base, on_expired);
	return context->timers;
}

void
connection_setup_context_release(struct connection_setup_context *context)
{
	timers_free(context->timers);
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
	setup->started = timers_now();
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
		/* The analyzer does not see that fail() removes it. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		fail(setup, CLOSE_drain, "");
	}
}
