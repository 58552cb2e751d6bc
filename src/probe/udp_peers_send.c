#include "probe/udp_peers_send.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#include "probe/udp_peers_error.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* udp(7): UDP_MAX_SEGMENTS of the kernel. */
#define SEGMENTS_MAX 64

/*
 * With IP_RECVERR, a full queue of the network interface is ENOBUFS, but the
 * socket is writable: it would be tried without a pause.
 */
#define FULL_DELAY INT64_C(1000000)

/* Datagrams of a batch that leave as one message. */
struct joined {
	struct mmsghdr messages[UDP_BATCH];
	unsigned counts[UDP_BATCH];
	_Alignas(struct cmsghdr) unsigned char controls[UDP_BATCH][CMSG_SPACE(
		sizeof(uint16_t))];
};

void
udp_peers_prepare_send(struct udp_peers *peers)
{
	struct target_address *to = &peers->target->addresses[0];
	struct udp_batch *out = &peers->out;
	size_t size = peers->run->payload.sizes.most;

	peers->send_count = (unsigned)(RUN_BUFFER_SIZE / size);
	if (peers->send_count > UDP_BATCH)
		peers->send_count = UDP_BATCH;
	for (unsigned i = 0; i < peers->send_count; i++) {
		out->parts[i].iov_base = peers->send_buffer + i * size;
		out->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &to->sa,
			.msg_namelen = to->length,
			.msg_iov = &out->parts[i],
			.msg_iovlen = 1,
		};
	}
}

/* ---- beginning */

static bool
begin_one(struct udp_port *port, unsigned i, int64_t now)
{
	struct udp_peers *peers = port->owner;
	struct udp_batch *out = &peers->out;
	uint64_t number = port->sent + i;
	unsigned index = port->first + (unsigned)(number % port->count);
	struct udp_peer *peer = &peers->peers[index];
	struct msghdr *header = &out->messages[i].msg_hdr;
	int64_t started = now;

	if (peers->load->rate > 0)
		started =
			load_time_of(peers->load, index, number / port->count);
	out->peers[i] = peer;
	out->numbers[i] = datagrams_number(peer->datagrams);
	if (peer->control_length > 0) {
		header->msg_control = peer->control;
		header->msg_controllen = peer->control_length;
	}
	out->parts[i].iov_len = datagrams_next(peer->datagrams, started, now,
					       out->parts[i].iov_base);
	return out->parts[i].iov_len > 0;
}

/* The first `count` of the batch have been sent, or have failed. */
static void
count_sent(struct udp_port *port, unsigned count)
{
	struct udp_peers *peers = port->owner;

	for (unsigned i = 0; i < count; i++)
		tally_start(&peers->run->tally, peers->target->index);
	port->sent += count;
	port->awaited += count;
}

/* Memory is out, so the first datagram of the batch cannot even begin. */
static void
fail_to_begin(struct udp_port *port)
{
	struct udp_peer *peer = port->owner->out.peers[0];
	struct datagram none = { 0 };

	count_sent(port, 1);
	udp_peer_fail(peer, &none, OUTCOME_LOCAL, NULL, strerror(ENOMEM));
}

/* Datagrams that were not sent have never begun: they are due again. */
static void
take_back(struct udp_port *port, unsigned from, unsigned count)
{
	while (count > from)
		datagrams_take_back(port->owner->out.peers[--count]->datagrams);
}

/* ---- sending */

/* Successive datagrams of one size become one message: udp(7), UDP_SEGMENT. */
static unsigned
join_some(struct udp_batch *out, unsigned first, unsigned count,
	  struct msghdr *header, unsigned char *control)
{
	size_t size = out->parts[first].iov_len;
	uint16_t segment = (uint16_t)size;
	struct cmsghdr *part = (struct cmsghdr *)control;
	unsigned n = 1;

