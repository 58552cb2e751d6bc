/*
 * The n-th memory allocation of the whole daemon fails, for n = 1, 2, ... At
 * the start the daemon exits with an error. While it serves, one connection is
 * lost. A failed reload keeps the running configuration.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/alloc_faults.h"
#include "support/daemon.h"
#include "support/try_client.h"

#define LISTEN "listen = \"127.0.0.1:0\"; log = { rate = 0; }; "

static bool
try_proxied(unsigned port)
{
	return try_words(port, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nHello\n");
}

static void
say_hello(int fd)
{
	client_say_hello(fd);
}

/* A daemon with a connection that must not be disturbed. */
struct scene {
	struct daemon *daemon;
	int bystander;
};

static struct scene
begin(const char *config)
{
	struct scene scene = { .daemon = alloc_faults_spawn(config) };

	daemon_wait_started(scene.daemon);
	scene.bystander = client_connect(daemon_port(scene.daemon, 0));
	say_hello(scene.bystander);
	return scene;
}

static void
go_on(const struct scene *scene)
{
	alloc_faults_fail_nth(0);
	say_hello(scene->bystander);
	ck_assert(try_hello(daemon_port(scene->daemon, 0)));
}

static void
end(struct scene *scene)
{
	say_hello(scene->bystander);
	close(scene->bystander);
	daemon_wait_counter(scene->daemon, "open", 0);
	ck_assert_int_eq(daemon_stop(scene->daemon), 0);
}

/*
 * A loop over n ends when there was no n-th allocation so many times in a row:
 * the threads that take part vary, and the line that a test waits for can be
 * an earlier one that comes late.
 */
enum { WITHOUT = 5 };

/* Returns the number of lost connections. */
static unsigned
fail_each(const struct scene *scene, bool (*try)(unsigned port), unsigned port)
{
	unsigned lost = 0;
	long n = 0;

	for (int without = 0; without < WITHOUT; n++) {
		alloc_faults_fail_nth(n / 2 + 1);
		lost += !try(port);
		without = alloc_faults_has_failed() ? 0 : without + 1;
		go_on(scene);
		ck_assert(try(port));
	}
	ck_assert_int_gt(n, 5);
	return lost;
}

/* Two workers, so that some connections are handed over. */
START_TEST(test_connection)
{
	struct scene scene = begin("workers = 2; per_source = 1000; " LISTEN);

	ck_assert_uint_gt(
		fail_each(&scene, try_hello, daemon_port(scene.daemon, 0)), 0);
	end(&scene);
}
END_TEST
FAULT(26, test_connection)

START_TEST(test_proxied)
{
	struct scene scene = begin(
		LISTEN "listeners = ( { name = \"proxied\"; "
		       "listen = \"127.0.0.1:0\"; "
		       "proxy_protocol = { from = \"127.0.0.1\"; }; } );");

	ck_assert_uint_gt(fail_each(&scene, try_proxied,
				    daemon_port(scene.daemon, 1)),
			  0);
	end(&scene);
}
END_TEST
FAULT(26, test_proxied)

static bool
try_bulk_chunks(unsigned port)
{
	return try_bulk(port, "GOT:", 3000000);
}

static bool
try_bulk_raw(unsigned port)
{
	return try_bulk(port, "", 3000000);
}

START_TEST(test_bulk)
{
	struct scene scene =
		begin(LISTEN "listeners = ( { name = \"raw\"; "
			     "listen = \"127.0.0.1:0\"; prefix = \"\"; } );");
	unsigned lost = fail_each(&scene, try_bulk_chunks,
				  daemon_port(scene.daemon, 0));

	lost += fail_each(&scene, try_bulk_raw, daemon_port(scene.daemon, 1));
	ck_assert_uint_gt(lost, 0);
	end(&scene);
}
END_TEST
FAULT(26, test_bulk)

/* If a datagram needs no allocation, the test passes as well. */
START_TEST(test_datagrams)
{
	struct scene scene = begin(LISTEN "listeners = ( { name = \"udp\"; "
					  "listen = \"udp:127.0.0.1:0\"; } );");
	unsigned port = daemon_port(scene.daemon, 1);

	for (long n = 1; n <= 10; n++) {
		alloc_faults_fail_nth(n);
		try_datagram(port);
		go_on(&scene);
		ck_assert(try_datagram(port));
	}
	end(&scene);
}
END_TEST
FAULT(26, test_datagrams)

