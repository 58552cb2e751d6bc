/*
 * probe_options_check: finds options that do not go together, or that mean
 * nothing for the targets.  The values themselves are valid already.
 */
#ifndef ECHOD_PROBE_PROBE_OPTIONS_CHECK_H
#define ECHOD_PROBE_PROBE_OPTIONS_CHECK_H

#include <stdbool.h>

#include "probe/probe_option_table.h"
#include "probe/probe_options.h"

/*
 * `given`: the options on the command line.  Returns NULL, or the reason, which
 * is `reason`.
 */
const char *probe_options_check(const struct probe_options *options,
				const bool given[OPTIONS],
				char reason[PROBE_OPTIONS_REASON_SIZE]);

#endif
