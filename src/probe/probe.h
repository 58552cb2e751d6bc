/*
 * probe: one run from its options to its exit status.
 *
 *   1. Resolve the targets, read the files of TLS, make the connections' slots.
 *   2. With --step: open all connections, say "ready", wait for a line.
 *   3. Begin messages as each target's load asks, until they are all done, the
 *      time is over, or a signal comes; then wait for those under way.
 *   4. Close all connections: nothing but a FIN may come back.
 *   5. Report.
 */
#ifndef ECHOD_PROBE_PROBE_H
#define ECHOD_PROBE_PROBE_H

struct probe_options;

/*
 * Prints to standard output, errors to standard error.  Returns the exit
 * status, as echoprobe(1) documents it.
 */
int probe_run(const struct probe_options *options);

#endif
