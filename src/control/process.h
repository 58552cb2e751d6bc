/*
 * process: what a process gets from the one that starts it, set to what the
 * daemon needs: standard descriptors, signal mask, signal dispositions.
 *
 * The signals of the daemon are SIGHUP, SIGINT, SIGTERM and SIGUSR1.  They are
 * blocked from the first line of main() to the end.  The kernel keeps one that
 * arrives early until it is read from the descriptor of process_signals(), so
 * that none is lost and none interrupts a system call.
 */
#ifndef ECHOD_CONTROL_PROCESS_H
#define ECHOD_CONTROL_PROCESS_H

#include <stdbool.h>

/*
 * Opens those of the descriptors 0 to 2 that are closed, so that no other file
 * or socket gets their numbers.  Writing to 1 and 2 then fails as before.  False
 * with errno set if /dev/null cannot be opened.
 */
bool process_open_standard(void);

/*
 * Blocks the signals of the daemon and no other signal, and undoes that they are
 * ignored.  Before there are threads.
 */
void process_hold_signals(void);

/* Blocks no signal: for a process that is not going to read them. */
void process_release_signals(void);

/*
 * A descriptor (signalfd(2)) that is readable while a signal of the daemon is
 * pending; the caller closes it.  Needs process_hold_signals(), and threads that
 * block these signals.  A negated errno on failure.
 */
int process_signals(void);

/* Takes one of them; 0 if none is pending. */
int process_next_signal(int fd);

#endif
