/*
 * metrics_text: the text exposition format 0.0.4 of Prometheus, for /metrics
 * and for the file of echoprobe.  Pure: values in, text out.
 */
#ifndef ECHOD_BASE_METRICS_TEXT_H
#define ECHOD_BASE_METRICS_TEXT_H

#include <stdint.h>
#include <stdio.h>

/*
 * The lines HELP and TYPE.  `help` begins with a small letter and has no full
 * stop at its end; both are changed.
 */
void metrics_head(FILE *out, const char *name, const char *type,
		  const char *help);

/*
 * BEFORE NAME="VALUE"; `before` is "{" or ",".  In the value three characters
 * are escaped.  A byte that is not UTF-8, as a path can have, becomes the text
 * \xNN: Prometheus would reject the whole answer.
 */
void metrics_label(FILE *out, const char *before, const char *name,
		   const char *value);

/* A sample with one label: NAME{LABEL="VALUE"} NUMBER */
void metrics_labelled(FILE *out, const char *name, const char *label,
		      const char *value, uint64_t number);

#endif
