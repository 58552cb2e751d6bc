#include "probe/udp_peers_reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/datagrams_reply.h"
#include "probe/udp_peers_error.h"

/* A reply, and what is known of its way. */
struct reply {
	struct udp_port *port; /* that it reached */
	const unsigned char *data;
	size_t length; /* of `data` */
	size_t full;   /* what was sent; the rest did not fit */
	const struct sockaddr_storage *from;
	socklen_t from_length;
	bool is_foreign;  /* not from the target's address */
	bool has_strayed; /* to another peer's port or address */
};

void
udp_peers_prepare_receive(struct udp_peers *peers)
{
	const struct probe_options *options = peers->run->options;
	size_t prefix = options->framing.prefix_length;
	struct udp_batch *in = &peers->in;

	if (!options->framing.prefix || prefix < VERIFIER_PREFIX_MAX)
		prefix = VERIFIER_PREFIX_MAX;
	/* So a reply that does not fit is longer than any right one. */
	peers->slot_size =
		prefix + peers->run->payload.sizes.most + 2 * DATAGRAM_HEAD;
	peers->slot_count = (unsigned)(RUN_BUFFER_SIZE / peers->slot_size);
	if (peers->slot_count > UDP_BATCH)
		peers->slot_count = UDP_BATCH;
	for (unsigned i = 0; i < peers->slot_count; i++) {
		in->parts[i] = (struct iovec){
			peers->run->buffer + i * peers->slot_size,
			peers->slot_size,
		};
		in->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &in->names[i],
			.msg_iov = &in->parts[i],
			.msg_iovlen = 1,
		};
	}
}

/* ---- addresses */

static bool
is_same(const struct sockaddr_storage *a, const struct sockaddr *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->sa_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr &&
		       a4->sin_port == b4->sin_port;
	/* Only link-local addresses have a zone; then it must be the same. */
	return memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) ==
		       0 &&
	       a6->sin6_port == b6->sin6_port &&
	       (a6->sin6_scope_id == b6->sin6_scope_id ||
		a6->sin6_scope_id == 0 || b6->sin6_scope_id == 0);
}

/* What tells the local address that the message reached; NULL: not known. */
static const struct cmsghdr *
find_destination(struct msghdr *header)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);

	for (; control; control = CMSG_NXTHDR(header, control))
		if ((control->cmsg_level == IPPROTO_IP &&
		     control->cmsg_type == IP_PKTINFO) ||
		    (control->cmsg_level == IPPROTO_IPV6 &&
		     control->cmsg_type == IPV6_PKTINFO))
			return control;
	return NULL;
}

/* All peers of a socket have addresses of one family. */
static bool
is_source_of(const struct udp_peer *peer, const struct cmsghdr *destination)
{
	const struct cmsghdr *source = (const void *)peer->control;
	const unsigned char *to = CMSG_DATA(destination);
	const unsigned char *from = CMSG_DATA(source);

	if (destination->cmsg_level == IPPROTO_IP)
		return memcmp(to + offsetof(struct in_pktinfo, ipi_addr),
			      from + offsetof(struct in_pktinfo, ipi_spec_dst),
			      sizeof(struct in_addr)) == 0;
	return memcmp(to + offsetof(struct in6_pktinfo, ipi6_addr),
		      from + offsetof(struct in6_pktinfo, ipi6_addr),
		      sizeof(struct in6_addr)) == 0;
}

/* ---- the backend */

/* Of the socket before the first reply, an address that is not bound is `*`. */
static const char *
format_client(const struct udp_peer *peer, char text[TARGET_ADDRESS_SIZE])
{
	const struct udp_peers *peers = peer->port->owner;
	const struct target_address *known = peers->is_shared ? peer->source :
								&peers->local;
	struct target_address local = { .length = sizeof(local.storage) };
	struct sockaddr_in *in = (void *)&local.storage;
	struct sockaddr_in6 *in6 = (void *)&local.storage;

	if (getsockname(peer->port->fd, &local.sa, &local.length) < 0)
		return NULL;
	if (local.sa.sa_family == AF_INET &&
	    in->sin_addr.s_addr == htonl(INADDR_ANY) && known->length > 0)
		in->sin_addr =
			((const struct sockaddr_in *)&known->sa)->sin_addr;
	if (local.sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) && known->length > 0)
		in6->sin6_addr =
			((const struct sockaddr_in6 *)&known->sa)->sin6_addr;
	return target_format(&local, text);
}

