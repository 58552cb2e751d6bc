/* Clients that reset the connection during the echo, 100,000 times. */
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; workers = 2; "

/* With a sanitizer each reset takes much longer. */
#ifdef SUITE_SANITIZED
#define RESETS 20000
#else
#define RESETS 100000
#endif

/* Most of the bytes are echoed when the RST arrives. */
START_TEST(test_resets)
{
	enum { AT_A_TIME = 100, BYTES = 16384 };
	struct daemon *daemon = daemon_start(LISTEN);
	unsigned port = daemon_port(daemon, 0);
	size_t before = daemon_count(daemon, "fd");
	int fds[AT_A_TIME];

	for (unsigned done = 0; done < RESETS; done += AT_A_TIME) {
		for (int i = 0; i < AT_A_TIME; i++) {
			fds[i] = client_connect(port);
			send(fds[i], pattern_from(0), BYTES,
			     MSG_DONTWAIT | MSG_NOSIGNAL);
		}
		for (int i = 0; i < AT_A_TIME; i++)
			client_reset(fds[i]);
	}
	daemon_wait_counter(daemon, "open", 0);
	ck_assert_uint_gt(daemon_counter(daemon, "connections"), RESETS / 2);
	daemon_wait_descriptors(daemon, before);
	/* At most 300 lines a second are logged; each connection has two. */
	ck_assert_uint_lt(daemon_count_lines(daemon, "^Connection "), RESETS);
	daemon_wait_line(daemon, "Log lines suppressed");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(14, test_resets)

SUITE(test_resets)