/*
 * If a line cannot be logged, the number of lost lines is logged within a
 * second.
 */
#define LOST "Log lines dropped"

START_TEST(test_counters)
{
	struct scene scene = begin(LISTEN);

	for (long n = 1, without = 0; without < WITHOUT; n++) {
		daemon_forget(scene.daemon);
		alloc_faults_fail_nth(n);
		daemon_signal(scene.daemon, SIGUSR1);
		daemon_wait_line(scene.daemon, "^Counters |" LOST);
		without = alloc_faults_has_failed() ? 0 : without + 1;
		go_on(&scene);
	}
	end(&scene);
}
END_TEST
FAULT(26, test_counters)

#define BASE \
	"listen = [ \"127.0.0.1:0\", \"127.0.0.2:0\" ]; prefix = \"GOT:\"; "
#define OTHER \
	"listen = [ \"127.0.0.1:0\", \"127.0.0.3:0\" ]; prefix = \"NOT:\"; " \
	"listeners = ( { name = \"udp\"; listen = \"udp:127.0.0.1:0\"; }, " \
	"{ name = \"proxied\"; listen = \"unix:@echod-allocation-%d\"; " \
	"allow = [ \"10.0.0.0/8\", \"2001:db8::/32\" ]; } ); " \
	"status = { listen = \"127.0.0.1:0\"; };"

/* The running configuration is the old one or the new one, no mixture. */
static void
check_reloaded(const struct scene *scene, bool reloaded)
{
	int fd = client_connect(daemon_port(scene->daemon, 0));

	client_say(fd, "Hello\n");
	client_hear(fd, reloaded ? "NOT:Hello\n" : "GOT:Hello\n");
	close(fd);
	fd = client_connect_between(NULL, reloaded ? "127.0.0.3" : "127.0.0.2",
				    daemon_port(scene->daemon, 1), 0);
	client_say(fd, "Hello\n");
	client_hear(fd, reloaded ? "NOT:Hello\n" : "GOT:Hello\n");
	close(fd);
}

struct attempt {
	bool reloaded, failed; /* failed: the n-th allocation */
};

static struct attempt
try_reload(const struct scene *scene, long n, const char *config)
{
	struct attempt attempt;
	const char *line;

	daemon_forget(scene->daemon);
	daemon_configure(scene->daemon, config);
	alloc_faults_fail_nth(n);
	daemon_signal(scene->daemon, SIGHUP);
	line = daemon_wait_line(scene->daemon,
				" reloaded |keeping the running|" LOST);
	attempt.failed = alloc_faults_has_failed();
	alloc_faults_fail_nth(0);
	if (strstr(line, LOST) || strstr(line, "listening=?")) {
		/*
		 * The next reload tells where it listens. It is unknown which
		 * line was lost, so a third address tells that reload from
		 * this one.
		 */
		daemon_configure(scene->daemon, "listen = \"127.0.0.4:0\";");
		daemon_signal(scene->daemon, SIGHUP);
		daemon_wait_line(scene->daemon, " reloaded .*127\\.0\\.0\\.4:");
		line = daemon_reload(scene->daemon, config);
	}
	if (strstr(line, "listening="))
		daemon_read_ports(scene->daemon, line);
	attempt.reloaded = strstr(line, " reloaded ");
	return attempt;
}

START_TEST(test_reload)
{
	struct scene scene = begin(BASE);
	unsigned refused = 0;
	char other[1024];

	snprintf(other, sizeof(other), OTHER, (int)getpid());
	for (long n = 1, without = 0; without < WITHOUT; n++) {
		struct attempt attempt = try_reload(&scene, n, other);

		without = attempt.failed ? 0 : without + 1;
		refused += !attempt.reloaded;
		say_hello(scene.bystander);
		check_reloaded(&scene, attempt.reloaded);
		ck_assert(try_reload(&scene, 0, BASE).reloaded);
		check_reloaded(&scene, false);
	}
	ck_assert_uint_gt(refused, 50);
	end(&scene);
}
END_TEST
FAULT(26, test_reload)

/* Large enough that libconfig needs a lot of memory for it. */
static char *
long_config(void)
{
	enum { RULES = 4000 };
	static const char begin[] = LISTEN "workers = 1; allow = [ \"::/0\"";
	static const char rule[] = ", \"127.0.0.0/8\"";
	char *config = malloc(sizeof(begin) + RULES * sizeof(rule) + 4);
	char *at = stpcpy(config, begin);

	for (int i = 0; i < RULES; i++)
		at = stpcpy(at, rule);
	strcpy(at, " ];");
	return config;
}

