#include "udp/udp_batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/*
 * Room for a prefix and the longest datagram, and by some cache lines more than
 * a power of two: else all of them would compete for the same few lines of the
 * cache.
 */
#define SLOT_SIZE (UDP_BATCH_PREFIX_MAX + 65536 + 2 * 64)

/* The packet info of either family, and the count of SO_RXQ_OVFL. */
#define CONTROL_IN \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint32_t)))
#define CONTROL_OUT \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)))

/*
 * Segments have to fit into the path's MTU, or the kernel refuses (EINVAL).
 * Longer datagrams cost too much by themselves for it to matter.
 */
#define SEGMENT_MAX 1452

/* UDP_MAX_SEGMENTS of older kernels. */
_Static_assert(UDP_BATCH_SIZE <= 64,
	       "a run has more segments than can be sent");

union sockaddr_ip {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* The packet info of a datagram, which is that of the answer to it. */
union packet_info {
	struct in_pktinfo four;
	struct in6_pktinfo six;
};

struct slot {
	struct udp_batch_datagram datagram;
	union sockaddr_ip peer;
	socklen_t peer_length;
	int info_level; /* of the control message; -1: none came */
	union packet_info info;
	_Alignas(struct cmsghdr) unsigned char control[CONTROL_IN];
};

/* What leaves as one: a run of answers. */
struct run {
	unsigned first; /* slot */
	unsigned count;
	size_t length; /* of each */
	size_t info_length;
	_Alignas(struct cmsghdr) unsigned char control[CONTROL_OUT];
};

struct udp_batch {
	struct mmsghdr in[UDP_BATCH_SIZE];
	struct iovec in_data[UDP_BATCH_SIZE];
	struct slot slots[UDP_BATCH_SIZE];

	struct mmsghdr out[UDP_BATCH_SIZE];
	struct run runs[UDP_BATCH_SIZE];
	unsigned run_count;
	struct iovec parts[UDP_BATCH_SIZE];
	unsigned part_count;
	bool segments; /* of the socket that was received from, as is the next */
	bool bound;

