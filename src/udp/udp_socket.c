#include "udp/udp_socket.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stats.h"
#include "base/timers.h"
#include "config/config.h"
#include "echo/prefix.h"
#include "listen/binding.h"
#include "listen/socket.h"
#include "udp/udp_batch.h"
#include "udp/udp_limits.h"

/* Drops are logged at once, and then once in this time at most. */
#define LOG_SECONDS 10

/*
 * Batches that are answered before a socket is closed.  Under a flood there
 * would be no end to them.  The queue holds fewer by default: 8 MiB, with the
 * kernel's overhead, of datagrams that take 768 bytes or more.
 */
#define LAST_BATCHES 256

_Static_assert(TEMPLATE_MAX <= UDP_BATCH_PREFIX_MAX,
	       "a batch has no room for the longest prefix");

struct udp_socket {
	struct udp_batch_socket socket;
	uint16_t port;
	uint64_t number;		    /* of the last datagram */
	const struct binding *binding;	    /* borrowed */
	struct udp_socket_context *context; /* NULL until started */
	struct event readable;
	struct event resume;
	struct event log_timer;
	bool pausing; /* the last try to receive ran out of resources */
	char time[TEMPLATE_TIME_LENGTH + 1]; /* of the batch; only if used */

	/* Since the last line in the log. */
	uint64_t dropped[DROP_REASON_COUNT];
	bool any_dropped;
	struct address last; /* the last known peer of them */
};

static const struct config_listener *
settings(const struct udp_socket *udp)
{
	return udp->binding->settings;
}

static int
set_buffer(const struct udp_socket *udp)
{
	return socket_set_receive_buffer(udp->socket.fd,
					 settings(udp)->udp.socket_buffer);
}

struct udp_socket *
udp_socket_new(int fd, const struct binding *binding)
{
	struct udp_socket *udp = calloc(1, sizeof(*udp));
	struct address bound;
	int result;

	if (!udp)
		return NULL;
	udp->binding = binding;
	result = socket_get_address(fd, &bound);
	if (result == 0)
		result = udp_batch_open(&udp->socket, fd);
	if (result == 0)
		result = udp_batch_set_header(&udp->socket,
					      binding->settings->needs_header);
	if (result == 0)
		result = set_buffer(udp);
	if (result < 0) {
		free(udp);
		errno = -result;
		return NULL;
	}
	if (!binding->inherited)
		udp_batch_join(&udp->socket);
	udp->port = address_port(&bound);
	return udp;
}

/* " REASON=N" for each reason with drops. */
static void
format_dropped(const struct udp_socket *udp, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		if (udp->dropped[i] > 0 && used < size)
			used += (size_t)snprintf(
				text + used, size - used, " %s=%llu",
				stats_drop_reason((enum drop_reason)i),
				(unsigned long long)udp->dropped[i]);
}

static void
log_drops(struct udp_socket *udp)
{
	char reasons[DROP_REASON_COUNT * 40];
	char peer[ADDRESS_TEXT_SIZE] = "?";

	format_dropped(udp, reasons, sizeof(reasons));
	if (udp->last.length > 0)
		address_format(&udp->last, peer);
	log_peer(LOG_NOTICE, "Datagrams dropped listener=%s%s last=%s%s",
		 settings(udp)->name, reasons, peer,
		 udp->dropped[DROP_overflow] > 0 ?
			 ": raise udp.socket_buffer and net.core.rmem_max" :
			 "");
	memset(udp->dropped, 0, sizeof(udp->dropped));
	udp->any_dropped = false;
	udp->last.length = 0;
}

/* To be called after each batch. */
static void
log_in_time(struct udp_socket *udp)
{
	struct timeval wait = { LOG_SECONDS, 0 };

	if (!udp->any_dropped || evtimer_pending(&udp->log_timer, NULL))
		return;
	log_drops(udp);
	/* Without memory for the timer, the next drop is logged at once. */
	(void)event_add(&udp->log_timer, &wait);
}

static void
on_log_timer(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	log_in_time(argument);
}

void
udp_socket_free(struct udp_socket *udp)
{
	if (!udp)
		return;
	if (udp->any_dropped)
		log_drops(udp);
	if (udp->context) {
		event_del(&udp->readable);
		event_del(&udp->resume);
		event_del(&udp->log_timer);
	}
	close(udp->socket.fd);
	free(udp);
}

