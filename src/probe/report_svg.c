#include "probe/report_svg.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/replace_file.h"
#include "base/utf8.h"
#include "probe/gnuplot.h"

#define SECOND 1e9

/* Bytes of names in the title; the number of all others follows. */
#define TITLE_SIZE 80

/* Of the histogram, to each power of two. */
#define BARS 8

/* One echo in the first millisecond of a second is no rate of 1000. */
#define LEAST_SECONDS 0.1

__attribute__((format(printf, 2, 3))) static const char *
explain(char reason[REPORT_SVG_REASON_SIZE], const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(reason, REPORT_SVG_REASON_SIZE, format, args);
	va_end(args);
	if (length >= REPORT_SVG_REASON_SIZE)
		strcpy(reason + REPORT_SVG_REASON_SIZE - 4, "...");
	return reason;
}

/* ---- the script */

/*
 * Text between single quotes, in which gnuplot replaces nothing.  XML cannot
 * have most control characters, and a newline would end the command.
 */
static void
put_text(FILE *out, const char *text)
{
	while (*text) {
		size_t length = utf8_sequence(text, strlen(text));
		size_t control = utf8_control(text);

		if (length == 0)
			control = 1;
		if (*text == '\'')
			putc('\'', out);
		if (control == 0)
			fwrite(text, 1, length, out);
		else
			length = control;
		for (size_t i = 0; i < control; i++)
			fprintf(out, "\\x%02x", (unsigned char)text[i]);
		text += length;
	}
}

static void
put_title(FILE *out, const struct tally *tally)
{
	size_t shown = 0, size = 0;

	fputs("set multiplot layout 3,1 title 'echoprobe ", out);
	for (; shown < tally->target_count; shown++) {
		const char *name = tally->targets[shown].name;

		size += strlen(name);
		if (shown > 0 && size > TITLE_SIZE)
			break;
		fputs(shown > 0 ? ", " : "", out);
		put_text(out, name);
	}
	if (shown < tally->target_count)
		fprintf(out, " and %zu more", tally->target_count - shown);
	fputs("' font ',16'\n", out);
}

static double
run_seconds(const struct tally *tally)
{
	return (double)(tally->end - tally->begin) / SECOND;
}

/* Where a stretch of time begins and ends. */
static double
stretch_begin(const struct tally *tally, size_t index)
{
	return (double)index * tally->stretch_seconds;
}

static double
stretch_end(const struct tally *tally, size_t index)
{
	double end = stretch_begin(tally, index + 1);

	return end < run_seconds(tally) ? end : run_seconds(tally);
}

static double
stretch_width(const struct tally *tally, size_t index)
{
	double width = stretch_end(tally, index) - stretch_begin(tally, index);

	return width > LEAST_SECONDS ? width : LEAST_SECONDS;
}

static uint64_t
count_failed(const struct second *second)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		if (i != OUTCOME_ECHOED && outcome_ends_message(i))
			count += second->outcomes[i];
	return count;
}

/* Microseconds; "NaN" is a gap in the line. */
static void
put_time(FILE *out, uint64_t nanoseconds)
{
	if (nanoseconds == 0)
		fputs(" NaN", out);
	else
		fprintf(out, " %" PRIu64 "e-9", nanoseconds);
}

/*
 * Rows of: begin, end, middle, echoed a second, failed a second, and in seconds
 * p50, p99 and maximum.
 */
static void
put_seconds(FILE *out, const struct tally *tally)
{
	fputs("$seconds << end\n", out);
	for (size_t i = 0; i < tally->stretch_count; i++) {
		const struct second *second = &tally->stretches[i];
		double width = stretch_width(tally, i);
		double begin = stretch_begin(tally, i);

		fprintf(out, "%.3f %.3f %.3f %.3f %.3f", begin, begin + width,
			begin + width / 2,
			second->outcomes[OUTCOME_ECHOED] / width,
			(double)count_failed(second) / width);
		put_time(out, second->p50);
		put_time(out, second->p99);
		put_time(out, second->max);
		putc('\n', out);
	}
	fputs("end\n", out);
}

/*
 * The number of values below `value`.  The values of a bucket count as evenly
 * spread: bars have other bounds than buckets.
 */
static double
count_below(const struct latency *latency, double value)
{
	double count = 0, lowest = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS && lowest < value; i++) {
		double end = (double)latency_highest(i) + 1;
		double share = (value - lowest) / (end - lowest);

		count += (double)latency->buckets[i] * fmin(share, 1);
		lowest = end;
	}
	return count;
}

/* Rows of: lowest and highest value in seconds, share of all in percent. */
static void
put_bars(FILE *out, const struct latency *latency)
{
	double before = 0;

	fputs("$bars << end\n", out);
	for (int i = 0; i < LATENCY_OCTAVES * BARS; i++) {
		double value = exp2((double)(i + 1) / BARS);
		double count = count_below(latency, value);

		if (count > before)
			fprintf(out, "%.4e %.4e %.4f\n",
				exp2((double)i / BARS) / SECOND, value / SECOND,
				100 * (count - before) /
					(double)latency->count);
		before = count;
	}
	fputs("end\n", out);
}

