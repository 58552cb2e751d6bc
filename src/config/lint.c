#include "config/lint.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/syntax.h"
#include "config/tokens.h"
#include "config/types_mode.h"

/* A setting; small, because the stack cannot grow if memory is out. */
struct name {
	const char *start;
	unsigned length;
	int line;
};

struct scan {
	char setting[64]; /* the last name */
	struct name name; /* the same */
	/* Settings of the open groups, and the first of each depth. */
	struct name names[SYNTAX_SETTINGS_MAX];
	size_t name_count;
	size_t first[SYNTAX_DEPTH_MAX + 1];
	size_t depth;
	struct error_list *errors;
};

#define FLAW(scan, token, ...) \
	error_add((scan)->errors, (token)->line, (scan)->setting, __VA_ARGS__)

/* libconfig ends the string there. */
static void
check_string(const struct scan *scan, const struct token *token)
{
	struct token place = *token;

	for (size_t i = 1; i + 1 < token->length; i++) {
		const char *at = token->start + i;

		place.line += *at == '\n';
		if (*at != '\\')
			continue;
		if (strncmp(at, "\\x00", 4) == 0 ||
		    strncmp(at, "\\X00", 4) == 0)
			FLAW(scan, &place, "\\x00: a string cannot hold a NUL");
		i++;
		place.line += at[1] == '\n';
	}
}

static void
check_integer(const struct scan *scan, const struct token *token,
	      const char *number)
{
	const char *digits = number + (*number == '-' || *number == '+');
	bool hex = digits[0] == '0' && (digits[1] | 0x20) == 'x';
	unsigned long long value;
	char reason[80];

	if (!hex && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') {
		/* The one setting that is octal; it is a string. */
		if (strcmp(scan->setting, "mode") == 0)
			FLAW(scan, token, "%s",
			     type_mode_reason(number, reason, sizeof(reason)));
		else
			FLAW(scan, token,
			     "%s: a leading zero: write it without", number);
		return;
	}
	errno = 0;
	value = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno == ERANGE || value > INT32_MAX)
		FLAW(scan, token, "%s: this integer is too large", number);
}

static void
check_number(const struct scan *scan, const struct token *token)
{
	char copy[64];

	if (token->length >= sizeof(copy)) {
		FLAW(scan, token, "%.20s...: this number is too long",
		     token->start);
		return;
	}
	memcpy(copy, token->start, token->length);
	copy[token->length] = '\0';
	/* Digits of a hexadecimal number can include e. */
	if (!strpbrk(copy, strpbrk(copy, "xX") ? "." : ".eE"))
		check_integer(scan, token, copy);
}

static void
take_name(struct scan *scan, const struct token *token)
{
	size_t length = token->length;

	scan->name =
		(struct name){ token->start, (unsigned)length, token->line };
	if (length >= sizeof(scan->setting))
		length = sizeof(scan->setting) - 1;
	memcpy(scan->setting, token->start, length);
	scan->setting[length] = '\0';
}

static void
take_setting(struct scan *scan)
{
	struct name name = scan->name;

	for (size_t i = scan->first[scan->depth]; i < scan->name_count; i++) {
		const struct name *other = &scan->names[i];

		if (other->length != name.length ||
		    memcmp(other->start, name.start, name.length) != 0)
			continue;
		FLAW(scan, &name, "set twice, first in line %d", other->line);
		return;
	}
	scan->names[scan->name_count++] = name;
}

static void
take_mark(struct scan *scan, const struct token *token)
{
	switch (*token->start) {
	case '=':
	case ':':
		take_setting(scan);
		break;
	case '{':
	case '(':
	case '[':
		scan->first[++scan->depth] = scan->name_count;
		break;
	case '}':
	case ')':
	case ']':
		scan->name_count = scan->first[scan->depth--];
		break;
	}
}

void
lint_check(const char *text, size_t length, struct error_list *errors)
{
	struct scan scan = { .name.start = text, .errors = errors };
	struct tokens tokens;
	struct token token;

	tokens_start(&tokens, text, length);
	for (token = tokens_next(&tokens); token.kind != TOKEN_END;
	     token = tokens_next(&tokens)) {
		if (token.kind == TOKEN_NAME)
			take_name(&scan, &token);
		else if (token.kind == TOKEN_NUMBER)
			check_number(&scan, &token);
		else if (token.kind == TOKEN_STRING)
			check_string(&scan, &token);
		else if (token.kind == TOKEN_MARK)
			take_mark(&scan, &token);
	}
}
