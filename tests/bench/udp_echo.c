/*
 * udp_echo: what echod's UDP is measured against: the loop of every textbook,
 * which answers from whatever address the route suggests.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 65507, PREFIX_MAX = 1024 };

static int
open_socket(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (fd < 0 || bind(fd, (struct sockaddr *)address, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &length) < 0) {
		perror("udp_echo");
		exit(EX_OSERR);
	}
	return fd;
}

/* The prefix precedes the buffer in which datagrams are received. */
static void
serve(int fd, const char *prefix)
{
	static char data[PREFIX_MAX + DATAGRAM_MAX];
	size_t before = strlen(prefix);

	memcpy(data, prefix, before);
	for (;;) {
		struct sockaddr_in peer;
		socklen_t length = sizeof(peer);
		ssize_t got = recvfrom(fd, data + before, DATAGRAM_MAX, 0,
				       (struct sockaddr *)&peer, &length);

		if (got >= 0)
			sendto(fd, data, before + (size_t)got, 0,
			       (struct sockaddr *)&peer, length);
	}
}

int
main(int argc, char **argv)
{
	const char *prefix = "";
	struct sockaddr_in address;
	int option, fd;

	while ((option = getopt(argc, argv, "p:")) != -1) {
		if (option != 'p' || strlen(optarg) > PREFIX_MAX) {
			fputs("usage: udp_echo [-p PREFIX]\n", stderr);
			return EX_USAGE;
		}
		prefix = optarg;
	}
	fd = open_socket(&address);
	fprintf(stderr, "listening=udp:127.0.0.1:%u\n",
		ntohs(address.sin_port));
	serve(fd, prefix);
}
