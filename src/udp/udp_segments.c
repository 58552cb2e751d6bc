#include "udp/udp_segments.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/*
 * Segments have to fit into the path's MTU, or the kernel refuses (EINVAL).
 * Longer datagrams cost too much by themselves for it to matter.
 */
#define SEGMENT_MAX 1452

/* Of one message: UDP_MAX_SEGMENTS of older kernels. */
#define SEGMENTS_MAX 64

bool
udp_segments_work(int fd)
{
	int value;
	socklen_t length = sizeof(value);

	return getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &value, &length) == 0;
}

void
udp_segments_begin(struct udp_segments *segments, bool enabled, bool bound)
{
	segments->enabled = enabled;
	segments->bound = bound;
	segments->count = segments->part_count = 0;
}

static bool
same_ends(const struct udp_ends *a, const struct udp_ends *b)
{
	return a->peer_length == b->peer_length &&
	       memcmp(&a->peer, &b->peer, a->peer_length) == 0 &&
	       a->tos == b->tos && a->info_level == b->info_level &&
	       memcmp(&a->info, &b->info,
		      a->info_level == IPPROTO_IPV6 ?
			      sizeof(a->info.six) :
			      sizeof(a->info.four)) == 0;
}

/* True if the answer can be one more segment of the last message. */
static bool
joins(const struct udp_segments *segments, const struct udp_ends *ends,
      size_t length)
{
	const struct udp_segments_message *last;

	if (!segments->enabled || segments->count == 0)
		return false;
	last = &segments->messages[segments->count - 1];
	return length > 0 && length == last->length && length <= SEGMENT_MAX &&
	       last->count < SEGMENTS_MAX &&
	       (last->count + 1) * length <= UDP_BATCH_DATAGRAM_MAX &&
	       same_ends(last->ends, ends);
}

static void
begin_message(struct udp_segments *segments, const struct udp_ends *ends,
	      size_t length)
{
	struct udp_segments_message *message =
		&segments->messages[segments->count];

	message->ends = ends;
	message->count = 0;
	message->length = length;
	segments->out[segments->count++].msg_hdr = (struct msghdr){
		.msg_name = (void *)&ends->peer,
		.msg_namelen = ends->peer_length,
		.msg_iov = &segments->parts[segments->part_count],
		.msg_control = message->control,
	};
}

static void
add_part(struct udp_segments *segments, struct iovec part)
{
	if (part.iov_len == 0)
		return;
	segments->parts[segments->part_count++] = part;
	segments->out[segments->count - 1].msg_hdr.msg_iovlen++;
}

bool
udp_segments_add(struct udp_segments *segments, const struct udp_ends *ends,
		 struct iovec first, struct iovec second)
{
	size_t length = first.iov_len + second.iov_len;

