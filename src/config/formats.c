#include "config/formats.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/schema.h"
#include "config/tokens.h"

#define BLANKS " \t\r\f"
#define NAME_CHARS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* One line, without blanks around it. */
struct line {
	const char *start;
	size_t length;
	int number;
};

/* Lines of each kind, and the first setting or group. */
struct counts {
	unsigned sections;  /* [name] */
	unsigned tables;    /* [[name]] */
	unsigned equals;    /* name = value */
	unsigned colons;    /* name: value */
	unsigned bare;	    /* values without quotes that TOML would refuse */
	unsigned documents; /* --- */
	unsigned own;	    /* ends as a line of echod.conf(5) does */
	struct line first;
};

static bool
next_line(const char **at, struct line *line)
{
	size_t length = strcspn(*at, "\n");

	if (**at == '\0')
		return false;
	line->number++;
	line->start = *at + strspn(*at, BLANKS);
	*at += length;
	line->length = *at > line->start ? (size_t)(*at - line->start) : 0;
	*at += **at == '\n';
	while (line->length > 0 &&
	       strchr(BLANKS, line->start[line->length - 1]))
		line->length--;
	return true;
}

static bool
begins(const struct line *line, const char *what)
{
	return line->length >= strlen(what) &&
	       memcmp(line->start, what, strlen(what)) == 0;
}

static bool
ends_with(const struct line *line, const char *chars)
{
	return line->length > 0 && strchr(chars, line->start[line->length - 1]);
}

/* Finds "NAME = VALUE", with or without quotes around the name. */
static bool
split(const struct line *line, struct line *name, char *mark,
      struct line *value)
{
	const char *end = line->start + line->length;
	bool quoted = begins(line, "\"");
	const char *at = line->start + quoted;
	size_t length = strspn(at, NAME_CHARS);

	*name = (struct line){ at, length, line->number };
	at += length + (quoted && at[length] == '"');
	at += strspn(at, " \t");
	if (length == 0 || at >= end || (*at != '=' && *at != ':'))
		return false;
	*mark = *at++;
	at += strspn(at, " \t");
	*value = (struct line){ at, at < end ? (size_t)(end - at) : 0,
				line->number };
	return true;
}

/* In TOML a value is a string, a number, true, false, [ or {. */
static bool
is_bare(const struct line *value)
{
	return value->length == 0 ||
	       (!strchr("\"'[{+-0123456789", *value->start) &&
		!begins(value, "true") && !begins(value, "false"));
}

static bool
is_section(const struct line *line)
{
	size_t open = strspn(line->start, "[ ");
	size_t name = strspn(line->start + open, NAME_CHARS);

	return begins(line, "[") && name > 0 && ends_with(line, "]") &&
	       line->start[open + name +
			   strspn(line->start + open + name, " ")] == ']';
}

/* A section such as [echod] has no counterpart: the settings in it do. */
static bool
is_group(const struct line *section)
{
	const char *at = section->start + strspn(section->start, "[ ");
	char name[32];

	return begins(section, "[[") ||
	       (tokens_copy(at, strspn(at, NAME_CHARS), name, sizeof(name)) &&
		schema_is_group(false, name));
}

static void
count_line(struct counts *counts, const struct line *line)
{
	struct line name, value;
	bool is_first = true;
	char mark;

	if (begins(line, "---")) {
		counts->documents++;
		is_first = false;
	} else if (is_section(line)) {
		counts->sections++;
		counts->tables += begins(line, "[[");
		is_first = is_group(line);
	} else if (ends_with(line, ";({})")) {
		counts->own++;
	} else if (split(line, &name, &mark, &value)) {
		*(mark == '=' ? &counts->equals : &counts->colons) += 1;
		counts->bare += mark == '=' && is_bare(&value);
	} else {
		is_first = false;
	}
	if (is_first && !counts->first.start)
		counts->first = *line;
}

static bool
is_comment(const struct line *line)
{
	return line->length == 0 || begins(line, "#") || begins(line, "//") ||
	       begins(line, ";");
}

static const char *
find_name(const struct counts *counts)
{
	if (counts->own > 0)
		return NULL;
	if (counts->documents > 0 ||
	    (counts->colons > 0 && !counts->equals && !counts->sections))
		return "YAML";
	if (counts->sections == 0)
		return NULL;
	return counts->tables > 0 || (counts->equals > 0 && !counts->bare) ?
		       "TOML" :
		       "INI";
}

