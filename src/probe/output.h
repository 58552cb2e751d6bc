/*
 * output: what a run prints and saves, as the options ask: text or JSON on
 * standard output, files for Prometheus, a picture.
 */
#ifndef ECHOD_PROBE_OUTPUT_H
#define ECHOD_PROBE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/probe_options.h"
#include "probe/report.h"
#include "probe/tally.h"

struct output {
	const struct probe_options *options; /* borrowed */
	struct report report;
	bool failed; /* a file could not be written; it was reported */
};

/* Checks what can be checked before the run.  NULL, or the reason. */
const char *output_init(struct output *output,
			const struct probe_options *options, char *reason,
			size_t size);

void output_failure(struct output *output, const struct failure *failure);

/* `open`: connections that are open. */
void output_second(struct output *output, const struct tally *tally,
		   const struct second *second, int64_t at, unsigned open);

void output_end(struct output *output, const struct tally *tally);

#endif
