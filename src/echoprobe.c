/*
 * echoprobe: the other end of echod: see probe/probe.h.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "probe/probe.h"
#include "probe/probe_options.h"
#include "tls/context.h"

/* A full disk or a closed pipe must not look like success. */
static int
finish_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	/* The errno of that line is gone; another one fails, too. */
	errno = 0;
	putchar('\n');
	fprintf(stderr, "echoprobe: standard output: %s\n",
		errno ? strerror(errno) : "write error");
	return EX_OSERR;
}

static int
fail_usage(const char *reason)
{
	if (*reason)
		fprintf(stderr, "echoprobe: %s\n", reason);
	fputs("Try 'echoprobe --help'.\n", stderr);
	return EX_USAGE;
}

static void
print_version(void)
{
	printf("echoprobe %s\nlibevent %s\n", PACKAGE_VERSION,
	       event_get_version());
	if (tls_library())
		printf("OpenSSL %s\n", tls_library());
}

static int
act(const struct probe_options *options)
{
	switch (options->action) {
	case PROBE_HELP:
		probe_options_print_usage(stdout);
		return EX_OK;
	case PROBE_VERSION:
		print_version();
		return EX_OK;
	case PROBE_RUN:
		break;
	}
	return probe_run(options);
}

int
main(int argc, char **argv)
{
	struct probe_options options = { 0 };
	const char *wrong = probe_options_parse(&options, argc, argv);
	int status;

	/* A pipe that is closed shows when the output is flushed. */
	signal(SIGPIPE, SIG_IGN);
	/* A script reads each line when it is there. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	status = wrong ? fail_usage(wrong) : finish_output(act(&options));
	probe_options_free(&options);
	return status;
}
