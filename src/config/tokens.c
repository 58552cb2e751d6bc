#include "config/tokens.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"

void
tokens_start(struct tokens *tokens, const char *text, size_t length)
{
	*tokens = (struct tokens){ text, text + length, 1, true };
}

bool
token_is(const struct token *token, char mark)
{
	return token->kind == TOKEN_MARK && *token->start == mark;
}

bool
token_touches(const struct token *token, const struct token *next)
{
	return token->start + token->length == next->start;
}

bool
tokens_copy(const char *start, size_t length, char *text, size_t size)
{
	size_t at = 0;

	while (at < length) {
		unsigned char c = (unsigned char)start[at];
		size_t step = utf8_sequence(start + at, length - at);

		if (step == 0 || c == '"' || c == '\\' || c == '\0' ||
		    utf8_control(start + at) > 0)
			return false;
		at += step;
	}
	if (length >= size)
		return false;
	memcpy(text, start, length);
	text[length] = '\0';
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

static bool
is_name_char(char c)
{
	return is_name_start(c) || is_digit(c) || c == '_' || c == '-';
}

static bool
is_hex_digit(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The text ends with a NUL, so the byte at `end` can be read. */
static bool
ahead(const struct tokens *tokens, const char *what)
{
	return strncmp(tokens->at, what, strlen(what)) == 0;
}

static void
step(struct tokens *tokens)
{
	if (*tokens->at == '\n') {
		tokens->line++;
		tokens->line_start = true;
	}
	tokens->at++;
}

/* Past a comment, or not at all if there is none that is closed. */
static void
skip_comment(struct tokens *tokens)
{
	const char *close = ahead(tokens, "/*") ? strstr(tokens->at + 2, "*/") :
						  NULL;

	while (close && tokens->at < close + 2)
		step(tokens);
}

static void
skip_blanks(struct tokens *tokens)
{
	const char *before;

	do {
		before = tokens->at;
		tokens->at += strspn(tokens->at, " \t\r\f");
		if (*tokens->at == '#' || ahead(tokens, "//"))
			tokens->at += strcspn(tokens->at, "\n");
		while (*tokens->at == '\n')
			step(tokens);
		skip_comment(tokens);
	} while (tokens->at > before);
}

/* To the end of the text: the string or the comment is not closed. */
static enum token_kind
read_rest(struct tokens *tokens, enum token_kind kind)
{
	while (tokens->at < tokens->end)
		step(tokens);
	return kind;
}

static enum token_kind
read_string(struct tokens *tokens)
{
	step(tokens);
	while (tokens->at < tokens->end && *tokens->at != '"') {
		if (*tokens->at == '\\' && tokens->at + 1 < tokens->end)
			step(tokens);
		step(tokens);
	}
	if (tokens->at >= tokens->end)
		return TOKEN_OPEN_STRING;
	step(tokens);
	return TOKEN_STRING;
}

static size_t
count_digits(const char *at)
{
	return strspn(at, "0123456789");
}

/* Without digits an exponent is none. */
static size_t
count_exponent(const char *at)
{
	size_t sign = at[0] == 'e' || at[0] == 'E' ?
			      1 + (at[1] == '-' || at[1] == '+') :
			      0;
	size_t digits = sign ? count_digits(at + sign) : 0;

	return digits ? sign + digits : 0;
}

static size_t
count_hex(const char *at)
{
	size_t length = 2;

	if (at[0] != '0' || (at[1] != 'x' && at[1] != 'X'))
		return 0;
	while (is_hex_digit(at[length]))
		length++;
	return length > 2 ? length : 0;
}

static size_t
count_suffix(const char *at)
{
	return at[0] != 'L' ? 0 : at[1] == 'L' ? 2 : 1;
}

/* The length of the number at `start`; 0: none.  A dot alone is one. */
static size_t
count_number(const char *start)
{
	size_t hex = count_hex(start);
	const char *at = start;
	size_t digits;

	if (hex)
		return hex + count_suffix(start + hex);
	if (*at == '-' || *at == '+')
		at++;
	digits = count_digits(at);
	at += digits;
	if (*at == '.') {
		at += 1 + count_digits(at + 1);
		at += count_exponent(at);
	} else if (digits == 0) {
		return 0;
	} else if (count_exponent(at)) {
		at += count_exponent(at);
	} else {
		at += count_suffix(at);
	}
	return (size_t)(at - start);
}

static enum token_kind
read_word(struct tokens *tokens)
{
	const char *start = tokens->at;
	size_t length;

	while (is_name_char(*tokens->at))
		tokens->at++;
	length = (size_t)(tokens->at - start);
	return (length == 4 && strncasecmp(start, "true", 4) == 0) ||
			       (length == 5 &&
				strncasecmp(start, "false", 5) == 0) ?
		       TOKEN_BOOLEAN :
		       TOKEN_NAME;
}

static enum token_kind
read_token(struct tokens *tokens)
{
	size_t length = (size_t)(tokens->end - tokens->at);

	if (length == 0)
		return TOKEN_END;
	if (ahead(tokens, "/*"))
		return read_rest(tokens, TOKEN_OPEN_COMMENT);
	if (*tokens->at == '"')
		return read_string(tokens);
	if (is_name_start(*tokens->at))
		return read_word(tokens);
	if (strchr("=:,;{}()[]", *tokens->at)) {
		tokens->at++;
		return TOKEN_MARK;
	}
	if (count_number(tokens->at)) {
		tokens->at += count_number(tokens->at);
		return TOKEN_NUMBER;
	}
	length = utf8_sequence(tokens->at, length);
	tokens->at += length ? length : 1;
	return TOKEN_OTHER;
}

struct token
tokens_next(struct tokens *tokens)
{
	struct token token;

	skip_blanks(tokens);
	token = (struct token){
		.start = tokens->at,
		.line = tokens->line,
		.first = tokens->line_start,
	};
	token.kind = read_token(tokens);
	token.length = (size_t)(tokens->at - token.start);
	token.last_line = tokens->line;
	tokens->line_start = false;
	return token;
}
