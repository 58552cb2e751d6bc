/*
 * tokens: splits the text of a configuration file into the tokens of
 * libconfig, each with its line.  Pure.
 *
 * What libconfig has no token for becomes a token too, so that an error can
 * name it: a string or a comment that is not closed, and any other character.
 */
#ifndef ECHOD_CONFIG_TOKENS_H
#define ECHOD_CONFIG_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
	TOKEN_END, /* of the text; its length is 0 */
	TOKEN_NAME,
	TOKEN_BOOLEAN, /* true or false */
	TOKEN_NUMBER,
	TOKEN_STRING, /* with its quotes */
	TOKEN_MARK,   /* one of = : , ; { } ( ) [ ] */
	/* Up to the end of the text: */
	TOKEN_OPEN_STRING,
	TOKEN_OPEN_COMMENT,
	TOKEN_OTHER, /* one character in UTF-8, or one byte */
};

struct token {
	enum token_kind kind;
	const char *start; /* in the text, borrowed */
	size_t length;
	int line;      /* of its first byte, from 1 */
	int last_line; /* of its last byte */
	bool first;    /* the first token in its line */
};

/* The position in the text. */
struct tokens {
	const char *at;
	const char *end;
	int line;
	bool line_start; /* no token since the line began */
};

/* The text is borrowed.  It must have a NUL at `length`, and none before. */
void tokens_start(struct tokens *tokens, const char *text, size_t length);

/* The next token; comments are skipped.  At the end always TOKEN_END. */
struct token tokens_next(struct tokens *tokens);

/* True for TOKEN_MARK with this character. */
bool token_is(const struct token *token, char mark);

/*
 * For errors: copies text that can be between the quotes of a string as it is.
 * False: it does not fit, or has quotes, backslashes, control characters or
 * bytes that are not UTF-8.
 */
bool tokens_copy(const char *start, size_t length, char *text, size_t size);

/* True if nothing is between the two. */
bool token_touches(const struct token *token, const struct token *next);

#endif
