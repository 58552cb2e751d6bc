#include "config/mistakes.h"

#include <stdio.h>
#include <string.h>

#include "config/formats.h"
#include "config/mistakes_values.h"
#include "config/schema.h"

/* A pattern: false if the mistake is another one. */
typedef bool pattern(const struct mistake *mistake, struct explanation *out);

static bool
foreign_format(const struct mistake *mistake, struct explanation *out)
{
	struct format format;

	return formats_find(mistake->text, &format) &&
	       mistake_say(out, format.line,
			   "this is %s; in the syntax of echod.conf(5)%s this "
			   "line is: %s",
			   format.name,
			   format.is_json ?
				   " there is no { } around all settings, and" :
				   "",
			   format.step);
}

/*
 * A quote is missing above: the string that it would have closed has a setting
 * in it.
 */
static bool
long_string(const struct mistake *mistake, struct explanation *out)
{
	const struct token *string = &mistake->long_string;

	return string->kind == TOKEN_STRING &&
	       mistake_say(out, string->line,
			   "this string is not closed in its line");
}

static bool
not_closed(const struct mistake *mistake, struct explanation *out)
{
	if (mistake->token.kind == TOKEN_OPEN_COMMENT)
		return mistake_say(out, mistake->token.line,
				   "this comment is not closed");
	if (mistake->token.kind != TOKEN_OPEN_STRING)
		return false;
	mistake_name(&mistake->name, out);
	return mistake_say(out, mistake->token.line,
			   "this string is not closed");
}

static bool
include(const struct mistake *mistake, struct explanation *out)
{
	return strncmp(mistake->token.start, "@include", 8) == 0 &&
	       mistake_say(out, mistake->token.line,
			   "@include is not supported");
}

/* Spaces that look like the one of ASCII, or like nothing. */
static bool
odd_space(const struct mistake *mistake, struct explanation *out)
{
	static const struct {
		const char *bytes;
		const char *reason;
	} spaces[] = {
		{ "\xc2\xa0", "a no-break space (U+00A0) is here: replace it "
			      "by a space" },
		{ "\xe2\x80\xaf", "a narrow no-break space (U+202F) is here: "
				  "replace it by a space" },
		{ "\xe3\x80\x80", "an ideographic space (U+3000) is here: "
				  "replace it by a space" },
		{ "\xe2\x80\x8b", "a zero-width space (U+200B) is here: "
				  "remove it" },
		{ "\xef\xbb\xbf", "a byte order mark (U+FEFF) is here: remove "
				  "it" },
	};

	for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++)
		if (mistake_is_other(&mistake->token, spaces[i].bytes))
			return mistake_say(out, mistake->token.line, "%s",
					   spaces[i].reason);
	return false;
}

/* A semicolon can end a setting of an earlier line, too. */
static bool
comment(const struct mistake *mistake, struct explanation *out)
{
	const struct token *mark = &mistake->token;

	if (mistake->place == PLACE_EQUALS)
		mark = &mistake->before[1];
	if (mistake->place != PLACE_SETTING && mistake->place != PLACE_EQUALS)
		return false;
	return token_is(mark, ';') && mark->first &&
	       mistake_say(out, mark->line,
			   "a comment begins with #, not with ;");
}

static bool
section(const struct mistake *mistake, struct explanation *out)
{
	struct token name = mistake_peek(mistake);
	char text[32];

	if (!token_is(&mistake->token, '[') || !mistake->token.first ||
	    mistake_wants_value(mistake) || name.kind != TOKEN_NAME ||
	    !tokens_copy(name.start, name.length, text, sizeof(text)))
		return false;
	if (!schema_is_group(false, text))
		return mistake_say(out, mistake->token.line,
				   "there are no sections: remove [%s]", text);
	return mistake_say(
		out, mistake->token.line,
		"[%s] begins no section; a group is %s = { NAME = VALUE; };",
		text, text);
}

static bool
leading_brace(const struct mistake *mistake, struct explanation *out)
{
	return token_is(&mistake->token, '{') &&
	       mistake->before[0].kind == TOKEN_END &&
	       mistake_say(out, mistake->token.line,
			   "there is no { } around all settings: remove this { "
			   "and the } at the end");
}

