/*
 * process_stats: what the process uses: CPU time, memory, descriptors, threads.
 * Any thread.
 */
#ifndef ECHOD_BASE_PROCESS_STATS_H
#define ECHOD_BASE_PROCESS_STATS_H

/* NAN: not known. */
struct process_stats {
	double cpu_seconds; /* in user and in system mode, of all threads */
	double open_fds;
	double max_fds;
	double virtual_bytes;
	double resident_bytes;
	double threads;
};

/*
 * `directory` is /proc/self, which need not exist: then descriptors, memory and
 * threads are not known.
 */
struct process_stats process_stats_read(const char *directory);

#endif
