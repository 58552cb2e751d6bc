/*
 * sd_notify: sends the state of the daemon to the service manager, by the
 * protocol of sd_notify(3), which systemd documents as stable.  Without
 * NOTIFY_SOCKET in the environment, nothing is sent.  A message that cannot be
 * sent is dropped.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_SD_NOTIFY_H
#define ECHOD_CONTROL_SD_NOTIFY_H

#include <stdbool.h>

/* True if NOTIFY_SOCKET is set to a valid address. */
bool sd_notify_is_enabled(void);

/*
 * Sends a message, each line of which is an assignment such as "READY=1".  If
 * the manager is busy, waits for up to two seconds.
 */
void sd_notify_send(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* The same without waiting.  False if it could not be sent now. */
bool sd_notify_try(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/*
 * RELOADING=1 with the MONOTONIC_USEC that must go with it, which is returned.
 */
long long sd_notify_reloading(void);

/*
 * The longest time between two "WATCHDOG=1" that the manager accepts from this
 * process, in microseconds.  0: no watchdog is wanted; -1: the variables in the
 * environment are not valid.
 */
long long sd_notify_watchdog_usec(void);

#endif
