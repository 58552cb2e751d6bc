#include "echo/template.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum source {
	FROM_PARAMS,
	FROM_ENVIRONMENT, /* the rest of the name is the variable */
	FROM_VALUES,
};

struct name {
	const char *text;
	enum source source;
	bool tls;	 /* known with TLS only */
	uint16_t most;	 /* bytes of a value */
	uint16_t offset; /* in params or values */
};

#define PARAM(member) 0, offsetof(struct template_params, member)
#define VALUE(most, member) (most), offsetof(struct template_values, member)

/* In the order of the manual. */
static const struct name names[] = {
	{ "host", FROM_PARAMS, false, PARAM(host) },
	{ "listener", FROM_PARAMS, false, PARAM(listener) },
	{ "peer", FROM_VALUES, false, VALUE(TEMPLATE_ADDRESS_MAX, peer) },
	{ "local", FROM_VALUES, false, VALUE(TEMPLATE_ADDRESS_MAX, local) },
	{ "conn", FROM_VALUES, false, VALUE(20, conn) },
	{ "ttl", FROM_VALUES, false, VALUE(3, ttl) },
	{ "dscp", FROM_VALUES, false, VALUE(3, dscp) },
	{ "ecn", FROM_VALUES, false, VALUE(7, ecn) },
	{ "time", FROM_VALUES, false, VALUE(TEMPLATE_TIME_LENGTH, time) },
	{ "env:", FROM_ENVIRONMENT, false, 0, 0 },
	{ "tls.version", FROM_VALUES, true, VALUE(15, tls_version) },
	{ "tls.sni", FROM_VALUES, true, VALUE(TEMPLATE_TEXT_MAX, tls_sni) },
	{ "tls.cn", FROM_VALUES, true, VALUE(TEMPLATE_TEXT_MAX, tls_cn) },
};

#define NAMES (sizeof(names) / sizeof(names[0]))

/*
 * The code is literal text, except for a NUL, which no string contains: the
 * byte after it is the index of a name in the table.
 */
#define MARK '\0'

struct template
{
	size_t length; /* of the code */
	bool constant;
	char code[];
};

/* Literal text, or a name. */
struct piece {
	const struct name *name; /* NULL: none */
	const char *bytes;	 /* in the text */
	size_t length;
};

static const char *
string_at(const void *structure, size_t offset)
{
	return *(const char *const *)((const char *)structure + offset);
}

static const struct name *
find(const char *text, size_t length)
{
	for (size_t i = 0; i < NAMES; i++) {
		size_t known = strlen(names[i].text);

		if (names[i].source == FROM_ENVIRONMENT ? length > known :
							  length == known)
			if (memcmp(names[i].text, text, known) == 0)
				return &names[i];
	}
	return NULL;
}

static const char *
unknown(const struct piece *piece, char *reason, size_t size)
{
	size_t used = (size_t)snprintf(
		reason, size, "\"%.*s\" is not known; there are",
		piece->length > 40 ? 40 : (int)piece->length, piece->bytes);

	for (size_t i = 0; i < NAMES && used < size; i++)
		used += (size_t)snprintf(
			reason + used, size - used, "%s %%{%s%s}",
			i == 0	       ? "" :
			i == NAMES - 1 ? " and" :
					 ",",
			names[i].text,
			names[i].source == FROM_ENVIRONMENT ? "NAME" : "");
	return reason;
}

/* Finds the piece at the start of `text`; returns NULL, or the reason. */
static const char *
next_piece(const char *text, struct piece *piece, char *reason, size_t size)
{
	const char *brace = strstr(text, "%{");
	const char *end;

	piece->name = NULL;
	piece->bytes = text;
	piece->length = brace ? (size_t)(brace - text) : strlen(text);
	if (piece->length > 0 || !brace)
		return NULL;

	end = strchr(text, '}');
	if (!end) {
		snprintf(reason, size, "\"%.40s\" lacks its \"}\"", text);
		return reason;
	}
	piece->length = (size_t)(end + 1 - text);
	piece->name = find(text + 2, piece->length - 3);
	return piece->name ? NULL : unknown(piece, reason, size);
}

const char *
template_check(const char *text, char *reason, size_t size)
{
	struct piece piece;

	for (; *text; text += piece.length)
		if (next_piece(text, &piece, reason, size))
			return reason;
	return NULL;
}

/* A template that is being compiled. */
struct compiler {
	const struct template_params *params;
	char *reason;
	size_t size;	    /* of the reason */
	bool out_of_memory; /* then there is no reason */
	bool constant;
	size_t length; /* of the code, at most `most` */
	size_t most;   /* the longest expansion */
	char code[TEMPLATE_MAX];
};

/* Appends code that expands to at most `most` bytes. */
static bool
append(struct compiler *compiler, const char *code, size_t length, size_t most)
{
	if (most > TEMPLATE_MAX - compiler->most) {
		snprintf(compiler->reason, compiler->size,
			 "it can expand to more than %d bytes", TEMPLATE_MAX);
		return false;
	}
	memcpy(compiler->code + compiler->length, code, length);
	compiler->length += length;
	compiler->most += most;
	return true;
}