static bool
dash_item(const struct mistake *mistake, struct explanation *out)
{
	if (!mistake_is_other(&mistake->token, "-") || !mistake->token.first)
		return false;
	return mistake_say(
		out, mistake->token.line,
		"- begins no item; a list is NAME = [ \"A\", \"B\" ];");
}

static bool
trailing_comma(const struct mistake *mistake, struct explanation *out)
{
	const struct token *token = &mistake->token;

	if (!token_is(&mistake->before[0], ',') ||
	    !(token_is(token, ']') || token_is(token, ')')) ||
	    mistake->place != PLACE_VALUE)
		return false;
	return mistake_say(out, mistake->before[0].line,
			   "remove the comma before the %c", *token->start);
}

static bool
semicolon_in_list(const struct mistake *mistake, struct explanation *out)
{
	struct token next = mistake_peek(mistake);

	if (!mistake_in_list(mistake) || mistake->place != PLACE_MORE ||
	    !token_is(&mistake->token, ';') ||
	    !(next.kind == TOKEN_STRING || next.kind == TOKEN_NUMBER ||
	      token_is(&next, '{')))
		return false;
	mistake_name(&mistake->bracket.name, out);
	return mistake_say(out, mistake->token.line,
			   "a comma is between the values of a list, not ;");
}

/* A bracket that is not closed, or not open. */
static bool
brackets(const struct mistake *mistake, struct explanation *out)
{
	const struct token *token = &mistake->token;
	bool closing = token_is(token, ')') || token_is(token, ']') ||
		       token_is(token, '}');
	bool between = mistake->place == PLACE_SETTING ||
		       mistake->place == PLACE_MORE;
	int line = token->kind == TOKEN_END ? mistake->before[0].last_line :
					      token->line;

	if (mistake->bracket.mark == '\0')
		return closing && between &&
		       mistake_say(out, line, "this %c closes nothing",
				   *token->start);
	if (token->kind == TOKEN_END ||
	    (closing && (between || mistake_in_list(mistake))) ||
	    (mistake->bracket.mark == '{' && between && token_is(token, '{')) ||
	    (mistake_in_list(mistake) && between &&
	     (token_is(token, ';') || mistake_begins_setting(mistake))))
		return mistake_say(out, line, "the %c of line %d is not closed",
				   mistake->bracket.mark,
				   mistake->bracket.line);
	return false;
}

/* libconfig has two kinds of lists. */
static bool
group_in_array(const struct mistake *mistake, struct explanation *out)
{
	const struct token *token = &mistake->token;

	if (mistake->bracket.mark != '[' || !mistake_wants_value(mistake) ||
	    !(token_is(token, '{') || token_is(token, '(') ||
	      token_is(token, '[')))
		return false;
	mistake_name(&mistake->bracket.name, out);
	return mistake_say(out, mistake->bracket.line,
			   "a list of groups is in ( ), not in [ ]");
}

static bool
quoted_name(const struct mistake *mistake, struct explanation *out)
{
	const struct token *token = &mistake->token;
	struct token next = mistake_peek(mistake);

	return token->kind == TOKEN_STRING && mistake->place == PLACE_SETTING &&
	       mistake_sets(&next) &&
	       mistake_say(out, token->line, "a name has no quotes");
}

/* listen = "*:7", "*:8"; */
static bool
list_without_brackets(const struct mistake *mistake, struct explanation *out)
{
	const struct token *token = &mistake->token;

	if (mistake->place != PLACE_SETTING ||
	    !token_is(&mistake->before[0], ',') ||
	    (token->kind != TOKEN_STRING && token->kind != TOKEN_NUMBER))
		return false;
	mistake_name(&mistake->name, out);
	return mistake_say(
		out, token->line,
		"several values are a list: [ VALUE, VALUE ]%s",
		token->kind == TOKEN_NUMBER ? "; a number has no comma" : "");
}

/* The list of listeners without the braces of one of them. */
static bool
setting_in_list(const struct mistake *mistake, struct explanation *out)
{
	mistake_name(&mistake->name, out);
	if (mistake_in_list(mistake) && mistake_wants_value(mistake) &&
	    mistake_begins_setting(mistake))
		return mistake_say(out, mistake->token.line,
				   "settings in a list are in braces: "
				   "( { NAME = VALUE; } )");
	*out->setting = '\0';
	return false;
}

static size_t
name_length(const char *at)
{
	return strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			  "abcdefghijklmnopqrstuvwxyz_0123456789-");
}

