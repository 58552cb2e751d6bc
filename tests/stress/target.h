/*
 * target: the daemon under stress: its process, its configuration, and its log,
 * of which every line must have a cause.
 *
 * Configurations that echod accepts are numbered; the prefix tells the number
 * (model.h).
 */
#ifndef ECHOD_STRESS_TARGET_H
#define ECHOD_STRESS_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "random.h"
#include "session_kinds.h"

struct run;
struct target;

/* Starts the daemon $ECHOD with version 0 and waits until it serves. */
struct target *target_start(struct run *run);

/* SIGKILL, and removes the files. */
void target_kill(struct target *target);

/* Sends SIGTERM. */
void target_stop(struct target *target);

/* The process has exited with 0 after a drain with forced=0. */
bool target_has_stopped(const struct target *target);

void target_free(struct target *target);

pid_t target_pid(const struct target *target);

/* Where the listener of a kind is. */
socklen_t target_address(const struct target *target, const struct kind *kind,
			 struct sockaddr_storage *address);

/* Whether echod listens on this UDP port. */
bool target_has_udp_port(const struct target *target, unsigned port);

/* The oldest and the newest version that may be the running configuration. */
unsigned target_oldest(const struct target *target);
unsigned target_newest(const struct target *target);

/* Whether the listener of a kind may exist, or may be missing. */
bool target_may_listen(const struct kind *kind, unsigned oldest,
		       unsigned newest);
bool target_may_refuse(const struct kind *kind, unsigned oldest,
		       unsigned newest);

/* Writes a file and sends SIGHUP.  Not while one is under way. */
bool target_is_reloading(const struct target *target);
void target_reload(struct target *target);
void target_reload_bad(struct target *target, struct random *random);

/* SIGUSR1. target_counter() reads the last answer; -1 before the first. */
void target_ask_counters(struct target *target);
long long target_counter(const struct target *target, const char *key);

/* The last lines of the log, as comments of TAP. */
void target_show_log(const struct target *target);

#endif
