#include "config/lint.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct name {
	const char *start;
	size_t length; /* 0: none */
	int line;
};

/* The position in the text, and the state of the scan. */
struct scan {
	const char *at;
	const char *end;
	int line;
	bool line_start;  /* only blanks since the line began */
	char setting[64]; /* the last name */
	unsigned settings;
	unsigned depth;
	struct name name; /* the last one, until its value begins */
	/* Settings of the open groups, and the first of each depth. */
	struct name names[LINT_SETTINGS_MAX];
	size_t name_count;
	size_t first[LINT_DEPTH_MAX + 1];
	bool fatal;
	struct error_list *errors;
};

#define FLAW(scan, ...) \
	error_add((scan)->errors, (scan)->line, \
		  *(scan)->setting ? (scan)->setting : NULL, __VA_ARGS__)

#define FATAL_AT(scan, line, setting, ...) \
	do { \
		error_add((scan)->errors, (line), (setting), __VA_ARGS__); \
		(scan)->fatal = true; \
	} while (0)

#define FATAL(scan, line, ...) FATAL_AT(scan, line, NULL, __VA_ARGS__)

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '*' || c == '-';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
ahead(const struct scan *scan, const char *what)
{
	size_t length = strlen(what);

	return (size_t)(scan->end - scan->at) >= length &&
	       memcmp(scan->at, what, length) == 0;
}

static void
step(struct scan *scan)
{
	if (*scan->at == '\n') {
		scan->line++;
		scan->line_start = true;
	} else if (*scan->at != ' ' && *scan->at != '\t') {
		scan->line_start = false;
	}
	scan->at++;
}

static void
skip_line(struct scan *scan)
{
	while (scan->at < scan->end && *scan->at != '\n')
		step(scan);
}

static void
skip_comment(struct scan *scan)
{
	int line = scan->line;

	scan->at += 2;
	while (scan->at < scan->end) {
		if (ahead(scan, "*/")) {
			scan->at += 2;
			scan->line_start = false;
			return;
		}
		step(scan);
	}
	FATAL(scan, line, "this comment is not closed");
}

static void
skip_string(struct scan *scan)
{
	int line = scan->line;

	step(scan);
	while (scan->at < scan->end) {
		if (*scan->at == '"') {
			step(scan);
			return;
		}
		if (ahead(scan, "\\x00") || ahead(scan, "\\X00"))
			FLAW(scan, "\\x00: a string cannot hold a NUL");
		if (*scan->at == '\\' && scan->at + 1 < scan->end)
			step(scan);
		step(scan);
	}
	FATAL_AT(scan, line, *scan->setting ? scan->setting : NULL,
		 "this string is not closed");
}

/* Why libconfig, in some version, misreads the integer; NULL: it does not. */
static const char *
integer_fault(const char *digits, bool hex)
{
	if (!hex && digits[0] == '0' && is_digit(digits[1]))
		return "a leading zero: write it without";

	errno = 0;
	unsigned long long value = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno == ERANGE || value > INT32_MAX)
		return "this integer is too large";
	return NULL;
}

static bool
is_number_char(const char *at, bool hex)
{
	if (is_name_char(*at) && *at != '-' && *at != '*')
		return true;
	if (*at == '.')
		return true;
	/* The sign of an exponent. */
	return !hex && (*at == '-' || *at == '+') &&
	       (at[-1] == 'e' || at[-1] == 'E');
}

static void
check_number(struct scan *scan)
{
	char copy[64];
	const char *start = scan->at;

	if (*scan->at == '-' || *scan->at == '+')
		step(scan);
	bool hex = ahead(scan, "0x") || ahead(scan, "0X");
	const char *digits = scan->at;
	while (scan->at < scan->end && is_number_char(scan->at, hex))
		step(scan);

	size_t length = (size_t)(scan->at - digits);
	if (length >= sizeof(copy)) {
		FLAW(scan, "%.20s...: this number is too long", start);
		return;
	}
	memcpy(copy, digits, length);
	copy[length] = '\0';
	if (!hex && strpbrk(copy, ".eE"))
		return;

	const char *fault = integer_fault(copy, hex);
	if (fault)
		FLAW(scan, "%.*s: %s", (int)(scan->at - start), start, fault);
}