static struct backend *
find_backend(const struct udp_peer *peer, const unsigned char *prefix,
	     size_t length)
{
	struct backends *backends = peer->port->owner->run->backends;
	const char *text = (const char *)prefix;
	struct backend *known = backends_known(backends, text, length);
	char client[TARGET_ADDRESS_SIZE];

	return known ? known :
		       backends_find(backends, text, length,
				     format_client(peer, client));
}

/* ---- what a reply is */

/* A reply to another peer than that of its port has strayed. */
static struct udp_peer *
classify(struct reply *reply, struct udp_peer *peer,
	 struct datagram_verdict *verdict)
{
	struct udp_peers *peers = reply->port->owner;
	struct udp_peer *other;
	size_t offset = peers->offset;
	uint32_t index;

	*verdict = datagrams_reply(peer->datagrams, reply->data, reply->length);
	if (verdict->outcome != OUTCOME_FOREIGN || peers->is_shared)
		return peer;
	index = datagrams_peer_of(peers->run->id, peers->load->peers,
				  reply->data, reply->length, &offset);
	if (index >= peers->load->peers)
		return peer;
	other = &peers->peers[index];
	*verdict =
		datagrams_reply(other->datagrams, reply->data, reply->length);
	if (verdict->outcome == OUTCOME_FOREIGN)
		return peer;
	reply->has_strayed = other != peer;
	return other;
}

/* The peer that a reply to the shared port belongs to: its mark, or address. */
static struct udp_peer *
find_peer(struct reply *reply, struct msghdr *header)
{
	struct udp_port *port = reply->port;
	struct udp_peers *peers = port->owner;
	struct udp_peer *first = &peers->peers[port->first];
	const struct cmsghdr *destination;
	uint32_t index;

	if (!peers->is_shared)
		return first;
	index = datagrams_peer_of(peers->run->id, port->count, reply->data,
				  reply->length, &peers->offset);
	destination = find_destination(header);
	if (index < port->count) {
		reply->has_strayed = destination &&
				     !is_source_of(first + index, destination);
		return first + index;
	}
	for (unsigned i = 0; destination && i < port->count; i++)
		if (is_source_of(first + i, destination))
			return first + i;
	return first;
}

/* Appends to the text, which has `n` bytes; returns the new length. */
static size_t
describe_way(const struct reply *reply, char text[UDP_DETAIL_SIZE], size_t n)
{
	struct target_address address = {
		.length = reply->from_length,
		.storage = *reply->from,
	};
	char from[TARGET_ADDRESS_SIZE];

	n += (size_t)snprintf(
		text + n, UDP_DETAIL_SIZE - n, "from %s%s",
		target_format(&address, from),
		reply->has_strayed ? ", to another peer's address" : "");
	return n;
}

static size_t
describe_byte(const struct reply *reply, const struct datagram_verdict *verdict,
	      char text[UDP_DETAIL_SIZE])
{
	size_t n = 0;

	if (verdict->outcome == OUTCOME_WRONG_LENGTH)
		n = (size_t)snprintf(text, UDP_DETAIL_SIZE,
				     "%zu bytes instead of %zu, ",
				     reply->full - verdict->prefix_length,
				     verdict->datagram.size);
	n += (size_t)snprintf(text + n, UDP_DETAIL_SIZE - n,
			      "byte %zu of the reply", verdict->offset);
	if (verdict->expected >= 0)
		n += (size_t)snprintf(text + n, UDP_DETAIL_SIZE - n,
				      ": expected 0x%02x",
				      (unsigned)verdict->expected);
	if (verdict->got >= 0)
		n += (size_t)snprintf(text + n, UDP_DETAIL_SIZE - n,
				      "%s got 0x%02x, ",
				      verdict->expected >= 0 ? "," : ":",
				      (unsigned)verdict->got);
	else
		n += (size_t)snprintf(text + n, UDP_DETAIL_SIZE - n,
				      ", got nothing, ");
	return n;
}

/* ---- counting */

static void
count_echo(struct udp_peer *peer, const struct reply *reply,
	   const struct datagram_verdict *verdict, int64_t now)
{
	struct udp_port *port = peer->port;
	struct udp_peers *peers = port->owner;
	const struct datagram *datagram = &verdict->datagram;
	struct backend *backend =
		find_backend(peer, reply->data, verdict->prefix_length);
	char text[UDP_DETAIL_SIZE];

	port->awaited--;
	port->echoed = true;
	peer->echoed = true;
	peers->has_ended = true;
	peers->run->last = now;
	tally_echo(&peers->run->tally, peers->target->index, backend,
		   datagram->size, now - datagram->started);
	if (!verdict->reordered)
		return;
	describe_way(reply, text, 0);
	udp_peer_observe(peer, datagram->size, OUTCOME_REORDERED, backend,
			 text);
}

