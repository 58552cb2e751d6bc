#include "udp/udp_batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "listen/socket.h"
#include "udp/udp_segments.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/*
 * Space for a prefix and the longest message.  It is some cache lines more
 * than a power of two: otherwise all slots would share the same few cache
 * lines.
 */
#define SLOT_SIZE (UDP_BATCH_PREFIX_MAX + MESSAGE_SIZE + 2 * 64)

#define MESSAGE_SIZE 65536

/* For the prefixes of datagrams that were joined. */
#define PREFIXES_SIZE 65536

#define DATA_SIZE (UDP_BATCH_SIZE * SLOT_SIZE + PREFIXES_SIZE)

/*
 * The packet info of either family, the count of SO_RXQ_OVFL, TTL, TOS and the
 * length of joined datagrams.
 */
#define CONTROL_IN \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + \
	 CMSG_SPACE(sizeof(uint32_t)) + 3 * CMSG_SPACE(sizeof(int)))

struct slot {
	struct udp_batch_datagram datagram; /* the current one */
	struct iovec rest;		    /* not taken yet */
	int length; /* of joined datagrams, the last excepted; else 0 */
	struct udp_ends ends;
	_Alignas(struct cmsghdr) unsigned char control[CONTROL_IN];
};

struct udp_batch {
	struct mmsghdr in[UDP_BATCH_SIZE];
	struct iovec in_data[UDP_BATCH_SIZE];
	struct slot slots[UDP_BATCH_SIZE];
	unsigned count; /* of the received messages */
	unsigned next;	/* the slot after that of the current datagram */
	size_t most;
	struct udp_batch_socket *socket;

	unsigned char *data;
	size_t prefixes; /* bytes of them, behind the slots */
	struct udp_segments answers;
	struct udp_batch_result result;
};

struct udp_batch *
udp_batch_new(void)
{
	struct udp_batch *batch = calloc(1, sizeof(*batch));
	void *data = mmap(NULL, DATA_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!batch || data == MAP_FAILED) {
		free(batch);
		if (data != MAP_FAILED)
			munmap(data, DATA_SIZE);
		return NULL;
	}
	batch->data = data;
	for (unsigned i = 0; i < UDP_BATCH_SIZE; i++) {
		struct slot *slot = &batch->slots[i];

		batch->in_data[i] = (struct iovec){
			batch->data + i * SLOT_SIZE + UDP_BATCH_PREFIX_MAX,
			MESSAGE_SIZE,
		};
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
	munmap(batch->data, DATA_SIZE);
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

/* Older kernels do not have the option. */
void
udp_batch_join(const struct udp_batch_socket *socket)
{
	(void)enable(socket->fd, IPPROTO_UDP, UDP_GRO);
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
		else if (is(control, IPPROTO_UDP, UDP_GRO))
			memcpy(&slot->length, CMSG_DATA(control), sizeof(int));
		else
			take_header(slot, control);
}

static void
take_message(struct udp_batch *batch, unsigned i)
{
	struct slot *slot = &batch->slots[i];
	struct msghdr *message = &batch->in[i].msg_hdr;

	slot->ends.peer_length = message->msg_namelen;
	slot->ends.info_level = -1;
	slot->rest = (struct iovec){ batch->in_data[i].iov_base,
				     batch->in[i].msg_len };
	slot->length = 0;
	slot->datagram = (struct udp_batch_datagram){
		.peer = address_from_sockaddr(&slot->ends.peer.sa,
					      message->msg_namelen),
		.ttl = -1,
		.tos = -1,
	};
	take_control(slot, message, &batch->socket->overflow);
}

static void
begin_answers(struct udp_batch *batch)
{
	udp_segments_begin(&batch->answers, batch->socket->segments,
			   batch->socket->bound);
	batch->prefixes = 0;
}

int
udp_batch_receive(struct udp_batch *batch, struct udp_batch_socket *socket,
		  size_t most)
{
	int count;

	for (unsigned i = 0; i < UDP_BATCH_SIZE; i++) {
		batch->in[i].msg_hdr.msg_namelen =
			sizeof(batch->slots[i].ends.peer);
		batch->in[i].msg_hdr.msg_controllen = CONTROL_IN;
	}
	count = recvmmsg(socket->fd, batch->in, UDP_BATCH_SIZE, MSG_DONTWAIT,
			 NULL);
	if (count < 0)
		return -errno;
	batch->socket = socket;
	batch->most = most;
	batch->count = (unsigned)count;
	batch->next = 0;
	batch->result = (struct udp_batch_result){ 0 };
	begin_answers(batch);
	for (unsigned i = 0; i < batch->count; i++)
		take_message(batch, i);
	return 0;
}

static struct slot *
current(struct udp_batch *batch)
{
	return &batch->slots[batch->next - 1];
}

const struct udp_batch_datagram *
udp_batch_next(struct udp_batch *batch)
{
	struct slot *slot;
	size_t length;

	if (batch->next == 0 || current(batch)->rest.iov_len == 0) {
		if (batch->next == batch->count)
			return NULL;
		batch->next++;
	}
	slot = current(batch);
	length = slot->rest.iov_len;
	if (slot->length > 0 && (size_t)slot->length < length)
		length = (size_t)slot->length;
	slot->datagram.truncated = length > batch->most;
	slot->datagram.data = (struct iovec){
		slot->rest.iov_base,
		slot->datagram.truncated ? batch->most : length,
	};
	slot->rest.iov_base = (char *)slot->rest.iov_base + length;
	slot->rest.iov_len -= length;
	return &slot->datagram;
}

struct address
udp_batch_local(struct udp_batch *batch)
{
	const struct slot *slot = current(batch);
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
udp_batch_space(struct udp_batch *batch)
{
	return (char *)batch->data + UDP_BATCH_SIZE * SLOT_SIZE +
	       batch->prefixes;
}

static void
send_answers(struct udp_batch *batch)
{
	udp_segments_send(&batch->answers, batch->socket->fd,
			  &batch->socket->segments, &batch->result);
	begin_answers(batch);
}

/*
 * In one piece if there is space before the datagram: a few bytes are copied
 * faster than the kernel gathers them.  Before one that was joined, there are
 * the bytes of another.
 */
void
udp_batch_answer(struct udp_batch *batch, const struct iovec *prefix, int dscp)
{
	struct slot *slot = current(batch);
	struct iovec first = *prefix, second = slot->datagram.data;
	bool joined = second.iov_base !=
		      batch->in_data[batch->next - 1].iov_base;
	char *at = joined ? udp_batch_space(batch) :
			    (char *)second.iov_base - first.iov_len;
	bool has_space;

	if (first.iov_len > 0)
		memmove(at, first.iov_base, first.iov_len);
	first.iov_base = at;
	if (joined) {
		batch->prefixes += first.iov_len;
	} else {
		first.iov_len += second.iov_len;
		second.iov_len = 0;
	}
	slot->ends.tos = dscp < 0 ? -1 : dscp << 2;
	has_space =
		udp_segments_add(&batch->answers, &slot->ends, first, second);
	if (!has_space ||
	    batch->prefixes + UDP_BATCH_PREFIX_MAX > PREFIXES_SIZE)
		send_answers(batch);
}

struct udp_batch_result
udp_batch_send(struct udp_batch *batch)
{
	send_answers(batch);
	return batch->result;
}
