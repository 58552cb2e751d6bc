#include "udp/udp_batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "listen/socket.h"
#include "udp/udp_segments.h"

/*
 * Space for a prefix and the longest datagram.  It is some cache lines more
 * than a power of two: otherwise all slots would share the same few cache
 * lines.
 */
#define SLOT_SIZE (UDP_BATCH_PREFIX_MAX + 65536 + 2 * 64)

/* The packet info of either family, the count of SO_RXQ_OVFL, TTL and TOS. */
#define CONTROL_IN \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + \
	 CMSG_SPACE(sizeof(uint32_t)) + 2 * CMSG_SPACE(sizeof(int)))

struct slot {
	struct udp_batch_datagram datagram;
	struct udp_ends ends;
	_Alignas(struct cmsghdr) unsigned char control[CONTROL_IN];
};

struct udp_batch {
	struct mmsghdr in[UDP_BATCH_SIZE];
	struct iovec in_data[UDP_BATCH_SIZE];
	struct slot slots[UDP_BATCH_SIZE];
	unsigned char *data;
	struct udp_segments answers;
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
			.msg_name = &slot->ends.peer,
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
set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ?
		       -errno :
		       0;
}

static int
enable(int fd, int level, int option)
{
	return set(fd, level, option, 1);
}

/* A link-local address needs its interface in each answer: see take_info(). */
static bool
is_bound(int fd)
{
	struct address local;

	return socket_get_address(fd, &local) == 0 &&
	       !address_is_wildcard(&local) &&
	       !(address_family(&local) == AF_INET6 &&
		 IN6_IS_ADDR_LINKLOCAL(&local.in6.sin6_addr));
}

/*
 * An address can be routed to this host and be on no interface.  IPv6 refuses
 * to send from it with IPV6_PKTINFO unless IPV6_FREEBIND is set, which needs no
 * privilege.  IP_FREEBIND sets the same, also on older kernels.  The socket is
 * bound already, so that this changes nothing else.
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
	int family = socket_get_family(fd);
	int result = family < 0 ? family : enable_info(fd, family);

	if (result == 0)
		result = enable(fd, SOL_SOCKET, SO_RXQ_OVFL);
	*socket = (struct udp_batch_socket){
		.fd = fd,
		.segments = udp_segments_work(fd),
		.bound = is_bound(fd),
	};
	return result;
}

/* IPv4 on an IPv6 socket comes with the control messages of IPv4. */
int
udp_batch_set_header(struct udp_batch_socket *socket, bool on)
{
	static const int options[][2] = {
		{ IPPROTO_IP, IP_RECVTTL },
		{ IPPROTO_IP, IP_RECVTOS },
		{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
		{ IPPROTO_IPV6, IPV6_RECVTCLASS },
	};
	size_t count = socket_get_family(socket->fd) == AF_INET6 ? 4 : 2;
	int result = 0;

	if (on == socket->header)
		return 0;
	for (size_t i = 0; i < count && result == 0; i++)
		result = set(socket->fd, options[i][0], options[i][1], on);
	socket->header = on;
	return result;
}

/*
 * The answer leaves from the address that the datagram was sent to.  Only a
 * link-local one needs its interface; otherwise the route decides.
 */
static void
take_info(struct slot *slot, const struct cmsghdr *control)
{
	struct in_pktinfo *four = &slot->ends.info.four;
	struct in6_pktinfo *six = &slot->ends.info.six;

	slot->ends.info_level = control->cmsg_level;
	if (control->cmsg_level == IPPROTO_IPV6) {
		memcpy(six, CMSG_DATA(control), sizeof(*six));
		slot->datagram.broadcast =
			IN6_IS_ADDR_MULTICAST(&six->ipi6_addr);
		if (!IN6_IS_ADDR_LINKLOCAL(&six->ipi6_addr))
			six->ipi6_ifindex = 0;
		return;
	}
	memcpy(four, CMSG_DATA(control), sizeof(*four));
	/*
	 * ip(7): destination in the header, and local address to answer from.
	 */
	slot->datagram.broadcast = four->ipi_addr.s_addr !=
				   four->ipi_spec_dst.s_addr;
	four->ipi_ifindex = 0;
}

static bool
is(const struct cmsghdr *control, int level, int type)
{
	return control->cmsg_level == level && control->cmsg_type == type;
}

static void
take_header(struct slot *slot, const struct cmsghdr *control)
{
	const unsigned char *data = CMSG_DATA(control);

	/* ip(7): one byte.  The others are integers. */
	if (is(control, IPPROTO_IP, IP_TOS))
		slot->datagram.tos = *data;
	else if (is(control, IPPROTO_IPV6, IPV6_TCLASS))
		memcpy(&slot->datagram.tos, data, sizeof(int));
	else if (is(control, IPPROTO_IP, IP_TTL) ||
		 is(control, IPPROTO_IPV6, IPV6_HOPLIMIT))
		memcpy(&slot->datagram.ttl, data, sizeof(int));
}

static void
take_control(struct slot *slot, struct msghdr *message, uint32_t *overflow)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	for (; control; control = CMSG_NXTHDR(message, control))
		if (is(control, SOL_SOCKET, SO_RXQ_OVFL))
			memcpy(overflow, CMSG_DATA(control), sizeof(*overflow));
		else if (is(control, IPPROTO_IP, IP_PKTINFO) ||
			 is(control, IPPROTO_IPV6, IPV6_PKTINFO))
			take_info(slot, control);
		else
			take_header(slot, control);
}

