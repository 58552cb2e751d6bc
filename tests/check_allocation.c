/*
 * The whole daemon where an allocation of memory fails while it serves, the
 * first, the second and so on: it costs that connection, and all else goes on.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "daemon.h"
#include "fail_alloc.h"
#include "suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; log = { rate = 0; }; "

static struct fail_alloc *shared;
static char shared_path[64];

static void
share(void)
{
	int fd = memfd_create("fail_alloc", 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, sizeof(*shared)), 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	/* Of this process: the daemon's has been closed by the time. */
	snprintf(shared_path, sizeof(shared_path), "/proc/%d/fd/%d",
		 (int)getpid(), fd);
}

static void
preload(void)
{
	const char *build = getenv("TOP_BUILDDIR");
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/fail_alloc.so",
		 build ? build : ".");
	setenv("LD_PRELOAD", path, 1);
	setenv(FAIL_ALLOC_FILE, shared_path, 1);
}

static struct daemon *
spawn(const char *config)
{
	struct daemon_setup setup = {
		.config = config,
		.arguments = { "-e" },
		.prepare = preload,
	};

#ifdef SUITE_SANITIZED
	skip("a sanitizer stands before the preloaded library");
#endif
	if (!shared)
		share();
	return daemon_spawn(&setup);
}

/* From now on the n-th fails; 0 for none. */
static void
fail_nth(long n)
{
	atomic_store(&shared->failed, 0);
	atomic_store(&shared->until, n);
}

static bool
has_failed(void)
{
	return atomic_load(&shared->failed) > 0;
}

/* True where the echo comes, false where the connection ends before it. */
static bool
try_hello(unsigned port)
{
	int fd = client_connect(port);
	char got[10];
	bool heard;

	send(fd, "Hello\n", 6, MSG_NOSIGNAL);
	heard = recv(fd, got, sizeof(got), MSG_WAITALL) == sizeof(got);
	if (heard)
		ck_assert_mem_eq(got, "GOT:Hello\n", sizeof(got));
	else
		client_wait_closed(fd);
	close(fd);
	return heard;
}

static void
say_hello(int fd)
{
	client_say(fd, "Hello\n");
	client_hear(fd, "GOT:Hello\n");
}

/* A daemon with a connection that nothing is to happen to. */
struct scene {
	struct daemon *daemon;
	int bystander;
};

static struct scene
begin(const char *config)
{
	struct scene scene = { .daemon = spawn(config) };

	daemon_wait_started(scene.daemon);
	scene.bystander = client_connect(daemon_port(scene.daemon, 0));
	say_hello(scene.bystander);
	return scene;
}

static void
go_on(const struct scene *scene)
{
	fail_nth(0);
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

/* Two workers, so that some connections are handed over. */
START_TEST(test_connection)
{
	struct scene scene = begin("workers = 2; per_source = 1000; " LISTEN);
	unsigned port = daemon_port(scene.daemon, 0);
	unsigned lost = 0;
	long n = 0;

	/* Until, several times in a row, there is no n-th one. */
	for (int without = 0; without < 5; n++) {
		fail_nth(n / 2 + 1);
		lost += !try_hello(port);
		without = has_failed() ? 0 : without + 1;
		go_on(&scene);
	}
	ck_assert_int_gt(n, 10);
	ck_assert_uint_gt(lost, 0);
	end(&scene);
}
END_TEST

SUITE(test_connection)
