#include "probe/udp_peers.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/socket_options.h"
#include "probe/udp_peers_reply.h"
#include "probe/udp_peers_send.h"

/*
 * A burst of which nothing was echoed: a server that refuses everything must
 * not be flooded.
 */
#define RETRY_DELAY INT64_C(100000000)

/* The kernel limits it to net.core.rmem_max. */
#define RECEIVE_BUFFER (1 << 20)

/* ---- counting */

static void
count(struct udp_peer *peer, size_t size, struct failure *failure)
{
	struct udp_peers *peers = peer->port->owner;
	struct tally *tally = &peers->run->tally;

	failure->at = run_now() - tally->begin;
	failure->peer = (unsigned)(peer - peers->peers);
	tally_fail(tally, peers->target->index,
		   (struct backend *)failure->backend, size, failure);
}

void
udp_peer_observe(struct udp_peer *peer, size_t size, enum outcome outcome,
		 struct backend *backend, const char *detail)
{
	struct failure failure = {
		.outcome = outcome,
		.backend = backend,
		.began = -1,
		.detail = detail,
	};

	count(peer, size, &failure);
}

void
udp_peer_fail(struct udp_peer *peer, const struct datagram *datagram,
	      enum outcome outcome, struct backend *backend, const char *detail)
{
	struct run *run = peer->port->owner->run;
	struct failure failure = {
		.outcome = outcome,
		.backend = backend,
		.began = datagram->started - run->tally.begin,
		.detail = detail,
	};

	peer->port->awaited--;
	peer->port->owner->has_ended = true;
	run->last = run_now();
	count(peer, datagram->size, &failure);
}

void
udp_peers_report(struct udp_peers *peers)
{
	if (!peers->has_ended)
		return;
	peers->has_ended = false;
	peers->run->progress(peers->run);
}

/* ---- when something is sent */

static void
on_readable(int fd, short what, void *data)
{
	struct udp_port *port = data;

	(void)fd;
	(void)what;
	udp_port_receive(port);
	udp_port_continue(port);
	udp_peers_report(port->owner);
}

static void
on_resume(int fd, short what, void *data)
{
	struct udp_port *port = data;

	(void)fd;
	(void)what;
	port->waiting = false;
	udp_port_continue(port);
	udp_peers_report(port->owner);
}

void
udp_port_wait(struct udp_port *port, int64_t delay)
{
	struct event_base *base = port->owner->run->base;
	struct timeval time = {
		.tv_sec = (time_t)(delay / 1000000000),
		.tv_usec = (suseconds_t)(delay % 1000000000 / 1000),
	};

	if (delay < 0)
		event_assign(&port->resume, base, port->fd, EV_WRITE, on_resume,
			     port);
	else
		event_assign(&port->resume, base, -1, 0, on_resume, port);
	/* Without memory, udp_peers_tick() tries again. */
	port->waiting = event_add(&port->resume, delay < 0 ? NULL : &time) == 0;
}

static uint64_t
quota_of(const struct udp_port *port)
{
	const struct load *load = port->owner->load;

	if (!port->owner->is_shared)
		return load_quota(load, port->first);
	return load->count > 0 ? load->count : UINT64_MAX;
}

/* False: nothing may begin now. */
static bool
begin_burst(struct udp_port *port)
{
	const struct run *run = port->owner->run;
	uint64_t quota = quota_of(port);
	uint64_t burst = run->options->burst;

	if (run->stopping || port->awaited > 0 || port->sent == quota)
		return false;
	if (!port->echoed) {
		port->echoed = true; /* so that the next one begins */
		udp_port_wait(port, RETRY_DELAY);
		return false;
	}
	port->echoed = false;
	if (burst > quota - port->sent)
		burst = quota - port->sent;
	port->due = port->sent + burst;
	return true;
}

void
udp_port_continue(struct udp_port *port)
{
	if (port->waiting)
		return;
	udp_port_send(port);
	/* All of a burst can fail at once. */
	while (port->owner->load->rate == 0 && !port->waiting &&
	       port->sent == port->due && begin_burst(port))
		udp_port_send(port);
}

