#include "probe/report_timeline.h"

#include <string.h>

#include "probe/report_text.h"

#define NANOSECONDS 1e9

/* The least width of the column "failed", and of "backends". */
#define FAILED_WIDTH 21
#define BACKENDS_WIDTH 16

/* Stretches of the tally with the same outcomes and the same backends. */
struct row {
	size_t first, count; /* stretches */
	uint64_t started;
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t backends;
};

static void
add_stretch(struct row *row, const struct second *stretch)
{
	row->count++;
	row->started += stretch->started;
	row->backends |= stretch->backends;
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		row->outcomes[i] += stretch->outcomes[i];
}

/* The row of up to `step` stretches that begin at `first`. */
static struct row
take(const struct tally *tally, size_t first, size_t step)
{
	struct row row = { .first = first };

	while (row.count < step && first + row.count < tally->stretch_count)
		add_stretch(&row, &tally->stretches[first + row.count]);
	return row;
}

static bool
is_idle(const struct row *row)
{
	uint64_t ended = 0;

	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		ended += row->outcomes[i];
	return row->started == 0 && ended == 0;
}

static bool
is_same(const struct row *row, const struct row *next)
{
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		if (report_is_any((enum outcome)i) &&
		    (row->outcomes[i] > 0) != (next->outcomes[i] > 0))
			return false;
	return row->backends == next->backends && is_idle(row) == is_idle(next);
}

/* The rest of a second, in which nothing happened, at the end of the run. */
static bool
is_rest(const struct tally *tally, const struct row *row)
{
	double begin = (double)row->first * tally->stretch_seconds;
	double run = (double)(tally->end - tally->begin) / NANOSECONDS;

	return is_idle(row) && run < begin + 1;
}

/* With few messages, a second without one says nothing. */
static bool
belongs(const struct tally *tally, const struct row *row,
	const struct row *next)
{
	bool few = row->started < 2 * row->count && !is_idle(row);

	return is_same(row, next) || is_rest(tally, next) ||
	       (few && is_idle(next));
}

/* The row that begins at `first`. */
static struct row
next_row(const struct tally *tally, size_t first, size_t step)
{
	struct row row = take(tally, first, step);

	while (first + row.count < tally->stretch_count) {
		struct row next = take(tally, first + row.count, step);

		if (!belongs(tally, &row, &next))
			break;
		for (size_t i = 0; i < next.count; i++)
			add_stretch(&row, &tally->stretches[next.first + i]);
	}
	return row;
}

static size_t
count_rows(const struct tally *tally, size_t step)
{
	size_t count = 0;

	for (size_t at = 0; at < tally->stretch_count; count++)
		at += next_row(tally, at, step).count;
	return count;
}

static bool
has_failures(const struct tally *tally)
{
	struct row all = take(tally, 0, tally->stretch_count);

	return report_failed(all.outcomes) > 0;
}

/* ---- cells */

/* Widths, with the space between the first three. */
struct columns {
	size_t time, started, echoed, failed;
};

/* "12-15 s"; the last row ends with the run. */
static void
add_times(struct report_line *line, const struct tally *tally,
	  const struct row *row)
{
	double begin = (double)row->first * tally->stretch_seconds;
	double end = (double)(row->first + row->count) * tally->stretch_seconds;
	double run = (double)(tally->end - tally->begin) / NANOSECONDS;

	if (row->first + row->count == tally->stretch_count && run > begin &&
	    run < end)
		report_add(line, "%.0f-%.1f s", begin, run);
	else
		report_add(line, "%.0f-%.0f s", begin, end);
}

/* Two reasons, or "-". */
static void
add_failed(struct report_line *line, const struct row *row)
{
	report_add_outcomes(line, row->outcomes, report_is_any, 2);
	if (line->length == 0)
		report_add(line, "-");
}

static void
widen(size_t *width, size_t least)
{
	if (*width < least)
		*width = least;
}

static void
widen_for_number(size_t *width, uint64_t number)
{
	widen(width, 1 + (size_t)snprintf(NULL, 0, "%llu",
					  (unsigned long long)number));
}

