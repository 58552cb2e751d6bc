/*
 * probe_arguments: parses command lines of echoprobe, for tests.
 */
#ifndef ECHOD_TESTS_PROBE_ARGUMENTS_H
#define ECHOD_TESTS_PROBE_ARGUMENTS_H

#include <getopt.h>

#include "probe/probe_options.h"
#include "support/suite.h"

#define ARGUMENTS_MAX 16

static char *argv[ARGUMENTS_MAX];
static struct probe_options options;

/* The arguments up to NULL. */
static inline const char *
parse(const char *const *arguments)
{
	int argc = 0;

	probe_options_free(&options);
	memset(&options, 0, sizeof(options));
	while (arguments[argc]) {
		ck_assert_int_lt(argc, ARGUMENTS_MAX - 1);
		argv[argc] = (char *)arguments[argc];
		argc++;
	}
	argv[argc] = NULL;
	optind = 0; /* glibc begins again */
	return probe_options_parse(&options, argc, argv);
}

static inline void
accept_all(const char *const *arguments)
{
	const char *error = parse(arguments);

	ck_assert_msg(!error, "%s ... %s: %s", arguments[1],
		      arguments[2] ? arguments[2] : "", error);
}

static inline void
refuse_all(const char *expected, const char *const *arguments)
{
	const char *error = parse(arguments);

	ck_assert_msg(error, "\"%s ...\" is accepted, not: %s", arguments[1],
		      expected);
	ck_assert_str_eq(error, expected);
}

/* accepts("-c", "5", URL) and refuses(REASON, "-c", "5", URL) */
#define ARGUMENTS(...) ((const char *const[]){ "echoprobe", __VA_ARGS__, NULL })
#define accepts(...) accept_all(ARGUMENTS(__VA_ARGS__))
#define refuses(expected, ...) refuse_all(expected, ARGUMENTS(__VA_ARGS__))

#define TCP "tcp://192.0.2.1:7"
#define TLS "tls://192.0.2.1:7"
#define UDP "udp://192.0.2.1:7"
#define UNIX "unix:/run/echo"

#endif
