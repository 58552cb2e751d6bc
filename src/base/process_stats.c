#include "base/process_stats.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static double
seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static FILE *
open_file(const char *directory, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return fopen(path, "re");
}

/* `text` is what follows field 2, the name.  NAN: there is no such number. */
static double
find_field(const char *text, unsigned number)
{
	double value;
	char *end;

	for (unsigned i = 3; text && i < number; i++)
		text = strchr(text + 1, ' ');
	if (!text)
		return NAN;
	value = strtod(text, &end);
	return end == text ? NAN : value;
}

/*
 * proc_pid_stat(5).  The name is in parentheses, and can hold blanks and
 * parentheses.
 */
static void
read_stat(const char *directory, struct process_stats *stats)
{
	char text[1024];
	const char *after;
	FILE *file = open_file(directory, "stat");

	if (!file)
		return;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	after = strrchr(text, ')');
	if (!after)
		return;
	after++;
	stats->threads = find_field(after, 20);
	stats->virtual_bytes = find_field(after, 23);
	stats->resident_bytes =
		find_field(after, 24) * (double)sysconf(_SC_PAGESIZE);
}

static void
count_fds(const char *directory, struct process_stats *stats)
{
	const struct dirent *entry;
	double count = 0;
	char path[256];
	DIR *fds;

	snprintf(path, sizeof(path), "%s/fd", directory);
	fds = opendir(path);
	if (!fds)
		return;
	while ((entry = readdir(fds)))
		if (entry->d_name[0] != '.')
			count++;
	closedir(fds);
	/* One of them was that of the directory. */
	stats->open_fds = count - 1;
}

struct process_stats
process_stats_read(const char *directory)
{
	struct process_stats stats = { NAN, NAN, NAN, NAN, NAN, NAN };
	struct rusage usage;
	struct rlimit limit;

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		stats.cpu_seconds =
			seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		stats.max_fds = (double)limit.rlim_cur;
	read_stat(directory, &stats);
	count_fds(directory, &stats);
	return stats;
}
