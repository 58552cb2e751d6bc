/*
 * user_lookup: users and groups by name or number.  Names are looked up where the
 * system has them (nsswitch.conf(5)), which may take its time; numbers are not.
 * For the control thread alone.
 */
#ifndef ECHOD_CONFIG_USER_LOOKUP_H
#define ECHOD_CONFIG_USER_LOOKUP_H

#include <stdbool.h>
#include <sys/types.h>

/* What chown(2) takes for "as it is". */
#define USER_UNCHANGED ((id_t)-1)

/*
 * "" is USER_UNCHANGED.  Returns NULL, or the reason why not: a constant, or
 * strerror(3)'s.
 */
const char *user_lookup_uid(const char *name, uid_t *uid);
const char *user_lookup_gid(const char *name, gid_t *gid);

#endif