/*
 * Nothing is preloaded, so that allocations of libconfig fail too: the kernel
 * limits the memory, a little less tightly each time.
 */
START_TEST(test_no_address_space)
{
	enum { STEP = 4096, STEPS = 4000, TIMES = 3 };
	struct daemon *daemon;
	char *config = long_config();
	unsigned refused = 0, reloaded = 0;
	int fd;

#ifdef SUITE_SANITIZED
	skip("a sanitizer wants all of the address space");
#endif
	daemon = daemon_start(LISTEN "workers = 1;");
	fd = client_connect(daemon_port(daemon, 0));
	say_hello(fd);
	daemon_configure(daemon, config);
	for (rlim_t i = 0; i < STEPS && reloaded < TIMES; i++) {
		rlim_t kib = (rlim_t)daemon_status_kib(daemon, "VmSize");
		const char *line;

		daemon_limit(daemon, RLIMIT_AS, kib * 1024 + i * STEP);
		daemon_forget(daemon);
		daemon_signal(daemon, SIGHUP);
		line = daemon_wait_line(daemon,
					" reloaded |keeping the running|" LOST);
		reloaded += strstr(line, " reloaded ") != NULL;
		refused += strstr(line, "keeping") != NULL;
		say_hello(fd);
	}
	ck_assert_uint_gt(refused, 10);
	ck_assert_uint_eq(reloaded, TIMES);
	daemon_limit(daemon, RLIMIT_AS, RLIM_INFINITY);
	say_hello(fd);
	close(fd);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	free(config);
}
END_TEST
FAULT(26, test_no_address_space)

/* After the daemon has finished its work. */
static void
wait_idle(struct daemon *daemon)
{
	for (int round = 0; round < 2; round++) {
		daemon_forget(daemon);
		daemon_signal(daemon, SIGUSR1);
		daemon_wait_line(daemon, "^Counters |" LOST);
	}
}

/* Some clients use up the memory with long requests; others connect then. */
static void
crowd(struct daemon *daemon, unsigned port, rlim_t more)
{
	enum { CLIENTS = 60, LATE = 30 };
	rlim_t kib = (rlim_t)daemon_status_kib(daemon, "VmSize");
	char header[6000];
	int fds[CLIENTS];

	memset(header, 'a', sizeof(header));
	daemon_limit(daemon, RLIMIT_AS, kib * 1024 + more);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client_connect(port);
		if (i < LATE)
			send(fds[i], header, sizeof(header), MSG_NOSIGNAL);
		if (i == LATE)
			wait_idle(daemon);
	}
	wait_idle(daemon);
	daemon_limit(daemon, RLIMIT_AS, RLIM_INFINITY);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
}

