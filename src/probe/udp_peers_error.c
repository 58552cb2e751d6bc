#include "probe/udp_peers_error.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
/* It needs struct timespec. */
#include <linux/errqueue.h>

/* Read by one call; others follow with the next event. */
#define ERRORS_MAX 256

enum outcome
udp_outcome_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return OUTCOME_REFUSED;
	case EMSGSIZE:
		return OUTCOME_TOO_LARGE;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case ENONET:
	case ENOPROTOOPT:
	case EPROTO:
	case EACCES:
	case EOPNOTSUPP:
		return OUTCOME_UNREACHABLE;
	default:
		return OUTCOME_LOCAL;
	}
}

static const struct sock_extended_err *
find_error(struct msghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	for (; control; control = CMSG_NXTHDR(message, control))
		if ((control->cmsg_level == IPPROTO_IP &&
		     control->cmsg_type == IP_RECVERR) ||
		    (control->cmsg_level == IPPROTO_IPV6 &&
		     control->cmsg_type == IPV6_RECVERR))
			return (const void *)CMSG_DATA(control);
	return NULL;
}

/* The peer whose datagram is quoted, and the datagram. */
static struct udp_peer *
end_quoted(struct udp_port *port, const unsigned char *data, size_t length,
	   int64_t before, struct datagram *ended)
{
	struct udp_peers *peers = port->owner;
	struct udp_peer *peer = &peers->peers[port->first];
	size_t offset = 0;
	uint32_t index;

	index = datagrams_peer_of(peers->run->id, peers->load->peers, data,
				  length, &offset);
	if (index - port->first < port->count) {
		/* It may have ended before, with a time-out. */
		peer = &peers->peers[index];
		return datagrams_end(peer->datagrams, data, length, ended) ?
			       peer :
			       NULL;
	}
	for (unsigned i = 0; i < port->count; i++)
		if (datagrams_expire(peer[i].datagrams, before, ended))
			return &peer[i];
	return NULL;
}

static void
describe(const struct sock_extended_err *error, char text[UDP_DETAIL_SIZE])
{
	const struct sockaddr *router = SO_EE_OFFENDER(error);
	socklen_t length = router->sa_family == AF_INET ?
				   sizeof(struct sockaddr_in) :
				   sizeof(struct sockaddr_in6);
	char address[NI_MAXHOST];
	int n;

	if (getnameinfo(router, length, address, sizeof(address), NULL, 0,
			NI_NUMERICHOST) != 0)
		strcpy(address, "an unknown address");
	n = snprintf(text, UDP_DETAIL_SIZE,
		     "ICMP type %u code %u from %.100s: %s", error->ee_type,
		     error->ee_code, address, strerror((int)error->ee_errno));
	if (error->ee_errno == EMSGSIZE)
		snprintf(text + n, UDP_DETAIL_SIZE - (size_t)n, ", path MTU %u",
			 error->ee_info);
}

static void
take(struct udp_port *port, const struct sock_extended_err *error,
     const unsigned char *data, size_t length, int64_t before)
{
	struct udp_peers *peers = port->owner;
	size_t target = peers->target->index;
	char text[UDP_DETAIL_SIZE];
	struct datagram ended;
	struct udp_peer *peer;

	if (error->ee_errno == EMSGSIZE && error->ee_info > 0)
		peers->run->tally.targets[target].path_mtu = error->ee_info;
	/* Of a local error, the call that sends has returned it. */
	if (error->ee_origin != SO_EE_ORIGIN_ICMP &&
	    error->ee_origin != SO_EE_ORIGIN_ICMP6)
		return;
	peer = end_quoted(port, data, length, before, &ended);
	if (!peer)
		return;
	describe(error, text);
	udp_peer_fail(peer, &ended, udp_outcome_of((int)error->ee_errno), NULL,
		      text);
}

void
udp_port_read_errors(struct udp_port *port, int64_t before)
{
	for (int i = 0; i < ERRORS_MAX; i++) {
		_Alignas(struct cmsghdr) unsigned char control[512];
		unsigned char data[DATAGRAM_HEAD];
		struct iovec part = { data, sizeof(data) };
		struct msghdr message = {
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		const struct sock_extended_err *error;
		ssize_t n = recvmsg(port->fd, &message,
				    MSG_ERRQUEUE | MSG_DONTWAIT);

		if (n < 0)
			return;
		error = find_error(&message);
		if (error)
			take(port, error, data, (size_t)n, before);
	}
}
