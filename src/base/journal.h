/*
 * journal: sends messages to systemd-journald by its native protocol
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL), without libsystemd.  Any thread.
 */
#ifndef ECHOD_BASE_JOURNAL_H
#define ECHOD_BASE_JOURNAL_H

#include <stddef.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* A socket for journal_send(), for the caller to close; or a negative errno. */
int journal_open(void);

/*
 * Sends one message, serialized fields, to the socket `path`.  A message that
 * is too large for a datagram is sent as a sealed file in memory.  Blocks while
 * the journal's queue is full.  Returns 0 or a negative errno.
 */
int journal_send(int fd, const char *path, const char *message, size_t length);

#endif