	unsigned char *data;
};

struct udp_batch *
udp_batch_new(void)
{
	struct udp_batch *batch = calloc(1, sizeof(*batch));
	void *data = mmap(NULL, UDP_BATCH_SIZE * SLOT_SIZE,
			  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	if (!batch || data == MAP_FAILED) {
		free(batch);
		if (data != MAP_FAILED)
			munmap(data, UDP_BATCH_SIZE * SLOT_SIZE);
		return NULL;
	}
	batch->data = data;
	for (unsigned i = 0; i < UDP_BATCH_SIZE; i++) {
		struct slot *slot = &batch->slots[i];

		batch->in_data[i].iov_base =
			batch->data + i * SLOT_SIZE + UDP_BATCH_PREFIX_MAX;
		batch->in[i].msg_hdr = (struct msghdr){
			.msg_name = &slot->peer,
			.msg_iov = &batch->in_data[i],
			.msg_iovlen = 1,
			.msg_control = slot->control,
		};
	}
	return batch;
}

void
udp_batch_free(struct udp_batch *batch)
{
	if (!batch)
		return;
	munmap(batch->data, UDP_BATCH_SIZE * SLOT_SIZE);
	free(batch);
}

static int
enable(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* A kernel older than 4.18 would send a run as one long datagram. */
static bool
has_segments(int fd)
{
	int value;
	socklen_t length = sizeof(value);

	return getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &value, &length) == 0;
}

/* IPv6 by its zone, too, where the address is link-local: see take_info(). */
static bool
is_bound(int fd)
{
	union sockaddr_ip local = { 0 };
	socklen_t length = sizeof(local);

	if (getsockname(fd, &local.sa, &length) < 0)
		return false;
	if (local.sa.sa_family == AF_INET)
		return local.in.sin_addr.s_addr != htonl(INADDR_ANY);
	return !IN6_IS_ADDR_UNSPECIFIED(&local.in6.sin6_addr) &&
	       !IN6_IS_ADDR_LINKLOCAL(&local.in6.sin6_addr);
}

/*
 * An address can be routed to this host and be on no interface.  IPv6 refuses to
 * send from it by IPV6_PKTINFO unless IPV6_FREEBIND is set, which needs no
 * privilege; the kernel knows it by its name of IPv4, too, and did so earlier.
 * The socket is bound already: what it could be bound to stays as it is.
 */
static int
enable_info(int fd, int family)
{
	int result;

	if (family == AF_INET)
		return enable(fd, IPPROTO_IP, IP_PKTINFO);
	result = enable(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
	return result < 0 ? result : enable(fd, IPPROTO_IP, IP_FREEBIND);
}

int
udp_batch_open(struct udp_batch_socket *socket, int fd)
{
	int family;
	socklen_t length = sizeof(family);
	int result;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0)
		return -errno;
	result = enable_info(fd, family);
	if (result == 0)
		result = enable(fd, SOL_SOCKET, SO_RXQ_OVFL);
	*socket = (struct udp_batch_socket){
		.fd = fd,
		.segments = has_segments(fd),
		.bound = is_bound(fd),
	};
	return result;
}

/*
 * The answer leaves from the address that was hit.  Only a link-local one needs
 * its interface, too; otherwise the route decides.
 */
static void
take_info(struct slot *slot, const struct cmsghdr *control)
{
	union packet_info *info = &slot->info;

	slot->info_level = control->cmsg_level;
	if (control->cmsg_level == IPPROTO_IPV6) {
		memcpy(&info->six, CMSG_DATA(control), sizeof(info->six));
		slot->datagram.broadcast =
			IN6_IS_ADDR_MULTICAST(&info->six.ipi6_addr);
		if (!IN6_IS_ADDR_LINKLOCAL(&info->six.ipi6_addr))
			info->six.ipi6_ifindex = 0;
		return;
	}
	memcpy(&info->four, CMSG_DATA(control), sizeof(info->four));
	/* ip(7): one is the header's, the other what may be answered from. */
	slot->datagram.broadcast = info->four.ipi_addr.s_addr !=
				   info->four.ipi_spec_dst.s_addr;
	info->four.ipi_ifindex = 0;
}

static void
take_control(struct slot *slot, struct msghdr *message, uint32_t *overflow)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	for (; control; control = CMSG_NXTHDR(message, control))
		if (control->cmsg_level == SOL_SOCKET &&
		    control->cmsg_type == SO_RXQ_OVFL)
			memcpy(overflow, CMSG_DATA(control), sizeof(*overflow));
		else if ((control->cmsg_level == IPPROTO_IP &&
			  control->cmsg_type == IP_PKTINFO) ||
			 (control->cmsg_level == IPPROTO_IPV6 &&
			  control->cmsg_type == IPV6_PKTINFO))
			take_info(slot, control);
}

static void
take(struct udp_batch *batch, unsigned i, struct udp_batch_socket *socket)
{
	struct slot *slot = &batch->slots[i];
	struct msghdr *message = &batch->in[i].msg_hdr;

	slot->peer_length = message->msg_namelen;
	slot->info_level = -1;
	slot->datagram = (struct udp_batch_datagram){
		.data = { batch->in_data[i].iov_base, batch->in[i].msg_len },
		.truncated = message->msg_flags & MSG_TRUNC,
		.peer = address_from_sockaddr(&slot->peer.sa,
					      message->msg_namelen),
	};
	take_control(slot, message, &socket->overflow);
}

int
udp_batch_receive(struct udp_batch *batch, struct udp_batch_socket *socket,
		  size_t most)
{
	int count;

	batch->segments = socket->segments;
	batch->bound = socket->bound;
	batch->run_count = batch->part_count = 0;
	for (unsigned i = 0; i < UDP_BATCH_SIZE; i++) {
		batch->in_data[i].iov_len = most;
		batch->in[i].msg_hdr.msg_namelen = sizeof(union sockaddr_ip);
		batch->in[i].msg_hdr.msg_controllen = CONTROL_IN;
	}
	count = recvmmsg(socket->fd, batch->in, UDP_BATCH_SIZE, MSG_DONTWAIT,
			 NULL);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++)
		take(batch, (unsigned)i, socket);
	return count;
}

