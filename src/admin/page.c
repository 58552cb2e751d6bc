#include "admin/page.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Generated from status.html by embed. */
#include "admin/page.inc"

/* Of the metrics or of the page, borrowed. */
struct text {
	const char *at;
	size_t length;
};

static void
print_escaped(FILE *out, struct text text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] == '<')
			fputs("&lt;", out);
		else if (text.at[i] == '&')
			fputs("&amp;", out);
		else
			fputc(text.at[i], out);
	}
}

static bool
begins_with(struct text text, const char *with)
{
	size_t length = strlen(with);

	return text.length >= length && memcmp(text.at, with, length) == 0;
}

static bool
ends_with(struct text text, const char *with)
{
	size_t length = strlen(with);

	return text.length >= length &&
	       memcmp(text.at + text.length - length, with, length) == 0;
}

/* A time of day is easier to read than seconds since 1970. */
static void
print_value(FILE *out, struct text name, struct text number)
{
	time_t seconds = strtoll(number.at, NULL, 10);
	char time[32];
	struct tm tm;

	if ((ends_with(name, "_time_seconds") ||
	     ends_with(name, "_timestamp_seconds")) &&
	    gmtime_r(&seconds, &tm) &&
	    strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S UTC", &tm) > 0)
		fputs(time, out);
	else
		print_escaped(out, number);
}

/*
 * `line` is "name value" or "name{label="value"} value".  Help and name are
 * printed once: `shown` is the name of the row above.
 */
static void
print_sample(FILE *out, struct text line, struct text *help, struct text *shown)
{
	struct text name = { line.at, strcspn(line.at, "{ \n") };
	const char *space = memrchr(line.at, ' ', line.length);
	const char *from = line.at;

	if (!space || strtod(space, NULL) == 0 || ends_with(name, "_bucket"))
		return;
	fputs("<tr><td>", out);
	print_escaped(out, *help);
	help->length = 0;
	if (shown->length == name.length &&
	    memcmp(shown->at, name.at, name.length) == 0)
		from += name.length;
	*shown = name;
	fputs("<td>", out);
	print_escaped(out, (struct text){ from, (size_t)(space - from) });
	fputs("<td>", out);
	space++;
	print_value(out, name,
		    (struct text){ space,
				   line.length - (size_t)(space - line.at) });
	fputc('\n', out);
}

/* What follows the name in "# HELP name text". */
static struct text
help_of(struct text line)
{
	const char *name = line.at + strlen("# HELP ");
	const char *text = name + strcspn(name, " \n");

	text += *text == ' ';
	return (struct text){ text, line.length - (size_t)(text - line.at) };
}

static void
print_rows(FILE *out, const char *metrics)
{
	struct text help = { metrics, 0 }, shown = { metrics, 0 };
	struct text line;

	for (line.at = metrics; *line.at; line.at += line.length + 1) {
		line.length = strcspn(line.at, "\n");
		if (begins_with(line, "# HELP "))
			help = help_of(line);
		else if (!begins_with(line, "#"))
			print_sample(out, line, &help, &shown);
		if (!line.at[line.length])
			break;
	}
}

static void
print_host(FILE *out, const char *metrics)
{
	static const char before[] = "\nechod_host_info{host=\"";
	const char *host = strstr(metrics, before);

	if (!host)
		return;
	host += strlen(before);
	print_escaped(out, (struct text){ host, strcspn(host, "\"") });
}

/* Prints `html` up to `marker`, which is left out; then `html` is the rest. */
static void
print_until(FILE *out, struct text *html, const char *marker)
{
	const char *end =
		memmem(html->at, html->length, marker, strlen(marker));
	size_t length = (size_t)(end - html->at);

	fwrite(html->at, 1, length, out);
	length += strlen(marker);
	html->at += length;
	html->length -= length;
}

char *
page_format(const char *metrics, size_t *length)
{
	struct text html = { (const char *)page_html, page_html_size };
	char *page = NULL;
	FILE *out = open_memstream(&page, length);
	bool failed;

	if (!out)
		return NULL;
	for (int i = 0; i < 2; i++) {
		print_until(out, &html, "<!-- host -->");
		print_host(out, metrics);
	}
	print_until(out, &html, "<!-- rows -->\n");
	print_rows(out, metrics);
	fwrite(html.at, 1, html.length, out);
	failed = ferror(out);
	if (fclose(out) == 0 && !failed)
		return page;
	free(page);
	return NULL;
}
