/* The messages to the service manager, as in sd_notify(3). */
#include <signal.h>
#include <time.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/notify_socket.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "

static long long
now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
expect_reloading(int manager, long long after)
{
	const char *text =
		notify_await(manager, "^RELOADING=1\nMONOTONIC_USEC=[0-9]+$");
	long long at = strtoll(strrchr(text, '=') + 1, NULL, 10);

	ck_assert_int_ge(at, after);
	ck_assert_int_le(at, now_usec());
}

static struct daemon *
spawn(void)
{
	struct daemon_setup setup = {
		.config = LISTEN,
		.arguments = { "-e" },
		.prepare = notify_prepare,
	};

	return daemon_spawn(&setup);
}

START_TEST(test_notifications)
{
	int manager = notify_open();
	struct daemon *daemon = spawn();
	char pattern[200];
	long long before;

	notify_expect(manager, "^READY=1\nSTATUS=listening on "
			       "tcp:127\\.0\\.0\\.1:[0-9]+; 0 connections, ");
	/* It serves when it has said READY=1. */
	daemon_wait_started(daemon);
	close(client_connect(daemon_port(daemon, 0)));
	/* From here on, a status with new counters can come in between. */

	before = now_usec();
	daemon_reload(daemon, LISTEN "prefix = \"new:\";");
	expect_reloading(manager, before);
	notify_await(manager, "^READY=1\nSTATUS=listening on tcp:");

	before = now_usec();
	daemon_reload(daemon, LISTEN "\nchunk_size = 0;");
	expect_reloading(manager, before);
	snprintf(pattern, sizeof(pattern),
		 "^READY=1\nSTATUS=reload refused: "
		 "%s:2: chunk_size: ",
		 daemon_config_file(daemon));
	notify_await(manager, pattern);

	daemon_signal(daemon, SIGTERM);
	notify_await(manager, "^STOPPING=1\nEXTEND_TIMEOUT_USEC=13000000\n"
			      "STATUS=draining; 0 connections, ");
	ck_assert_int_eq(daemon_end(daemon), 0);
	notify_close(manager);
}
END_TEST

/*
 * systemd ignores a message of more than 4096 bytes, and a line is an
 * assignment.
 */
START_TEST(test_status_is_one_short_line)
{
	static const char value[] = "a\\nWATCHDOG=trigger\\n";
	static char config[8192];
	int manager = notify_open();
	struct daemon *daemon;
	size_t used;
	const char *text;

	used = (size_t)sprintf(config, "listen = [ \"127.0.0.1:0\"");
	for (int i = 2; i < 200; i++)
		used += (size_t)sprintf(config + used, ", \"127.0.0.%d:0\"", i);
	strcpy(config + used, " ];");
	daemon = daemon_start_prepared(config, notify_prepare);
	text = notify_expect(manager, "^READY=1\nSTATUS=listening on tcp:.*"
				      "\\.\\.\\.; 0 connections, [^\n]*$");
	ck_assert_uint_lt(strlen(text), 2200);

	snprintf(config, sizeof(config), "framing = \"%s\";", value);
	daemon_reload(daemon, config);
	notify_expect(manager, "^RELOADING=1\n");
	notify_expect(manager, "^READY=1\nSTATUS=reload refused: [^\n]*"
			       " WATCHDOG=trigger [^\n]*$");
	ck_assert_int_eq(daemon_stop(daemon), 0);
	notify_close(manager);
}
END_TEST

/* A missing service manager is no error. */
START_TEST(test_manager_gone)
{
	int manager = notify_open();
	struct daemon *daemon = spawn();

	notify_expect(manager, "^READY=1");
	daemon_wait_started(daemon);
	notify_close(manager);
	daemon_reload(daemon, LISTEN "prefix = \"new:\";");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_notifications, test_status_is_one_short_line, test_manager_gone)
