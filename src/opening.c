#include "opening.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admit.h"
#include "config.h"
#include "patience.h"
#include "proxyproto.h"
#include "report.h"
#include "timers.h"
#include "tlslink.h"

static void on_ready(evutil_socket_t fd, short what, void *argument);

struct opening {
	struct event readable;
	struct wheel_timer timer;
	bool excused; /* the time in which the daemon did not run */
	LIST_ENTRY(opening) link;
	struct opening_host *host;
	struct origin origin; /* its snapshot is referenced */
	int64_t started;
	unsigned char *header; /* what there is of one that came in pieces */
	size_t held;
	struct ssl_st *tls; /* NULL until it is its turn */
};

/* Forgets it; what it owned is the caller's. */
static void
release(struct opening *opening)
{
	struct opening_host *host = opening->host;

	timers_cancel(host->timers, &opening->timer);
	event_del(&opening->readable);
	LIST_REMOVE(opening, link);
	host->count--;
	tlslink_free(opening->tls);
	free(opening->header);
	free(opening);
}

/* Ends it without a session. */
static void
discard(struct opening *opening)
{
	struct opening_host *host = opening->host;
	struct origin origin = opening->origin;

	/* Its events go first: a number that is closed may be another's. */
	release(opening);
	origin_refuse(&origin);
	config_listener_unref(origin.listener);
	if (host->failed)
		host->failed(host);
}

/* `why` tells more than the reason does. */
static void
fail(struct opening *opening, enum close_reason reason, const char *why)
{
	struct report_subject subject = origin_subject(&opening->origin);
	struct stats *stats = opening->host->stats;

	stats_add(stats, STATS_connections, 1);
	stats_bump(&stats->closed[reason], 1);
	report_failure(&subject, reason, timers_now() - opening->started, why);
	discard(opening);
}

/* Ends the connection of a client who may not come in. */
static void
refuse(struct opening *opening, enum refuse_reason reason)
{
	struct report_subject subject = origin_subject(&opening->origin);

	stats_bump(&opening->host->stats->refused[reason], 1);
	report_refusal(&subject, reason);
	discard(opening);
}

static void
finish(struct opening *opening)
{
	struct opening_host *host = opening->host;
	struct origin origin = opening->origin;

	origin.tls = opening->tls;
	opening->tls = NULL;
	release(opening);
	host->opened(host, &origin);
	config_listener_unref(origin.listener);
}

/* Waits for input, or for room for output: a handshake wants either. */
static bool
wait_for(struct opening *opening, short what)
{
	struct event *event = &opening->readable;

	if (event_get_events(event) & what)
		return true;
	event_del(event);
	return event_assign(event, opening->host->base, opening->origin.fd,
			    (short)(what | EV_PERSIST), on_ready,
			    opening) == 0 &&
	       event_add(event, NULL) == 0;
}

/* What came too late to be read would have the alert overtaken by a RST. */
static void
shut(const struct opening *opening)
{
	char waste[4096];
	int fd = opening->origin.fd;
	unsigned tries = 16;

	shutdown(fd, SHUT_WR);
	while (recv(fd, waste, sizeof(waste), 0) > 0 && --tries > 0)
		;
}

/* As end_of_input() below: who says nothing wants nothing. */
static void
end_of_handshake(struct opening *opening, int error)
{
	bool silent = tlslink_received(opening->tls) == 0;

	opening->origin.quiet |= silent;
	if (error)
		fail(opening, report_reason(error), strerror(error));
	else if (silent)
		fail(opening, CLOSE_eof, "");
	else
		fail(opening, CLOSE_tls_failed, "it ends within the handshake");
}

