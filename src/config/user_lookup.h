/*
 * user_lookup: ids of users and groups, from their names or numbers.  A name is
 * looked up as nsswitch.conf(5) says, which can block; a number is used as it
 * is.  Control thread only.
 */
#ifndef ECHOD_CONFIG_USER_LOOKUP_H
#define ECHOD_CONFIG_USER_LOOKUP_H

#include <stdbool.h>
#include <sys/types.h>

/* For chown(2): the owner or group stays unchanged. */
#define USER_UNCHANGED ((id_t)-1)

/*
 * Sets the id; that of "" is USER_UNCHANGED.  Returns NULL, or the reason for a
 * failure, which is valid until the next call.
 */
const char *user_lookup_uid(const char *name, uid_t *uid);
const char *user_lookup_gid(const char *name, gid_t *gid);

#endif