static void
drop(struct udp_socket *udp, enum drop_reason reason, uint64_t count)
{
	stats_bump(&udp->binding->stats->dropped[reason], count);
	udp->dropped[reason] += count;
	udp->any_dropped = true;
}

static void
drop_from(struct udp_socket *udp, const struct address *peer,
	  enum drop_reason reason)
{
	char text[ADDRESS_TEXT_SIZE];

	drop(udp, reason, 1);
	udp->last = *peer;
	log_peer(LOG_DEBUG, "Datagram dropped %s listener=%s reason=%s peer=%s",
		 address_format(peer, text), settings(udp)->name,
		 stats_drop_reason(reason), text);
}

static bool
is_trusted(const struct udp_socket *udp, const struct udp_batch_datagram *got,
	   enum drop_reason *reason)
{
	const struct config_listener *listener = settings(udp);

	*reason = DROP_broadcast;
	if (got->broadcast)
		return false;
	if (!udp_limits_trusts(udp->binding->udp_limits,
			       &listener->udp.deny_source_ports, &got->peer,
			       reason))
		return false;
	*reason = DROP_denied;
	return acl_admits(&listener->allow, &listener->deny, &got->peer);
}

/* The rate comes last: a datagram that is dropped anyway must not use it up. */
static bool
is_within_limits(const struct udp_socket *udp,
		 const struct udp_batch_datagram *got, size_t prefix_length,
		 uint64_t now, enum drop_reason *reason)
{
	*reason = DROP_oversize;
	if (got->truncated ||
	    got->data.iov_len + prefix_length > UDP_BATCH_DATAGRAM_MAX)
		return false;
	*reason = DROP_rate;
	return udp_limits_admit(udp->binding->udp_limits, udp->binding->id,
				&got->peer, settings(udp)->udp.rate, now,
				1) == 1;
}

/* The prefix of every datagram, or that of this one. */
static struct iovec
prefix_of(const struct udp_socket *udp, const struct udp_batch_datagram *got)
{
	const struct config_listener *listener = settings(udp);
	struct udp_batch *batch = udp->context->batch;
	struct address local;
	char text[ADDRESS_TEXT_SIZE];
	struct prefix_values values = {
		.peer = &got->peer,
		.number = udp->number,
		.time = udp->time,
		.ttl = got->ttl,
		.tos = got->tos,
	};
	char *space;

	if (listener->frame.prefix)
		return (struct iovec){ (char *)listener->frame.prefix,
				       listener->frame.prefix_length };
	if (prefix_needs_local(listener->template)) {
		local = udp_batch_local(batch);
		address_set_port(&local, udp->port);
		values.local = address_format(&local, text);
	}
	space = udp_batch_space(batch);
	return (struct iovec){ space, prefix_write(listener->template, &values,
						   space) };
}

/* Of the answer; negative: unchanged. */
static int
dscp_of(const struct udp_socket *udp, const struct udp_batch_datagram *got)
{
	int dscp = settings(udp)->dscp;

	return dscp == DSCP_REFLECT && got->tos >= 0 ? got->tos >> 2 : dscp;
}

static void
answer(struct udp_socket *udp, const struct udp_batch_datagram *got,
       uint64_t now)
{
	struct stats *stats = udp->binding->stats;
	enum drop_reason reason;
	struct iovec prefix;

	udp->number++;
	stats_add(stats, STATS_datagrams_in, 1);
	stats_add(stats, STATS_bytes_in, got->data.iov_len);
	if (is_trusted(udp, got, &reason)) {
		prefix = prefix_of(udp, got);
		if (is_within_limits(udp, got, prefix.iov_len, now, &reason)) {
			udp_batch_answer(udp->context->batch, &prefix,
					 dscp_of(udp, got));
			return;
		}
	}
	drop_from(udp, &got->peer, reason);
}

/* Those of one batch, which was received at `received`. */
static void
send_answers(struct udp_socket *udp, int64_t received)
{
	struct stats *stats = udp->binding->stats;
	struct udp_batch_result result = udp_batch_send(udp->context->batch);

	stats_add(stats, STATS_datagrams_out, result.sent);
	stats_add(stats, STATS_bytes_out, result.bytes);
	stats_measure(stats, HISTOGRAM_echo_delay,
		      (double)(timers_now_ns() - received) / 1e9, result.sent);
	if (result.unsent > 0) {
		drop(udp, DROP_unsent, result.unsent);
		log_peer(LOG_DEBUG,
			 "Datagrams dropped listener=%s unsent=%u: %s",
			 settings(udp)->name, result.unsent,
			 strerror(result.error));
	}
}

