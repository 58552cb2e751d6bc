#include "probe/socket_options.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *
source_parse(const char *text, struct target_address *address,
	     char reason[TARGET_REASON_SIZE])
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST,
		.ai_socktype = SOCK_DGRAM,
	};
	struct addrinfo *found;

	if (getaddrinfo(text, NULL, &hints, &found) != 0) {
		snprintf(reason, TARGET_REASON_SIZE,
			 "\"%.100s\" is not an IPv4 or IPv6 address", text);
		return reason;
	}
	memset(address, 0, sizeof(*address));
	address->length = found->ai_addrlen;
	memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return NULL;
}

size_t
source_count(const struct probe_socket_options *options, int family)
{
	size_t count = 0;

	for (size_t i = 0; i < options->source_count; i++)
		count += options->sources[i].sa.sa_family == family;
	return count;
}

const struct target_address *
source_choose(const struct probe_socket_options *options, int family,
	      unsigned number)
{
	size_t count = source_count(options, family);

	if (count > 0)
		number %= (unsigned)count;
	for (size_t i = 0; i < options->source_count; i++)
		if (options->sources[i].sa.sa_family == family && number-- == 0)
			return &options->sources[i];
	return NULL;
}

static int
set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/*
 * IP_PMTUDISC_PROBE sets "don't fragment" and sends datagrams that are larger
 * than the path MTU that the kernel knows; with IP_PMTUDISC_DO it would refuse
 * them, and whether the path has changed would not be seen (ip(7)).
 */
static int
set_no_fragment(int fd, bool ipv6)
{
	if (!ipv6)
		return set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	if (set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1) < 0)
		return -1;
	return set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
}

static int
set_header(int fd, const struct probe_socket_options *options, bool ipv6)
{
	int level = ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;

	if (options->dscp >= 0 &&
	    set(fd, level, ipv6 ? IPV6_TCLASS : IP_TOS, options->dscp << 2) < 0)
		return -1;
	if (options->ttl >= 0 &&
	    set(fd, level, ipv6 ? IPV6_UNICAST_HOPS : IP_TTL, options->ttl) < 0)
		return -1;
	return options->no_fragment ? set_no_fragment(fd, ipv6) : 0;
}

static void
set_port(struct target_address *address, uint16_t port)
{
	if (address->sa.sa_family == AF_INET6)
		((struct sockaddr_in6 *)&address->storage)->sin6_port =
			htons(port);
	else
		((struct sockaddr_in *)&address->storage)->sin_port =
			htons(port);
}

static struct target_address
any_source(int family)
{
	struct target_address any = {
		.length = family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					       sizeof(struct sockaddr_in),
	};

	any.sa.sa_family = (sa_family_t)family;
	return any;
}

static int
bind_source(int fd, const struct probe_socket_options *options, int family,
	    int type, unsigned number)
{
	const struct target_address *chosen =
		source_choose(options, family, number);
	struct target_address source = chosen ? *chosen : any_source(family);

	if (options->source_count == 0 && options->source_port == 0)
		return 0;
	if (options->source_count > 0 && !chosen) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	set_port(&source, options->source_port);
	/* An earlier connection can be in TIME_WAIT. */
	if (options->source_port > 0 &&
	    set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
		return -1;
	/* connect(2) chooses the port: it knows the whole tuple. */
	if (options->source_port == 0 && type == SOCK_STREAM)
		set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	return bind(fd, &source.sa, source.length);
}

static int
prepare(int fd, const struct probe_socket_options *options, int family,
	int type, unsigned number)
{
	if (family == AF_UNIX)
		return 0;
	if (set_header(fd, options, family == AF_INET6) < 0)
		return -1;
	if (type == SOCK_STREAM && set(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0)
		return -1;
	return bind_source(fd, options, family, type, number);
}

int
socket_open(const struct probe_socket_options *options,
	    const struct target_address *peer, int type, unsigned number)
{
	int family = peer->sa.sa_family;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0 || prepare(fd, options, family, type, number) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}
