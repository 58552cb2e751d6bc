#include "datagram.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "config.h"
#include "guard.h"
#include "log.h"
#include "prefix.h"
#include "socket.h"
#include "stats.h"
#include "timers.h"

/* Where receiving fails for want of resources, waiting helps. */
#define PAUSE_MS 100

/* What is dropped is told of at once, and then no more often than that. */
#define TELL_SECONDS 10

/*
 * Batches that are answered before a socket is closed: under a flood there is no
 * end to them, and the kernel's default queue holds fewer.
 */
#define LAST_BATCHES 64

_Static_assert(TEMPLATE_MAX <= BATCH_PREFIX_MAX,
	       "a batch has no room for the longest prefix");

struct datagram {
	struct batch_socket socket;
	uint16_t port;
	uint64_t number; /* of the last datagram */
	struct datagram_terms terms;
	struct datagram_host *host; /* NULL until started */
	struct event readable;
	struct event pause;
	struct event tell;
	bool pausing; /* the last time to receive was none */

	/* Since the log was last told. */
	uint64_t dropped[DROP_REASON_COUNT];
	bool any_dropped;
	struct address last; /* one of their peers, where known */
};

static void
take_terms(struct datagram *datagram, const struct datagram_terms *terms)
{
	datagram->terms = *terms;
	config_listener_ref(terms->listener);
	guard_ref(terms->guard);
}

static void
drop_terms(const struct datagram_terms *terms)
{
	config_listener_unref(terms->listener);
	guard_release(terms->guard);
}

static const struct config_listener *
settings(const struct datagram *datagram)
{
	return datagram->terms.listener;
}

struct datagram *
datagram_new(int fd, const struct datagram_terms *terms)
{
	struct datagram *datagram = calloc(1, sizeof(*datagram));
	struct address bound;
	int result;

	if (!datagram)
		return NULL;
	result = socket_get_address(fd, &bound);
	if (result == 0)
		result = batch_open(&datagram->socket, fd);
	if (result < 0) {
		free(datagram);
		errno = -result;
		return NULL;
	}
	datagram->port = address_port(&bound);
	take_terms(datagram, terms);
	return datagram;
}

/* " REASON=N" for each reason that there has been. */
static void
format_dropped(const struct datagram *datagram, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		if (datagram->dropped[i] > 0 && used < size)
			used += (size_t)snprintf(
				text + used, size - used, " %s=%llu",
				stats_drop_reason((enum drop_reason)i),
				(unsigned long long)datagram->dropped[i]);
}

static void
tell(struct datagram *datagram)
{
	char reasons[DROP_REASON_COUNT * 40];
	char peer[ADDRESS_TEXT_SIZE] = "?";

	format_dropped(datagram, reasons, sizeof(reasons));
	if (datagram->last.length > 0)
		address_format(&datagram->last, peer);
	log_peer(LOG_NOTICE, "Datagrams dropped listener=%s%s last=%s",
		 settings(datagram)->name, reasons, peer);
	memset(datagram->dropped, 0, sizeof(datagram->dropped));
	datagram->any_dropped = false;
	datagram->last.length = 0;
}

/* To be called where something has been dropped, once a batch. */
static void
tell_in_time(struct datagram *datagram)
{
	struct timeval wait = { TELL_SECONDS, 0 };

	if (!datagram->any_dropped || evtimer_pending(&datagram->tell, NULL))
		return;
	tell(datagram);
	/* Where memory is out, the next drop is told of at once, too. */
	(void)event_add(&datagram->tell, &wait);
}

static void
on_tell(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	tell_in_time(argument);
}

void
datagram_free(struct datagram *datagram)
{
	if (!datagram)
		return;
	if (datagram->any_dropped)
		tell(datagram);
	if (datagram->host) {
		event_del(&datagram->readable);
		event_del(&datagram->pause);
		event_del(&datagram->tell);
	}
	close(datagram->socket.fd);
	drop_terms(&datagram->terms);
	free(datagram);
}

static void
drop(struct datagram *datagram, enum drop_reason reason, uint64_t count)
{
	stats_bump(&datagram->host->stats->dropped[reason], count);
	datagram->dropped[reason] += count;
	datagram->any_dropped = true;
}

static void
drop_from(struct datagram *datagram, const struct address *peer,
	  enum drop_reason reason)
{
	char text[ADDRESS_TEXT_SIZE];

	drop(datagram, reason, 1);
	datagram->last = *peer;
	log_peer(LOG_DEBUG, "Datagram dropped %s listener=%s reason=%s",
		 address_format(peer, text), settings(datagram)->name,
		 stats_drop_reason(reason));
}

/* Nanoseconds; a tick of the kernel is exact enough to count in seconds. */
static uint64_t
coarse_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool
may_come(const struct datagram *datagram, const struct batch_datagram *got,
	 enum drop_reason *reason)
{
	const struct config_listener *listener = settings(datagram);

	*reason = DROP_broadcast;
	if (got->broadcast)
		return false;
	if (!guard_trusts(datagram->terms.guard,
			  &listener->udp.deny_source_ports, &got->peer, reason))
		return false;
	*reason = DROP_denied;
	return acl_admits(&listener->allow, &listener->deny, &got->peer);
}