const struct udp_batch_datagram *
udp_batch_at(const struct udp_batch *batch, unsigned i)
{
	return &batch->slots[i].datagram;
}

struct address
udp_batch_local(const struct udp_batch *batch, unsigned i)
{
	const struct slot *slot = &batch->slots[i];
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (slot->info_level != IPPROTO_IPV6) {
		if (slot->info_level == IPPROTO_IP)
			four.sin_addr = slot->info.four.ipi_spec_dst;
		return address_from_sockaddr((struct sockaddr *)&four,
					     sizeof(four));
	}
	six.sin6_addr = slot->info.six.ipi6_addr;
	six.sin6_scope_id = slot->info.six.ipi6_ifindex;
	return address_from_sockaddr((struct sockaddr *)&six, sizeof(six));
}

char *
udp_batch_room(struct udp_batch *batch, unsigned i)
{
	return (char *)batch->data + i * SLOT_SIZE;
}

static bool
same_ends(const struct slot *a, const struct slot *b)
{
	return a->peer_length == b->peer_length &&
	       memcmp(&a->peer, &b->peer, a->peer_length) == 0 &&
	       a->info_level == b->info_level &&
	       memcmp(&a->info, &b->info,
		      a->info_level == IPPROTO_IPV6 ?
			      sizeof(a->info.six) :
			      sizeof(a->info.four)) == 0;
}

/* True where the answer can be one segment more of the last run. */
static bool
joins(const struct udp_batch *batch, const struct slot *slot, size_t length)
{
	const struct run *last;

	if (!batch->segments || batch->run_count == 0)
		return false;
	last = &batch->runs[batch->run_count - 1];
	return length > 0 && length == last->length && length <= SEGMENT_MAX &&
	       (last->count + 1) * length <= UDP_BATCH_DATAGRAM_MAX &&
	       same_ends(&batch->slots[last->first], slot);
}

static void
begin_run(struct udp_batch *batch, unsigned i, size_t length)
{
	struct slot *slot = &batch->slots[i];
	struct run *run = &batch->runs[batch->run_count];

	run->first = i;
	run->count = 0;
	run->length = length;
	batch->out[batch->run_count++].msg_hdr = (struct msghdr){
		.msg_name = &slot->peer,
		.msg_namelen = slot->peer_length,
		.msg_iov = &batch->parts[batch->part_count],
		.msg_control = run->control,
	};
}

/* In one piece: a few bytes are copied sooner than the kernel gathers them. */
void
udp_batch_answer(struct udp_batch *batch, unsigned i,
		 const struct iovec *prefix)
{
	const struct slot *slot = &batch->slots[i];
	size_t length = prefix->iov_len + slot->datagram.data.iov_len;
	char *start = (char *)slot->datagram.data.iov_base - prefix->iov_len;

	if (!joins(batch, slot, length))
		begin_run(batch, i, length);
	batch->runs[batch->run_count - 1].count++;
	if (length == 0)
		return;
	if (prefix->iov_len > 0)
		memmove(start, prefix->iov_base, prefix->iov_len);
	batch->parts[batch->part_count++] = (struct iovec){ start, length };
	batch->out[batch->run_count - 1].msg_hdr.msg_iovlen++;
}

static size_t
put_control(unsigned char *at, int level, int type, const void *data,
	    size_t length)
{
	struct cmsghdr control = {
		.cmsg_len = CMSG_LEN(length),
		.cmsg_level = level,
		.cmsg_type = type,
	};

	memcpy(at, &control, sizeof(control));
	memcpy(at + CMSG_LEN(0), data, length);
	return CMSG_SPACE(length);
}

