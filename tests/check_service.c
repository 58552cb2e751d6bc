/* What the daemon tells the service manager, as sd_notify(3) has it. */
#include <errno.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "daemon.h"
#include "suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "

static char directory[] = "/tmp/echod-notify.XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };

static void
prepare(void)
{
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static int
open_manager(void)
{
	struct timeval deadline = { .tv_sec = 40 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify",
		 directory);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	return fd;
}

static const char *
expect(int manager, const char *pattern)
{
	static char text[4096];
	regex_t regex;
	ssize_t length = recv(manager, text, sizeof(text) - 1, 0);

	ck_assert_msg(length > 0, "no message but: %s", strerror(errno));
	text[length] = '\0';
	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&regex, text, 0, NULL, 0) == 0,
		      "\"%s\" is not as \"%s\"", text, pattern);
	regfree(&regex);
	return text;
}

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
	const char *text = expect(manager, "^RELOADING=1\nMONOTONIC_USEC="
					   "[0-9]+$");
	long long at = strtoll(strrchr(text, '=') + 1, NULL, 10);

	ck_assert_int_ge(at, after);
	ck_assert_int_le(at, now_usec());
}

START_TEST(test_life)
{
	int manager = open_manager();
	struct daemon_setup setup = {
		.config = LISTEN,
		.arguments = { "-e" },
		.prepare = prepare,
	};
	struct daemon *daemon = daemon_spawn(&setup);
	char pattern[200];
	long long before;

	expect(manager, "^READY=1\nSTATUS=listening on "
			"tcp:127\\.0\\.0\\.1:[0-9]+$");
	/* It is ready: what it says it does. */
	daemon_wait_started(daemon);
	close(client_connect(daemon_port(daemon, 0)));

	before = now_usec();
	daemon_reload(daemon, LISTEN "prefix = \"new:\";");
	expect_reloading(manager, before);
	expect(manager, "^READY=1\nSTATUS=listening on tcp:");

	before = now_usec();
	daemon_reload(daemon, LISTEN "\nchunk_size = 0;");
	expect_reloading(manager, before);
	snprintf(pattern, sizeof(pattern),
		 "^READY=1\nSTATUS=reload refused: "
		 "%s:2: chunk_size: ",
		 daemon_config_file(daemon));
	expect(manager, pattern);

	daemon_signal(daemon, SIGTERM);
	expect(manager, "^STOPPING=1\nSTATUS=draining");
	ck_assert_int_eq(daemon_end(daemon), 0);
	close(manager);
	unlink(address.sun_path);
	rmdir(directory);
}
END_TEST

/* A manager that is gone is no reason to fail. */
START_TEST(test_manager_gone)
{
	int manager = open_manager();
	struct daemon_setup setup = {
		.config = LISTEN,
		.arguments = { "-e" },
		.prepare = prepare,
	};
	struct daemon *daemon = daemon_spawn(&setup);

	expect(manager, "^READY=1");
	daemon_wait_started(daemon);
	close(manager);
	unlink(address.sun_path);
	rmdir(directory);
	daemon_reload(daemon, LISTEN "prefix = \"new:\";");
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

SUITE(test_life, test_manager_gone)