/* False while there is more to wait for; otherwise the opening is over. */
static bool
shake(struct opening *opening)
{
	char reason[TLSLINK_REASON_SIZE];
	enum tlslink_state state = tlslink_shake(opening->tls, reason);

	switch (state) {
	case TLSLINK_READS:
	case TLSLINK_WRITES:
		if (wait_for(opening,
			     state == TLSLINK_READS ? EV_READ : EV_WRITE))
			return false;
		fail(opening, CLOSE_error, strerror(ENOMEM));
		return true;
	case TLSLINK_ENDED:
		end_of_handshake(opening, errno);
		return true;
	case TLSLINK_FAILED:
		shut(opening);
		fail(opening, CLOSE_tls_failed, reason);
		return true;
	default:
		finish(opening);
		return true;
	}
}

/* It has been let in, and has so long from now on. */
static void
begin_tls(struct opening *opening)
{
	const struct config_listener *listener = opening->origin.listener;

	opening->tls = tlslink_new(listener->tls_context, opening->origin.fd);
	if (!opening->tls) {
		fail(opening, CLOSE_error, strerror(ENOMEM));
		return;
	}
	timers_set(opening->host->timers, &opening->timer,
		   timers_now() + patience_ms(listener->tls.handshake_timeout));
	shake(opening);
}

/* The next thing that it is to open with, or the session. */
static void
go_on(struct opening *opening)
{
	if (opening->origin.listener->tls_context)
		begin_tls(opening);
	else
		finish(opening);
}

/*
 * A load balancer asks whether the port is open by no more than connecting, and
 * many of them hang up by RST: nothing to tell of.
 */
static void
end_of_input(struct opening *opening, int error)
{
	bool silent = opening->held == 0;

	opening->origin.quiet = silent;
	if (error)
		fail(opening, report_reason(error), strerror(error));
	else if (silent)
		fail(opening, CLOSE_eof, "");
	else
		fail(opening, CLOSE_proxy_invalid, "it ends within its header");
}

/* It has been admitted by `from`, and that is all that has to be said of it. */
static void
open_for_proxy(struct opening *opening)
{
	opening->origin.quiet = true;
	go_on(opening);
}

static void
open_for_client(struct opening *opening)
{
	struct origin *origin = &opening->origin;
	const struct config_listener *listener = origin->listener;

	if (!acl_admits(&listener->allow, &listener->deny, &origin->peer)) {
		refuse(opening, REFUSE_denied);
	} else if (!gate_enter_source(origin->gate, &origin->peer,
				      listener->per_source)) {
		refuse(opening, REFUSE_per_source);
	} else {
		origin->per_source = listener->per_source;
		go_on(opening);
	}
}

/* Who the client is, as the header has it. */
static void
apply_header(struct opening *opening, const struct proxyproto_header *header)
{
	struct origin *origin = &opening->origin;

	if (header->proxied) {
		origin->via = origin->peer;
		origin->peer = header->source;
		origin->local = header->destination;
	}
	if (header->local)
		open_for_proxy(opening);
	else
		open_for_client(opening);
}

/* Keeps what there is of a header; false where memory is out. */
static bool
keep(struct opening *opening, const unsigned char *header, size_t length)
{
	if (!opening->header) {
		opening->header = malloc(PROXYPROTO_MAX);
		if (!opening->header)
			return false;
		memcpy(opening->header, header, length);
	}
	opening->held = length;
	return true;
}

/* recv(2) has returned `got`, not positive.  False if it is to be tried again. */
static bool
end_if_over(struct opening *opening, ssize_t got)
{
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	end_of_input(opening, got < 0 ? errno : 0);
	return true;
}

/*
 * Takes what has been looked at, up to `length` bytes of the header in all.
 * `header` is NULL as long as the header is incomplete.  Only what recv(2) has
 * really taken counts: it may fail, or take less.  False while there is more to
 * wait for; otherwise the opening is over.
 */
static bool
take(struct opening *opening, unsigned char *bytes, size_t length,
     const struct proxyproto_header *header)
{
	size_t held = opening->held;
	ssize_t got = recv(opening->origin.fd, bytes + held, length - held, 0);

	if (got <= 0)
		return end_if_over(opening, got);
	if (header && held + (size_t)got == length) {
		apply_header(opening, header);
		return true;
	}
	if (keep(opening, bytes, held + (size_t)got))
		return false;
	fail(opening, CLOSE_error, strerror(ENOMEM));
	return true;
}

