/*
 * report_svg: a picture, drawn by gnuplot: the timeline and the histogram of
 * the round trips.
 *
 * The script for gnuplot names no file.  gnuplot writes to its standard output,
 * which is a temporary file: no path has to be quoted, and the picture is
 * replaced in one step (base/replace_file.h).
 */
#ifndef ECHOD_PROBE_REPORT_SVG_H
#define ECHOD_PROBE_REPORT_SVG_H

#include <stdio.h>

#include "probe/tally.h"

/* Bytes of a reason with its NUL; a longer one ends in "...". */
#define REPORT_SVG_REASON_SIZE 256

/* NULL if there is a gnuplot and `path` can be written to, or the reason. */
const char *report_svg_check(const char *path,
			     char reason[REPORT_SVG_REASON_SIZE]);

/* Pure: the script for gnuplot. */
void report_svg_script(FILE *out, const struct tally *tally);

/*
 * Waits for gnuplot.  NULL, or the reason: then the old file is as it was.  The
 * reason is what gnuplot said, if it said anything.
 */
const char *report_svg_save(const char *path, const struct tally *tally,
			    char reason[REPORT_SVG_REASON_SIZE]);

#endif