/* ICMP errors of earlier answers, which recvmmsg(2) reports once. */
static bool
is_network_error(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case EMSGSIZE:
	case ENETDOWN:
	case ENETUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EPROTO:
		return true;
	default:
		return false;
	}
}

static void
pause_receiving(struct udp_socket *udp, int error)
{
	stats_add(udp->binding->stats, STATS_receive_pauses, 1);
	if (!udp->pausing)
		log_warning("Receiving paused listener=%s: %s",
			    settings(udp)->name, strerror(error));
	udp->pausing = true;
	event_del(&udp->readable);
	timers_pause(&udp->resume);
}

static void
after_error(struct udp_socket *udp, int error)
{
	if (is_network_error(error))
		stats_add(udp->binding->stats, STATS_receive_errors, 1);
	else
		pause_receiving(udp, error);
}

/* All datagrams of a batch have one %{time}. */
static void
set_time(struct udp_socket *udp)
{
	struct timespec now;

	if (!prefix_needs_time(settings(udp)->template))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	prefix_format_time(&now, udp->time);
}

/* Receives and answers one batch.  0 or a negated errno. */
static int
serve(struct udp_socket *udp)
{
	struct udp_batch *batch = udp->context->batch;
	const struct udp_batch_datagram *got;
	uint32_t overflow = udp->socket.overflow;
	int64_t now;
	int result = udp_batch_receive(batch, &udp->socket,
				       settings(udp)->udp.max_datagram);

	if (result < 0)
		return result;
	udp->pausing = false;
	now = timers_now_ns();
	set_time(udp);
	while ((got = udp_batch_next(batch)))
		answer(udp, got, (uint64_t)now);
	send_answers(udp, now);
	if (udp->socket.overflow != overflow)
		drop(udp, DROP_overflow, udp->socket.overflow - overflow);
	log_in_time(udp);
	return 0;
}

/* One batch a wake-up: a flood must not starve the other sockets. */
static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	struct udp_socket *udp = argument;
	int result = serve(udp);

	(void)fd;
	(void)what;
	if (result < 0 && result != -EAGAIN && result != -EINTR)
		after_error(udp, -result);
}

static void
watch(struct udp_socket *udp)
{
	/* epoll_ctl(2) fails if memory or watches run out. */
	if (event_add(&udp->readable, NULL) < 0)
		pause_receiving(udp, ENOMEM);
}

static void
on_resume(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	watch(argument);
}

/* The kernel caps a buffer without an error. */
static void
check_buffer(const struct udp_socket *udp)
{
	int wanted = (int)settings(udp)->udp.socket_buffer;
	int got = socket_get_receive_buffer(udp->socket.fd);
	struct address bound;
	char text[ADDRESS_TEXT_SIZE];

	if (!udp->context || !udp->context->first || got < 0 || got >= wanted ||
	    socket_get_address(udp->socket.fd, &bound) < 0)
		return;
	log_notice("Socket buffer capped udp:%s configured=%d actual=%d: "
		   "net.core.rmem_max",
		   address_format(&bound, text), wanted, got);
}

void
udp_socket_start(struct udp_socket *udp, struct udp_socket_context *context)
{
	udp->context = context;
	event_assign(&udp->readable, context->base, udp->socket.fd,
		     EV_READ | EV_PERSIST, on_readable, udp);
	evtimer_assign(&udp->resume, context->base, on_resume, udp);
	evtimer_assign(&udp->log_timer, context->base, on_log_timer, udp);
	check_buffer(udp);
	watch(udp);
}

void
udp_socket_change(struct udp_socket *udp, const struct binding *binding)
{
	int error = udp_batch_set_header(&udp->socket,
					 binding->settings->needs_header);

	udp->binding = binding;
	if (error < 0)
		log_error("Cannot set header fields listener=%s: %s",
			  settings(udp)->name, strerror(-error));
	error = set_buffer(udp);
	if (error < 0)
		log_error("Cannot set socket buffer listener=%s: %s",
			  settings(udp)->name, strerror(-error));
	check_buffer(udp);
}

void
udp_socket_answer_queued(struct udp_socket *udp)
{
	for (int i = 0; udp->context && i < LAST_BATCHES; i++)
		if (serve(udp) == -EAGAIN)
			return;
}