/* The value of the setting that `name` begins, if it is short and simple. */
static bool
copy_value(const char *name, const struct mistake *mistake, char *text,
	   size_t size)
{
	struct tokens tokens = mistake->rest;
	struct token token;

	tokens.at = name;
	tokens_next(&tokens);
	token = tokens_next(&tokens);
	if (!mistake_sets(&token))
		return false;
	token = tokens_next(&tokens);
	if (token.kind == TOKEN_STRING)
		return tokens_copy(token.start + 1, token.length - 2, text + 1,
				   size - 2) &&
		       (*text = '"') && strcat(text, "\"");
	return (token.kind == TOKEN_NUMBER || token.kind == TOKEN_BOOLEAN) &&
	       tokens_copy(token.start, token.length, text, size);
}

/* log.level = "debug": the manual's name of a setting is none of the file. */
static bool
dotted_name(const struct mistake *mistake, struct explanation *out)
{
	const struct token *name = &mistake->before[0];
	char value[64] = "VALUE";
	const char *inner;

	if (mistake->place != PLACE_EQUALS)
		return false;
	inner = name->start + name->length + 1;
	if (inner[-1] != '.' || name_length(inner) == 0)
		return false;
	if (!copy_value(inner, mistake, value, sizeof(value)))
		strcpy(value, "VALUE");
	return mistake_say(out, name->line,
			   "a group is in braces: %.*s = { %.*s = %s; };",
			   (int)name->length % 64, name->start,
			   (int)name_length(inner) % 64, inner, value);
}

static bool
missing_equals(const struct mistake *mistake, struct explanation *out)
{
	if (mistake->place != PLACE_EQUALS)
		return false;
	mistake_name(&mistake->name, out);
	return mistake_say(
		out, mistake->before[0].line,
		"= is missing after the name; a setting is NAME = VALUE;");
}

static bool
begins_value(const struct token *token)
{
	return token->kind == TOKEN_STRING || token->kind == TOKEN_NUMBER ||
	       token->kind == TOKEN_BOOLEAN || token->kind == TOKEN_NAME ||
	       token_is(token, '{') || token_is(token, '(') ||
	       token_is(token, '[');
}

/* In the line of the value before, which can be an earlier one. */
static bool
missing_separator(const struct mistake *mistake, struct explanation *out)
{
	const struct token *before = &mistake->before[0];

	if (mistake->place != PLACE_MORE || !begins_value(&mistake->token))
		return false;
	mistake_name(&mistake->name, out);
	return mistake_in_list(mistake) ?
		       mistake_say(out, before->last_line,
				   "a comma is missing after this value") :
		       mistake_say(out, before->last_line,
				   "a semicolon is missing after the value");
}

/* The token, if nothing better is known. */
static bool
unexpected(const struct mistake *mistake, struct explanation *out)
{
	const struct token *token = &mistake->token;
	char text[16];

	if (token_is(token, ';') && mistake->place == PLACE_SETTING)
		return mistake_say(out, token->line, "one ; too many");
	if (tokens_copy(token->start, token->length, text, sizeof(text)))
		return mistake_say(
			out, token->line,
			"\"%s\" is not expected here; a setting is NAME = "
			"VALUE;",
			text);
	if (token->kind == TOKEN_OTHER)
		return mistake_say(
			out, token->line,
			"the byte 0x%02x is not expected here; a setting is "
			"NAME = VALUE;",
			(unsigned char)*token->start);
	return mistake_say(out, token->line,
			   "a setting is expected here: NAME = VALUE;");
}

void
mistakes_explain(const struct mistake *mistake, struct explanation *out)
{
	/* The first one that applies. */
	static pattern *const patterns[] = {
		foreign_format,
		long_string,
		not_closed,
		include,
		odd_space,
		mistake_quotes,
		comment,
		section,
		leading_brace,
		dash_item,
		trailing_comma,
		semicolon_in_list,
		brackets,
		group_in_array,
		setting_in_list,
		quoted_name,
		list_without_brackets,
		mistake_unit,
		mistake_missing_value,
		mistake_boolean_word,
		mistake_bare_text,
		dotted_name,
		missing_equals,
		missing_separator,
		unexpected,
	};

	*out = (struct explanation){ 0 };
	for (size_t i = 0; !patterns[i](mistake, out); i++)
		;
}