static void
widen_for_row(struct columns *columns, const struct tally *tally,
	      const struct row *row)
{
	struct report_line times = { .length = 0 }, failed = { .length = 0 };
	const char *reason = failed.text;

	add_times(&times, tally, row);
	widen(&columns->time, times.length + 1);
	widen_for_number(&columns->started, row->started);
	widen_for_number(&columns->echoed, row->outcomes[OUTCOME_ECHOED]);
	add_failed(&failed, row);
	while (*reason) {
		size_t length = strcspn(reason, ",");

		length += reason[length] == ',';
		widen(&columns->failed, length);
		reason += length;
		reason += strspn(reason, " ");
	}
}

/* "failed" is as wide as the longest reason, if that leaves enough. */
static struct columns
find_columns(const struct tally *tally, size_t step)
{
	struct columns columns = { 12, 9, 9, FAILED_WIDTH };
	size_t others;

	for (size_t at = 0; at < tally->stretch_count;) {
		struct row row = next_row(tally, at, step);

		widen_for_row(&columns, tally, &row);
		at += row.count;
	}
	others = columns.time + columns.started + columns.echoed + 2 + 2 +
		 BACKENDS_WIDTH;
	if (others + columns.failed > REPORT_COLUMNS)
		columns.failed = REPORT_COLUMNS > others + FAILED_WIDTH ?
					 REPORT_COLUMNS - others :
					 FAILED_WIDTH;
	return columns;
}

/* Bytes of the cell's next line: as many reasons as fit, or words of one. */
static size_t
next_line(const char *cell, size_t width)
{
	size_t reasons = 0, words = 0;

	if (strlen(cell) <= width)
		return strlen(cell);
	for (size_t i = 1; i <= width; i++) {
		if (cell[i] != ' ')
			continue;
		words = i;
		if (cell[i - 1] == ',')
			reasons = i;
	}
	return reasons ? reasons : words;
}

/* A line of the cell; returns what is left of it. */
static const char *
add_line(struct report_line *line, const char *cell, size_t width)
{
	size_t length = next_line(cell, width);

	report_add(line, "%-*.*s", (int)width, (int)length, cell);
	return cell + length + strspn(cell + length, " ");
}

static void
put_line(FILE *out, struct report_line *line)
{
	report_trim(line);
	fprintf(out, "%s\n", line->text);
	*line = (struct report_line){ .length = 0 };
}

static void
put_row(FILE *out, const struct tally *tally, const struct columns *columns,
	const struct row *row)
{
	struct report_line line = { .length = 0 }, cell = { .length = 0 };
	const char *failed = cell.text;
	size_t indent = columns->time + columns->started + columns->echoed + 2;

	add_failed(&cell, row);
	add_times(&line, tally, row);
	report_fill(&line, columns->time);
	report_add(&line, "%*llu%*llu  ", (int)columns->started,
		   (unsigned long long)row->started, (int)columns->echoed,
		   (unsigned long long)row->outcomes[OUTCOME_ECHOED]);
	failed = add_line(&line, failed, columns->failed);
	report_add(&line, row->backends ? "  " : "  -");
	report_add_backends(&line, tally->backends, row->backends, false,
			    REPORT_COLUMNS);
	put_line(out, &line);
	while (*failed) {
		report_fill(&line, indent);
		failed = add_line(&line, failed, columns->failed);
		put_line(out, &line);
	}
}

void
report_timeline_write(FILE *out, const struct tally *tally)
{
	size_t step = 1, rows;
	struct columns columns;

	while ((rows = count_rows(tally, step)) > REPORT_TIMELINE_ROWS)
		step *= 2;
	if (rows == 0 || (rows == 1 && !has_failures(tally)))
		return;
	columns = find_columns(tally, step);
	fprintf(out, "\n%-*s%*s%*s  %-*s  %s\n", (int)columns.time, "time",
		(int)columns.started, "started", (int)columns.echoed, "echoed",
		(int)columns.failed, "failed", "backends");
	for (size_t at = 0; at < tally->stretch_count;) {
		struct row row = next_row(tally, at, step);

		put_row(out, tally, &columns, &row);
		at += row.count;
	}
	if (step > 1)
		fprintf(out, "(in steps of %llu s)\n",
			(unsigned long long)step * tally->stretch_seconds);
}