static bool
append_literal(struct compiler *compiler, const char *bytes, size_t length)
{
	return append(compiler, bytes, length, length);
}

static bool
append_environment(struct compiler *compiler, const struct piece *piece)
{
	size_t skip = strlen("%{env:");
	char *name = strndup(piece->bytes + skip, piece->length - skip - 1);
	const struct template_params *params = compiler->params;
	const char *value = name ? params->environment(params->owner, name) :
				   NULL;

	if (!name)
		compiler->out_of_memory = true;
	else if (!value)
		snprintf(compiler->reason, compiler->size,
			 "%%{env:%.40s}: the environment has no such variable",
			 name);
	free(name);
	return value && append_literal(compiler, value, strlen(value));
}

static bool
append_name(struct compiler *compiler, const struct piece *piece)
{
	const struct name *name = piece->name;
	const char code[2] = { MARK, (char)(name - names) };
	const char *value;

	switch (name->source) {
	case FROM_ENVIRONMENT:
		return append_environment(compiler, piece);
	case FROM_PARAMS:
		value = string_at(compiler->params, name->offset);
		return append_literal(compiler, value, strlen(value));
	case FROM_VALUES:
		break;
	}
	if (name->tls && !compiler->params->tls) {
		snprintf(compiler->reason, compiler->size, "%%{%s} needs tls",
			 name->text);
		return false;
	}
	compiler->constant = false;
	return append(compiler, code, sizeof(code), name->most);
}

static bool
compile(struct compiler *compiler, const char *text)
{
	struct piece piece;
	bool done = true;

	for (; *text && done; text += piece.length) {
		if (next_piece(text, &piece, compiler->reason, compiler->size))
			return false;
		done = piece.name ? append_name(compiler, &piece) :
				    append_literal(compiler, piece.bytes,
						   piece.length);
	}
	return done;
}

const char *
template_compile(const char *text, const struct template_params *params,
		 struct template **template, char *reason, size_t size)
{
	struct compiler compiler = {
		.params = params,
		.reason = reason,
		.size = size,
		.constant = true,
	};

	*template = NULL;
	if (!compile(&compiler, text))
		return compiler.out_of_memory ? NULL : reason;
	*template = malloc(sizeof(**template) + compiler.length);
	if (*template) {
		(*template)->length = compiler.length;
		(*template)->constant = compiler.constant;
		memcpy((*template)->code, compiler.code, compiler.length);
	}
	return NULL;
}

void
template_free(struct template *template)
{
	free(template);
}

bool
template_equal(const struct template *a, const struct template *b)
{
	return a->length == b->length &&
	       memcmp(a->code, b->code, a->length) == 0;
}

const char *
template_constant(const struct template *template, size_t *length)
{
	if (!template->constant)
		return NULL;
	*length = template->length;
	return template->code;
}

/* The next mark, or the end. */
static const char *
next_mark(const char *code, const char *end)
{
	const char *mark = memchr(code, MARK, (size_t)(end - code));

	return mark ? mark : end;
}

bool
template_uses(const struct template *template, size_t offset)
{
	const char *end = template->code + template->length;
	const char *at = next_mark(template->code, end);

	for (; at < end; at = next_mark(at + 2, end))
		if (names[(size_t)at[1]].offset == offset)
			return true;
	return false;
}

/* Writes a byte of a value, escaped if necessary; returns the length. */
static size_t
escape(unsigned char byte, char out[4])
{
	static const char digits[] = "0123456789abcdef";

	if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
		out[0] = (char)byte;
		return 1;
	}
	out[0] = '\\';
	out[1] = 'x';
	out[2] = digits[byte >> 4];
	out[3] = digits[byte & 0xf];
	return 4;
}

static size_t
put_text(const char *value, size_t most, char *out)
{
	static const char cut[] = "...";
	const size_t cut_length = sizeof(cut) - 1;
	size_t used = 0;
	size_t kept = 0; /* the length to cut to */

	for (; *value; value++) {
		char escaped[4];
		size_t length = escape((unsigned char)*value, escaped);

		if (length > most - used) {
			memcpy(out + kept, cut, cut_length);
			return kept + cut_length;
		}
		memcpy(out + used, escaped, length);
		used += length;
		if (used + cut_length <= most)
			kept = used;
	}
	return used;
}

static size_t
put_value(const struct name *name, const struct template_values *values,
	  char *out)
{
	const char *value = string_at(values, name->offset);

	if (value)
		return put_text(value, name->most, out);
	if (name->offset != offsetof(struct template_values, time))
		return 0;
	memset(out, '\0', TEMPLATE_TIME_LENGTH);
	return TEMPLATE_TIME_LENGTH;
}

size_t
template_expand(const struct template *template,
		const struct template_values *values, char out[TEMPLATE_MAX])
{
	const char *at = template->code;
	const char *end = at + template->length;
	size_t used = 0;

	while (at < end) {
		const char *mark = next_mark(at, end);

		memcpy(out + used, at, (size_t)(mark - at));
		used += (size_t)(mark - at);
		if (mark == end)
			break;

		used += put_value(&names[(size_t)mark[1]], values, out + used);
		at = mark + 2;
	}
	return used;
}