void
udp_peers_begin(struct udp_peers *peers)
{
	for (unsigned i = 0; i < peers->port_count; i++) {
		peers->ports[i].echoed = true;
		udp_port_continue(&peers->ports[i]);
	}
	udp_peers_report(peers);
}

void
udp_peers_due(struct udp_peers *peers, uint64_t due)
{
	const struct load *load = peers->load;
	uint64_t first = peers->due;

	if (peers->run->stopping)
		return;
	peers->due = due;
	if (due - first > load->peers)
		first = due - load->peers;
	for (uint64_t k = first; k < due && !peers->is_shared; k++) {
		unsigned index = (unsigned)(k % load->peers);

		peers->ports[index].due = load_due_of(load, index, due);
		udp_port_continue(&peers->ports[index]);
	}
	if (peers->is_shared) {
		peers->ports[0].due = due;
		udp_port_continue(&peers->ports[0]);
	}
	udp_peers_report(peers);
}

static void
expire(struct udp_peer *peer, int64_t before)
{
	struct datagram expired;

	while (datagrams_expire(peer->datagrams, before, &expired))
		udp_peer_fail(peer, &expired, OUTCOME_TIMEOUT, NULL, "");
}

void
udp_peers_tick(struct udp_peers *peers, int64_t now)
{
	int64_t timeout = (int64_t)(peers->run->options->timeout * 1e9);

	for (unsigned i = 0; i < peers->load->peers; i++)
		expire(&peers->peers[i], now - timeout);
	for (unsigned i = 0; i < peers->port_count; i++)
		if (peers->ports[i].sent > 0)
			udp_port_continue(&peers->ports[i]);
	udp_peers_report(peers);
}

uint64_t
udp_peers_awaited(const struct udp_peers *peers)
{
	uint64_t awaited = 0;

	for (unsigned i = 0; i < peers->port_count; i++)
		awaited += peers->ports[i].awaited;
	return awaited;
}

uint64_t
udp_peers_silent(const struct udp_peers *peers)
{
	uint64_t silent = 0;

	for (unsigned i = 0; i < peers->load->peers; i++)
		silent += !peers->peers[i].echoed;
	return silent;
}

/* ---- making */

