#include "config/user_lookup.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

/* True if `name` has only digits; a number too large is USER_UNCHANGED. */
static bool
parse_number(const char *name, id_t *id)
{
	unsigned long value;

	if (*name == '\0' || name[strspn(name, "0123456789")] != '\0')
		return false;
	/* More than ten digits are too large, and could wrap around. */
	value = strlen(name) > 10 ? USER_UNCHANGED : strtoul(name, NULL, 10);
	*id = value < USER_UNCHANGED ? (id_t)value : USER_UNCHANGED;
	return true;
}

/* True if `name` is empty or a number; `reason` is set if it is too large. */
static bool
find_number(const char *name, id_t *id, const char **reason)
{
	*reason = NULL;
	*id = USER_UNCHANGED;
	if (*name == '\0')
		return true;
	if (!parse_number(name, id))
		return false;
	if (*id == USER_UNCHANGED)
		*reason = "the number is too large";
	return true;
}

/* getpwnam(3) has several errnos for an unknown name. */
static const char *
failure(const char *unknown)
{
	switch (errno) {
	case EINTR:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return strerror(errno);
	default:
		return unknown;
	}
}

const char *
user_lookup_uid(const char *name, uid_t *uid)
{
	const struct passwd *entry;
	const char *reason;

	if (find_number(name, uid, &reason))
		return reason;
	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return failure("no such user");
	*uid = entry->pw_uid;
	return NULL;
}

const char *
user_lookup_gid(const char *name, gid_t *gid)
{
	const struct group *entry;
	const char *reason;

	if (find_number(name, gid, &reason))
		return reason;
	errno = 0;
	entry = getgrnam(name);
	if (!entry)
		return failure("no such group");
	*gid = entry->gr_gid;
	return NULL;
}
