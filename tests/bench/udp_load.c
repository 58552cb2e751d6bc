/*
 * udp_load: sends datagrams to an echo server, checks every byte that comes
 * back, and prints one line of key=value pairs as load does.
 *
 * A burst is sent, then all of it is awaited.  Server and client are meant to
 * share a CPU, on which they take turns: so the server finds the whole burst,
 * and what it costs to sleep and be woken between datagrams is not
 * measured.  All peers are one socket here, each an address of its own, in a
 * /24 of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* Under way at a time: the server's queue has to hold them all. */
enum { WINDOW = 128, DATAGRAM_MAX = 1400, PREFIX_MAX = 64, PEERS_MAX = 128 };

struct options {
	struct sockaddr_in server;
	const char *prefix;
	size_t size;
	unsigned peers;
	double seconds;
	int patience; /* seconds */
	bool joined;
	bool step;
};

struct slot {
	unsigned char data[PREFIX_MAX + DATAGRAM_MAX + 1];
	struct iovec part;
	struct sockaddr_in server;
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(
		sizeof(struct in_pktinfo))];
};

struct run {
	const struct options *options;
	int fd;
	struct mmsghdr out[WINDOW];
	struct mmsghdr in[WINDOW];
	struct slot sent[WINDOW];
	struct slot got[WINDOW];
	bool seen[WINDOW];
	uint64_t messages;
	uint64_t bytes;
	struct histogram latency;
};

static uint64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint32_t
address_of_peer(unsigned peer)
{
	return htonl(0x7f000001 + ((peer + 1) << 8));
}

static void
set_message(struct mmsghdr *message, struct slot *slot, size_t length)
{
	slot->part = (struct iovec){ slot->data, length };
	message->msg_hdr = (struct msghdr){
		.msg_name = &slot->server,
		.msg_namelen = sizeof(slot->server),
		.msg_iov = &slot->part,
		.msg_iovlen = 1,
		.msg_control = slot->control,
		.msg_controllen = sizeof(slot->control),
	};
}

static void
set_source(struct slot *slot, uint32_t address)
{
	struct cmsghdr *control = (struct cmsghdr *)slot->control;
	struct in_pktinfo info = { .ipi_spec_dst.s_addr = address };

	control->cmsg_len = CMSG_LEN(sizeof(info));
	control->cmsg_level = IPPROTO_IP;
	control->cmsg_type = IP_PKTINFO;
	memcpy(CMSG_DATA(control), &info, sizeof(info));
}

/* The first bytes tell which one it is, the rest is a pattern of its own. */
static void
prepare(struct run *run)
{
	const struct options *options = run->options;

	for (unsigned i = 0; i < WINDOW; i++) {
		struct slot *slot = &run->sent[i];

		for (size_t n = 0; n < options->size; n++)
			slot->data[n] = (unsigned char)(n * 31 + i * 7);
		memcpy(slot->data, &i, sizeof(i));
		slot->server = options->server;
		set_source(slot, address_of_peer(i % options->peers));
		set_message(&run->out[i], slot, options->size);
	}
}

static int
fail(const char *what)
{
	fprintf(stderr, "udp_load: %s\n", what);
	return -1;
}

static int
check(struct run *run, const struct mmsghdr *message, const struct slot *slot)
{
	const struct options *options = run->options;
	size_t before = strlen(options->prefix);
	const struct cmsghdr *control = (const void *)slot->control;
	struct in_pktinfo info;
	unsigned i;

	if (message->msg_len != before + options->size)
		return fail("an echo of another length");
	memcpy(&i, slot->data + before, sizeof(i));
	if (i >= WINDOW || run->seen[i])
		return fail("an echo of nothing that was sent");
	run->seen[i] = true;
	if (memcmp(slot->data, options->prefix, before) != 0 ||
	    memcmp(slot->data + before, run->sent[i].data, options->size) != 0)
		return fail("a wrong byte");
	memcpy(&info, CMSG_DATA(control), sizeof(info));
	if (info.ipi_addr.s_addr != address_of_peer(i % options->peers))
		return fail("an echo that went to another peer");
	if (slot->server.sin_addr.s_addr != options->server.sin_addr.s_addr)
		return fail("an echo from another address");
	return 0;
}

static int
receive(struct run *run, unsigned wanted)
{
	struct pollfd readable = { .fd = run->fd, .events = POLLIN };
	int count;

	for (unsigned i = 0; i < wanted; i++)
		set_message(&run->in[i], &run->got[i],
			    sizeof(run->got[i].data));
	count = recvmmsg(run->fd, run->in, wanted, MSG_DONTWAIT, NULL);
	if (count < 0 && errno == EAGAIN) {
		if (poll(&readable, 1, run->options->patience * 1000) == 0)
			return fail("an echo is missing");
		return 0;
	}
	if (count < 0)
		return fail(strerror(errno));
	for (int i = 0; i < count; i++)
		if (check(run, &run->in[i], &run->got[i]) < 0)
			return -1;
	return count;
}

static int
send_some(struct run *run, unsigned first)
{
	return sendmmsg(run->fd, run->out + first, WINDOW - first, 0);
}

/* As many as a message can be: udp(7), UDP_SEGMENT. */
static int
send_joined(struct run *run, unsigned first)
{
	struct iovec parts[64];
	struct msghdr message = run->out[first].msg_hdr;
	size_t length = 0;

	message.msg_iov = parts;
	message.msg_iovlen = 0;
	while (message.msg_iovlen < 64 && first < WINDOW &&
	       length + run->options->size <= 65507) {
		parts[message.msg_iovlen++] = run->sent[first++].part;
		length += run->options->size;
	}
	return sendmsg(run->fd, &message, 0) < 0 ? -1 : (int)message.msg_iovlen;
}

