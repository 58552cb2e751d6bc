#include "control/cpu_count.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/suite.h"

/* What the machine of a test has as /proc and /sys. */
struct file {
	const char *path;
	const char *text;
};

static char root[] = "/tmp/echod-cpus.XXXXXX";

static void
make_parents(char *path)
{
	for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(path, 0700);
		*at = '/';
	}
}

static void
make_file(const struct file *file)
{
	char path[400];
	FILE *out;

	snprintf(path, sizeof(path), "%s%s", root, file->path);
	make_parents(path);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fputs(file->text, out);
	fclose(out);
}

static unsigned
count_allowed(void)
{
	cpu_set_t set;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	return (unsigned)CPU_COUNT(&set);
}

/* Expects the quota on a machine with these files. */
static void
check_quota(const struct file *files, double quota)
{
	char command[100];
	struct cpu_count count;

	ck_assert_ptr_nonnull(mkdtemp(root));
	for (; files->path; files++)
		make_file(files);
	count = cpu_count_read(root);
	snprintf(command, sizeof(command), "rm -r %s", root);
	ck_assert_int_eq(system(command), 0);
	ck_assert_double_eq(count.quota, quota);
	ck_assert_uint_eq(count.cpus, count_allowed());
}

#define MOUNT_V2(root) \
	"30 22 0:27 " root " /cg rw,nosuid - cgroup2 cgroup2 rw\n"
#define MOUNT_V1(root) \
	"31 22 0:28 " root " /v1 rw shared:9 - cgroup cgroup rw,cpuacct,cpu\n"
#define OTHER_MOUNTS \
	"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" \
	"32 22 0:29 / /cpuset rw - cgroup cgroup rw,cpuset\n"

START_TEST(test_quota_of_the_own_cgroup)
{
	static const struct file files[] = {
		{ "/proc/self/mountinfo", OTHER_MOUNTS MOUNT_V2("/") },
		{ "/proc/self/cgroup", "0::/a/b\n" },
		{ "/cg/a/b/cpu.max", "50000 100000\n" },
		{ "/cg/a/cpu.max", "max 100000\n" },
		{ NULL, NULL },
	};

	check_quota(files, 0.5);
}
END_TEST

/* The smallest one on the way up counts. */
START_TEST(test_quota_of_a_cgroup_above)
{
	static const struct file files[] = {
		{ "/proc/self/mountinfo", MOUNT_V2("/") },
		{ "/proc/self/cgroup", "0::/a/b\n" },
		{ "/cg/a/b/cpu.max", "400000 100000\n" },
		{ "/cg/a/cpu.max", "150000 100000\n" },
		{ "/cg/other/cpu.max", "10000 100000\n" },
		{ NULL, NULL },
	};

	check_quota(files, 1.5);
}
END_TEST

/* In a container, the mount point is the cgroup of the process. */
START_TEST(test_quota_at_the_mount_point)
{
	static const struct file own_namespace[] = {
		{ "/proc/self/mountinfo", MOUNT_V2("/") },
		{ "/proc/self/cgroup", "0::/\n" },
		{ "/cg/cpu.max", "200000 100000\n" },
		{ NULL, NULL },
	};
	static const struct file bind_mount[] = {
		{ "/proc/self/mountinfo", MOUNT_V2("/docker/1") },
		{ "/proc/self/cgroup", "0::/docker/1/sub\n" },
		{ "/cg/cpu.max", "300000 100000\n" },
		{ "/cg/sub/cpu.max", "max 100000\n" },
		{ NULL, NULL },
	};
	static const struct file foreign_path[] = {
		{ "/proc/self/mountinfo", MOUNT_V2("/../..") },
		{ "/proc/self/cgroup", "0::/../other\n" },
		{ "/cg/cpu.max", "25000 100000\n" },
		{ NULL, NULL },
	};

	check_quota(own_namespace, 2);
	strcpy(strrchr(root, '.'), ".XXXXXX");
	check_quota(bind_mount, 3);
	strcpy(strrchr(root, '.'), ".XXXXXX");
	check_quota(foreign_path, 0.25);
}
END_TEST

START_TEST(test_version_1)
{
	static const struct file files[] = {
		{ "/proc/self/mountinfo", OTHER_MOUNTS MOUNT_V1("/") },
		{ "/proc/self/cgroup",
		  "3:cpuset:/x\n2:cpuacct,cpu:/a\n0::/a\n" },
		{ "/v1/a/cpu.cfs_quota_us", "250000\n" },
		{ "/v1/a/cpu.cfs_period_us", "100000\n" },
		{ "/v1/cpu.cfs_quota_us", "-1\n" },
		{ "/v1/cpu.cfs_period_us", "100000\n" },
		{ "/cpuset/x/cpu.cfs_quota_us", "1000\n" },
		{ "/cpuset/x/cpu.cfs_period_us", "100000\n" },
		{ NULL, NULL },
	};

	check_quota(files, 2.5);
}
END_TEST

START_TEST(test_nothing_can_be_read)
{
	static const struct file nothing[] = { { NULL, NULL } };
	static const struct file no_cgroup[] = {
		{ "/proc/self/mountinfo", MOUNT_V2("/") },
		{ NULL, NULL },
	};
	static const struct file nonsense[] = {
		{ "/proc/self/mountinfo",
		  "\n - \n1 2 3 - cgroup2\n" MOUNT_V2("/") },
		{ "/proc/self/cgroup", "\n:\n0:\n0::\n0::/a" },
		{ "/cg/a/cpu.max", "" },
		{ "/cg/cpu.max", "many 100000\n" },
		{ NULL, NULL },
	};

	check_quota(nothing, 0);
	strcpy(strrchr(root, '.'), ".XXXXXX");
	check_quota(no_cgroup, 0);
	strcpy(strrchr(root, '.'), ".XXXXXX");
	check_quota(nonsense, 0);
}
END_TEST

START_TEST(test_parse_quota)
{
	static const struct {
		const char *text;
		double quota;
	} cases[] = {
		{ "50000 100000\n", 0.5 },
		{ "max 100000\n", 0 },
		{ "-1 100000 ", 0 },
		{ "300000 100000", 3 },
		{ "100000", 0 },
		{ "100000 0", 0 },
		{ "0 100000", 0 },
		{ "", 0 },
		{ "max", 0 },
		{ "1000 100000", 0.01 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_double_eq(cpu_count_parse_quota(cases[i].text),
				    cases[i].quota);
}
END_TEST

START_TEST(test_workers)
{
	static const struct {
		struct cpu_count count;
		unsigned workers;
	} cases[] = {
		{ { 64, 0 }, 64 },  { { 64, 0.01 }, 1 }, { { 64, 0.5 }, 1 },
		{ { 64, 1 }, 1 },   { { 64, 1.01 }, 2 }, { { 64, 2.5 }, 3 },
		{ { 2, 1.5 }, 2 },  { { 2, 2 }, 2 },	 { { 2, 100 }, 2 },
		{ { 1, 1e12 }, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_uint_eq(cpu_count_workers(&cases[i].count),
				  cases[i].workers);
}
END_TEST

SUITE(test_quota_of_the_own_cgroup, test_quota_of_a_cgroup_above,
      test_quota_at_the_mount_point, test_version_1, test_nothing_can_be_read,
      test_parse_quota, test_workers)