static size_t
put_info(unsigned char *at, const struct slot *slot)
{
	const union packet_info *info = &slot->info;

	if (slot->info_level == IPPROTO_IPV6)
		return put_control(at, IPPROTO_IPV6, IPV6_PKTINFO, &info->six,
				   sizeof(info->six));
	if (slot->info_level == IPPROTO_IP)
		return put_control(at, IPPROTO_IP, IP_PKTINFO, &info->four,
				   sizeof(info->four));
	return 0;
}

/* The segment's length comes last: without it the rest is that of one alone. */
static void
finish_run(struct udp_batch *batch, unsigned i)
{
	struct run *run = &batch->runs[i];
	uint16_t length = (uint16_t)run->length;

	run->info_length = batch->bound ? 0 :
					  put_info(run->control,
						   &batch->slots[run->first]);
	batch->out[i].msg_hdr.msg_controllen = run->info_length;
	if (run->count > 1)
		batch->out[i].msg_hdr.msg_controllen += put_control(
			run->control + run->info_length, IPPROTO_UDP,
			UDP_SEGMENT, &length, sizeof(length));
}

/* Returns how many have been sent, at least one, or a negated errno. */
static int
send_some(int fd, struct mmsghdr *messages, unsigned count)
{
	int sent;

	do
		sent = sendmmsg(fd, messages, count, MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

static void
count_sent(struct udp_batch_result *result, const struct run *run,
	   unsigned count)
{
	result->sent += count;
	result->bytes += (uint64_t)count * run->length;
}

static void
count_unsent(struct udp_batch_result *result, unsigned count, int error)
{
	result->unsent += count;
	result->error = error;
}

/* What the kernel refuses as one. */
static void
send_singly(const struct udp_batch *batch, int fd, unsigned i,
	    struct udp_batch_result *result)
{
	const struct run *run = &batch->runs[i];
	struct mmsghdr messages[UDP_BATCH_SIZE];
	size_t parts = batch->out[i].msg_hdr.msg_iovlen / run->count;

	for (unsigned n = 0; n < run->count; n++) {
		messages[n] = batch->out[i];
		messages[n].msg_hdr.msg_iov += n * parts;
		messages[n].msg_hdr.msg_iovlen = parts;
		messages[n].msg_hdr.msg_controllen = run->info_length;
	}
	for (unsigned done = 0; done < run->count;) {
		int sent = send_some(fd, messages + done, run->count - done);

		if (sent > 0) {
			count_sent(result, run, (unsigned)sent);
			done += (unsigned)sent;
			continue;
		}
		/* Once there is no room, there is none for the rest. */
		unsigned lost = sent == -EAGAIN ? run->count - done : 1;
		count_unsent(result, lost, -sent);
		done += lost;
	}
}

/* The first run that is left has not gone; true where others may. */
static bool
after_error(const struct udp_batch *batch, struct udp_batch_socket *socket,
	    unsigned i, int error, struct udp_batch_result *result)
{
	const struct run *run = &batch->runs[i];

	if (error == EAGAIN) {
		for (; i < batch->run_count; i++)
			count_unsent(result, batch->runs[i].count, error);
		return false;
	}
	/* udp_send_skb(): no checksums are computed by the device, or IPsec. */
	if (run->count > 1 && error == EIO)
		socket->segments = false;
	if (run->count > 1)
		send_singly(batch, socket->fd, i, result);
	else
		count_unsent(result, 1, error);
	return true;
}

struct udp_batch_result
udp_batch_send(struct udp_batch *batch, struct udp_batch_socket *socket)
{
	struct udp_batch_result result = { 0 };
	unsigned done = 0;

	for (unsigned i = 0; i < batch->run_count; i++)
		finish_run(batch, i);
	while (done < batch->run_count) {
		int sent = send_some(socket->fd, batch->out + done,
				     batch->run_count - done);

		if (sent < 0 &&
		    !after_error(batch, socket, done, -sent, &result))
			break;
		for (int i = 0; i < sent; i++)
			count_sent(&result, &batch->runs[done + (unsigned)i],
				   batch->runs[done + (unsigned)i].count);
		done += sent < 0 ? 1 : (unsigned)sent;
	}
	batch->run_count = batch->part_count = 0;
	return result;
}