	if (!joins(segments, ends, length))
		begin_message(segments, ends, length);
	segments->messages[segments->count - 1].count++;
	add_part(segments, first);
	add_part(segments, second);
	return segments->count < UDP_SEGMENTS_MESSAGES &&
	       segments->part_count + 2 <= UDP_SEGMENTS_PARTS;
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
put_info(unsigned char *at, const struct udp_ends *ends)
{
	if (ends->info_level == IPPROTO_IPV6)
		return put_control(at, IPPROTO_IPV6, IPV6_PKTINFO,
				   &ends->info.six, sizeof(ends->info.six));
	if (ends->info_level == IPPROTO_IP)
		return put_control(at, IPPROTO_IP, IP_PKTINFO, &ends->info.four,
				   sizeof(ends->info.four));
	return 0;
}

/* The family of the packet counts: an IPv6 socket can send IPv4. */
static size_t
put_tos(unsigned char *at, const struct udp_ends *ends)
{
	bool six = ends->peer.sa.sa_family == AF_INET6 &&
		   !IN6_IS_ADDR_V4MAPPED(&ends->peer.in6.sin6_addr);

	if (ends->tos < 0)
		return 0;
	return put_control(at, six ? IPPROTO_IPV6 : IPPROTO_IP,
			   six ? IPV6_TCLASS : IP_TOS, &ends->tos,
			   sizeof(ends->tos));
}

/* The segment's length comes last: send_singly() leaves it out. */
static void
finish_message(struct udp_segments *segments, unsigned i)
{
	struct udp_segments_message *message = &segments->messages[i];
	uint16_t length = (uint16_t)message->length;
	size_t used =
		segments->bound ? 0 : put_info(message->control, message->ends);

	used += put_tos(message->control + used, message->ends);
	message->control_length = used;
	if (message->count > 1)
		used += put_control(message->control + used, IPPROTO_UDP,
				    UDP_SEGMENT, &length, sizeof(length));
	segments->out[i].msg_hdr.msg_controllen = used;
}

/* Returns how many have been sent, at least one, or a negated errno. */
static int
send_some(int fd, struct mmsghdr *out, unsigned count)
{
	int sent;

	do
		sent = sendmmsg(fd, out, count, MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

static void
count_sent(struct udp_batch_result *result,
	   const struct udp_segments_message *message, unsigned count)
{
	result->sent += count;
	result->bytes += (uint64_t)count * message->length;
}

static void
count_unsent(struct udp_batch_result *result, unsigned count, int error)
{
	result->unsent += count;
	result->error = error;
}

/* Returns how many of the parts are an answer of that length. */
static size_t
count_parts(const struct iovec *parts, size_t length)
{
	size_t count = 0;

	while (length > 0)
		length -= parts[count++].iov_len;
	return count;
}

/* The answers of a message that the kernel refuses. */
static void
send_singly(const struct udp_segments *segments, int fd, unsigned i,
	    struct udp_batch_result *result)
{
	const struct udp_segments_message *message = &segments->messages[i];
	struct iovec *parts = segments->out[i].msg_hdr.msg_iov;
	struct mmsghdr out[SEGMENTS_MAX];

	for (unsigned n = 0; n < message->count; n++) {
		out[n] = segments->out[i];
		out[n].msg_hdr.msg_iov = parts;
		out[n].msg_hdr.msg_iovlen = count_parts(parts, message->length);
		out[n].msg_hdr.msg_controllen = message->control_length;
		parts += out[n].msg_hdr.msg_iovlen;
	}
	for (unsigned done = 0; done < message->count;) {
		int sent = send_some(fd, out + done, message->count - done);

		if (sent > 0) {
			count_sent(result, message, (unsigned)sent);
			done += (unsigned)sent;
			continue;
		}
		/* Once there is no room, there is none for the rest. */
		unsigned lost = sent == -EAGAIN ? message->count - done : 1;
		count_unsent(result, lost, -sent);
		done += lost;
	}
}

/* Message `i` has not been sent; true if later ones may be. */
static bool
after_error(const struct udp_segments *segments, int fd, unsigned i, int error,
	    bool *enabled, struct udp_batch_result *result)
{
	unsigned count = segments->messages[i].count;

	if (error == EAGAIN) {
		for (; i < segments->count; i++)
			count_unsent(result, segments->messages[i].count,
				     error);
		return false;
	}
	/* udp_send_skb(): no checksums are computed by the device, or IPsec. */
	if (count > 1 && error == EIO)
		*enabled = false;
	if (count > 1)
		send_singly(segments, fd, i, result);
	else
		count_unsent(result, 1, error);
	return true;
}

void
udp_segments_send(struct udp_segments *segments, int fd, bool *enabled,
		  struct udp_batch_result *result)
{
	unsigned done = 0;

	for (unsigned i = 0; i < segments->count; i++)
		finish_message(segments, i);
	while (done < segments->count) {
		int sent = send_some(fd, segments->out + done,
				     segments->count - done);

		if (sent < 0 &&
		    !after_error(segments, fd, done, -sent, enabled, result))
			break;
		for (int i = 0; i < sent; i++, done++)
			count_sent(result, &segments->messages[done],
				   segments->messages[done].count);
		done += sent < 0;
	}
	segments->count = segments->part_count = 0;
}
