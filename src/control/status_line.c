#include "control/status_line.h"

#include <stdio.h>

/*
 * Three digits and a prefix for the power of 1000: "999", "1.00k", "12.3M";
 * with a unit "999 B", "1.00 kB", "12.3 MB".
 */
static const char *
shorten(uint64_t value, const char *unit, char text[16])
{
	static const char prefixes[] = "kMGTPE";
	const char *prefix = prefixes;
	const char *gap = *unit ? " " : "";
	double rest = (double)value / 1000;
	int decimals = 2;

	if (value < 1000) {
		snprintf(text, 16, "%u%s%s", (unsigned)value, gap, unit);
		return text;
	}
	/* 999.5 would be printed as 1000. */
	for (; rest >= 999.5; prefix++)
		rest /= 1000;
	if (rest >= 99.95)
		decimals = 0;
	else if (rest >= 9.995)
		decimals = 1;
	snprintf(text, 16, "%.*f%s%c%s", decimals, rest, gap, *prefix, unit);
	return text;
}

static uint64_t
counted(const struct stats *stats, enum stats_counter counter)
{
	return atomic_load_explicit(&stats->counter[counter],
				    memory_order_relaxed);
}

const char *
status_line_format(const struct stats *stats, unsigned open,
		   char text[STATUS_LINE_SIZE])
{
	uint64_t answers = counted(stats, STATS_chunks) +
			   counted(stats, STATS_datagrams_out);
	char served[16], messages[16], in[16], out[16];

	snprintf(text, STATUS_LINE_SIZE,
		 "%u connection%s, %s served, %s message%s, %s in, %s out",
		 open, open == 1 ? "" : "s",
		 shorten(counted(stats, STATS_connections), "", served),
		 shorten(answers, "", messages), answers == 1 ? "" : "s",
		 shorten(counted(stats, STATS_bytes_in), "B", in),
		 shorten(counted(stats, STATS_bytes_out), "B", out));
	return text;
}