/* The first member of an object, which can be in the line of its brace. */
static bool
find_member(const char *text, struct line *first)
{
	/* The object can be in an array. */
	const char *at = text + strspn(text, BLANKS "\n[");
	const char *name;
	struct line line = { 0 };

	if (*at != '{')
		return false;
	name = at + 1 + strspn(at + 1, BLANKS "\n");
	if (*name != '"')
		return false;
	while (next_line(&text, &line) && text <= name)
		;
	*first = (struct line){ name, strcspn(name, "\r\n"), line.number };
	return true;
}

/* A word of YAML or INI that stands for a boolean; NULL: none. */
static const char *
boolean_of(const struct line *value)
{
	static const char *const words[] = { "yes", "on", "no", "off" };

	for (size_t i = 0; i < 4; i++)
		if (value->length == strlen(words[i]) &&
		    strncasecmp(value->start, words[i], value->length) == 0)
			return i < 2 ? "true" : "false";
	return NULL;
}

/* Without a comment, a comma and the blanks before them. */
static size_t
word_length(const struct line *value)
{
	const char *at = value->start;
	size_t length = strcspn(at, ",\r\n");

	for (size_t i = 1; i < length; i++)
		if (at[i] == '#' && at[i - 1] == ' ')
			length = i;
	while (length > 0 && at[length - 1] == ' ')
		length--;
	return length;
}

/* A string, with the other quotes or none around it. */
static bool
write_string(const struct line *value, char *text, size_t size)
{
	const char *at = value->start;
	size_t length = word_length(value);
	char copy[64];

	if (*at == '"' || *at == '\'') {
		char end[] = { *at++, '\n', '\0' };

		length = strcspn(at, end);
	}
	return tokens_copy(at, length, copy, sizeof(copy)) &&
	       snprintf(text, size, "\"%s\";", copy) > 0;
}

/* A list in one line, if it has the form of one in echod.conf(5). */
static bool
write_list(const struct line *value, char *text, size_t size)
{
	size_t length = strcspn(value->start, "]\r\n");

	if (value->start[length] != ']')
		return snprintf(text, size, "[") > 0;
	return length < 64 &&
	       snprintf(text, size, "%.*s];", (int)length, value->start) > 0;
}

/* What opens the value that is in the next lines of YAML. */
static const char *
block_bracket(const char *at)
{
	struct line item = { 0 }, name, value;
	char mark;

	at += strspn(at, BLANKS "\n");
	if (*at != '-')
		return "{";
	next_line(&at, &item);
	do {
		item.start++;
		item.length--;
	} while (item.length > 0 && *item.start == ' ');
	return split(&item, &name, &mark, &value) ? "( {" : "[";
}

static bool
write_value(const struct line *value, char *text, size_t size)
{
	const char *at = value->start;
	const char *boolean = boolean_of(value);
	size_t length = word_length(value);

	if (value->length == 0)
		return snprintf(text, size, "%s", block_bracket(at)) > 0;
	if (*at == '{')
		return snprintf(text, size, "{") > 0;
	if (*at == '[')
		return write_list(value, text, size);
	if (boolean)
		return snprintf(text, size, "%s;", boolean) > 0;
	if (strspn(at, "0123456789") == length ||
	    (length == 4 && begins(value, "true")) ||
	    (length == 5 && begins(value, "false")))
		return snprintf(text, size, "%.*s;", (int)length, at) > 0;
	return write_string(value, text, size);
}

static bool
write_step(const struct line *line, char step[FORMATS_STEP_SIZE])
{
	struct line name, value;
	char text[80], mark;

	if (*line->start == '[') {
		const char *at = line->start + strspn(line->start, "[ ");

		return snprintf(step, FORMATS_STEP_SIZE, "%.*s = %s{",
				(int)strspn(at, NAME_CHARS) % 64, at,
				begins(line, "[[") ? "( " : "") > 0;
	}
	return split(line, &name, &mark, &value) && name.length < 40 &&
	       write_value(&value, text, sizeof(text)) &&
	       snprintf(step, FORMATS_STEP_SIZE, "%.*s = %s", (int)name.length,
			name.start, text) > 0;
}

bool
formats_find(const char *text, struct format *format)
{
	struct counts counts = { 0 };
	struct line line = { 0 };
	const char *at = text;

	if (find_member(text, &counts.first)) {
		format->name = "JSON";
	} else {
		while (next_line(&at, &line))
			if (!is_comment(&line))
				count_line(&counts, &line);
		format->name = find_name(&counts);
	}
	if (!format->name || !counts.first.start)
		return false;
	format->is_json = strcmp(format->name, "JSON") == 0;
	format->line = counts.first.number;
	if (!write_step(&counts.first, format->step))
		strcpy(format->step, "NAME = VALUE;");
	return true;
}