static void
take(struct udp_batch *batch, unsigned i, struct udp_batch_socket *socket)
{
	struct slot *slot = &batch->slots[i];
	struct msghdr *message = &batch->in[i].msg_hdr;

	slot->ends.peer_length = message->msg_namelen;
	slot->ends.info_level = -1;
	slot->datagram = (struct udp_batch_datagram){
		.data = { batch->in_data[i].iov_base, batch->in[i].msg_len },
		.truncated = message->msg_flags & MSG_TRUNC,
		.peer = address_from_sockaddr(&slot->ends.peer.sa,
					      message->msg_namelen),
		.ttl = -1,
		.tos = -1,
	};
	take_control(slot, message, &socket->overflow);
}

int
udp_batch_receive(struct udp_batch *batch, struct udp_batch_socket *socket,
		  size_t most)
{
	int count;

	udp_segments_begin(&batch->answers, socket->segments, socket->bound);
	for (unsigned i = 0; i < UDP_BATCH_SIZE; i++) {
		batch->in_data[i].iov_len = most;
		batch->in[i].msg_hdr.msg_namelen =
			sizeof(batch->slots[i].ends.peer);
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

	if (slot->ends.info_level != IPPROTO_IPV6) {
		if (slot->ends.info_level == IPPROTO_IP)
			four.sin_addr = slot->ends.info.four.ipi_spec_dst;
		return address_from_sockaddr((struct sockaddr *)&four,
					     sizeof(four));
	}
	six.sin6_addr = slot->ends.info.six.ipi6_addr;
	six.sin6_scope_id = slot->ends.info.six.ipi6_ifindex;
	return address_from_sockaddr((struct sockaddr *)&six, sizeof(six));
}

char *
udp_batch_space(struct udp_batch *batch, unsigned i)
{
	return (char *)batch->data + i * SLOT_SIZE;
}

/* In one piece: a few bytes are copied faster than the kernel gathers them. */
void
udp_batch_answer(struct udp_batch *batch, unsigned i,
		 const struct iovec *prefix, int dscp)
{
	struct slot *slot = &batch->slots[i];
	size_t length = prefix->iov_len + slot->datagram.data.iov_len;
	char *start = (char *)slot->datagram.data.iov_base - prefix->iov_len;

	if (prefix->iov_len > 0)
		memmove(start, prefix->iov_base, prefix->iov_len);
	slot->ends.tos = dscp < 0 ? -1 : dscp << 2;
	udp_segments_add(&batch->answers, &slot->ends,
			 (struct iovec){ start, length });
}

struct udp_batch_result
udp_batch_send(struct udp_batch *batch, struct udp_batch_socket *socket)
{
	return udp_segments_send(&batch->answers, socket->fd,
				 &socket->segments);
}
