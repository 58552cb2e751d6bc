#include "config/syntax.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "config/mistakes.h"

struct parser {
	struct tokens tokens;
	struct mistake mistake; /* up to date at each token */
	struct syntax_bracket brackets[SYNTAX_DEPTH_MAX + 1];
	size_t depth;
	unsigned settings;
	struct error_list *errors;
};

static char
closing(char mark)
{
	switch (mark) {
	case '(':
		return ')';
	case '[':
		return ']';
	default:
		return '}';
	}
}

static bool
refuse(struct parser *parser, const char *setting, int line, const char *reason)
{
	error_add(parser->errors, line, setting, "%s", reason);
	return false;
}

static bool
refuse_token(struct parser *parser)
{
	struct mistake *mistake = &parser->mistake;
	struct explanation why;

	mistake->bracket = parser->brackets[parser->depth];
	mistake->rest = parser->tokens;
	mistakes_explain(mistake, &why);
	return refuse(parser, *why.setting ? why.setting : NULL, why.line,
		      why.reason);
}

static bool
count_setting(struct parser *parser)
{
	char reason[64];

	if (++parser->settings <= SYNTAX_SETTINGS_MAX)
		return true;
	snprintf(reason, sizeof(reason), "more than %d settings",
		 SYNTAX_SETTINGS_MAX);
	return refuse(parser, NULL, parser->mistake.token.line, reason);
}

static bool
expect(struct parser *parser, enum syntax_place place)
{
	parser->mistake.place = place;
	return true;
}

static bool
open_bracket(struct parser *parser)
{
	const struct token *token = &parser->mistake.token;
	char reason[64];

	if (parser->depth == SYNTAX_DEPTH_MAX) {
		snprintf(reason, sizeof(reason), "nested more than %d deep",
			 SYNTAX_DEPTH_MAX);
		return refuse(parser, NULL, token->line, reason);
	}
	parser->brackets[++parser->depth] = (struct syntax_bracket){
		.mark = *token->start,
		.line = token->line,
		.start = token->start,
		.name = parser->mistake.name,
	};
	return expect(parser,
		      *token->start == '{' ? PLACE_SETTING : PLACE_ITEM);
}

/* The token is the end of the innermost bracket. */
static bool
closes(const struct parser *parser)
{
	char mark = parser->brackets[parser->depth].mark;

	return mark && token_is(&parser->mistake.token, closing(mark));
}

static bool
close_bracket(struct parser *parser)
{
	parser->mistake.name = parser->brackets[parser->depth--].name;
	return expect(parser, PLACE_MORE);
}

static bool
take_setting(struct parser *parser)
{
	const struct token *token = &parser->mistake.token;
	char mark = parser->brackets[parser->depth].mark;

	if (token->kind == TOKEN_NAME) {
		parser->mistake.previous = parser->mistake.name;
		parser->mistake.name = *token;
		return expect(parser, PLACE_EQUALS);
	}
	if (mark == '{' && closes(parser))
		return close_bracket(parser);
	if (token->kind == TOKEN_END && parser->depth == 0)
		return true;
	return refuse_token(parser);
}

static bool
take_equals(struct parser *parser)
{
	const struct token *token = &parser->mistake.token;

	if (!token_is(token, '=') && !token_is(token, ':'))
		return refuse_token(parser);
	return count_setting(parser) && expect(parser, PLACE_VALUE);
}

static bool
take_value(struct parser *parser)
{
	const struct token *token = &parser->mistake.token;
	bool in_array = parser->brackets[parser->depth].mark == '[';

	if (parser->mistake.place == PLACE_ITEM && closes(parser))
		return close_bracket(parser);
	parser->mistake.value = token->start;
	if (token->kind == TOKEN_STRING || token->kind == TOKEN_NUMBER ||
	    token->kind == TOKEN_BOOLEAN)
		return expect(parser, PLACE_MORE);
	if (!in_array && (token_is(token, '{') || token_is(token, '(') ||
			  token_is(token, '[')))
		return open_bracket(parser);
	return refuse_token(parser);
}

static bool
take_more(struct parser *parser)
{
	const struct token *token = &parser->mistake.token;
	char mark = parser->brackets[parser->depth].mark;

	/* Strings that follow one another are joined. */
	if (token->kind == TOKEN_STRING &&
	    parser->mistake.before[0].kind == TOKEN_STRING)
		return true;
	if (mark == '(' || mark == '[') {
		if (closes(parser))
			return close_bracket(parser);
		return token_is(token, ',') ?
			       count_setting(parser) &&
				       expect(parser, PLACE_VALUE) :
			       refuse_token(parser);
	}
	/* libconfig does not insist on the semicolon. */
	if (token_is(token, ';'))
		return expect(parser, PLACE_SETTING);
	if (token_is(token, ','))
		return count_setting(parser) && expect(parser, PLACE_SETTING);
	return take_setting(parser);
}

static bool
take_token(struct parser *parser)
{
	switch (parser->mistake.place) {
	case PLACE_SETTING:
		return take_setting(parser);
	case PLACE_EQUALS:
		return take_equals(parser);
	case PLACE_ITEM:
	case PLACE_VALUE:
		return take_value(parser);
	default:
		return take_more(parser);
	}
}

static bool
is_text(const char *text, size_t length, struct error_list *errors)
{
	const char *nul = memchr(text, '\0', length);
	int line = 1;

	if (!nul)
		return true;
	for (const char *at = text; at < nul; at++)
		line += *at == '\n';
	if (length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 ||
			    memcmp(text, "\xfe\xff", 2) == 0))
		error_add(errors, line, NULL,
			  "this is UTF-16: save the file as UTF-8");
	else
		error_add(errors, line, NULL,
			  "a NUL byte: this is not a text file");
	return false;
}

size_t
syntax_mark_length(const char *text, size_t length)
{
	return length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* A string that ends in another line and has a setting in it. */
static void
note_string(struct mistake *mistake)
{
	const struct token *token = &mistake->token;

	if (token->kind == TOKEN_STRING && token->last_line > token->line &&
	    memchr(token->start, '=', token->length) &&
	    mistake->long_string.kind == TOKEN_END)
		mistake->long_string = *token;
}

bool
syntax_check(const char *text, size_t length, struct error_list *errors)
{
	struct parser parser = { .errors = errors };
	struct mistake *mistake = &parser.mistake;
	bool done;

	if (!is_text(text, length, errors))
		return false;
	mistake->text = text;
	mistake->length = length;
	tokens_start(&parser.tokens, text, length);
	do {
		mistake->before[1] = mistake->before[0];
		mistake->before[0] = mistake->token;
		mistake->token = tokens_next(&parser.tokens);
		note_string(mistake);
		done = take_token(&parser);
	} while (done && mistake->token.kind != TOKEN_END);
	return done;
}
