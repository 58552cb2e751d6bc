/* The time of day jumps: no time-out changes. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

static atomic_long *jump;
static char path[64];

static void
share(void)
{
	int fd = memfd_create("jump_clock", 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 2 * sizeof(*jump)), 0);
	jump = mmap(NULL, 2 * sizeof(*jump), PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, 0);
	ck_assert_ptr_ne(jump, MAP_FAILED);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
}

static void
preload(void)
{
	daemon_preload("jump_clock.so");
	setenv("JUMP_CLOCK_FILE", path, 1);
}

START_TEST(test_jumps)
{
	enum { YEAR = 365 * 24 * 3600 };
	struct daemon *daemon;
	const char *line;
	double seconds;
	int fd;

#ifdef SUITE_SANITIZED
	skip("a sanitizer precedes the preloaded library");
#endif
	share();
	daemon = daemon_start_prepared("listen = \"127.0.0.1:0\"; workers = 1; "
				       "idle_timeout = 3.0;",
				       preload);
	/* For the status page. */
	ck_assert_int_gt(atomic_load(&jump[1]), 0);
	fd = client_connect(daemon_port(daemon, 0));
	for (int i = 0; i < 10; i++) {
		atomic_store(jump, (i % 2 ? -1 : 1) * i * YEAR);
		client_say(fd, "Hello");
		client_hear(fd, "GOT:Hello");
	}
	/* The time-out is on time in spite of another jump back. */
	atomic_store(jump, -20 * (long)YEAR);
	client_expect_eof(fd);
	close(fd);
	line = daemon_wait_line(daemon, "reason=idle_timeout in=50 ");
	seconds = strtod(strstr(line, "seconds=") + 8, NULL);
	ck_assert_msg(seconds >= 3 && seconds < 30, "%s", line);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST
FAULT(29, test_jumps)

SUITE(test_jumps)
