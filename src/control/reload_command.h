/*
 * reload_command: "echod --reload=PID", which ExecReload= of the unit runs, and
 * the daemon's answer to it.
 *
 * The command binds a datagram socket in the runtime directory of the unit,
 * sends SIGHUP to the daemon, and waits for the result.  The daemon sends each
 * result to this socket, if there is one.  Only the user of the unit and root
 * can write to the socket, so nobody else can send a result.
 *
 * One such command can wait at a time; a second one fails at once.
 */
#ifndef ECHOD_CONTROL_RELOAD_COMMAND_H
#define ECHOD_CONTROL_RELOAD_COMMAND_H

#include <sys/types.h>

/*
 * Makes the daemon `pid` reload, and waits for the result.  Returns the exit
 * status of the command; if this is not 0, the reason is on standard error.
 */
int reload_command(pid_t pid);

/*
 * For the daemon: the result of a reload that was requested at `requested`, in
 * microseconds on CLOCK_MONOTONIC.  `refusal` is the reason; NULL: success.  A
 * reason of more than about 4000 bytes is cut.
 * Does not wait.  Control thread only.
 */
void reload_command_answer(long long requested, const char *refusal);

#endif
