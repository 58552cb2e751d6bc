/*
 * daemon: runs the daemon for a test, with a configuration file in its own
 * directory. Reads its log line by line, and takes the ports from it.
 * A wait that exceeds 40 seconds fails the test. A test that fails shows the
 * log of its daemons, which end with it.
 */
#ifndef ECHOD_TESTS_DAEMON_H
#define ECHOD_TESTS_DAEMON_H

#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

struct daemon;

struct daemon_setup {
	const char *config;	  /* text of the file; NULL: no "-c FILE" */
	const char *arguments[4]; /* besides "-c FILE" */
	const char *terminal;	  /* standard error goes there; NULL: to us */
	void (*prepare)(void);	  /* in the process that becomes the daemon */
};

/* Runs "echod -e -c FILE" and waits until it serves. */
struct daemon *daemon_start(const char *config);

/* The same, with `prepare` of the setup below. */
struct daemon *daemon_start_prepared(const char *config, void (*prepare)(void));

/* The same, with the socket `fd` from the service manager. */
struct daemon *daemon_start_handed(const char *config, int fd);

/*
 * Runs "echod -e -c FILE", which must log a line that matches the extended
 * regular expression, and exit with this status.
 */
void daemon_expect_failure(const char *config, const char *line, int status);

/*
 * Runs the daemon with the setup's arguments, and "-e" only if it is one of
 * them; does not wait.
 */
struct daemon *daemon_spawn(const struct daemon_setup *setup);

/* Waits for "started"; the ports are known from then on. */
void daemon_wait_started(struct daemon *daemon);

/* Waits for the process to end and frees all; returns its exit status. */
int daemon_end(struct daemon *daemon);

/* For `prepare`: preloads tests/NAME of the build into it. */
void daemon_preload(const char *name);

/* SIGTERM, then daemon_end(). */
int daemon_stop(struct daemon *daemon);

/* SIGKILL; waits for the process to be gone and frees all. */
void daemon_kill(struct daemon *daemon);

void daemon_signal(struct daemon *daemon, int number);
/* SIGSTOP, until all of its threads have stopped; SIGCONT. */
void daemon_pause(struct daemon *daemon);
void daemon_resume(struct daemon *daemon);

pid_t daemon_pid(const struct daemon *daemon);

/* Sets a resource limit of the daemon, as setrlimit(2) does. */
void daemon_limit(const struct daemon *daemon, int resource, rlim_t limit);

/* The port of the address listed as number `at` in "listening=". */
unsigned daemon_port(const struct daemon *daemon, size_t at);

/* From now on the ports are those in the "listening=" of `line`. */
void daemon_read_ports(struct daemon *daemon, const char *line);

const char *daemon_directory(const struct daemon *daemon);
const char *daemon_config_file(const struct daemon *daemon);
void daemon_configure(struct daemon *daemon, const char *config);

/* daemon_configure() and SIGHUP; returns the daemon's line about the reload. */
const char *daemon_reload(struct daemon *daemon, const char *config);

/*
 * Waits for the first line since the last daemon_forget() that matches an
 * extended regular expression. The line is valid until daemon_end().
 */
const char *daemon_wait_line(struct daemon *daemon, const char *pattern);

/* The same, or NULL if the daemon has ended without such a line. */
const char *daemon_try_line(struct daemon *daemon, const char *pattern);

/* Waits for `count` such lines; returns the last. */
const char *daemon_wait_lines(struct daemon *daemon, const char *pattern,
			      size_t count);

/* Number of such lines up to now. */
size_t daemon_count_lines(struct daemon *daemon, const char *pattern);

/* Ignores all lines up to now. */
void daemon_forget(struct daemon *daemon);

/* SIGUSR1; returns the value of KEY= in the line of counters. */
unsigned long long daemon_counter(struct daemon *daemon, const char *key);

/* Asks until it is `value`. */
void daemon_wait_counter(struct daemon *daemon, const char *key,
			 unsigned long long value);

/* The number after " KEY=" in a line of the log. */
unsigned long long line_number(const char *line, const char *key);

/* From /proc: KiB by the name in status, clock ticks, directory entries. */
long daemon_status_kib(const struct daemon *daemon, const char *name);
long daemon_cpu_ticks(const struct daemon *daemon);
size_t daemon_count(const struct daemon *daemon, const char *directory);

/*
 * Waits until the daemon has `count` descriptors open: it counts or logs a
 * close a moment before it closes.
 */
void daemon_wait_descriptors(const struct daemon *daemon, size_t count);

#endif