/* A time with a unit, three digits. */
static void
put_duration(FILE *out, double seconds)
{
	static const char *const units[] = { "ns", "\u00b5s", "ms", "s" };
	double value = seconds * 1e9;
	unsigned unit = 0;

	while (value >= 999.5 && unit < 3) {
		value /= 1000;
		unit++;
	}
	fprintf(out, "%.*f %s",
		value < 9.995 ? 2 :
		value < 99.95 ? 1 :
				0,
		value, units[unit]);
}

/* Digits that are labelled on an axis with so many powers of ten. */
static bool
is_labelled(int digit, double decades)
{
	if (decades > 3)
		return digit == 1;
	return decades <= 1 || digit == 1 || digit == 2 || digit == 5;
}

/*
 * A logarithmic axis of times.  gnuplot labels powers of ten only, and a range
 * can be without one.
 */
static void
put_log_axis(FILE *out, char axis, double lowest, double highest)
{
	static const char *const units[] = { "ns", "\u00b5s", "ms", "s" };
	static const char *const zeros[] = { "", "0", "00" };
	double decades = log10(highest / lowest);
	const char *before = "";

	fprintf(out, "set logscale %c\nset %crange [%.4e:%.4e]\nset %ctics (",
		axis, axis, lowest, highest, axis);
	/* The powers of a nanosecond; 100,000 s are 28 hours. */
	for (int i = 0; i < 9 * 15; i++) {
		int digit = i % 9 + 1, power = i / 9;
		double value = digit * pow(10, power) / SECOND;
		int unit = power < 12 ? power / 3 : 3;

		if (value < lowest || value > highest ||
		    !is_labelled(digit, decades))
			continue;
		fprintf(out, "%s'%d%s%s %s' %.0e", before, digit,
			zeros[power % 3], power < 12 ? "" : "000", units[unit],
			value);
		before = ", ";
	}
	fputs(")\n", out);
}

/* A panel that has nothing to show: "all points undefined" is an error. */
static void
put_empty_panel(FILE *out)
{
	fputs("unset logscale\n"
	      "set yrange [0:1]\n"
	      "set label 1 'No round trip was measured.' at graph 0.5,0.5 "
	      "center\n"
	      "plot -1 notitle\n"
	      "unset label 1\n",
	      out);
}

static void
put_settings(FILE *out, const struct tally *tally)
{
	fputs("set terminal svg size 900,1050 noenhanced font 'sans-serif,13' "
	      "background rgb 'white'\n"
	      "set encoding utf8\n",
	      out);
	put_title(out, tally);
	fputs("set lmargin 12\n"
	      "set rmargin 11\n"
	      "set border 3 lc rgb '#444444'\n"
	      "set tics nomirror out\n"
	      "set grid ytics lt 1 lc rgb '#dddddd'\n"
	      "set key tmargin right horizontal\n"
	      "set style fill solid noborder\n",
	      out);
}

static void
put_rates(FILE *out, const struct tally *tally)
{
	double echoed = 0, failed = 0, end = LEAST_SECONDS;

	for (size_t i = 0; i < tally->stretch_count; i++) {
		const struct second *second = &tally->stretches[i];
		double width = stretch_width(tally, i);
		double rate = second->outcomes[OUTCOME_ECHOED] / width;

		echoed = rate > echoed ? rate : echoed;
		rate = (double)count_failed(second) / width;
		failed = rate > failed ? rate : failed;
		end = stretch_begin(tally, i) + width;
	}
	fprintf(out,
		"set xlabel 'seconds since the beginning'\n"
		"set xrange [0:%.3f]\n"
		"set ylabel 'echoed a second'\n"
		"set yrange [0:%.3f]\n"
		"set y2range [0:%.3f]\n",
		end, echoed > 0 ? echoed * 1.1 : 1,
		failed > 0 ? failed * 1.1 : 1);
	/* Another scale: one failure beside 10,000 echoes is to be seen. */
	if (failed > 0)
		fputs("set border 11\n"
		      "set y2label 'failed a second' textcolor rgb '#c62828'\n"
		      "set y2tics textcolor rgb '#c62828'\n",
		      out);
	if (tally->stretch_count == 0) {
		fputs("plot -1 notitle\n", out);
		return;
	}
	/* An impulse without a height would be a red dot. */
	fputs("plot $seconds using 3:4:1:2:(0):4 with boxxyerror "
	      "lc rgb '#90b8e0' title 'echoed', "
	      "$seconds using 3:($5 > 0 ? $5 : NaN) axes x1y2 with impulses "
	      "lw 3 lc rgb '#c62828' title 'failed'\n",
	      out);
}

