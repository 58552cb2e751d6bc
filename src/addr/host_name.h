/*
 * host_name: names of hosts, and patterns for them.  Pure.
 *
 * A pattern is a name, "*.DOMAIN" for every name below DOMAIN (not for DOMAIN
 * itself), or "*" for any text.  Case and one dot at the end do not matter.
 */
#ifndef ECHOD_ADDR_HOST_NAME_H
#define ECHOD_ADDR_HOST_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* Holds the longest name (RFC 1035, 2.3.4), a dot at its end, and the NUL. */
#define HOST_NAME_SIZE 255

/*
 * True if `text` is a name: labels of 1 to 63 letters, digits, "-" or "_".
 * "_" is in names of containers.
 */
bool host_name_is_valid(const char *text);

/*
 * NULL if `text` is a pattern.  Otherwise the reason why it is not, which is
 * `reason` (of `size` bytes).
 */
const char *host_name_check_pattern(const char *text, char *reason,
				    size_t size);

/* True if `pattern` matches the first `length` bytes of `host`. */
bool host_name_matches(const char *pattern, const char *host, size_t length);

/*
 * The fully qualified name of the host `name`, as in hosts(5): on the first
 * line that has `name`, the name that begins with `name` and a dot.  `hosts` is
 * the text of the file, which is changed.  Returns NULL if there is none.
 */
const char *host_name_qualify(char *hosts, const char *name);

#endif