static int
burst(struct run *run)
{
	uint64_t begin = now();
	unsigned received = 0;

	for (unsigned sent = 0; sent < WINDOW;) {
		int count = run->options->joined ? send_joined(run, sent) :
						   send_some(run, sent);

		if (count < 0)
			return fail(strerror(errno));
		sent += (unsigned)count;
	}
	memset(run->seen, 0, sizeof(run->seen));
	while (received < WINDOW) {
		int count = receive(run, WINDOW - received);

		if (count < 0)
			return -1;
		received += (unsigned)count;
	}
	run->messages += WINDOW;
	run->bytes += WINDOW * run->options->size;
	histogram_add(&run->latency, now() - begin);
	return 0;
}

static int
open_socket(const struct options *options)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in any = { .sin_family = AF_INET };
	int on = 1, size = 1 << 20;
	int segment = options->joined ? (int)options->size : 0;

	if (fd < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    (segment > 0 && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment,
				       sizeof(segment)) < 0))
		return -1;
	return fd;
}

static int
step(const struct options *options, const char *word)
{
	char line[16];

	if (word)
		puts(word);
	fflush(stdout);
	if (options->step && !fgets(line, sizeof(line), stdin))
		return fail("standard input ended");
	return 0;
}

static void
print_result(const struct run *run, uint64_t nanoseconds, bool failed)
{
	printf("mode=datagram connections=%u size=%zu messages=%" PRIu64
	       " bytes=%" PRIu64 " seconds=%.6f",
	       run->options->peers, run->options->size, run->messages,
	       run->bytes, (double)nanoseconds / 1e9);
	printf(" p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f",
	       (double)histogram_at(&run->latency, 0.5) / 1e3,
	       (double)histogram_at(&run->latency, 0.99) / 1e3,
	       (double)histogram_at(&run->latency, 0.999) / 1e3,
	       (double)run->latency.max / 1e3);
	printf(" silent=0 errors=%d\n", failed);
}

static int
work(struct run *run)
{
	const struct options *options = run->options;
	uint64_t begin, end;
	int result = 0;

	if (options->step && step(options, "ready") < 0)
		return -1;
	begin = end = now();
	while (result == 0 && (double)(end - begin) < options->seconds * 1e9) {
		result = burst(run);
		end = now();
	}
	print_result(run, end - begin, result < 0);
	return result < 0 ? result : step(options, NULL);
}

static void
usage(void)
{
	fputs("usage: udp_load -p PORT -d SECONDS [OPTION]...\n"
	      "  -p, --port=PORT      of the server, on 127.0.0.1\n"
	      "  -c, --connections=N  peers, which take turns (1)\n"
	      "  -s, --size=BYTES     of a datagram (128)\n"
	      "  -P, --prefix=TEXT    that the server puts before it\n"
	      "  -d, --seconds=S      begin no burst after so long\n"
	      "  -j, --joined         many of one peer in one message\n"
	      "  -t, --patience=S     silence that is an error (10)\n"
	      "  -S, --step           as that of load\n",
	      stderr);
	exit(EX_USAGE);
}

static void
set_option(struct options *options, int option, const char *value)
{
	switch (option) {
	case 'p':
		options->server.sin_port = htons((uint16_t)atoi(value));
		break;
	case 'c':
		options->peers = (unsigned)atoi(value);
		break;
	case 's':
		options->size = (size_t)atoi(value);
		break;
	case 'P':
		options->prefix = value;
		break;
	case 'd':
		options->seconds = atof(value);
		break;
	case 'j':
		options->joined = true;
		break;
	case 't':
		options->patience = atoi(value);
		break;
	case 'S':
		options->step = true;
		break;
	default:
		usage();
	}
}

static void
parse(struct options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "connections", required_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 's' },
		{ "prefix", required_argument, NULL, 'P' },
		{ "seconds", required_argument, NULL, 'd' },
		{ "joined", no_argument, NULL, 'j' },
		{ "patience", required_argument, NULL, 't' },
		{ "step", no_argument, NULL, 'S' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "p:c:s:P:d:jt:S", longs,
				     NULL)) != -1)
		set_option(options, option, optarg);
	if (optind != argc || !options->server.sin_port ||
	    options->seconds <= 0 || options->peers < 1 ||
	    options->peers > PEERS_MAX || options->size < sizeof(unsigned) ||
	    options->size > DATAGRAM_MAX ||
	    (options->joined && options->peers > 1) ||
	    strlen(options->prefix) > PREFIX_MAX)
		usage();
}

/* The first echo must not take the CPU from the server: see above. */
static void
be_polite(void)
{
	static const struct sched_param none;

	if (sched_getscheduler(0) == SCHED_OTHER)
		sched_setscheduler(0, SCHED_BATCH, &none);
}

int
main(int argc, char **argv)
{
	static struct options options = {
		.server = { .sin_family = AF_INET },
		.prefix = "",
		.size = 128,
		.peers = 1,
		.patience = 10,
	};
	static struct run run = { .options = &options };

	options.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	parse(&options, argc, argv);
	run.fd = open_socket(&options);
	if (run.fd < 0) {
		perror("udp_load");
		return EX_OSERR;
	}
	be_polite();
	prepare(&run);
	return work(&run) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
