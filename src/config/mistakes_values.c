#include "config/mistakes_values.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/schema.h"
#include "config/types.h"

/* Holds what is shown of a value. */
#define VALUE_SIZE 80

bool
mistake_say(struct explanation *out, int line, const char *format, ...)
{
	va_list arguments;

	out->line = line;
	va_start(arguments, format);
	vsnprintf(out->reason, sizeof(out->reason), format, arguments);
	va_end(arguments);
	return true;
}

/* The error is about the setting. */
void
mistake_name(const struct token *name, struct explanation *out)
{
	if (name->kind == TOKEN_NAME)
		tokens_copy(name->start, name->length, out->setting,
			    sizeof(out->setting));
}

bool
mistake_wants_value(const struct mistake *mistake)
{
	return mistake->place == PLACE_VALUE || mistake->place == PLACE_ITEM;
}

bool
mistake_in_list(const struct mistake *mistake)
{
	return mistake->bracket.mark == '(' || mistake->bracket.mark == '[';
}

bool
mistake_is_other(const struct token *token, const char *what)
{
	return token->kind == TOKEN_OTHER && token->length == strlen(what) &&
	       memcmp(token->start, what, token->length) == 0;
}

struct token
mistake_peek(const struct mistake *mistake)
{
	struct tokens rest = mistake->rest;

	return tokens_next(&rest);
}

bool
mistake_sets(const struct token *token)
{
	return token_is(token, '=') || token_is(token, ':');
}

/* "NAME =" is ahead. */
bool
mistake_begins_setting(const struct mistake *mistake)
{
	struct token next = mistake_peek(mistake);

	return mistake->token.kind == TOKEN_NAME && mistake_sets(&next);
}

/* The end of a value without quotes: of the line, or what comes after it. */
static size_t
value_length(const struct mistake *mistake, const char *at)
{
	bool item = mistake_in_list(mistake);
	size_t length = strcspn(at, item ? ",;)]}\r\n" : ";\r\n");
	size_t braces = strcspn(at, "{}");

	/* The braces of %{host} belong to the value. */
	if (mistake->bracket.mark == '{' && at[braces] == '}' &&
	    braces < length)
		length = braces;
	for (size_t i = 1; i < length; i++)
		if (at[i - 1] == ' ' &&
		    (strchr("#)]}", at[i]) || strncmp(at + i, "//", 2) == 0))
			length = i;
	while (length > 0 && strchr(" \t,", at[length - 1]))
		length--;
	return length;
}

/* The value at `at` as a string of libconfig, if that is simple. */
static bool
say_quotes(const struct mistake *mistake, const char *at,
	   struct explanation *out)
{
	char value[VALUE_SIZE];

	mistake_name(&mistake->name, out);
	if (!tokens_copy(at, value_length(mistake, at), value, sizeof(value)))
		return mistake_say(out, mistake->token.line,
				   "text is in double quotes");
	return mistake_say(out, mistake->token.line,
			   "text is in double quotes: \"%s\"", value);
}

/* The length of a quote that is none of libconfig; 0: it is something else. */
static size_t
odd_quote(const char *at)
{
	/* U+2018 to U+201F, and U+00AB and U+00BB */
	if (strncmp(at, "\xe2\x80", 2) == 0 && (unsigned char)at[2] >= 0x98 &&
	    (unsigned char)at[2] <= 0x9f)
		return 3;
	if (strncmp(at, "\xc2\xab", 2) == 0 || strncmp(at, "\xc2\xbb", 2) == 0)
		return 2;
	return *at == '\'' || *at == '`';
}

bool
mistake_quotes(const struct mistake *mistake, struct explanation *out)
{
	const char *start = mistake->token.start;
	const char *end = start + odd_quote(start);
	const char *kind = *start == '\'' ? "single" :
			   *start == '`'  ? "back" :
					    "curly";
	char value[VALUE_SIZE];

	if (mistake->token.kind != TOKEN_OTHER || end == start)
		return false;
	start = end;
	while (!strchr("\"\r\n", *end) && !odd_quote(end))
		end++;
	mistake_name(&mistake->name, out);
	if (mistake_wants_value(mistake) && *end != '\0' && *end != '\n' &&
	    tokens_copy(start, (size_t)(end - start), value, sizeof(value)))
		return mistake_say(
			out, mistake->token.line,
			"text is in straight double quotes, not in %s "
			"quotes: \"%s\"",
			kind, value);
	return mistake_say(
		out, mistake->token.line,
		"text is in straight double quotes, not in %s quotes", kind);
}

static const struct unit {
	const char *names; /* each after a space */
	double factor;
} sizes[] = {
	{ " k kb kib", 1024 },
	{ " m mb mib", 1 << 20 },
	{ " g gb gib", 1 << 30 },
	{ " b bytes", 1 },
	{ NULL, 0 },
}, times[] = {
	{ " ms", 0.001 },
	{ " s sec secs second seconds", 1 },
	{ " m min minute minutes", 60 },
	{ " h hour hours", 3600 },
	{ " d day days", 86400 },
	{ NULL, 0 },
};

