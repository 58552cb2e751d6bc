/*
 * run_setup: what a run needs before its first connection: the targets'
 * addresses, the payload, TLS, the tally, the event loop.
 */
#ifndef ECHOD_PROBE_RUN_SETUP_H
#define ECHOD_PROBE_RUN_SETUP_H

#include "probe/run.h"
#include "probe/target.h"

#define RUN_REASON_SIZE 512

/*
 * Fills `run` and `targets`, which must be zeroed.  Waits for the resolver, and
 * raises the limit of descriptors.  Returns 0, or the exit status that
 * echoprobe(1) documents, with the reason; call run_tear_down() in any case.
 */
int run_set_up(struct run *run, const struct probe_options *options,
	       struct target_list *targets, char reason[RUN_REASON_SIZE]);
void run_tear_down(struct run *run);

#endif
