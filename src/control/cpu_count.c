#include "control/cpu_count.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A mounted cgroup hierarchy that can have the CPU controller. */
struct hierarchy {
	bool unified;	     /* version 2 */
	char root[PATH_MAX]; /* the cgroup that is mounted at `point` */
	char point[PATH_MAX];
};

#define PATH_FORMAT "%4095s"
_Static_assert(PATH_MAX == 4096, "PATH_FORMAT has the wrong width");

double
cpu_count_parse_quota(const char *text)
{
	char *rest;
	long long quota = strtoll(text, &rest, 10);
	long long period = strtoll(rest, NULL, 10);

	return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

/* Appends the first line of the file, if there is one, and a blank. */
static void
append_line(const char *directory, const char *name, char *text, size_t size)
{
	char path[PATH_MAX + 32];
	size_t length = strlen(text);
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(text + length, (int)(size - length) - 1, file)) {
		text[length + strcspn(text + length, "\n")] = '\0';
		strcat(text, " ");
	}
	fclose(file);
}

static double
read_quota(const char *directory, bool unified)
{
	char text[96] = "";

	if (unified) {
		append_line(directory, "cpu.max", text, sizeof(text));
	} else {
		append_line(directory, "cpu.cfs_quota_us", text, sizeof(text));
		append_line(directory, "cpu.cfs_period_us", text, sizeof(text));
	}
	return cpu_count_parse_quota(text);
}

/* The smaller quota; 0 is none. */
static double
smaller(double a, double b)
{
	return a > 0 && (a < b || b <= 0) ? a : b;
}

/* `list` has commas between its words. */
static bool
has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == length &&
		    strncmp(list, word, length) == 0)
			return true;
	return false;
}

/* Parses a line of /proc/PID/mountinfo (proc(5)); false: no such hierarchy. */
static bool
parse_mount(const char *line, struct hierarchy *hierarchy)
{
	const char *rest = strstr(line, " - ");
	char type[16], options[256];

	if (!rest ||
	    sscanf(line, "%*s %*s %*s " PATH_FORMAT " " PATH_FORMAT,
		   hierarchy->root, hierarchy->point) != 2 ||
	    sscanf(rest, " - %15s %*s %255s", type, options) != 2)
		return false;
	hierarchy->unified = strcmp(type, "cgroup2") == 0;
	return hierarchy->unified ||
	       (strcmp(type, "cgroup") == 0 && has_word(options, "cpu"));
}

/*
 * Parses a line of /proc/PID/cgroup, "ID:CONTROLLERS:PATH\n" (cgroups(7)).
 * Returns the path, or NULL if the line is about another hierarchy.
 */
static char *
parse_cgroup(char *line, bool unified)
{
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!path)
		return NULL;
	*path++ = '\0';
	path[strcspn(path, "\n")] = '\0';
	return (unified ? strcmp(line, "0:") == 0 :
			  has_word(controllers + 1, "cpu")) ?
		       path :
		       NULL;
}

/* The path below the mount point; "" if the cgroup is not visible there. */
static const char *
relative(const char *path, const char *root)
{
	size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(path, root, length) != 0 || path[length] != '/' ||
	    strncmp(path, "/..", 3) == 0 || path[length + 1] == '\0')
		return "";
	return path + length;
}

/* The smallest quota from the cgroup `path` up to the mount point. */
static double
walk(const char *root, const struct hierarchy *hierarchy, const char *path)
{
	char directory[PATH_MAX];
	int length = snprintf(directory, sizeof(directory), "%s%s%s", root,
			      hierarchy->point,
			      relative(path, hierarchy->root));
	size_t top = strlen(root) + strlen(hierarchy->point);
	double quota = 0;

	if (length < 0 || length >= (int)sizeof(directory))
		return 0;
	for (;;) {
		quota = smaller(read_quota(directory, hierarchy->unified),
				quota);
		if (strlen(directory) <= top)
			return quota;
		*strrchr(directory, '/') = '\0';
	}
}

static FILE *
open_proc(const char *root, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc/self/%s", root, name);
	return fopen(path, "re");
}

/* The quota of this process in one hierarchy. */
static double
find_quota(const char *root, const struct hierarchy *hierarchy)
{
	FILE *file = open_proc(root, "cgroup");
	char *line = NULL;
	size_t size = 0;
	double quota = 0;

	while (file && getline(&line, &size, file) > 0) {
		const char *path = parse_cgroup(line, hierarchy->unified);

		if (path)
			quota = smaller(walk(root, hierarchy, path), quota);
	}
	free(line);
	if (file)
		fclose(file);
	return quota;
}

struct cpu_count
cpu_count_read(const char *root)
{
	struct cpu_count count = { .cpus = 1 };
	FILE *file = open_proc(root, "mountinfo");
	struct hierarchy hierarchy;
	char *line = NULL;
	size_t size = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		count.cpus = (unsigned)CPU_COUNT(&set);
	while (file && getline(&line, &size, file) > 0)
		if (parse_mount(line, &hierarchy))
			count.quota = smaller(find_quota(root, &hierarchy),
					      count.quota);
	free(line);
	if (file)
		fclose(file);
	return count;
}

unsigned
cpu_count_workers(const struct cpu_count *count)
{
	unsigned whole;

	if (count->quota <= 0 || count->quota >= count->cpus)
		return count->cpus;
	whole = (unsigned)count->quota;
	return count->quota > whole ? whole + 1 : whole;
}