static void
put_round_trips(FILE *out, const struct tally *tally)
{
	uint64_t lowest = UINT64_MAX, highest = 0;

	for (size_t i = 0; i < tally->stretch_count; i++) {
		const struct second *second = &tally->stretches[i];

		if (second->p50 > 0 && second->p50 < lowest)
			lowest = second->p50;
		if (second->max > highest)
			highest = second->max;
	}
	fputs("unset y2label\n"
	      "unset y2tics\n"
	      "set border 3\n"
	      "set ylabel 'round trip'\n",
	      out);
	if (highest == 0) {
		put_empty_panel(out);
		return;
	}
	put_log_axis(out, 'y', (double)lowest / SECOND / 1.5,
		     (double)highest / SECOND * 1.5);
	fputs("plot $seconds using 3:8 with linespoints pt 7 ps 0.5 "
	      "lc rgb '#b0b0b0' title 'max', "
	      "$seconds using 3:7 with linespoints pt 7 ps 0.5 "
	      "lc rgb '#e08a00' title 'p99', "
	      "$seconds using 3:6 with linespoints pt 7 ps 0.5 "
	      "lc rgb '#1f5fa8' title 'p50'\n",
	      out);
}

/* A vertical line; `row` keeps the texts of neighbours apart. */
static void
put_percentile(FILE *out, const char *name, uint64_t value, unsigned row)
{
	double x = (double)value / SECOND;

	fprintf(out,
		"set arrow from %.4e,graph 0 to %.4e,graph 1 nohead dt 2 "
		"lc rgb '#444444' front\n"
		"set label '%s ",
		x, x, name);
	put_duration(out, x);
	fprintf(out, "' at %.4e,graph %.2f offset 0.5,0 front\n", x,
		0.95 - 0.08 * row);
}

static void
put_histogram(FILE *out, const struct latency *latency)
{
	fputs("set xlabel 'round trip'\n"
	      "set ylabel 'percent of all echoes'\n"
	      "set ytics autofreq\n"
	      "unset logscale\n",
	      out);
	if (latency->count == 0) {
		fputs("set xrange [0:1]\n", out);
		put_empty_panel(out);
		return;
	}
	/* The text of the maximum is at the right of its line. */
	put_log_axis(out, 'x', (double)(latency->min + 1) / SECOND / 1.5,
		     (double)(latency->max + 1) / SECOND * 2);
	fputs("set yrange [0:*]\n", out);
	put_percentile(out, "p50", latency_at(latency, 0.5), 0);
	put_percentile(out, "p99", latency_at(latency, 0.99), 1);
	put_percentile(out, "max", latency->max, 2);
	fputs("plot $bars using 1:3:1:2:(0):3 with boxxyerror "
	      "lc rgb '#90b8e0' notitle\n",
	      out);
}

void
report_svg_script(FILE *out, const struct tally *tally)
{
	struct target_tally sum;

	tally_sum(tally, &sum);
	put_seconds(out, tally);
	put_bars(out, &sum.round_trip);
	put_settings(out, tally);
	put_rates(out, tally);
	put_round_trips(out, tally);
	put_histogram(out, &sum.round_trip);
	fputs("unset multiplot\n", out);
}

/* ---- the file */

const char *
report_svg_check(const char *path, char reason[REPORT_SVG_REASON_SIZE])
{
	if (!gnuplot_is_installed())
		return explain(reason, "gnuplot is not in PATH; it is needed "
				       "to draw the picture");
	if (replace_file_check(path) != 0)
		return explain(reason, "%s: %s", path, strerror(errno));
	return NULL;
}

/* gnuplot does not notice that the disk is full. */
static bool
is_whole(int fd)
{
	static const char end[] = "</svg>";
	char tail[16];
	off_t size = lseek(fd, 0, SEEK_END);
	off_t at = size > (off_t)sizeof(tail) ? size - (off_t)sizeof(tail) : 0;
	ssize_t n = pread(fd, tail, sizeof(tail), at);

	return n > 0 && memmem(tail, (size_t)n, end, strlen(end));
}

const char *
report_svg_save(const char *path, const struct tally *tally,
		char reason[REPORT_SVG_REASON_SIZE])
{
	FILE *script = gnuplot_script();
	struct replace_file file;
	const char *error;

	if (!script)
		return explain(reason, "script for gnuplot: %s",
			       strerror(errno));
	report_svg_script(script, tally);
	if (replace_file_begin(&file, path) != 0) {
		error = explain(reason, "%s: %s", path, strerror(errno));
		fclose(script);
		return error;
	}
	error = gnuplot_run(script, fileno(file.out), reason,
			    REPORT_SVG_REASON_SIZE);
	fclose(script);
	if (!error && !is_whole(fileno(file.out)))
		error = explain(reason, "%s: only a part could be written",
				path);
	if (error)
		replace_file_discard(&file);
	else if (replace_file_commit(&file) != 0)
		error = explain(reason, "%s: %s", path, strerror(errno));
	return error;
}
