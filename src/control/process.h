/*
 * process: sets the inherited properties of the process to what the daemon
 * needs: standard descriptors, signals, the limit of descriptors.
 *
 * The signals of the daemon are SIGHUP, SIGINT, SIGTERM and SIGUSR1.  They are
 * blocked from the first line of main() to the end.  The kernel keeps one that
 * arrives early until it is read from the descriptor of process_signals().  So
 * no signal is lost, and none interrupts a system call.
 */
#ifndef ECHOD_CONTROL_PROCESS_H
#define ECHOD_CONTROL_PROCESS_H

#include <stdbool.h>
#include <sys/resource.h>

/*
 * Opens /dev/null for each closed descriptor from 0 to 2, so that no other file
 * or socket gets its number.  Reading from 0 and writing to 1 and 2 still fail
 * then.  False with errno set: /dev/null cannot be opened.
 */
bool process_open_standard(void);

/*
 * Blocks the signals of the daemon and no other signal, and sets them to their
 * default action.  Call it before any thread is created.
 */
void process_block_signals(void);

/* Unblocks all signals: for a process that does not call process_signals(). */
void process_unblock_signals(void);

/*
 * A descriptor (signalfd(2)) that is readable while a signal of the daemon is
 * pending; the caller closes it.  All threads must block these signals.  A
 * negated errno on failure.
 */
int process_signals(void);

/* Reads the number of one pending signal; 0 if none is pending. */
int process_next_signal(int fd);

/*
 * Raises the soft limit of descriptors to the hard one if possible.  Returns
 * the soft limit.
 */
rlim_t process_raise_fd_limit(void);

#endif
