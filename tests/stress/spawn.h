/*
 * spawn: the files, a reserved port and the process of a daemon. Functions
 * return -1, or 0 for a port, with errno if they fail.
 */
#ifndef ECHOD_STRESS_SPAWN_H
#define ECHOD_STRESS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* tls.pem and tls.key; false without openssl(1). */
bool spawn_certificate(const char *directory);

/* echod.conf: echod reads the old file or the new one, never a part of it. */
int spawn_configure(const char *directory, const char *text, size_t length);

/*
 * An IPv4 port that is reserved while `fd` is open; `listens`: the socket
 * listens on it, otherwise echod can.
 */
uint16_t spawn_reserve(bool listens, int *fd);

/* $ECHOD, with its log to a pipe, the end of which is `log`. */
pid_t spawn_daemon(const char *directory, int *log);

#endif
