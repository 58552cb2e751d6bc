/* The number of workers in a cgroup with a CPU quota. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "

static char point[] = "/tmp/echod-cgroup.XXXXXX";
static char cgroup[sizeof(point) + 32];

/* The machine may have version 1 or 2, or let us use neither. */
static bool
write_file(const char *directory, const char *name, const char *text)
{
	char path[128];
	int fd;
	bool written;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return written;
}

static bool
set_quota_v1(const char *quota)
{
	return mount("cgroup", point, "cgroup", 0, "cpu") == 0 &&
	       mkdir(cgroup, 0755) == 0 &&
	       write_file(cgroup, "cpu.cfs_period_us", "100000") &&
	       write_file(cgroup, "cpu.cfs_quota_us", quota);
}

static bool
set_quota_v2(const char *quota)
{
	return mount("cgroup2", point, "cgroup2", 0, NULL) == 0 &&
	       write_file(point, "cgroup.subtree_control", "+cpu") &&
	       mkdir(cgroup, 0755) == 0 && write_file(cgroup, "cpu.max", quota);
}

/* A cgroup in a mount namespace of the test; `quota` in us of 100 ms. */
static bool
make_cgroup(const char *quota)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    !mkdtemp(point))
		return false;
	snprintf(cgroup, sizeof(cgroup), "%s/echod-test-%d", point,
		 (int)getpid());
	if (set_quota_v1(quota))
		return true;
	umount(point);
	return set_quota_v2(quota);
}

static void
remove_cgroup(void)
{
	rmdir(cgroup);
	umount(point);
	rmdir(point);
}

static void
enter_cgroup(void)
{
	if (!write_file(cgroup, "cgroup.procs", "0"))
		_exit(126);
}

START_TEST(test_quota)
{
	struct daemon *daemon;

	if (!make_cgroup("50000")) {
		remove_cgroup();
		skip("no rights to make a cgroup with a CPU quota");
	}
	daemon = daemon_start_prepared(LISTEN, enter_cgroup);
	daemon_wait_line(daemon,
			 " started workers=1 cpus=[0-9]+ quota=0\\.50 ");

	/* The reload tells what a restart would change. */
	ck_assert(write_file(cgroup, "cpu.cfs_quota_us", "-1") ||
		  write_file(cgroup, "cpu.max", "max"));
	daemon_reload(daemon, LISTEN);
	daemon_wait_line(daemon, " reloaded workers=1 cpus=[0-9]+ log=");
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		daemon_wait_line(daemon, "Workers not set workers=[0-9]+: ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
	remove_cgroup();
}
END_TEST

/* A set number of workers wins. */
START_TEST(test_set_workers)
{
	struct daemon *daemon;

	if (!make_cgroup("50000")) {
		remove_cgroup();
		skip("no rights to make a cgroup with a CPU quota");
	}
	daemon = daemon_start_prepared(LISTEN "workers = 3;", enter_cgroup);
	daemon_wait_line(daemon,
			 " started workers=3 cpus=[0-9]+ quota=0\\.50 ");
	ck_assert_int_eq(daemon_stop(daemon), 0);
	remove_cgroup();
}
END_TEST

SUITE(test_quota, test_set_workers)
