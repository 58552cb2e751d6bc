/* Socket activation: inherited sockets are served and kept as they are. */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/un.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/datagrams.h"
#include "support/sockets.h"

enum { MOST = 4 };

/* The sockets that the service manager has bound. */
static int handed[MOST];
static int handed_count;

static void
hand_over(int fd, int backlog)
{
	if (backlog > 0)
		ck_assert_int_eq(listen(fd, backlog), 0);
	/* Away from the numbers at which the daemon expects its sockets. */
	handed[handed_count++] = fcntl(fd, F_DUPFD_CLOEXEC, 64);
	close(fd);
}

static unsigned
hand_over_address(const char *text)
{
	struct address address = address_of(text);
	int fd = other_socket(&address, 0);

	address = bound_to(fd);
	hand_over(fd, 4096);
	return address_port(&address);
}

/* In the process that becomes the daemon, as sd_listen_fds(3) has it. */
static void
pass_on(void)
{
	char text[16];

	for (int i = 0; i < handed_count; i++)
		dup2(handed[i], 3 + i);
	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%d", handed_count);
	setenv("LISTEN_FDS", text, 1);
}

static struct daemon *
spawn(const char *config)
{
	struct daemon_setup setup = { .config = config,
				      .arguments = { "-e" },
				      .prepare = pass_on };

	return daemon_spawn(&setup);
}

static struct daemon *
start(const char *config)
{
	return daemon_start_prepared(config, pass_on);
}

/* A configuration in which P is replaced with a port. */
static const char *
configured(const char *text, unsigned port)
{
	static char filled[1024];
	size_t used = 0;

	for (; *text; text++)
		used += (size_t)(*text == 'P' ?
					 sprintf(filled + used, "%u", port) :
					 sprintf(filled + used, "%c", *text));
	return filled;
}

static void
expect_echo(int fd)
{
	client_say(fd, "Hello");
	client_hear(fd, "GOT:Hello");
	client_end(fd);
}

