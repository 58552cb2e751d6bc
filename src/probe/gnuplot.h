/*
 * gnuplot: runs gnuplot(1), which draws a picture from a script.
 *
 * Its input and its errors are files in memory.  With pipes, the two
 * processes could wait for each other.
 *
 * One thread.
 */
#ifndef ECHOD_PROBE_GNUPLOT_H
#define ECHOD_PROBE_GNUPLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* True if there is a gnuplot in PATH. */
bool gnuplot_is_installed(void);

/* An empty script, which the caller closes.  NULL: errno is the cause. */
FILE *gnuplot_script(void);

/*
 * Runs the script and waits for the end.  What it draws goes to `picture`.
 * Returns NULL, or `reason`: what gnuplot said, or what else went wrong.
 */
const char *gnuplot_run(FILE *script, int picture, char *reason, size_t size);

#endif