static int
set_receive_options(int fd, int family, bool shared)
{
	int level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int errors = family == AF_INET6 ? IPV6_RECVERR : IP_RECVERR;
	int info = family == AF_INET6 ? IPV6_RECVPKTINFO : IP_PKTINFO;
	int on = 1, size = RECEIVE_BUFFER;

	if (setsockopt(fd, level, errors, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
		return -1;
	return shared ? setsockopt(fd, level, info, &on, sizeof(on)) : 0;
}

static int
open_port(struct udp_peers *peers, unsigned index)
{
	struct udp_port *port = &peers->ports[index];
	struct probe_socket_options options = peers->run->options->socket;
	const struct target_address *to = &peers->target->addresses[0];

	port->owner = peers;
	port->first = index;
	port->count = peers->is_shared ? peers->load->peers : 1;
	/* Shared: each datagram has its source instead. */
	if (peers->is_shared)
		options.source_count = 0;
	port->fd = socket_open(&options, to, SOCK_DGRAM, index);
	if (port->fd < 0)
		return -1;
	if (set_receive_options(port->fd, to->sa.sa_family, peers->is_shared) <
	    0)
		return -1;
	event_assign(&port->readable, peers->run->base, port->fd,
		     EV_READ | EV_PERSIST, on_readable, port);
	if (event_add(&port->readable, NULL) == 0)
		return 0;
	errno = ENOMEM;
	return -1;
}

static int
family_of(const struct udp_peers *peers)
{
	return peers->target->addresses[0].sa.sa_family;
}

static void
set_source(struct udp_peer *peer)
{
	struct cmsghdr *control = (struct cmsghdr *)peer->control;
	const struct sockaddr_in *in = (const void *)&peer->source->sa;
	const struct sockaddr_in6 *in6 = (const void *)&peer->source->sa;
	struct in_pktinfo info = { 0 };
	struct in6_pktinfo info6 = { 0 };

	if (peer->source->sa.sa_family == AF_INET) {
		info.ipi_spec_dst = in->sin_addr;
		control->cmsg_level = IPPROTO_IP;
		control->cmsg_type = IP_PKTINFO;
		control->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(control), &info, sizeof(info));
		peer->control_length = CMSG_SPACE(sizeof(info));
		return;
	}
	info6.ipi6_addr = in6->sin6_addr;
	info6.ipi6_ifindex = in6->sin6_scope_id;
	control->cmsg_level = IPPROTO_IPV6;
	control->cmsg_type = IPV6_PKTINFO;
	control->cmsg_len = CMSG_LEN(sizeof(info6));
	memcpy(CMSG_DATA(control), &info6, sizeof(info6));
	peer->control_length = CMSG_SPACE(sizeof(info6));
}

/* The address that the kernel would send from; none if there is no route. */
static void
find_local(struct udp_peers *peers)
{
	const struct target_address *to = &peers->target->addresses[0];
	struct target_address *local = &peers->local;
	int fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	local->length = sizeof(local->storage);
	if (connect(fd, &to->sa, to->length) < 0 ||
	    getsockname(fd, &local->sa, &local->length) < 0)
		local->length = 0;
	close(fd);
}

static int
make_peer(struct udp_peers *peers, unsigned index)
{
	struct udp_peer *peer = &peers->peers[index];
	struct run *run = peers->run;

	peer->port = &peers->ports[peers->is_shared ? 0 : index];
	peer->datagrams = datagrams_new(&run->payload, &run->options->framing,
					run->id, index);
	if (!peer->datagrams)
		return -1;
	if (peers->is_shared) {
		peer->source = source_choose(&peers->run->options->socket,
					     family_of(peers), index);
		set_source(peer);
	}
	return 0;
}

static bool
must_share(const struct udp_peers *peers)
{
	const struct probe_options *options = peers->run->options;

	return !options->gso && peers->load->peers > 1 &&
	       source_count(&options->socket, family_of(peers)) >=
		       peers->load->peers;
}

static int
make_all(struct udp_peers *peers)
{
	unsigned count = peers->load->peers;
	unsigned port_count;

	peers->is_shared = must_share(peers);
	port_count = peers->is_shared ? 1 : count;
	peers->peers = calloc(count, sizeof(*peers->peers));
	peers->ports = calloc(port_count, sizeof(*peers->ports));
	if (!peers->peers || !peers->ports)
		return -1;
	find_local(peers);
	for (unsigned i = 0; i < port_count; i++) {
		peers->port_count++;
		if (open_port(peers, i) < 0)
			return -1;
	}
	for (unsigned i = 0; i < count; i++)
		if (make_peer(peers, i) < 0)
			return -1;
	peers->send_buffer = malloc(RUN_BUFFER_SIZE);
	if (!peers->send_buffer)
		return -1;
	udp_peers_prepare_send(peers);
	udp_peers_prepare_receive(peers);
	return 0;
}

struct udp_peers *
udp_peers_new(struct run *run, struct target *target, const struct load *load)
{
	struct udp_peers *peers = calloc(1, sizeof(*peers));
	int error;

	if (!peers)
		return NULL;
	peers->run = run;
	peers->target = target;
	peers->load = load;
	if (make_all(peers) == 0)
		return peers;
	error = errno;
	udp_peers_free(peers);
	errno = error;
	return NULL;
}

static void
close_port(struct udp_port *port)
{
	if (port->fd < 0)
		return;
	if (event_initialized(&port->readable))
		event_del(&port->readable);
	if (port->waiting)
		event_del(&port->resume);
	close(port->fd);
}

void
udp_peers_free(struct udp_peers *peers)
{
	if (!peers)
		return;
	for (unsigned i = 0; i < peers->port_count; i++)
		close_port(&peers->ports[i]);
	for (unsigned i = 0; peers->peers && i < peers->load->peers; i++)
		datagrams_free(peers->peers[i].datagrams);
	free(peers->send_buffer);
	free(peers->ports);
	free(peers->peers);
	free(peers);
}
