/*
 * sd_notify: tells the service manager how the daemon is, by the protocol of
 * sd_notify(3), which systemd documents as stable.  Without NOTIFY_SOCKET in
 * the environment, and whenever sending fails, nothing happens: a daemon does
 * not fail because nobody listens.  From the control thread.
 */
#ifndef ECHOD_CONTROL_SD_NOTIFY_H
#define ECHOD_CONTROL_SD_NOTIFY_H

#include <stdbool.h>

/* Whether there is somebody to be told. */
bool sd_notify_listened(void);

/* Each line of the message is an assignment such as "READY=1". */
void sd_notify_send(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* The same for what may as well be left; false where it could not be sent now. */
bool sd_notify_try(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* RELOADING=1 with the MONOTONIC_USEC that must go with it. */
void sd_notify_reloading(void);

/*
 * Within how many microseconds of each other the manager wants to see
 * "WATCHDOG=1" from this process; 0: it does not, -1: its wish is not understood.
 */
long long sd_notify_watchdog_usec(void);

#endif
