/*
 * text: what a text must contain, or must not.
 */
#ifndef ECHOD_TESTS_TEXT_H
#define ECHOD_TESTS_TEXT_H

#include <check.h>
#include <string.h>

static inline void
assert_has(const char *where, const char *what)
{
	ck_assert_msg(strstr(where, what), "\"%s\" is not in:\n%s", what,
		      where);
}

static inline void
assert_has_not(const char *where, const char *what)
{
	ck_assert_msg(!strstr(where, what), "\"%s\" is in:\n%s", what, where);
}

#endif
