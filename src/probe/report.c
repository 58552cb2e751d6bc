#include "probe/report.h"

#include <string.h>

#include "probe/report_end.h"
#include "probe/report_text.h"

/* Seconds after which the names of the columns are printed again. */
#define HEADER_EVERY 20

#define FAILED_COLUMN 51
#define BACKENDS_COLUMN 61

/* Other lines go above the one that is written over and over again. */
static void
clear_line(struct report *report)
{
	if (report->line_is_open)
		fputs("\r\033[K", report->out);
	report->line_is_open = false;
}

/* A whole line; a terminal must not scroll because of a long one. */
static void
put_second(struct report *report, struct report_line *line)
{
	if (report->live) {
		report_cut(line, REPORT_COLUMNS);
		fprintf(report->out, "\r%s\033[K", line->text);
		report->line_is_open = true;
	} else {
		fprintf(report->out, "%s\n", line->text);
		report->lines++;
	}
	fflush(report->out);
}

/* ---- failures */

void
report_failure(struct report *report, const struct failure *failure)
{
	struct report_line line = { .length = 0 };
	bool is_udp = strncmp(failure->target->name, "udp:", 4) == 0;

	if (report->quiet)
		return;
	if (++report->failures_of_second > REPORT_FAILURES_MAX)
		return;
	report_add(&line, "%.3f s  %s  ", (double)failure->at / 1e9,
		   outcome_name(failure->outcome));
	if (report->several || !failure->backend)
		report_add(&line, "%s  ", failure->target->name);
	if (failure->backend)
		report_add(&line, "%s  ", failure->backend->name);
	report_add(&line, "%s %u", is_udp ? "peer" : "connection",
		   failure->peer);
	if (*failure->detail)
		report_add(&line, ": ");
	report_add_escaped(&line, failure->detail);
	clear_line(report);
	fprintf(report->out, "%s\n", line.text);
	report->lines++;
	fflush(report->out);
}

/* The second is over. */
static void
end_failures(struct report *report)
{
	unsigned count = report->failures_of_second;

	report->failures_of_second = 0;
	if (count <= REPORT_FAILURES_MAX)
		return;
	clear_line(report);
	fprintf(report->out, "... and %u more in this second\n",
		count - REPORT_FAILURES_MAX);
	report->lines++;
}

/* ---- seconds */

static void
put_header(struct report *report)
{
	if (report->lines > 0 && report->lines <= HEADER_EVERY)
		return;
	clear_line(report);
	fprintf(report->out, "%6s%6s%8s%8s%7s%7s%7s  %-8s  %s\n", "time",
		"open", "started", "echoed", "p50", "p99", "max", "failed",
		"backends");
	report->lines = 1;
}

/* "1.23ms": the columns are narrow. */
static void
add_time(struct report_line *line, uint64_t nanoseconds, bool is_known)
{
	char text[REPORT_NUMBER_SIZE], *space;

	report_time(nanoseconds, text);
	space = text + strcspn(text, " ");
	memmove(space, space + 1, strlen(space));
	report_add(line, "%7s", is_known ? text : "-");
}

/* "12 reset", or "15 (12 reset)" if there are other reasons. */
static void
add_failed(struct report_line *line, const uint64_t counts[OUTCOME_COUNT])
{
	uint64_t failed = report_failed(counts), most = 0;
	enum outcome reason = OUTCOME_ECHOED;

	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		if (report_is_failure((enum outcome)i) && counts[i] > most) {
			most = counts[i];
			reason = (enum outcome)i;
		}
	}
	if (failed == 0)
		report_add(line, "-");
	else if (failed == most)
		report_add(line, "%llu %s", (unsigned long long)most,
			   outcome_name(reason));
	else
		report_add(line, "%llu (%llu %s)", (unsigned long long)failed,
			   (unsigned long long)most, outcome_name(reason));
}

static void
add_second(struct report_line *line, const struct second *second, int64_t at,
	   unsigned open)
{
	uint64_t counts[OUTCOME_COUNT];
	bool is_known = second->max > 0;

	report_widen(second, counts);
	report_add(line, "%4lld s%6u%8u%8u", (long long)(at / 1000000000), open,
		   second->started, second->outcomes[OUTCOME_ECHOED]);
	add_time(line, second->p50, is_known);
	add_time(line, second->p99, is_known);
	add_time(line, second->max, is_known);
	report_add(line, "  ");
	report_fill(line, FAILED_COLUMN);
	add_failed(line, counts);
	report_add(line, "  ");
	report_fill(line, BACKENDS_COLUMN);
}

void
report_second(struct report *report, const struct tally *tally,
	      const struct second *second, int64_t at, unsigned open)
{
	struct report_line line = { .length = 0 };

	if (!report->quiet) {
		end_failures(report);
		put_header(report);
		add_second(&line, second, at, open);
		report_add_backends(&line, tally->backends, second->backends,
				    true, report->live ? REPORT_COLUMNS : 0);
		report_trim(&line);
		put_second(report, &line);
	}
	for (size_t i = 0; i < backends_count(tally->backends); i++)
		backends_at(tally->backends, i)->last_second_echoed = 0;
}

void
report_end(struct report *report, const struct tally *tally)
{
	end_failures(report);
	/* The last second stays on the terminal. */
	if (report->line_is_open)
		putc('\n', report->out);
	report->line_is_open = false;
	if (report->lines > 0)
		putc('\n', report->out);
	report_end_write(report->out, tally,
			 report->now ? report->now : time(NULL));
	fflush(report->out);
}
