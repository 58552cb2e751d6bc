/*
 * strace(1) makes the n-th epoll_ctl(2) of each thread fail, for n = 1, 2,
 * ..., with every kind of listener. No time-out can end a connection instead.
 * Each client gets its echo or is closed, is counted, and later clients are
 * served.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"
#include "support/syscall_faults.h"
#ifdef HAVE_TLS
#include "support/certificates.h"
#include "support/tls_client.h"
#endif

#define RAW "listen = \"127.0.0.1:0\"; prefix = \"\"; "
#define PATIENT \
	"workers = 1; idle_timeout = 0; write_timeout = 0; keepalive = 0; " \
	"drain = { grace = 5.0; }; "
/* Number of connections, one after the other; the last one is bulk. */
#define TRIES 4u

#define PLENTY (64u << 20)

/* Later calls of a bulk client repeat earlier ones. */
#define MOST 40

static char name[64]; /* of the unix socket */

/*
 * Tries one connection: true if all of its echo came, false if it was closed.
 */
typedef bool attempt(struct daemon *daemon, bool bulk);

/* One of a few connections may be lost; all of them are counted. */
static void
use(struct daemon *daemon, attempt *try)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < TRIES; i++)
		lost += !try(daemon, i == TRIES - 1);
	ck_assert_msg(lost <= 1, "%u of %u connections are lost", lost, TRIES);
	daemon_wait_counter(daemon, "open", 0);
	ck_assert_uint_eq(daemon_counter(daemon, "connections"), TRIES);
	ck_assert_uint_eq(daemon_counter(daemon, "closed.eof") +
				  daemon_counter(daemon, "closed.error"),
			  TRIES);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

static void
run(const char *config, attempt *try)
{
	struct daemon_setup setup = { .config = config, .arguments = { "-e" } };
	struct daemon *daemon = daemon_spawn(&setup);

	if (daemon_try_line(daemon, " started ")) {
		daemon_wait_started(daemon);
		use(daemon, try);
	} else {
		ck_assert_int_eq(daemon_end(daemon), 71);
	}
}

static void
fail_each(const char *config, attempt *try)
{
	int n = 0;

	/* The step grows with n. */
	do {
		n += 1 + n / 10;
		syscall_faults_inject(
			"--seccomp-bpf -e trace=epoll_ctl "
			"-e inject=epoll_ctl:error=ENOMEM:when=%d",
			n);
		run(config, try);
	} while (syscall_faults_count("(INJECTED)") > 0 && n < MOST);
}

/* The client's time-out fails the test. */
static bool
receive(int fd, void *data, size_t size, int flags, ssize_t *got)
{
	*got = recv(fd, data, size, flags);
	ck_assert_msg(*got >= 0 || errno == ECONNRESET,
		      "neither its echo nor its end comes: %s",
		      strerror(errno));
	return *got > 0;
}

/*
 * Sends a word, or in bulk as much as the daemon takes, and reads the echo.
 * False if the echo was cut short.
 */
static bool
converse(int fd, const char *header, bool bulk)
{
	static char data[65536];
	struct framing framing = framing_of("", 1000);
	uint64_t sent = 0;
	bool heard;
	ssize_t got;

	send(fd, header, strlen(header), MSG_NOSIGNAL);
	send(fd, "Hello\n", 6, MSG_NOSIGNAL);
	heard = receive(fd, data, 6, MSG_WAITALL, &got) && got == 6;
	if (heard && bulk) {
		sent = client_stuff(fd, PLENTY);
		ck_assert_uint_lt(sent, PLENTY);
	}
	shutdown(fd, SHUT_WR);
	while (receive(fd, data, sizeof(data), 0, &got))
		framing_feed(&framing, data, (size_t)got);
	close(fd);
	return heard && framing.position == sent;
}

static bool
try_tcp(struct daemon *daemon, bool bulk)
{
	return converse(client_connect_small(daemon_port(daemon, 0), 4096), "",
			bulk);
}

static bool
try_proxy(struct daemon *daemon, bool bulk)
{
	return converse(client_connect_small(daemon_port(daemon, 0), 4096),
			"PROXY TCP4 192.0.2.7 10.0.0.1 51234 25000\r\n", bulk);
}

static bool
try_unix(struct daemon *daemon, bool bulk)
{
	(void)daemon;
	return converse(client_connect_unix(name), "", bulk);
}

static void
check(const char *config, attempt *try)
{
	syscall_faults_set_up();
	fail_each(config, try);
	syscall_faults_tear_down();
}

TEST(test_plain, check(RAW PATIENT, try_tcp))

TEST(test_proxy, check(RAW PATIENT "proxy_protocol = { from = \"127.0.0.1\"; "
				   "timeout = 1; };",
		       try_proxy))

TEST(test_faults, check(RAW PATIENT "fault = { delay = 0.01; };", try_tcp))

START_TEST(test_unix)
{
	char config[256];

	syscall_faults_set_up();
	snprintf(name, sizeof(name), "@echod-check-epoll-%d", getpid());
	snprintf(config, sizeof(config),
		 "listen = \"unix:%s\"; prefix = \"\"; " PATIENT, name);
	fail_each(config, try_unix);
	syscall_faults_tear_down();
}
END_TEST

#ifdef HAVE_TLS

/* For each output libevent must allocate memory. */
static bool
hear_words(SSL *client, int count)
{
	char got[6];

	for (int i = 0; i < count; i++)
		if (SSL_write(client, "Hello\n", 6) != 6 ||
		    SSL_read(client, got, sizeof(got)) != 6)
			return false;
	return SSL_shutdown(client) == 0 && SSL_shutdown(client) == 1;
}

static bool
try_tls(struct daemon *daemon, bool bulk)
{
	int fd = client_connect(daemon_port(daemon, 0));
	SSL *client = tls_client(fd, &tls_any);
	bool heard;

	errno = 0;
	heard = SSL_connect(client) == 1 && hear_words(client, bulk ? 100 : 1);
	ck_assert_msg(heard || errno != EAGAIN,
		      "neither its echo nor its end comes");
	tls_drop(client);
	return heard;
}

START_TEST(test_tls)
{
	syscall_faults_set_up();
	fail_each(tls_config(RAW PATIENT "tls = { " TLS_SERVER
					 "handshake_timeout = 1; };"),
		  try_tls);
	syscall_faults_tear_down();
	tls_clean();
}
END_TEST

#else

TEST(test_tls, skip("built without TLS"))

#endif

SUITE(test_plain, test_proxy, test_faults, test_unix, test_tls)
