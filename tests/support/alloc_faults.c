#include "support/alloc_faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/daemon.h"
#include "support/fail_alloc.h"
#include "support/suite.h"

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
	/* The test's own; the daemon's copy is closed already. */
	snprintf(shared_path, sizeof(shared_path), "/proc/%d/fd/%d",
		 (int)getpid(), fd);
}

static struct fail_alloc *
get_shared(void)
{
	if (!shared)
		share();
	return shared;
}

static void
preload(void)
{
	daemon_preload("fail_alloc.so");
	setenv(FAIL_ALLOC_FILE, shared_path, 1);
}

static void
begin(void)
{
#ifdef SUITE_SANITIZED
	skip("a sanitizer precedes the preloaded library");
#endif
	get_shared();
}

struct daemon *
alloc_faults_spawn(const char *config)
{
	struct daemon_setup setup = {
		.config = config,
		.arguments = { "-e" },
		.prepare = preload,
	};

	begin();
	return daemon_spawn(&setup);
}

FILE *
alloc_faults_open(const char *command)
{
	const char *build = getenv("TOP_BUILDDIR");
	char line[4096];
	FILE *output;

	begin();
	/* Not into the shell. */
	snprintf(line, sizeof(line),
		 "exec env LD_PRELOAD=%s/tests/support/fail_alloc.so %s=%s "
		 "%s/%s </dev/null 2>&1",
		 build, FAIL_ALLOC_FILE, shared_path, build, command);
	output = popen(line, "re");
	ck_assert_ptr_nonnull(output);
	return output;
}

void
alloc_faults_fail_nth(long n)
{
	atomic_store(&get_shared()->failed, 0);
	atomic_store(&get_shared()->until, n);
}

void
alloc_faults_limit(long bytes)
{
	atomic_store(&get_shared()->failed, 0);
	atomic_store(&get_shared()->left, bytes);
	atomic_store(&get_shared()->counted, true);
}

void
alloc_faults_unlimit(void)
{
	atomic_store(&get_shared()->counted, false);
}

bool
alloc_faults_has_failed(void)
{
	return atomic_load(&get_shared()->failed) > 0;
}
