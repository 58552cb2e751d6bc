/* Connection churn: every kind of connection, ended in every way. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/ports.h"
#include "support/suite.h"

enum { BATCH = 50 };

/* Ends the connection in one of several ways, before or after the answer. */
static void
leave(struct probe *probe, unsigned way)
{
	switch (way % 4) {
	case 0:
		ck_assert_msg(probe_is_answered(probe), "%s: not served",
			      port_names[probe->port]);
		break;
	case 1:
		shutdown(probe->fd, SHUT_WR);
		if (probe->port != PORT_UDP)
			client_wait_closed(probe->fd);
		break;
	case 2:
		/* RST */
		setsockopt(probe->fd, SOL_SOCKET, SO_LINGER,
			   &(struct linger){ .l_onoff = 1 },
			   sizeof(struct linger));
		break;
	default:
		break;
	}
	probe_end(probe);
}

static void
come_and_go(const struct ports *ports, enum port port, unsigned batches)
{
	struct probe probes[BATCH];

	for (unsigned batch = 0; batch < batches; batch++) {
		for (unsigned i = 0; i < BATCH; i++) {
			probes[i] = probe_begin(ports, port);
			probe_say(&probes[i]);
		}
		for (unsigned i = 0; i < BATCH; i++)
			leave(&probes[i], i);
	}
}

/* `batches` over each port that has connections, a tenth of them over TLS. */
static void
probe_all(const struct ports *ports, unsigned batches)
{
	for (enum port port = 0; port < PORT_UDP; port++) {
		unsigned share = batches;

#ifdef HAVE_TLS
		if (port == PORT_TLS)
			share = batches / 10;
#endif
		come_and_go(ports, port, share);
	}
	daemon_wait_counter(ports->daemon, "open", 0);
}

/*
 * The number of descriptors stays the same; so does memory after the first
 * batches.
 */
static void
check_churn(unsigned batches)
{
	struct daemon *daemon = daemon_start(ports_config(
		"workers = 2; max_connections = 1000; log = { rate = 10; };",
		""));
	struct ports ports = ports_of(daemon);
	size_t descriptors = daemon_count(daemon, "fd");
	unsigned long long sessions = 3ull * batches * BATCH;
	long memory;

	probe_all(&ports, 10);
	daemon_wait_descriptors(daemon, descriptors);
	memory = daemon_status_kib(daemon, "VmRSS");
	probe_all(&ports, batches);
	daemon_wait_descriptors(daemon, descriptors);
	ck_assert_uint_ge(daemon_counter(daemon, "connections"), sessions);
#ifndef SUITE_SANITIZED
	/* The long run would show a leak of 16 bytes a connection. */
	ck_assert_int_lt(daemon_status_kib(daemon, "VmRSS") - memory, 4096);
#else
	(void)memory;
#endif
	ck_assert_int_eq(daemon_stop(daemon), 0);
	ports_clean();
}

TEST(test_thousands, check_churn(20))
FAULT(50, test_thousands)

/* A million connections, most of them to the cheapest ports. */
START_TEST(test_a_million)
{
	skip_unless_long();
	check_churn(5000);
}
END_TEST
FAULT(50, test_a_million)

SUITE(test_thousands, test_a_million)