/*
 * Looks before it takes (recv(2), MSG_PEEK), and takes what is the header's:
 * what the client sent along with it stays in the socket for the session.  Of a
 * header that is not complete all that there is has to be taken, or else the
 * socket would be readable all the time.  Returns as take() does.
 */
static bool
read_header(struct opening *opening)
{
	unsigned char whole[PROXYPROTO_MAX];
	unsigned char *bytes = opening->header ? opening->header : whole;
	size_t held = opening->held;
	struct proxyproto_header header;
	ssize_t got = recv(opening->origin.fd, bytes + held,
			   PROXYPROTO_MAX - held, MSG_PEEK);

	if (got <= 0)
		return end_if_over(opening, got);
	switch (proxyproto_parse(bytes, held + (size_t)got, &header)) {
	case PROXYPROTO_MORE:
		return take(opening, bytes, held + (size_t)got, NULL);
	case PROXYPROTO_INVALID:
		fail(opening, CLOSE_proxy_invalid, header.reason);
		return true;
	default:
		return take(opening, bytes, header.length, &header);
	}
}

/* Goes on with what it is at; false while there is more to wait for. */
static bool
step(struct opening *opening)
{
	return opening->tls ? shake(opening) : read_header(opening);
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
	struct opening *opening =
		(struct opening *)((char *)timer -
				   offsetof(struct opening, timer));

	/* After SIGSTOP time has passed, but it may have come in time. */
	if (step(opening))
		return;
	/*
	 * A handshake needs answers from both sides.  The time in which this
	 * side did not run is added once.
	 */
	if (late > 0 && !opening->excused) {
		opening->excused = true;
		timers_set(opening->host->timers, timer, timers_now() + late);
		return;
	}
	if (opening->tls)
		fail(opening, CLOSE_tls_timeout,
		     tlslink_received(opening->tls) > 0 ?
			     "the handshake is not complete" :
			     "no handshake");
	else
		fail(opening, CLOSE_proxy_timeout,
		     opening->held > 0 ? "its header is not complete" :
					 "no header");
}

static void
begin_header(struct opening *opening)
{
	const struct config_listener *listener = opening->origin.listener;

	timers_set(opening->host->timers, &opening->timer,
		   opening->started +
			   patience_ms(listener->proxy_protocol.timeout));
	/* A proxy sends its header at once: it may be here. */
	read_header(opening);
}

bool
opening_host_init(struct opening_host *host, struct event_base *base,
		  struct stats *stats)
{
	LIST_INIT(&host->openings);
	host->base = base;
	host->stats = stats;
	host->timers = timers_new(base, on_expired);
	return host->timers;
}

void
opening_host_release(struct opening_host *host)
{
	timers_free(host->timers);
}

bool
opening_is_due(const struct config_listener *listener)
{
	return listener->proxy_protocol.from.count > 0 || listener->tls_context;
}

bool
opening_new(struct opening_host *host, const struct origin *origin)
{
	const struct config_listener *listener = origin->listener;
	struct opening *opening = calloc(1, sizeof(*opening));

	if (!opening) {
		origin_refuse(origin);
		return false;
	}
	opening->host = host;
	opening->origin = *origin;
	opening->started = timers_now();
	config_listener_ref(listener);
	LIST_INSERT_HEAD(&host->openings, opening, link);
	host->count++;
	event_assign(&opening->readable, host->base, origin->fd,
		     EV_READ | EV_PERSIST, on_ready, opening);
	if (event_add(&opening->readable, NULL) < 0) {
		fail(opening, CLOSE_error, strerror(errno));
		return true;
	}
	if (listener->proxy_protocol.from.count > 0)
		begin_header(opening);
	else
		begin_tls(opening);
	return true;
}

void
opening_close_all(struct opening_host *host)
{
	struct opening *opening;

	while ((opening = LIST_FIRST(&host->openings))) {
		/* The analyzer does not see that it leaves the list by that. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		fail(opening, CLOSE_drain, "");
	}
}
