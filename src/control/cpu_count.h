/*
 * cpu_count: the CPUs that this process can use: those of its affinity mask
 * (sched_setaffinity(2)), and the CPU quota of its cgroup and of the cgroups
 * above it (cgroups(7), version 1 and 2).  Any thread.
 */
#ifndef ECHOD_CONTROL_CPU_COUNT_H
#define ECHOD_CONTROL_CPU_COUNT_H

struct cpu_count {
	unsigned cpus; /* in the affinity mask, at least 1 */
	double quota;  /* in CPUs, such as 0.5; 0: none, or it is not known */
};

/*
 * Reads /proc and the cgroup file systems.  What cannot be read counts as no
 * quota.  `root` precedes each path; it is "" except in tests.
 */
struct cpu_count cpu_count_read(const char *root);

/* The number of workers for it: the quota is rounded up. */
unsigned cpu_count_workers(const struct cpu_count *count);

/*
 * Parses "QUOTA PERIOD", both in microseconds: the contents of cpu.max.
 * Returns the quota in CPUs; 0 if there is none ("max", -1) or the text is
 * invalid.
 */
double cpu_count_parse_quota(const char *text);

#endif
