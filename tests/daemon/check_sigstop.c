/*
 * SIGSTOP for longer than the time-outs, then SIGCONT. Input that arrived
 * meanwhile is served first.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/ports.h"
#include "support/suite.h"

/* The time-out of another daemon shows when three seconds have passed. */
static void
outlast(void)
{
	struct daemon *clock = daemon_start("listen = \"127.0.0.1:0\"; "
					    "idle_timeout = 4.0;");
	int fd = client_connect(daemon_port(clock, 0));

	client_expect_eof(fd);
	close(fd);
	ck_assert_int_eq(daemon_stop(clock), 0);
}

static bool
is_session(enum port port)
{
	return port != PORT_UDP && port != PORT_STATUS;
}

START_TEST(test_sessions)
{
	struct daemon *daemon = daemon_start(
		ports_config("workers = 1; idle_timeout = 3.0;", ""));
	struct ports ports = ports_of(daemon);
	struct probe probes[PORTS];

	for (enum port port = 0; port < PORTS; port++)
		if (is_session(port)) {
			probes[port] = probe_begin(&ports, port);
			probe_say(&probes[port]);
		}
	for (enum port port = 0; port < PORTS; port++)
		if (is_session(port))
			ck_assert(probe_is_answered(&probes[port]));
	daemon_pause(daemon);
	for (enum port port = 0; port < PORTS; port++)
		if (is_session(port))
			probe_say(&probes[port]);
	outlast();
	daemon_resume(daemon);
	for (enum port port = 0; port < PORTS; port++)
		if (is_session(port)) {
			ck_assert_msg(probe_is_answered(&probes[port]),
				      "%s: not served", port_names[port]);
			probe_end(&probes[port]);
		}
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ports_clean();
}
END_TEST
FAULT(30, test_sessions)

/* Time-outs of a PROXY header, three seconds by default, and of a handshake. */
START_TEST(test_connection_setups)
{
	static const enum port setups[] = {
		PORT_PROXY,
#ifdef HAVE_TLS
		PORT_TLS,
#endif
	};
	enum { OPENINGS = sizeof(setups) / sizeof(*setups) };
	struct daemon *daemon = daemon_start(ports_config(
		"workers = 1; tls = { handshake_timeout = 3.0; };", ""));
	struct ports ports = ports_of(daemon);
	struct probe probes[OPENINGS];

	for (size_t i = 0; i < OPENINGS; i++)
		probes[i] = probe_begin(&ports, setups[i]);
	daemon_wait_counter(daemon, "open", OPENINGS);
	daemon_pause(daemon);
	for (size_t i = 0; i < OPENINGS; i++)
		probe_say(&probes[i]);
	outlast();
	daemon_resume(daemon);
	for (size_t i = 0; i < OPENINGS; i++) {
		ck_assert_msg(probe_is_answered(&probes[i]), "%s: not served",
			      port_names[setups[i]]);
		probe_end(&probes[i]);
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ports_clean();
}
END_TEST
FAULT(30, test_connection_setups)

/* A peer that had stopped reading reads again while the daemon is stopped. */
START_TEST(test_stalled)
{
	struct daemon *daemon =
		daemon_start("listen = \"127.0.0.1:0\"; workers = 1; "
			     "write_timeout = 3.0; output_limit = 1000000;");
	struct framing framing = framing_of("GOT:", 1000);
	int fd = client_connect_small(daemon_port(daemon, 0), 65536);
	uint64_t length = client_stuff(fd, 64u << 20);
	char data[16384];
	ssize_t got;

	daemon_pause(daemon);
	/*
	 * All that the kernel holds; the daemon sends more when there is room.
	 */
	while ((got = recv(fd, data, sizeof(data), MSG_DONTWAIT)) > 0)
		framing_feed(&framing, data, (size_t)got);
	outlast();
	daemon_resume(daemon);
	client_finish(fd);
	client_receive(fd, &framing, length, 65536);
	close(fd);
	daemon_wait_line(daemon, "^Connection closed .* reason=eof ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(30, test_stalled)

SUITE(test_sessions, test_connection_setups, test_stalled)