/* The rate comes last: what is refused anyway does not use it up. */
static bool
may_leave(const struct datagram *datagram, const struct batch_datagram *got,
	  size_t prefix_length, uint64_t now, enum drop_reason *reason)
{
	*reason = DROP_oversize;
	if (got->truncated ||
	    got->data.iov_len + prefix_length > BATCH_DATAGRAM_MAX)
		return false;
	*reason = DROP_rate;
	return guard_admit(datagram->terms.guard, datagram->terms.id,
			   &got->peer, settings(datagram)->udp.rate, now,
			   1) == 1;
}

/* The one of all datagrams, or of this one. */
static struct iovec
prefix_of(const struct datagram *datagram, unsigned i)
{
	const struct config_listener *listener = settings(datagram);
	struct batch *batch = datagram->host->batch;
	struct address local;
	struct prefix_datagram subject = {
		.peer = &batch_at(batch, i)->peer,
		.local = &local,
		.number = datagram->number,
	};
	char *room;

	if (listener->frame.prefix)
		return (struct iovec){ (char *)listener->frame.prefix,
				       listener->frame.prefix_length };
	local = batch_local(batch, i);
	address_set_port(&local, datagram->port);
	room = batch_room(batch, i);
	return (struct iovec){ room, prefix_write(listener, &subject, room) };
}

static void
answer(struct datagram *datagram, unsigned i, uint64_t now)
{
	struct batch *batch = datagram->host->batch;
	const struct batch_datagram *got = batch_at(batch, i);
	enum drop_reason reason;
	struct iovec prefix;

	datagram->number++;
	stats_add(datagram->host->stats, STATS_bytes_in, got->data.iov_len);
	if (may_come(datagram, got, &reason)) {
		prefix = prefix_of(datagram, i);
		if (may_leave(datagram, got, prefix.iov_len, now, &reason)) {
			batch_answer(batch, i, &prefix);
			return;
		}
	}
	drop_from(datagram, &got->peer, reason);
}

static void
send_answers(struct datagram *datagram)
{
	struct stats *stats = datagram->host->stats;
	struct batch_result result =
		batch_send(datagram->host->batch, &datagram->socket);

	stats_add(stats, STATS_datagrams_out, result.sent);
	stats_add(stats, STATS_bytes_out, result.bytes);
	if (result.unsent > 0) {
		drop(datagram, DROP_unsent, result.unsent);
		log_peer(LOG_DEBUG,
			 "Datagrams dropped listener=%s unsent=%u: %s",
			 settings(datagram)->name, result.unsent,
			 strerror(result.error));
	}
}

/* As accept(2) has them for TCP: news of what was sent before, now consumed. */
static bool
is_news_of_network(int error)
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
pause_receiving(struct datagram *datagram, int error)
{
	struct timeval wait = { 0, PAUSE_MS * 1000 };

	stats_add(datagram->host->stats, STATS_receive_pauses, 1);
	if (!datagram->pausing)
		log_warning("receive: %s: listener=%s pauses for %d ms at a "
			    "time until there is room again",
			    strerror(error), settings(datagram)->name,
			    PAUSE_MS);
	datagram->pausing = true;
	event_del(&datagram->readable);
	timers_add_event(&datagram->pause, &wait);
}

static void
after_error(struct datagram *datagram, int error)
{
	if (is_news_of_network(error))
		stats_add(datagram->host->stats, STATS_receive_errors, 1);
	else
		pause_receiving(datagram, error);
}

/* Receives and answers one batch; returns its size, or a negated errno. */
static int
serve(struct datagram *datagram)
{
	uint32_t overflow = datagram->socket.overflow;
	uint64_t now;
	int count = batch_receive(datagram->host->batch, &datagram->socket,
				  settings(datagram)->udp.max_datagram);

	if (count < 0)
		return count;
	datagram->pausing = false;
	now = coarse_now();
	stats_add(datagram->host->stats, STATS_datagrams_in, (unsigned)count);
	for (int i = 0; i < count; i++)
		answer(datagram, (unsigned)i, now);
	send_answers(datagram);
	if (datagram->socket.overflow != overflow)
		drop(datagram, DROP_overflow,
		     datagram->socket.overflow - overflow);
	tell_in_time(datagram);
	return count;
}

/* One batch a wake-up: a flood must not starve those who are served beside. */
static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	struct datagram *datagram = argument;
	int result = serve(datagram);

	(void)fd;
	(void)what;
	if (result < 0 && result != -EAGAIN && result != -EINTR)
		after_error(datagram, -result);
}

static void
watch(struct datagram *datagram)
{
	/* A failed epoll_ctl(2) is a want of resources like any other. */
	if (event_add(&datagram->readable, NULL) < 0)
		pause_receiving(datagram, ENOMEM);
}

static void
on_pause_over(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	watch(argument);
}

void
datagram_start(struct datagram *datagram, struct datagram_host *host)
{
	datagram->host = host;
	event_assign(&datagram->readable, host->base, datagram->socket.fd,
		     EV_READ | EV_PERSIST, on_readable, datagram);
	evtimer_assign(&datagram->pause, host->base, on_pause_over, datagram);
	evtimer_assign(&datagram->tell, host->base, on_tell, datagram);
	watch(datagram);
}

void
datagram_change(struct datagram *datagram, const struct datagram_terms *terms)
{
	struct datagram_terms before = datagram->terms;

	take_terms(datagram, terms);
	drop_terms(&before);
}

void
datagram_answer_queued(struct datagram *datagram)
{
	for (int i = 0; datagram->host && i < LAST_BATCHES; i++)
		if (serve(datagram) == -EAGAIN)
			return;
}
