/*
 * Connections that outlive reloads keep their own settings in memory, and not
 * a snapshot of all listeners.
 */
#include <stdio.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"
#include "support/tls_client.h"

#define LISTENERS 8
#define ROUNDS 50

/*
 * KiB that a reload may add to the memory of a connection. It is 20 if the
 * connection keeps its TLS context, 165 if it keeps the snapshot.
 */
#define MOST 10

/* The configuration number `at`, whose first listener may differ. */
static const char *
file(bool changes, int at)
{
	static char text[2048];
	size_t used = (size_t)snprintf(text, sizeof(text),
				       "log = { rate = 0; }; workers = 2; "
				       "tls = { " TLS_SERVER "}; "
				       "listeners = (");

	for (int i = 0; i < LISTENERS; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"%s{ name = \"l%d\"; listen = \"127.0.0.1:0\"; "
			"backlog = %d; }",
			i ? "," : "", i, 100 + (changes && i == 0 ? at : 0));
	snprintf(text + used, sizeof(text) - used, ");");
	return tls_config("%s", text);
}

enum reloads { NONE, UNCHANGED, CHANGING };

/* Growth of the daemon's memory by ROUNDS connections, in KiB for each. */
static long
grow(struct daemon *daemon, SSL **held, enum reloads reloads)
{
	long before = daemon_status_kib(daemon, "VmRSS");

	for (int i = 0; i < ROUNDS; i++) {
		if (reloads != NONE)
			daemon_reload(daemon, file(reloads == CHANGING, i));
		held[i] = tls_connect(daemon, &tls_any);
		tls_say_hello(held[i]);
	}
	return (daemon_status_kib(daemon, "VmRSS") - before) / ROUNDS;
}

static void
check(enum reloads reloads)
{
	enum { PHASES = 3 };
	SSL *held[PHASES * ROUNDS];
	struct daemon *daemon;
	long alone;

#ifdef SUITE_SANITIZED
	skip("a sanitizer keeps what is freed");
#endif
	daemon = daemon_start(file(false, 0));
	/* The first connections allocate what all share. */
	grow(daemon, held, reloads);
	alone = grow(daemon, held + ROUNDS, NONE);
	ck_assert_int_lt(grow(daemon, held + 2 * ROUNDS, reloads),
			 alone + MOST);
	for (int i = 0; i < PHASES * ROUNDS; i++) {
		tls_say_hello(held[i]);
		tls_drop(held[i]);
	}
	tls_stop(daemon);
}

TEST(test_unchanged_file, check(UNCHANGED))

TEST(test_one_listener_changes, check(CHANGING))

SUITE(test_unchanged_file, test_one_listener_changes)
