/* UDP, as clients see it: which datagrams are answered, and from where. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/suite.h"

/* The largest payload of a datagram. */
enum { MOST = 65507 };

static const char *
bytes(void)
{
	static char all[MOST + 1];

	for (size_t i = 0; i < MOST; i++)
		all[i] = (char)('a' + i * 7 % 26);
	return all;
}

static void
say_hello(int fd)
{
	udp_say(fd, "Hello");
	udp_hear(fd, "GOT:Hello");
}

/* SIGUSR1 and the sum of dropped.REASON=. */
static unsigned long long
count_dropped(struct daemon *daemon)
{
	static const char *const keys[] = {
		"dropped.source_port",	  "dropped.own_port",
		"dropped.source_address", "dropped.broadcast",
		"dropped.denied",	  "dropped.rate",
		"dropped.oversize",	  "dropped.unsent",
		"dropped.overflow",
	};
	unsigned long long sum = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		sum += daemon_counter(daemon, keys[i]);
	return sum;
}

START_TEST(test_echo)
{
	struct daemon *daemon = daemon_start("listen = \"udp:127.0.0.1:0\";");
	int fd = udp_client("127.0.0.1:0", daemon_port(daemon, 0));

	daemon_wait_line(daemon, "listening=udp:127\\.0\\.0\\.1:[0-9]+$");
	say_hello(fd);
	udp_say(fd, "");
	udp_hear(fd, "GOT:");
	udp_say(fd, "Two\nlines\n");
	udp_hear(fd, "GOT:Two\nlines\n");
	daemon_wait_counter(daemon, "datagrams_in", 3);
	daemon_wait_counter(daemon, "datagrams_out", 3);
	daemon_wait_counter(daemon, "bytes_in", 15);
	daemon_wait_counter(daemon, "bytes_out", 27);
	ck_assert_uint_eq(daemon_counter(daemon, "connections"), 0);
	ck_assert_uint_eq(count_dropped(daemon), 0);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_tcp_and_udp_on_one_port)
{
	struct daemon *daemon;
	uint16_t port;
	int reserved = reserve_port(&port);
	char config[100];
	int tcp, udp;

	snprintf(config, sizeof(config),
		 "listen = [ \"127.0.0.1:%u\", \"udp:127.0.0.1:%u\" ];", port,
		 port);
	daemon = daemon_start(config);
	tcp = client_connect(port);
	udp = udp_client("127.0.0.1:0", port);
	client_say_hello(tcp);
	say_hello(udp);
	close(tcp);
	close(udp);
	close(reserved);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A connected socket receives only from the address that it sent to. */
START_TEST(test_reply_from_destination_address)
{
	static const char *const hosts[] = { "127.0.0.1:0", "127.0.0.9:0",
					     "127.200.3.4:0" };
	struct daemon *daemon =
		daemon_start("listen = \"udp:*:0\"; workers = 2;");

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		int fd = udp_client(hosts[i], daemon_port(daemon, 0));

		say_hello(fd);
		close(fd);
	}
	if (has_ipv6()) {
		int fd = udp_client("[::1]:0", daemon_port(daemon, 1));

		say_hello(fd);
		close(fd);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(39, test_reply_from_destination_address)

START_TEST(test_oversize_datagram_is_dropped)
{
	struct daemon *daemon = daemon_start(
		"prefix = \"\"; listeners = ( { name = \"plain\"; "
		"listen = \"udp:127.0.0.1:0\"; }, { name = \"prefix\"; "
		"listen = \"udp:127.0.0.1:0\"; prefix = \"abcd\"; }, "
		"{ name = \"short\"; listen = \"udp:127.0.0.1:0\"; "
		"udp = { max_datagram = 1; }; } );");
	int plain = udp_client("127.0.0.1:0", daemon_port(daemon, 0));
	int prefix = udp_client("127.0.0.1:0", daemon_port(daemon, 1));
	int small = udp_client("127.0.0.1:0", daemon_port(daemon, 2));
	static const size_t sizes[] = { 0, 1, 1472, 1473, 9000, MOST };
	char expected[MOST];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		udp_send(plain, bytes(), sizes[i]);
		udp_receive(plain, bytes(), sizes[i]);
	}
	memcpy(expected, "abcd", 4);
	memcpy(expected + 4, bytes(), MOST - 4);
	udp_send(prefix, bytes(), MOST - 4);
	udp_receive(prefix, expected, MOST);

	udp_send(prefix, bytes(), MOST - 3);
	daemon_wait_line(daemon, "^Datagrams dropped listener=prefix "
				 "oversize=1 last=127\\.0\\.0\\.1:[0-9]+$");
	udp_say(small, "2b");
	daemon_wait_line(daemon, "^Datagrams dropped listener=short "
				 "oversize=1 last=127\\.0\\.0\\.1:[0-9]+$");
	udp_say(small, "1");
	udp_hear(small, "1");
	udp_hear_nothing(small);
	udp_hear_nothing(prefix);
	daemon_wait_counter(daemon, "dropped.oversize", 2);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(40, test_oversize_datagram_is_dropped)

/* Each has a number and a size of its own. */
START_TEST(test_joined_datagrams)
{
	struct daemon *daemon = daemon_start("listen = \"udp:127.0.0.1:0\"; "
					     "prefix = \"%{conn}:\"; "
					     "udp = { max_datagram = 9; };");
	int fd = udp_client("127.0.0.1:0", daemon_port(daemon, 0));
	char text[32];

	udp_send_joined(fd, bytes(), 50 * 9 + 1, 9);
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "%d:%.9s", i + 1, bytes() + i * 9);
		udp_hear(fd, text);
	}
	snprintf(text, sizeof(text), "51:%c", bytes()[50 * 9]);
	udp_hear(fd, text);
	udp_send_joined(fd, bytes(), 50 * 10 + 1, 10);
	snprintf(text, sizeof(text), "102:%c", bytes()[50 * 10]);
	udp_hear(fd, text);
	udp_hear_nothing(fd);
	daemon_wait_counter(daemon, "datagrams_in", 102);
	daemon_wait_counter(daemon, "datagrams_out", 52);
	daemon_wait_counter(daemon, "dropped.oversize", 50);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_allow_and_deny)
{
	struct daemon *daemon =
		daemon_start("listen = \"udp:*:0\"; deny = \"127.0.0.0/8\";");
	int fd = udp_client("127.0.0.1:0", daemon_port(daemon, 0));

	udp_say(fd, "Hello");
	daemon_wait_line(daemon, "^Datagrams dropped listener=main denied=1 ");
	daemon_reload(daemon, "listen = \"udp:*:0\"; allow = \"127.0.0.1\";");
	say_hello(fd);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_denied_ports)
{
	struct daemon *daemon = daemon_start("listen = \"udp:127.0.0.1:0\";");
	int fd = udp_client("127.0.0.1:0", daemon_port(daemon, 0));
	char config[100];

	say_hello(fd);
	snprintf(config, sizeof(config),
		 "listen = \"udp:127.0.0.1:0\"; "
		 "udp = { deny_source_ports = [ \"0-1023\", \"%u\" ]; };",
		 udp_port(fd));
	daemon_reload(daemon, config);
	udp_say(fd, "Hello");
	daemon_wait_line(daemon,
			 "^Datagrams dropped listener=main source_port=1 ");
	udp_hear_nothing(fd);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Two echods on one port: neither answers the other. */
START_TEST(test_own_port)
{
	struct daemon *daemon = daemon_start(
		"listen = [ \"udp:127.0.0.1:0\", \"udp:127.0.0.1:0\" ];");
	char host[32];

	for (size_t i = 0; i < 2; i++) {
		int fd;

		snprintf(host, sizeof(host), "127.0.0.2:%u",
			 daemon_port(daemon, i));
		fd = udp_socket(host);
		udp_connect(fd, "127.0.0.1:0", daemon_port(daemon, 0));
		udp_say(fd, "Hello");
		daemon_wait_counter(daemon, "dropped.own_port", i + 1);
		udp_hear_nothing(fd);
		close(fd);
	}
	ck_assert_uint_eq(daemon_counter(daemon, "datagrams_out"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(33, test_own_port)

/* A datagram with a forged source. */
static void
spoof(int raw, unsigned from, unsigned to)
{
	struct sockaddr_in server = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct {
		struct udphdr header;
		char text[5];
	} packet = { .text = "Hello" };

	packet.header.uh_sport = htons((uint16_t)from);
	packet.header.uh_dport = htons((uint16_t)to);
	packet.header.uh_ulen = htons(sizeof(packet.header) + 5);
	ck_assert_int_gt(sendto(raw, &packet, sizeof(packet.header) + 5, 0,
				(struct sockaddr *)&server, sizeof(server)),
			 0);
}

static int
raw_socket(void)
{
	int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);

	if (raw < 0)
		skip("raw sockets need privilege");
	return raw;
}

START_TEST(test_spoofed_services)
{
	static const unsigned ports[] = { 0, 7, 19, 53, 123, 1023, 2049 };
	enum { PORTS = sizeof(ports) / sizeof(*ports) };
	int raw = raw_socket();
	struct daemon *daemon = daemon_start("listen = \"udp:127.0.0.1:0\";");

	for (int i = 0; i < PORTS; i++)
		spoof(raw, ports[i], daemon_port(daemon, 0));
	daemon_wait_counter(daemon, "dropped.source_port", PORTS);
	ck_assert_uint_eq(daemon_counter(daemon, "datagrams_out"), 0);
	ck_assert_uint_eq(count_dropped(daemon), PORTS);
	close(raw);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(33, test_spoofed_services)

/*
 * A spoofed datagram starts a loop between two daemons. At the end of the rate
 * the datagram under way is dropped, and no other.
 */
START_TEST(test_loop_between_two_echods_stops)
{
	static const char config[] = "listen = \"udp:127.0.0.1:0\"; "
				     "prefix = \"\"; udp = { rate = 100; };";
	int raw = raw_socket();
	struct daemon *one = daemon_start(config);
	struct daemon *two = daemon_start(config);
	unsigned long long in, out;

	spoof(raw, daemon_port(one, 0), daemon_port(two, 0));
	while (count_dropped(one) + count_dropped(two) == 0)
		;
	/* All but one were answered: nothing is under way. */
	in = daemon_counter(one, "datagrams_in") +
	     daemon_counter(two, "datagrams_in");
	/* The last answer is counted a moment after it was received. */
	do
		out = daemon_counter(one, "datagrams_out") +
		      daemon_counter(two, "datagrams_out");
	while (out + 1 < in);
	ck_assert_uint_eq(in, out + 1);
	ck_assert_uint_ge(out, 100);
	ck_assert_uint_eq(daemon_counter(one, "dropped.rate") +
				  daemon_counter(two, "dropped.rate"),
			  1);
	close(raw);
	ck_assert_int_eq(daemon_stop(one), 0);
	ck_assert_int_eq(daemon_stop(two), 0);
}
END_TEST
FAULT(33, test_loop_between_two_echods_stops)

/* Sends back what it receives, as fast as it can. */
START_TEST(test_reflector)
{
	struct daemon *daemon = daemon_start(
		"listen = \"udp:127.0.0.1:0\"; udp = { rate = 50; };");
	int fd = udp_client("127.0.0.1:0", daemon_port(daemon, 0));
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	static char data[MOST];
	unsigned echoes = 0;

	udp_say(fd, "Hello");
	while (poll(&readable, 1, 500) == 1) {
		ssize_t got = recv(fd, data, sizeof(data), 0);

		ck_assert_int_eq(got, (ssize_t)(5 + 4 * ++echoes));
		ck_assert_uint_le(echoes, 5000);
		udp_send(fd, data, (size_t)got);
	}
	ck_assert_uint_ge(echoes, 50);
	daemon_wait_line(daemon, "^Datagrams dropped listener=main rate=1 ");
	daemon_wait_counter(daemon, "datagrams_in", echoes + 1);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(34, test_reflector)

/* The limit is per source network, across all workers. */
START_TEST(test_rate_of_all_workers)
{
	enum { RATE = 20, CLIENTS = 40 };
	struct daemon *daemon = daemon_start("listen = \"udp:127.0.0.1:0\"; "
					     "workers = 4; "
					     "udp = { rate = 20; };");
	unsigned long long out;
	int fds[CLIENTS];

	daemon_pause(daemon);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = udp_client("127.0.0.1:0", daemon_port(daemon, 0));
		for (int n = 0; n < 5; n++)
			udp_say(fds[i], "Hello");
	}
	daemon_resume(daemon);
	daemon_wait_counter(daemon, "datagrams_in", 5 * CLIENTS);
	/* Received datagrams are answered or dropped a moment later. */
	do
		out = daemon_counter(daemon, "datagrams_out");
	while (out + daemon_counter(daemon, "dropped.rate") < 5 * CLIENTS);
	ck_assert_uint_ge(out, RATE);
	/* Most of 200 are dropped; a slow machine may take seconds. */
	ck_assert_uint_lt(out, 5 * RATE);
	ck_assert_uint_eq(out + daemon_counter(daemon, "dropped.rate"),
			  5 * CLIENTS);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(36, test_rate_of_all_workers)

START_TEST(test_many_clients_of_many_workers)
{
	enum { CLIENTS = 200 };
	struct daemon *daemon =
		daemon_start("listen = \"udp:127.0.0.1:0\"; workers = 4;");
	int fds[CLIENTS];
	char text[32];

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = udp_client("127.0.0.1:0", daemon_port(daemon, 0));
		snprintf(text, sizeof(text), "client %d", i);
		udp_say(fds[i], text);
	}
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(text, sizeof(text), "GOT:client %d", i);
		udp_hear(fds[i], text);
		udp_hear_nothing(fds[i]);
		close(fds[i]);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(36, test_many_clients_of_many_workers)

/* The client has closed when its echo arrives: an ICMP error is ignored. */
START_TEST(test_refused_echo)
{
	struct daemon *daemon =
		daemon_start("listen = \"udp:127.0.0.1:0\"; workers = 1;");
	int fd = udp_client("127.0.0.1:0", daemon_port(daemon, 0));

	for (int i = 0; i < 20; i++) {
		int gone = udp_client("127.0.0.1:0", daemon_port(daemon, 0));

		daemon_pause(daemon);
		udp_say(gone, "Hello");
		close(gone);
		daemon_resume(daemon);
		say_hello(fd);
	}
	daemon_wait_counter(daemon, "datagrams_in", 40);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(37, test_refused_echo)

struct flood {
	unsigned port;
	atomic_bool over;
};

static void *
run_flood(void *argument)
{
	struct flood *flood = argument;
	int fd = udp_client("127.0.0.1:0", flood->port);

	while (!atomic_load(&flood->over))
		send(fd, "flood", 5, MSG_DONTWAIT);
	close(fd);
	return NULL;
}

/* A worker serves connections during a flood of datagrams. */
START_TEST(test_flood_beside_tcp)
{
	struct daemon *daemon = daemon_start(
		"listen = [ \"127.0.0.1:0\", \"udp:127.0.0.1:0\" ]; "
		"workers = 1; udp = { rate = 0; socket_buffer = 65536; };");
	struct flood flood = { .port = daemon_port(daemon, 1) };
	int tcp = client_connect(daemon_port(daemon, 0));
	pthread_t threads[2];
	unsigned long long before;

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_flood,
						&flood),
				 0);
	daemon_wait_line(daemon, "^Datagrams dropped listener=main overflow=");
	before = daemon_counter(daemon, "datagrams_in");
	/* On a busy machine the flood may pause. */
	do {
		for (int i = 0; i < 300; i++) {
			client_say_hello(tcp);
		}
	} while (daemon_counter(daemon, "datagrams_in") == before);
	atomic_store(&flood.over, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	close(tcp);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(38, test_flood_beside_tcp)

/* A reload keeps the sockets, and closes those that were removed. */
START_TEST(test_reload)
{
	struct daemon *daemon = daemon_start("listen = \"udp:127.0.0.1:0\";");
	unsigned port = daemon_port(daemon, 0);
	int fd = udp_client("127.0.0.1:0", port);
	char byte;

	say_hello(fd);
	daemon_reload(daemon, "listen = \"udp:127.0.0.1:0\"; prefix = \"2:\";");
	ck_assert_uint_eq(daemon_port(daemon, 0), port);
	udp_say(fd, "Hello");
	udp_hear(fd, "2:Hello");

	daemon_reload(daemon, "listen = \"127.0.0.1:0\";");
	/* The first datagram has shown that the port is closed. */
	daemon_wait_counter(daemon, "connections", 0);
	do
		send(fd, "Hello", 5, 0);
	while (recv(fd, &byte, 1, 0) >= 0);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Datagrams in the kernel's queue are answered before the exit. */
START_TEST(test_drain)
{
	enum { QUEUED = 150 };
	struct daemon *daemon =
		daemon_start("listen = \"udp:127.0.0.1:0\"; workers = 2;");
	int fd = udp_client("127.0.0.1:0", daemon_port(daemon, 0));
	int status;

	say_hello(fd);
	daemon_pause(daemon);
	daemon_signal(daemon, SIGTERM);
	for (int i = 0; i < QUEUED; i++)
		udp_say(fd, "Hello");
	daemon_resume(daemon);
	status = daemon_end(daemon);
	ck_assert_int_eq(status, 0);
	for (int i = 0; i < QUEUED; i++)
		udp_hear(fd, "GOT:Hello");
	close(fd);
}
END_TEST

START_TEST(test_busy_address)
{
	struct daemon *daemon = daemon_start("listen = \"udp:127.0.0.1:0\";");
	char config[100];

	snprintf(config, sizeof(config), "listen = \"udp:127.0.0.1:%u\";",
		 daemon_port(daemon, 0));
	daemon_expect_failure(config,
			      "cannot listen on udp:127\\.0\\.0\\.1:", 71);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static bool __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return system(command) == 0;
}

/*
 * The daemon and the test have a network namespace each, with a veth pair
 * between them.
 */
static struct daemon *
start_behind_cable(const char *config)
{
	struct daemon *daemon;
	long pid;

	if (!run("command -v ip nsenter >/dev/null"))
		skip("there is no ip or no nsenter");
	if (unshare(CLONE_NEWNET) < 0)
		skip("network namespaces need privilege");
	daemon = daemon_start(config);
	pid = (long)daemon_pid(daemon);
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	if (!run("ip link add ours type veth peer name theirs netns %ld", pid))
		skip("there is no veth");
	ck_assert(run("ip link set ours up && "
		      "ip addr add 192.0.2.9/24 dev ours && "
		      "ip addr add 2001:db8::9/64 dev ours nodad && "
		      "ip addr add fe80::9/64 dev ours nodad"));
	ck_assert(run("nsenter -t %ld -n sh -c 'ip link set theirs up && "
		      "for n in 1 2 3; do "
		      "ip addr add 192.0.2.$n/24 dev theirs && "
		      "ip addr add 2001:db8::$n/64 dev theirs nodad && "
		      "ip addr add fe80::$n/64 dev theirs nodad || exit 1; "
		      "done'",
		      pid));
	return daemon;
}

/*
 * With several addresses, the reply comes from the destination address,
 * link-local ones on their interface included.
 */
START_TEST(test_several_addresses)
{
	static const char *const hosts[] = {
		"192.0.2.1:0",	    "192.0.2.2:0",	"192.0.2.3:0",
		"[2001:db8::1]:0",  "[2001:db8::2]:0",	"[2001:db8::3]:0",
		"[fe80::1%ours]:0", "[fe80::2%ours]:0", "[fe80::3%ours]:0",
	};
	struct daemon *daemon = start_behind_cable("listen = \"udp:*:0\";");

	udp_check_hosts(hosts, sizeof(hosts) / sizeof(*hosts),
			daemon_port(daemon, 0));
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(39, test_several_addresses)

/*
 * Broadcast and multicast are not answered: CERT CA-1998-01 ("fraggle"). The
 * kernel delivers one to each worker's socket.
 */
START_TEST(test_broadcast_and_multicast)
{
	static const char *const many[] = {
		"192.0.2.255:0",
		"255.255.255.255:0",
		"224.0.0.1:0",
		"[ff02::1%ours]:0",
	};
	struct daemon *daemon =
		start_behind_cable("listen = \"udp:*:0\"; workers = 1;");
	unsigned port = daemon_port(daemon, 0);
	int on = 1;

	ck_assert(run("ip route add default dev ours"));
	for (size_t i = 0; i < sizeof(many) / sizeof(*many); i++) {
		int fd = udp_socket(many[i][0] == '[' ? "[::]:0" :
							"192.0.2.9:0");
		struct address to = address_of(many[i]);

		address_set_port(&to, (uint16_t)port);
		setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
		ck_assert_msg(sendto(fd, "Hello", 5, 0, &to.sa, to.length) == 5,
			      "%s: %s", many[i], strerror(errno));
		daemon_wait_counter(daemon, "dropped.broadcast", i + 1);
		udp_hear_nothing(fd);
		close(fd);
	}
	ck_assert_uint_eq(daemon_counter(daemon, "datagrams_out"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(35, test_broadcast_and_multicast)

SUITE(test_echo, test_tcp_and_udp_on_one_port,
      test_reply_from_destination_address, test_oversize_datagram_is_dropped,
      test_joined_datagrams, test_allow_and_deny, test_denied_ports,
      test_own_port, test_spoofed_services, test_loop_between_two_echods_stops,
      test_reflector, test_rate_of_all_workers,
      test_many_clients_of_many_workers, test_refused_echo,
      test_flood_beside_tcp, test_reload, test_drain, test_busy_address,
      test_several_addresses, test_broadcast_and_multicast)