/* What the unit stands for; 0: unknown. */
static double
factor_of(const struct unit *unit, const struct token *word)
{
	for (; unit->names; unit++)
		for (const char *at = unit->names; *at; at++)
			if (*at == ' ' &&
			    strncasecmp(at + 1, word->start, word->length) ==
				    0 &&
			    strchr(" ", at[1 + word->length]))
				return unit->factor;
	return 0;
}

/* The first one of that name: those in other groups are of the same kind. */
static const struct schema_option *
find_option(const struct token *name)
{
	for (size_t i = 0; i < schema_option_count; i++)
		if (name->kind == TOKEN_NAME &&
		    strlen(schema_options[i].name) == name->length &&
		    memcmp(schema_options[i].name, name->start, name->length) ==
			    0)
			return &schema_options[i];
	return NULL;
}

/* The number that the setting needs, or 0: not known. */
static double
convert(const struct token *number, const struct token *word,
	const struct token *name)
{
	const struct schema_option *option = find_option(name);
	bool seconds = option && option->type == &type_seconds;
	double most = option ? option->maximum : INT32_MAX;
	double value = strtod(number->start, NULL);
	double size = seconds ? 0 : value * factor_of(sizes, word);
	double time = value * factor_of(times, word);

	if (strspn(number->start, "0123456789.") < number->length)
		return 0;
	if (size > 0 && size <= most)
		return size;
	return time <= most && (seconds || time >= 1) ? time : 0;
}

/* "64k;" is a number, and the name of a setting with no equals sign. */
bool
mistake_unit(const struct mistake *mistake, struct explanation *out)
{
	bool is_name = mistake->place == PLACE_EQUALS;
	const struct token *word = is_name ? &mistake->before[0] :
					     &mistake->token;
	const struct token *number = &mistake->before[is_name];
	const struct token *name = is_name ? &mistake->previous :
					     &mistake->name;
	double value;

	if ((!is_name && mistake->place != PLACE_MORE) ||
	    number->kind != TOKEN_NUMBER || word->line != number->line ||
	    (word->kind != TOKEN_NAME && !mistake_is_other(word, "%") &&
	     !mistake_is_other(word, "_")))
		return false;
	value = word->kind == TOKEN_NAME ? convert(number, word, name) : 0;
	if (!token_touches(number, word) && value == 0)
		return false;
	mistake_name(name, out);
	if (value > 0)
		return mistake_say(out, number->line,
				   "a number has no unit: write %.15g", value);
	return mistake_say(out, number->line,
			   "%.*s is no number; it has digits only, or 0x and "
			   "hexadecimal digits",
			   (int)strcspn(number->start, " \t\r\n;,)]}") % 64,
			   number->start);
}

bool
mistake_missing_value(const struct mistake *mistake, struct explanation *out)
{
	const struct token *before = &mistake->before[0];
	const struct token *token = &mistake->token;

	if (mistake_in_list(mistake) && mistake_wants_value(mistake) &&
	    token_is(token, ','))
		return mistake_say(out, token->line,
				   "a value is missing before the comma");
	if (mistake->place != PLACE_VALUE || !mistake_sets(before))
		return false;
	mistake_name(&mistake->name, out);
	if (mistake_sets(token) && token_touches(before, token))
		return mistake_say(out, token->line, "one = is enough");
	if (token_is(token, ';') || token_is(token, ',') ||
	    token_is(token, '}') || token->kind == TOKEN_END ||
	    (token->first && mistake_begins_setting(mistake)))
		return mistake_say(out, before->line, "the value is missing");
	*out->setting = '\0';
	return false;
}

bool
mistake_boolean_word(const struct mistake *mistake, struct explanation *out)
{
	static const char *const words[] = {
		"yes", "on", "enabled", "no", "off", "disabled", "y", "n"
	};
	const struct token *token = &mistake->token;

	if (!mistake_wants_value(mistake) || token->kind != TOKEN_NAME)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		bool on = i < 3 || i == 6;

		if (token->length != strlen(words[i]) ||
		    strncasecmp(token->start, words[i], token->length) != 0)
			continue;
		mistake_name(&mistake->name, out);
		return mistake_say(
			out, token->line,
			"%.*s is no value: write %s, or \"%.*s\" if it is "
			"text",
			(int)token->length, token->start, on ? "true" : "false",
			(int)token->length, token->start);
	}
	return false;
}

/* A value that is text: a word, or an address. */
bool
mistake_bare_text(const struct mistake *mistake, struct explanation *out)
{
	const struct token *token = &mistake->token;

	/* [::1]:7 is no list. */
	if (mistake->bracket.mark == '[' && token_is(token, ':')) {
		struct mistake outer = *mistake;

		outer.bracket.mark = '\0';
		return say_quotes(&outer, mistake->bracket.start, out);
	}
	if (mistake_wants_value(mistake) &&
	    (token->kind == TOKEN_NAME || token->kind == TOKEN_OTHER ||
	     token_is(token, ':')))
		return say_quotes(mistake, token->start, out);
	/* 10.0.0.1 is two numbers. */
	if (mistake->place == PLACE_MORE &&
	    mistake->before[0].kind == TOKEN_NUMBER &&
	    (token->kind != TOKEN_MARK || token_is(token, ':')) &&
	    token->kind != TOKEN_STRING &&
	    token_touches(&mistake->before[0], token))
		return say_quotes(mistake, mistake->value, out);
	return false;
}