static bool
at_number(const struct scan *scan)
{
	const char *at = scan->at;

	/* The text ends with a NUL, so there is a next byte. */
	if (*at == '-' || *at == '+')
		at++;
	if (*at == '.')
		at++;
	return is_digit(*at);
}

static void
read_name(struct scan *scan)
{
	const char *start = scan->at;

	while (scan->at < scan->end && is_name_char(*scan->at))
		step(scan);

	size_t length = (size_t)(scan->at - start);
	scan->name = (struct name){ start, length, scan->line };
	if (length >= sizeof(scan->setting))
		length = sizeof(scan->setting) - 1;
	memcpy(scan->setting, start, length);
	scan->setting[length] = '\0';
}

/* libconfig does not say which setting is set twice. */
static void
take_setting(struct scan *scan)
{
	struct name name = scan->name;

	scan->name.length = 0;
	if (name.length == 0 || scan->fatal)
		return;
	for (size_t i = scan->first[scan->depth]; i < scan->name_count; i++) {
		const struct name *other = &scan->names[i];

		if (other->length != name.length ||
		    memcmp(other->start, name.start, name.length) != 0)
			continue;
		error_add(scan->errors, name.line, scan->setting,
			  "set twice, first in line %d", other->line);
		return;
	}
	scan->names[scan->name_count++] = name;
}

static void
count_setting(struct scan *scan)
{
	if (++scan->settings == LINT_SETTINGS_MAX + 1)
		FATAL(scan, scan->line, "more than %d settings",
		      LINT_SETTINGS_MAX);
}

static void
go_deeper(struct scan *scan)
{
	if (++scan->depth == LINT_DEPTH_MAX + 1)
		FATAL(scan, scan->line, "nested more than %d deep",
		      LINT_DEPTH_MAX);
	else
		scan->first[scan->depth] = scan->name_count;
}

static void
take_punctuation(struct scan *scan)
{
	switch (*scan->at) {
	case '=':
	case ':':
		count_setting(scan);
		take_setting(scan);
		break;
	case ',':
		count_setting(scan);
		break;
	case '{':
	case '(':
	case '[':
		go_deeper(scan);
		break;
	case '}':
	case ')':
	case ']':
		if (scan->depth > 0)
			scan->name_count = scan->first[scan->depth--];
		break;
	}
	step(scan);
}

static void
scan_token(struct scan *scan)
{
	if (*scan->at == '#' || ahead(scan, "//"))
		skip_line(scan);
	else if (ahead(scan, "/*"))
		skip_comment(scan);
	else if (*scan->at == '"')
		skip_string(scan);
	else if (scan->line_start && ahead(scan, "@include")) {
		FATAL(scan, scan->line, "@include is not supported");
		skip_line(scan);
	} else if (at_number(scan))
		check_number(scan);
	else if (is_name_char(*scan->at))
		read_name(scan);
	else
		take_punctuation(scan);
}

static bool
has_nul(const char *text, size_t length, struct error_list *errors)
{
	const char *nul = memchr(text, '\0', length);
	int line = 1;

	if (!nul)
		return false;
	for (const char *at = text; at < nul; at++)
		line += *at == '\n';
	error_add(errors, line, NULL, "a NUL byte: this is not a text file");
	return true;
}

bool
lint_check(const char *text, size_t length, struct error_list *errors)
{
	struct scan scan = {
		.at = text,
		.end = text + length,
		.line = 1,
		.line_start = true,
		.errors = errors,
	};

	if (has_nul(text, length, errors))
		return false;
	while (scan.at < scan.end && !scan.fatal)
		scan_token(&scan);
	return !scan.fatal;
}
