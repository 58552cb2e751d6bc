#include "base/log_line.h"

#include <string.h>

static bool
is_key_byte(char c, bool first)
{
	return (c >= 'a' && c <= 'z') ||
	       (!first && ((c >= '0' && c <= '9') || c == '_' || c == '.'));
}

/* The length of the KEY of "KEY=..." at `text`, or 0. */
static size_t
key_length(const char *text)
{
	size_t length = 0;

	while (is_key_byte(text[length], length == 0))
		length++;
	return text[length] == '=' ? length : 0;
}

/* The end of the word at `text`: a space, the colon of a cause, or the end. */
static const char *
word_end(const char *text)
{
	while (*text && *text != ' ' && !(text[0] == ':' && text[1] == ' '))
		text++;
	return text;
}

static struct log_span
span(const char *start, const char *end)
{
	return (struct log_span){ start, (size_t)(end - start) };
}

struct log_line
log_line_split(const char *text)
{
	struct log_line line = { 0 };
	const char *end = word_end(text);
	const char *pairs;

	while (*end == ' ' && key_length(end + 1) == 0)
		end = word_end(end + 1);
	line.sentence = span(text, end);
	pairs = end;
	while (*end == ' ' && key_length(end + 1) > 0)
		end = word_end(end + 1);
	line.pairs = span(pairs, end);
	if (*end == ':')
		line.cause = span(end + 2, end + strlen(end));
	else if (*end == ' ')
		line = (struct log_line){ .sentence = span(
						  text, text + strlen(text)) };
	return line;
}

bool
log_line_next(struct log_span *pairs, struct log_pair *pair)
{
	const char *end = pairs->start + pairs->length;
	const char *key, *value;

	if (pairs->length == 0)
		return false;
	key = pairs->start + 1;
	value = key + key_length(key) + 1;
	pair->key = span(key, value - 1);
	while (value < end && *value != ' ')
		value++;
	pair->value = span(pair->key.start + pair->key.length + 1, value);
	*pairs = span(value, end);
	return true;
}