	*header = out->messages[first].msg_hdr;
	while (first + n < count && n < SEGMENTS_MAX &&
	       (n + 1) * size <= DATAGRAM_MAX &&
	       out->parts[first + n].iov_len == size)
		n++;
	if (n == 1)
		return n;
	header->msg_iovlen = n;
	header->msg_control = control;
	header->msg_controllen = CMSG_SPACE(sizeof(segment));
	part->cmsg_level = IPPROTO_UDP;
	part->cmsg_type = UDP_SEGMENT;
	part->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(part), &segment, sizeof(segment));
	return n;
}

static int
send_joined(struct udp_port *port, unsigned first, unsigned count)
{
	struct udp_batch *out = &port->owner->out;
	struct joined joined;
	unsigned messages = 0;
	int n, sent = 0;

	while (first < count) {
		joined.counts[messages] = join_some(
			out, first, count, &joined.messages[messages].msg_hdr,
			joined.controls[messages]);
		first += joined.counts[messages++];
	}
	n = sendmmsg(port->fd, joined.messages, messages, MSG_DONTWAIT);
	for (int i = 0; i < n; i++)
		sent += (int)joined.counts[i];
	return n < 0 ? n : sent;
}

static int
send_some(struct udp_port *port, unsigned first, unsigned count, bool join)
{
	if (join)
		return send_joined(port, first, count);
	return sendmmsg(port->fd, port->owner->out.messages + first,
			count - first, MSG_DONTWAIT);
}

/* The datagram is due, but the kernel does not send it. */
static void
fail_to_send(struct udp_port *port, unsigned i, int error)
{
	struct udp_batch *out = &port->owner->out;
	/* Here it does not come from a router, but from a rule of this host. */
	enum outcome outcome = error == EACCES ? OUTCOME_LOCAL :
						 udp_outcome_of(error);
	struct datagram ended;
	char text[UDP_DETAIL_SIZE];

	count_sent(port, 1);
	if (!datagrams_cancel(out->peers[i]->datagrams, out->numbers[i],
			      &ended))
		return;
	snprintf(text, sizeof(text), "%zu bytes: %s", ended.size,
		 strerror(error));
	udp_peer_fail(out->peers[i], &ended, outcome, NULL, text);
}

/* True if the socket cannot send anything now; then it waits. */
static bool
must_wait(struct udp_port *port, int error)
{
	if (error == EAGAIN)
		udp_port_wait(port, -1);
	else if (error == ENOBUFS || error == ENOMEM)
		udp_port_wait(port, FULL_DELAY);
	else
		return false;
	return true;
}

/*
 * Returns how many of the batch were sent or have failed.  An ICMP error for an
 * earlier datagram makes one call fail, so what failed is tried once more.
 */
static unsigned
send_batch(struct udp_port *port, unsigned count, int64_t now)
{
	bool join = port->owner->run->options->gso;
	bool tried = false;
	unsigned first = 0;

	while (first < count) {
		int n = send_some(port, first, count, join);
		int error = errno;

		if (n > 0) {
			count_sent(port, (unsigned)n);
			first += (unsigned)n;
			tried = false;
		} else if (error == EINTR) {
			continue;
		} else if (must_wait(port, error)) {
			break;
		} else if (!tried) {
			udp_port_read_errors(port, now - 1);
			tried = true;
		} else if (join) {
			/* Each by itself shows which one is wrong. */
			join = false;
		} else {
			fail_to_send(port, first++, error);
			tried = false;
		}
	}
	return first;
}

void
udp_port_send(struct udp_port *port)
{
	struct run *run = port->owner->run;

	while (!run->stopping && !port->waiting && port->sent < port->due) {
		uint64_t due = port->due - port->sent;
		unsigned room = port->owner->send_count;
		unsigned most = due < room ? (unsigned)due : room;
		int64_t now = run_now();
		unsigned count = 0;

		while (count < most && begin_one(port, count, now))
			count++;
		if (count == 0)
			fail_to_begin(port);
		take_back(port, send_batch(port, count, now), count);
	}
}
