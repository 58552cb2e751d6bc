/*
 * mistakes_values: those of the mistakes that are about a value, and what all
 * explanations need.  Pure.  For config/mistakes.c only.
 */
#ifndef ECHOD_CONFIG_MISTAKES_VALUES_H
#define ECHOD_CONFIG_MISTAKES_VALUES_H

#include <stdbool.h>

#include "config/mistakes.h"

/* Sets the line and the reason; always true. */
bool mistake_say(struct explanation *out, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The error is about that setting, if it is one. */
void mistake_name(const struct token *name, struct explanation *out);

/* The syntax needs a value; the innermost bracket is one of a list. */
bool mistake_wants_value(const struct mistake *mistake);
bool mistake_in_list(const struct mistake *mistake);

/* True for TOKEN_OTHER with these bytes. */
bool mistake_is_other(const struct token *token, const char *bytes);

/* The token after the one that is wrong. */
struct token mistake_peek(const struct mistake *mistake);

/* True for = and :. */
bool mistake_sets(const struct token *token);

/* The token is a name, and = or : follows it. */
bool mistake_begins_setting(const struct mistake *mistake);

/*
 * Each sets `out`, or returns false if the mistake is another one: quotes that
 * are not double quotes, "64k", no value, "yes", and text without quotes.
 */
bool mistake_quotes(const struct mistake *mistake, struct explanation *out);
bool mistake_unit(const struct mistake *mistake, struct explanation *out);
bool mistake_missing_value(const struct mistake *mistake,
			   struct explanation *out);
bool mistake_boolean_word(const struct mistake *mistake,
			  struct explanation *out);
bool mistake_bare_text(const struct mistake *mistake, struct explanation *out);

#endif
