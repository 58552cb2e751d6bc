/*
 * notify: tells the service manager how the daemon is, by the protocol of
 * sd_notify(3), which systemd documents as stable.  Without NOTIFY_SOCKET in
 * the environment, and whenever sending fails, nothing happens: a daemon does
 * not fail because nobody listens.  From the control thread.
 */
#ifndef ECHOD_NOTIFY_H
#define ECHOD_NOTIFY_H

/* Each line of the message is an assignment such as "READY=1". */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* RELOADING=1 with the MONOTONIC_USEC that must go with it. */
void notify_reloading(void);

#endif
