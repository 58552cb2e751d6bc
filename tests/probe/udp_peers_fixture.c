#include "probe/udp_peers_fixture.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Replies are awaited so long, in seconds. */
#define DEADLINE 30

struct server server;
static struct pattern pattern;
struct run run;
struct probe_options options;
static struct target target;
struct target_address address;
struct load load;
struct udp_peers *peers;
char details[OUTCOME_COUNT][512];
int64_t began[OUTCOME_COUNT];

static void
on_failure(void *owner, const struct failure *failure)
{
	(void)owner;
	ck_assert_uint_lt(failure->peer, load.peers);
	snprintf(details[failure->outcome], sizeof(*details), "%s",
		 failure->detail);
	began[failure->outcome] = failure->began;
}

static void
on_progress(struct run *of)
{
	(void)of;
}

void
server_send(int fd, const void *data, size_t length,
	    const struct sockaddr_storage *to)
{
	unsigned char bytes[4096] = "GOT:";
	ssize_t n;

	memcpy(bytes + 4, data, length);
	if (server.behaviour == WRONG_PREFIX)
		bytes[1] = 'E';
	if (server.behaviour == CORRUPT)
		bytes[4 + 20] ^= 1;
	if (server.behaviour == CUT)
		length -= 5;
	if (server.behaviour == LENGTHEN)
		length += 1500;
	n = sendto(fd, bytes, length + 4, 0, (const void *)to, server.length);
	ck_assert_int_eq(n, (ssize_t)length + 4);
}

static void
serve_one(const unsigned char *data, size_t length,
	  const struct sockaddr_storage *from)
{
	unsigned slot = server.kept_count;

	switch (server.behaviour) {
	case KEEP:
		ck_assert_uint_lt(slot, 4);
		memcpy(server.kept[slot], data, length);
		server.kept_length[slot] = length;
		server.kept_from = *from;
		server.kept_count++;
		break;
	case FROM_ELSEWHERE:
		server_send(server.other, data, length, from);
		break;
	case TO_FIRST_PEER:
		server_send(server.fd, data, length, &server.first);
		break;
	case ECHO_TWICE:
		server_send(server.fd, data, length, from);
		server_send(server.fd, data, length, from);
		break;
	default:
		server_send(server.fd, data, length, from);
		break;
	}
}

static void
on_server(int fd, short what, void *data)
{
	unsigned char bytes[2048];
	struct sockaddr_storage from;
	ssize_t n;

	(void)what;
	(void)data;
	server.length = sizeof(from);
	n = recvfrom(fd, bytes, sizeof(bytes), 0, (void *)&from,
		     &server.length);
	if (n < 0)
		return;
	if (server.received == 0)
		server.first = from;
	if (server.received < 512)
		server.senders[server.received] =
			((struct sockaddr_in *)&from)->sin_addr;
	server.received++;
	serve_one(bytes, (size_t)n, &from);
}

int
bound_socket(struct target_address *to, int family)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memset(to, 0, sizeof(*to));
	to->length = family == AF_INET ? sizeof(in) : sizeof(in6);
	memcpy(&to->storage, family == AF_INET ? (void *)&in : &in6,
	       to->length);
	if (fd >= 0 && bind(fd, &to->sa, to->length) < 0)
		skip("no loopback address of this family");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(getsockname(fd, &to->sa, &to->length), 0);
	return fd;
}

void
begin_family(int family, unsigned count, double rate, uint64_t messages)
{
	static const char *const names[] = { "udp" };
	struct target_address other;
	char reason[256];

	server.fd = bound_socket(&address, family);
	server.other = bound_socket(&other, family);
	pattern_init(&pattern, PATTERN_ALL, 'G');
	if (options.burst == 0)
		options.burst = 1;
	options.timeout = 2;
	options.framing.prefix = "GOT:";
	options.framing.prefix_length = 4;
	options.socket.dscp = options.socket.ttl = -1;
	if (options.sizes.most == 0)
		options.sizes = (struct message_sizes){ 100, 100, 0 };
	run.options = &options;
	run.base = event_base_new();
	run.id = 0xABCD1234;
	run.payload.pattern = &pattern;
	run.payload.sizes = options.sizes;
	run.buffer = malloc(RUN_BUFFER_SIZE);
	run.progress = on_progress;
	ck_assert_ptr_null(
		backends_new(NULL, &run.backends, reason, sizeof(reason)));
	ck_assert(tally_init(&run.tally, names, 1, run.backends));
	run.tally.on_failure = on_failure;
	tally_begin(&run.tally, run_now());
	target = (struct target){
		.scheme = TARGET_UDP,
		.addresses = &address,
		.address_count = 1,
	};
	load = (struct load){
		.peers = count,
		.count = messages,
		.rate = rate,
		.begin = run_now(),
	};
	event_assign(&server.readable, run.base, server.fd,
		     EV_READ | EV_PERSIST, on_server, NULL);
	event_add(&server.readable, NULL);
	peers = udp_peers_new(&run, &target, &load);
	ck_assert_ptr_nonnull(peers);
}

void
begin(unsigned count, double rate, uint64_t messages)
{
	begin_family(AF_INET, count, rate, messages);
}

void
finish(void)
{
	udp_peers_free(peers);
	event_del(&server.readable);
	event_base_free(run.base);
	tally_free(&run.tally);
	backends_free(run.backends);
	free(run.buffer);
	close(server.fd);
	close(server.other);
}

uint64_t
outcomes(enum outcome outcome)
{
	return run.tally.targets[0].outcomes[outcome];
}

/* Runs the loop until `*value` is at least `least`. */
static void
await(const uint64_t *value, uint64_t least)
{
	int64_t end = run_now() + DEADLINE * SECOND;

	while (*value < least) {
		struct timeval time = { .tv_sec = 1 };

		ck_assert_msg(run_now() < end, "%llu of %llu",
			      (unsigned long long)*value,
			      (unsigned long long)least);
		event_base_loopexit(run.base, &time);
		event_base_loop(run.base, EVLOOP_ONCE);
	}
}

void
await_outcome(enum outcome outcome, uint64_t least)
{
	await(&run.tally.targets[0].outcomes[outcome], least);
}

void
await_kept(unsigned count)
{
	int64_t end = run_now() + DEADLINE * SECOND;

	while (server.kept_count < count) {
		ck_assert(run_now() < end);
		event_base_loop(run.base, EVLOOP_ONCE);
	}
}

void
expect_only(enum outcome outcome, uint64_t number)
{
	for (int i = 0; i < OUTCOME_COUNT; i++)
		ck_assert_msg(outcomes(i) == (i == (int)outcome ? number : 0),
			      "%s: %llu (%s)", outcome_name(i),
			      (unsigned long long)outcomes(i), details[i]);
}