START_TEST(test_inherited_sockets_are_served_with_opened_ones)
{
	unsigned port = hand_over_address("127.0.0.1:0");
	struct daemon *daemon = start(configured(
		"listen = [ \"127.0.0.1:0\", \"127.0.0.1:P\" ];", port));

	ck_assert_uint_eq(daemon_port(daemon, 1), port);
	for (int i = 0; i < 20; i++) {
		expect_echo(client_connect(port));
		expect_echo(client_connect(daemon_port(daemon, 0)));
	}
	daemon_wait_lines(daemon, "^Connection closed .* reason=eof", 40);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_dual_stack_socket_is_shown_as_star)
{
	unsigned port;
	char line[64];

	if (!has_ipv6())
		skip("there is no IPv6");
	port = hand_over_address("[::]:0");
	struct daemon *daemon = start(configured("listen = \"*:P\";", port));

	snprintf(line, sizeof(line), " listening=tcp:[*]:%u$", port);
	daemon_wait_line(daemon, line);
	expect_echo(client_connect(port));
	expect_echo(client_connect6(port));
	/* An IPv4-mapped address is logged and matched as the IPv4 address. */
	daemon_wait_line(daemon, "^Connection from 127[.]0[.]0[.]1:");
	daemon_wait_line(daemon, "^Connection from \\[::1\\]:");
	daemon_reload(daemon,
		      configured("listen = \"*:P\"; deny = \"127.0.0.0/8\";",
				 port));
	int fd = client_connect(port);
	client_wait_closed(fd);
	close(fd);
	daemon_wait_line(daemon, "^Connection refused 127[.]0[.]0[.]1:");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_inherited_unix_socket_file_is_kept)
{
	char directory[] = "/tmp/echod-activation.XXXXXX";
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char config[256];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/sock", directory);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	hand_over(fd, 4096);
	snprintf(config, sizeof(config), "listen = \"unix:%s\";", un.sun_path);
	struct daemon *daemon = start(config);

	expect_echo(client_connect_unix(un.sun_path));
	daemon_reload(daemon, "listen = \"127.0.0.1:0\";");
	daemon_wait_line(daemon, "listen: no listener has unix:/.*/sock, a "
				 "socket from the service manager$");
	ck_assert_int_eq(access(un.sun_path, F_OK), 0);
	/* A client that connects now waits until the socket is served again. */
	fd = client_connect_unix(un.sun_path);
	daemon_reload(daemon, config);
	expect_echo(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ck_assert_int_eq(unlink(un.sun_path), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* One socket for all workers, and for both families. */
START_TEST(test_datagram_reply_comes_from_its_destination)
{
	bool both = has_ipv6();
	int fd = udp_socket(both ? "[::]:0" : "0.0.0.0:0");
	unsigned port = udp_port(fd);

	hand_over(fd, 0);
	struct daemon *daemon = start(configured(
		both ? "listen = \"udp:*:P\";" : "listen = \"udp:0.0.0.0:P\";",
		port));
	for (int i = 0; i < 20; i++) {
		int client = udp_client("127.0.0.9:0", port);

		udp_say(client, "Hello");
		udp_hear(client, "GOT:Hello");
		close(client);
	}
	if (both) {
		int client = udp_client("[::1]:0", port);

		udp_say(client, "Hello");
		udp_hear(client, "GOT:Hello");
		close(client);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_address_is_removed_and_added_by_reload)
{
	unsigned port = hand_over_address("127.0.0.1:0");
	char config[64];

	snprintf(config, sizeof(config), "listen = \"127.0.0.1:%u\";", port);
	struct daemon *daemon = start(config);
	for (int i = 0; i < 5; i++) {
		expect_echo(client_connect(port));
		daemon_reload(daemon, "listen = \"127.0.0.1:0\";");
		int fd = client_connect(port);
		daemon_reload(daemon, config);
		expect_echo(fd);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* An abandoned handshake delays the close of the daemon's own socket. */
static int
hold_handshake(unsigned port)
{
	struct sockaddr_in address = client_loopback(port);

	return client_hold((struct sockaddr *)&address, sizeof(address));
}

START_TEST(test_queued_connection_is_left_to_next_process)
{
	enum { CLIENTS = 50 };
	unsigned port = hand_over_address("127.0.0.1:0");
	const char *config =
		configured("listen = [ \"127.0.0.1:P\", \"127.0.0.1:0\" ]; "
			   "workers = 4;",
			   port);
	struct daemon *daemon = start(config);
	int held = hold_handshake(daemon_port(daemon, 1));
	int first = client_connect(port), fds[CLIENTS];

	client_say(first, "Hello");
	client_hear(first, "GOT:Hello");
	daemon_signal(daemon, SIGTERM);
	/* No worker accepts after the first FIN was sent. */
	client_expect_eof(first);
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client_connect(port);
	close(first);
	ck_assert_int_eq(daemon_end(daemon), 0);
	close(held);
	daemon = start(config);
	for (int i = 0; i < CLIENTS; i++)
		expect_echo(fds[i]);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* A reload does not accept what the next start refuses. */
START_TEST(test_inherited_socket_is_refused_for_status)
{
	char path[] = "/tmp/echod-activation.XXXXXX";
	char address[64], config[256];
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct daemon *daemon;

	ck_assert_ptr_nonnull(mkdtemp(path));
	snprintf(address, sizeof(address), "%s/sock", path);
	memcpy(name.sun_path, address, strlen(address) + 1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	hand_over(fd, 10);
	snprintf(config, sizeof(config),
		 "listen = [ \"unix:%s\", \"127.0.0.1:0\" ];", address);
	daemon = start(config);
	snprintf(
		config, sizeof(config),
		"listen = \"127.0.0.1:0\"; status = { listen = \"unix:%s\"; };",
		address);
	ck_assert_ptr_nonnull(
		strstr(daemon_reload(daemon, config), "keeping the running"));
	daemon_wait_line(daemon, "status.listen: cannot listen on unix:.*: "
				 "Address already in use$");
	expect_echo(client_connect_unix(address));
	ck_assert_int_eq(daemon_stop(daemon), 0);
	unlink(address);
	rmdir(path);
}
END_TEST

/* The client's connection makes the service manager start the daemon. */
START_TEST(test_urgent_bytes_sent_before_start_are_echoed)
{
	unsigned port = hand_over_address("127.0.0.1:0");
	int fd = client_connect(port);
	struct daemon *daemon;

	client_say(fd, "ab");
	ck_assert_int_eq(send(fd, "X", 1, MSG_OOB), 1);
	client_say(fd, "cd");
	daemon = start(
		configured("listen = \"127.0.0.1:P\"; prefix = \"\";", port));
	client_hear(fd, "abXcd");
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Connects, exchanges a message and closes, until the test sets `ended`. */
struct load {
	unsigned port;
	atomic_bool ended;
	unsigned long done;
};

static void *
keep_connecting(void *argument)
{
	struct load *load = argument;

	while (!atomic_load(&load->ended)) {
		int fd = client_connect(load->port);

		client_say(fd, "Hello");
		client_finish(fd);
		client_hear(fd, "GOT:Hello");
		client_expect_eof(fd);
		close(fd);
		load->done++;
	}
	return NULL;
}

START_TEST(test_restarts_under_load_refuse_no_connection)
{
	enum { THREADS = 4, RESTARTS = 10 };
	unsigned port = hand_over_address("127.0.0.1:0");
	const char *config = configured("listen = \"127.0.0.1:P\"; log = { "
					"connections = false; };",
					port);
	struct load loads[THREADS] = { 0 };
	pthread_t threads[THREADS];
	struct daemon *daemon = start(config);
	unsigned long done = 0;

	for (int i = 0; i < THREADS; i++) {
		loads[i].port = port;
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						keep_connecting, &loads[i]),
				 0);
	}
	for (int i = 0; i < RESTARTS; i++) {
		unsigned long long before =
			daemon_counter(daemon, "connections");

		/* Not before there is load again. */
		while (daemon_counter(daemon, "connections") < before + 20)
			;
		ck_assert_int_eq(daemon_stop(daemon), 0);
		daemon = start(config);
	}
	for (int i = 0; i < THREADS; i++) {
		atomic_store(&loads[i].ended, true);
		pthread_join(threads[i], NULL);
		done += loads[i].done;
	}
	ck_assert_uint_ge(done, 20 * RESTARTS);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

START_TEST(test_unconfigured_inherited_socket_is_logged)
{
	unsigned port = hand_over_address("127.0.0.1:0");
	struct daemon *daemon = spawn("listen = \"127.0.0.1:0\";");
	char line[128];

	snprintf(line, sizeof(line),
		 "/echod.conf: listen: no listener has tcp:127.0.0.1:%u, a "
		 "socket from the service manager$",
		 port);
	daemon_wait_line(daemon, line);
	ck_assert_int_eq(daemon_end(daemon), 78);
}
END_TEST

static void
promise_one(void)
{
	handed_count = 1;
	handed[0] = -1;
	pass_on();
}

/* Another file that gets this descriptor later must not be taken for it. */
START_TEST(test_missing_inherited_socket_is_logged)
{
	struct daemon_setup setup = { .config = "listen = \"127.0.0.1:0\";",
				      .arguments = { "-e" },
				      .prepare = promise_one };
	struct daemon *daemon = daemon_spawn(&setup);

	daemon_wait_line(daemon, "/echod.conf: descriptor 3 from the service "
				 "manager: Bad file descriptor$");
	ck_assert_int_eq(daemon_end(daemon), 78);
}
END_TEST

SUITE(test_datagram_reply_comes_from_its_destination,
      test_inherited_sockets_are_served_with_opened_ones,
      test_dual_stack_socket_is_shown_as_star,
      test_inherited_unix_socket_file_is_kept,
      test_address_is_removed_and_added_by_reload,
      test_queued_connection_is_left_to_next_process,
      test_urgent_bytes_sent_before_start_are_echoed,
      test_inherited_socket_is_refused_for_status,
      test_restarts_under_load_refuse_no_connection,
      test_unconfigured_inherited_socket_is_logged,
      test_missing_inherited_socket_is_logged)