/* The datagram had ended before. */
static void
count_surplus(struct udp_peer *peer, const struct reply *reply,
	      const struct datagram_verdict *verdict, int64_t now)
{
	char text[UDP_DETAIL_SIZE];
	size_t n = describe_way(reply, text, 0);

	snprintf(text + n, UDP_DETAIL_SIZE - n, ", after %.3f s",
		 (double)(now - verdict->datagram.started) / 1e9);
	udp_peer_observe(peer, verdict->datagram.size, verdict->outcome, NULL,
			 text);
}

static void
count_foreign(struct udp_peer *peer, const struct reply *reply)
{
	char text[UDP_DETAIL_SIZE];

	describe_way(reply, text,
		     (size_t)snprintf(text, sizeof(text), "%zu bytes ",
				      reply->full));
	udp_peer_observe(peer, 0, OUTCOME_FOREIGN, NULL, text);
}

static void
count_wrong(struct udp_peer *peer, const struct reply *reply,
	    const struct datagram_verdict *verdict)
{
	char text[UDP_DETAIL_SIZE];
	struct backend *backend = NULL;

	if (verdict->outcome != OUTCOME_WRONG_PREFIX)
		backend =
			find_backend(peer, reply->data, verdict->prefix_length);
	describe_way(reply, text, describe_byte(reply, verdict, text));
	udp_peer_fail(peer, &verdict->datagram, verdict->outcome, backend,
		      text);
}

static void
count_wrong_source(struct udp_peer *peer, const struct reply *reply,
		   const struct datagram_verdict *verdict)
{
	char text[UDP_DETAIL_SIZE];

	describe_way(reply, text, 0);
	udp_peer_fail(peer, &verdict->datagram, OUTCOME_WRONG_SOURCE, NULL,
		      text);
}

static void
on_reply(struct reply *reply, struct udp_peer *peer, int64_t now)
{
	struct datagram_verdict verdict;

	peer = classify(reply, peer, &verdict);
	if (verdict.outcome == OUTCOME_ECHOED && !reply->is_foreign &&
	    !reply->has_strayed)
		count_echo(peer, reply, &verdict, now);
	else if (verdict.outcome == OUTCOME_FOREIGN)
		count_foreign(peer, reply);
	else if (!outcome_ends_message(verdict.outcome))
		count_surplus(peer, reply, &verdict, now);
	else if (reply->is_foreign || reply->has_strayed)
		count_wrong_source(peer, reply, &verdict);
	else
		count_wrong(peer, reply, &verdict);
	if (peer->port != reply->port)
		udp_port_continue(peer->port);
}

static void
on_message(struct udp_port *port, unsigned i, int64_t now)
{
	struct udp_peers *peers = port->owner;
	const struct sockaddr *target = &peers->target->addresses[0].sa;
	struct udp_batch *in = &peers->in;
	struct msghdr *header = &in->messages[i].msg_hdr;
	size_t full = in->messages[i].msg_len;
	struct reply reply = {
		.port = port,
		.data = in->parts[i].iov_base,
		.length = full < peers->slot_size ? full : peers->slot_size,
		.full = full,
		.from = &in->names[i],
		.from_length = header->msg_namelen,
		.is_foreign = !is_same(&in->names[i], target),
	};

	on_reply(&reply, find_peer(&reply, header), now);
}

/*
 * The clock is read once for a batch: all of it was in the socket when the call
 * returned, and what the kernel needs for it is less than the wake-up took.
 */
void
udp_port_receive(struct udp_port *port)
{
	struct udp_peers *peers = port->owner;
	struct udp_batch *in = &peers->in;
	int64_t now;
	int count;

	for (unsigned i = 0; i < peers->slot_count; i++) {
		struct msghdr *header = &in->messages[i].msg_hdr;

		header->msg_namelen = sizeof(in->names[i]);
		header->msg_control = peers->is_shared ? in->controls[i] : NULL;
		header->msg_controllen =
			peers->is_shared ? sizeof(in->controls[i]) : 0;
	}
	count = recvmmsg(port->fd, in->messages, peers->slot_count,
			 MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (count < 0) {
		/* EAGAIN too: the event can be that of an ICMP error. */
		udp_port_read_errors(port, INT64_MAX);
		return;
	}
	now = run_now();
	for (int i = 0; i < count; i++)
		on_message(port, (unsigned)i, now);
}
