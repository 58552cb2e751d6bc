#include "probe/report_text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

void
report_add(struct report_line *line, const char *format, ...)
{
	size_t space = sizeof(line->text) - line->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line->text + line->length, space, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if ((size_t)length < space) {
		line->length += (size_t)length;
		return;
	}
	line->length = sizeof(line->text) - 1;
	strcpy(line->text + line->length - strlen("..."), "...");
}

void
report_add_escaped(struct report_line *line, const char *text)
{
	while (*text) {
		size_t sequence = utf8_sequence(text, strlen(text));

		if (sequence > 0 && utf8_control(text) == 0) {
			report_add(line, "%.*s", (int)sequence, text);
			text += sequence;
			continue;
		}
		do
			report_add(line, "\\x%02x", (unsigned char)*text++);
		while (sequence > 1 && --sequence);
	}
}

void
report_trim(struct report_line *line)
{
	while (line->length > 0 && line->text[line->length - 1] == ' ')
		line->text[--line->length] = '\0';
}

void
report_cut(struct report_line *line, size_t columns)
{
	size_t at = 0, width = 0;

	if (report_width(line->text) <= columns)
		return;
	/* To the beginning of the character at which "..." begins. */
	for (;; at++) {
		width += ((unsigned char)line->text[at] & 0xC0) != 0x80;
		if (width > columns - strlen("..."))
			break;
	}
	strcpy(line->text + at, "...");
	line->length = at + strlen("...");
}

size_t
report_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xC0) != 0x80;
	return width;
}

void
report_fill(struct report_line *line, size_t column)
{
	size_t width = report_width(line->text);

	if (width < column)
		report_add(line, "%*s", (int)(column - width), "");
}

/* The bytes of the next line of `text`, up to a space if one is in it. */
static size_t
next_line(const char *text, size_t columns)
{
	size_t at = 0, space = 0;

	for (size_t column = 0; text[at]; column++) {
		size_t sequence = utf8_sequence(text + at, strlen(text + at));

		if (text[at] == ' ')
			space = at;
		if (column == columns)
			return space > 0 ? space : at;
		at += sequence ? sequence : 1;
	}
	return at;
}

void
report_wrap(FILE *out, const char *text, size_t indent)
{
	size_t columns = REPORT_COLUMNS;

	for (;;) {
		size_t length = next_line(text, columns);

		fprintf(out, "%.*s\n", (int)length, text);
		text += length;
		text += strspn(text, " ");
		if (!*text)
			return;
		fprintf(out, "%*s", (int)indent, "");
		columns = REPORT_COLUMNS - indent;
	}
}

/* ---- numbers */

/* Units grow by 1000; what rounds to 1000 has the next one. */
static const char *
scale(double value, const char *const *units, size_t count, char *text)
{
	size_t i = 0;
	int digits = 0;

	while (i + 1 < count && value >= 999.5) {
		value /= 1000;
		i++;
	}
	if (value < 9.995)
		digits = 2;
	else if (value < 99.95)
		digits = 1;
	snprintf(text, REPORT_NUMBER_SIZE, "%.*f %s", digits, value, units[i]);
	return text;
}

const char *
report_time(uint64_t nanoseconds, char text[REPORT_NUMBER_SIZE])
{
	static const char *const units[] = { "us", "ms", "s" };

	return scale((double)nanoseconds / 1e3, units, 3, text);
}

const char *
report_bytes(double bytes, char text[REPORT_NUMBER_SIZE])
{
	static const char *const units[] = { "kB", "MB", "GB", "TB" };

	if (bytes < 999.5) {
		snprintf(text, REPORT_NUMBER_SIZE, "%.0f B", bytes);
		return text;
	}
	return scale(bytes / 1e3, units, 4, text);
}

const char *
report_share(uint64_t part, uint64_t all, char text[REPORT_NUMBER_SIZE])
{
	double percent = all ? 100.0 * (double)part / (double)all : 0;

	if (all == 0)
		strcpy(text, "-");
	else if (part > 0 && percent < 0.1)
		strcpy(text, "<0.1%");
	else if (part < all && percent > 99.9) /* not "100%": some are not */
		strcpy(text, ">99.9%");
	else
		snprintf(text, REPORT_NUMBER_SIZE, "%.3g%%", percent);
	return text;
}

/* ---- outcomes */

bool
report_is_failure(enum outcome outcome)
{
	return outcome != OUTCOME_ECHOED && outcome_ends_message(outcome);
}

bool
report_is_observation(enum outcome outcome)
{
	return !outcome_ends_message(outcome);
}

bool
report_is_any(enum outcome outcome)
{
	return outcome != OUTCOME_ECHOED;
}

uint64_t
report_failed(const uint64_t counts[OUTCOME_COUNT])
{
	uint64_t failed = 0;

	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		if (report_is_failure((enum outcome)i))
			failed += counts[i];
	return failed;
}

void
report_widen(const struct second *second, uint64_t counts[OUTCOME_COUNT])
{
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		counts[i] = second->outcomes[i];
}

void
report_add_outcomes(struct report_line *line,
		    const uint64_t counts[OUTCOME_COUNT],
		    bool (*which)(enum outcome outcome), unsigned max)
{
	uint64_t left[OUTCOME_COUNT];
	uint64_t others = 0;
	unsigned shown = 0;

	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		left[i] = which((enum outcome)i) ? counts[i] : 0;
	for (;;) {
		unsigned most = 0;

		for (unsigned i = 1; i < OUTCOME_COUNT; i++)
			if (left[i] > left[most])
				most = i;
		if (left[most] == 0)
			break;
		if (max > 0 && shown >= max)
			others += left[most];
		else
			report_add(line, "%s%llu %s", shown++ ? ", " : "",
				   (unsigned long long)left[most],
				   outcome_name((enum outcome)most));
		left[most] = 0;
	}
	if (others > 0)
		report_add(line, ", %llu other", (unsigned long long)others);
}

/* ---- backends */

static uint64_t
echoed_of_second(const struct backends *backends)
{
	uint64_t echoed = 0;

	for (size_t i = 0; i < backends_count(backends); i++)
		echoed += backends_at(backends, i)->last_second_echoed;
	return echoed;
}

void
report_add_backends(struct report_line *line, const struct backends *backends,
		    uint64_t mask, bool share, size_t columns)
{
	uint64_t all = echoed_of_second(backends);
	unsigned left = (unsigned)__builtin_popcountll(mask), shown = 0;
	char percent[REPORT_NUMBER_SIZE], more[REPORT_NUMBER_SIZE];

	for (size_t i = 0; i < backends_count(backends) && left > 0; i++) {
		const struct backend *backend = backends_at(backends, i);
		const size_t before = line->length;
		size_t most;

		if (!(mask >> i & 1))
			continue;
		snprintf(more, sizeof(more), " +%u", left - 1);
		report_add(line, "%s%s", shown ? ", " : "", backend->name);
		if (share)
			report_add(line, " %s",
				   report_share(backend->last_second_echoed,
						all, percent));
		most = columns - (left > 1 ? strlen(more) : 0);
		if (columns > 0 && shown > 0 &&
		    report_width(line->text) > most) {
			line->text[line->length = before] = '\0';
			break;
		}
		if (columns > 0)
			report_cut(line, most);
		shown++;
		left--;
	}
	if (left > 0)
		report_add(line, " +%u", left);
}
