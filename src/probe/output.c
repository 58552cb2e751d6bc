#include "probe/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/replace_file.h"
#include "probe/report_json.h"
#include "probe/report_prometheus.h"
#include "probe/report_svg.h"

static void
save_prometheus(struct output *output, const struct tally *tally)
{
	const char *path = output->options->prometheus;

	if (!path || report_prometheus_save(path, tally) == 0)
		return;
	if (!output->failed)
		fprintf(stderr, "echoprobe: --prometheus: %s: %s\n", path,
			strerror(errno));
	output->failed = true;
}

const char *
output_init(struct output *output, const struct probe_options *options,
	    char *reason, size_t size)
{
	char why[REPORT_SVG_REASON_SIZE];
	const char *error;

	output->options = options;
	output->report.out = stdout;
	output->report.quiet = options->quiet;
	output->report.live = isatty(STDOUT_FILENO) == 1;
	if (options->prometheus &&
	    replace_file_check(options->prometheus) != 0) {
		snprintf(reason, size, "--prometheus: %s: %s",
			 options->prometheus, strerror(errno));
		return reason;
	}
	error = options->svg ? report_svg_check(options->svg, why) : NULL;
	if (!error)
		return NULL;
	snprintf(reason, size, "--svg: %s", error);
	return reason;
}

void
output_failure(struct output *output, const struct failure *failure)
{
	if (output->options->json)
		report_json_failure(stdout, failure);
	else
		report_failure(&output->report, failure);
}

void
output_second(struct output *output, const struct tally *tally,
	      const struct second *second, int64_t at, unsigned open)
{
	if (output->options->json && output->options->quiet)
		;
	else if (output->options->json)
		report_json_second(stdout, tally, second, at, open);
	else
		report_second(&output->report, tally, second, at, open);
	save_prometheus(output, tally);
}

void
output_end(struct output *output, const struct tally *tally)
{
	char reason[REPORT_SVG_REASON_SIZE];
	const char *error = NULL;

	if (output->options->json)
		report_json_end(stdout, tally);
	else
		report_end(&output->report, tally);
	fflush(stdout);
	save_prometheus(output, tally);
	if (output->options->svg)
		error = report_svg_save(output->options->svg, tally, reason);
	if (!error)
		return;
	fprintf(stderr, "echoprobe: --svg: %s\n", error);
	output->failed = true;
}
