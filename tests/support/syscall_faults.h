/*
 * syscall_faults: makes system calls of the daemon fail, or sends the daemon a
 * signal at a system call.  The daemon runs under strace(1).
 */
#ifndef ECHOD_TESTS_SYSCALL_FAULTS_H
#define ECHOD_TESTS_SYSCALL_FAULTS_H

#include <sys/types.h>

struct daemon;

/*
 * Makes the directory with the trace.  Skips the test if strace(1) is missing
 * or may not trace.  syscall_faults_tear_down() removes the directory.
 */
void syscall_faults_set_up(void);
void syscall_faults_tear_down(void);

/*
 * The options of strace for each daemon that is started from now on; the format
 * is that of printf(3).  In them "$2" is the path of the configuration file.
 * --seccomp-bpf makes the daemon much faster, but does not work with -P.
 * Prints the options and removes the trace.
 */
void syscall_faults_inject(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/*
 * Traces a running daemon with one "-e EXPRESSION"; returns strace's process.
 */
pid_t syscall_faults_attach(const struct daemon *daemon,
			    const char *expression);

/* Ends that process; the daemon goes on untraced. */
void syscall_faults_detach(pid_t tracer);

/*
 * Number of calls in the trace whose line has this text, such as "(INJECTED)".
 * The trace is complete when the daemon has ended or strace has detached.
 */
unsigned syscall_faults_count(const char *text);

#endif