/* Here, too, the kernel limits the memory. */
START_TEST(test_status)
{
	enum { ROUNDS = 400, STEP = 4096 };
	struct daemon *daemon;
	const char *line;
	unsigned port;

#ifdef SUITE_SANITIZED
	skip("a sanitizer wants all of the address space");
#endif
	daemon = daemon_start(LISTEN "status = { listen = \"127.0.0.1:0\"; };");
	line = daemon_wait_line(daemon, "^Status on ");
	port = (unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10);
	for (rlim_t i = 0; i < ROUNDS; i++) {
		int fd;

		crowd(daemon, port, i % 8 * STEP);
		fd = client_connect(port);
		client_say(fd, "GET /healthz HTTP/1.0\r\n\r\n");
		client_hear(fd, "HTTP/1.0 200 OK\r\n");
		close(fd);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(26, test_status)

static rlim_t space;

static void
limit_own_space(void)
{
	struct rlimit limit = { space, space };

	setrlimit(RLIMIT_AS, &limit);
}

/* 127: not enough memory to load the libraries. */
START_TEST(test_start_without_address_space)
{
	enum { STEP = 256 << 10, LEAST = 4 << 20 };
	char *config = long_config();
	struct daemon_setup setup = {
		.config = config,
		.arguments = { "-t" },
		.prepare = limit_own_space,
	};
	unsigned refused = 0;
	int status = 127;

#ifdef SUITE_SANITIZED
	skip("a sanitizer wants all of the address space");
#endif
#ifdef SUITE_COVERAGE
	skip("gcov crashes at exit when it gets no memory");
#endif
	for (space = LEAST; status != 0; space += STEP) {
		status = daemon_end(daemon_spawn(&setup));
		ck_assert_msg(status == 127 || status == 71 || status == 0,
			      "status %d with %llu bytes", status,
			      (unsigned long long)space);
		refused += status == 71;
	}
	ck_assert_uint_gt(refused, 5);
	free(config);
}
END_TEST
FAULT(26, test_start_without_address_space)

#define EVERYTHING \
	"workers = 2; listen = [ \"127.0.0.1:0\", \"udp:127.0.0.1:0\", " \
	"\"unix:@echod-allocation-%d\" ]; " \
	"status = { listen = \"127.0.0.1:0\"; };"

/* The daemon serves, or it has exited and logged the reason. */
static bool
try_start(const char *config, long n)
{
	struct daemon *daemon;

	alloc_faults_fail_nth(n);
	daemon = alloc_faults_spawn(config);
	if (!daemon_try_line(daemon, " started |" LOST)) {
		ck_assert_msg(daemon_count_lines(daemon,
						 "[Mm]emory|temporarily") > 0,
			      "without a reason, where number %ld fails", n);
		ck_assert_msg(daemon_end(daemon) == 71, "number %ld", n);
		return false;
	}
	if (daemon_count_lines(daemon, " listening=[a-z]") > 0) {
		daemon_wait_started(daemon);
		unsigned port = daemon_port(daemon, 0);

		ck_assert(try_hello(port) ||
			  (alloc_faults_has_failed() && try_hello(port)));
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
	return true;
}

START_TEST(test_start)
{
	char config[256];
	unsigned refused = 0;
	long n = 0;

	snprintf(config, sizeof(config), EVERYTHING, (int)getpid());
	do
		refused += !try_start(config, ++n);
	while (alloc_faults_has_failed());
	ck_assert_uint_gt(refused, 50);
}
END_TEST
FAULT(26, test_start)

/* Every client's connection still ends. */
START_TEST(test_drain)
{
	for (long n = 1, failed = 1; failed; n++) {
		struct scene scene = begin(LISTEN "workers = 2;");

		alloc_faults_fail_nth(n);
		daemon_signal(scene.daemon, SIGTERM);
		client_expect_eof(scene.bystander);
		close(scene.bystander);
		ck_assert_int_eq(daemon_end(scene.daemon), 0);
		failed = alloc_faults_has_failed();
	}
}
END_TEST
FAULT(26, test_drain)

/* Nothing else is left to wait for. */
static void
drain_for(struct daemon *daemon, size_t descriptors)
{
	daemon_signal(daemon, SIGTERM);
	/* The listening socket is closed last, and then messages follow. */
	daemon_wait_descriptors(daemon, descriptors - 1);
	for (size_t round = 1; round <= 3; round++) {
		daemon_signal(daemon, SIGUSR1);
		daemon_wait_lines(daemon, "^Counters ", round);
	}
}

/* The last connection cannot become a session. */
START_TEST(test_drain_during_connection_setup)
{
	for (long n = 1, failed = 1; failed; n++) {
		struct daemon *daemon = alloc_faults_spawn(
			LISTEN "workers = 1; drain = { grace = 600.0; }; "
			       "proxy_protocol = { from = \"127.0.0.1\"; "
			       "timeout = 600.0; };");
		size_t before;
		int fd;

		daemon_wait_started(daemon);
		before = daemon_count(daemon, "fd");
		fd = client_connect(daemon_port(daemon, 0));
		daemon_wait_descriptors(daemon, before + 1);
		drain_for(daemon, before + 1);
		alloc_faults_fail_nth(n);
		client_say(fd, "PROXY UNKNOWN\r\n");
		shutdown(fd, SHUT_WR); /* unless it has ended by then */
		client_wait_closed(fd);
		close(fd);
		ck_assert_int_eq(daemon_end(daemon), 0);
		failed = alloc_faults_has_failed();
	}
}
END_TEST
FAULT(26, test_drain_during_connection_setup)

SUITE(test_connection, test_proxied, test_bulk, test_datagrams, test_counters,
      test_reload, test_no_address_space, test_start_without_address_space,
      test_status, test_start, test_drain, test_drain_during_connection_setup)
