#include "probe/backends.h"

#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By default uthash ends the process if memory is out. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->is_in_table = false)
/* The usual one has cases that fall through, of which clang warns. */
#define HASH_FUNCTION HASH_SAX
#include <uthash.h>

#include "base/utf8.h"

#define OTHER "other"
#define CLIENT "CLIENT"
#define DOTS "..."

struct entry {
	struct backend backend;
	/* The prefix that was found last, if it is not longer. */
	char prefix[BACKEND_NAME_SIZE];
	size_t prefix_length; /* SIZE_MAX: none */
	bool is_in_table;
	UT_hash_handle hh;
};

struct backends {
	regex_t expression;
	bool has_expression;
	struct entry entries[BACKENDS_MAX];
	size_t count;
	struct entry *table; /* by name */
	struct entry *other; /* NULL: not needed yet */
};

/* A part of the prefix: it has no NUL at its end, and can have some inside. */
struct part {
	const char *start;
	size_t length;
};

const char *
backends_new(const char *expression, struct backends **backends, char *reason,
	     size_t size)
{
	struct backends *new = calloc(1, sizeof(*new));
	int error;

	*backends = NULL;
	if (!new) {
		snprintf(reason, size, "%s", strerror(ENOMEM));
		return reason;
	}
	if (expression) {
		error = regcomp(&new->expression, expression, REG_EXTENDED);
		if (error) {
			regerror(error, &new->expression, reason, size);
			free(new);
			return reason;
		}
		new->has_expression = true;
	}
	*backends = new;
	return NULL;
}

void
backends_free(struct backends *backends)
{
	if (!backends)
		return;
	if (backends->has_expression)
		regfree(&backends->expression);
	HASH_CLEAR(hh, backends->table);
	free(backends);
}

/* ---- the part of the prefix that is the name */

static struct part
trim(struct part part)
{
	static const char spaces[] = " \t\r\n\v\f";
	const size_t count = sizeof(spaces) - 1;

	while (part.length > 0 && memchr(spaces, *part.start, count)) {
		part.start++;
		part.length--;
	}
	while (part.length > 0 &&
	       memchr(spaces, part.start[part.length - 1], count))
		part.length--;
	return part;
}

/* What the expression finds; `prefix` if that is nothing. */
static struct part
find_part(const struct backends *backends, struct part prefix)
{
	regmatch_t found[2] = { { .rm_so = 0,
				  .rm_eo = (regoff_t)prefix.length } };
	const regmatch_t *match;
	struct part part;

	/* REG_STARTEND: the end is known, so a NUL does not end the prefix. */
	if (!backends->has_expression ||
	    regexec(&backends->expression, prefix.start, 2, found,
		    REG_STARTEND) != 0)
		return trim(prefix);
	match = found[1].rm_so >= 0 ? &found[1] : &found[0];
	part.start = prefix.start + match->rm_so;
	part.length = (size_t)(match->rm_eo - match->rm_so);
	part = trim(part);
	return part.length > 0 ? part : trim(prefix);
}

/* ---- its text */

/* The name as it grows. */
struct name {
	char *text; /* of BACKEND_NAME_SIZE bytes */
	size_t length;
	size_t cut; /* the last place at which DOTS fit */
	bool is_full;
};

static void
append(struct name *name, const char *text, size_t length)
{
	if (name->is_full)
		return;
	if (name->length + length >= BACKEND_NAME_SIZE) {
		strcpy(name->text + name->cut, DOTS);
		name->is_full = true;
		return;
	}
	memcpy(name->text + name->length, text, length);
	name->length += length;
	name->text[name->length] = '\0';
	if (name->length + strlen(DOTS) < BACKEND_NAME_SIZE)
		name->cut = name->length;
}

static void
append_escaped(struct name *name, const char *bytes, size_t length)
{
	char text[sizeof("\\xff")];

	for (size_t i = 0; i < length; i++) {
		snprintf(text, sizeof(text), "\\x%02x",
			 (unsigned char)bytes[i]);
		append(name, text, strlen(text));
	}
}

/* The first character; returns its length. */
static size_t
append_character(struct name *name, const char *bytes, size_t length)
{
	size_t sequence = utf8_sequence(bytes, length);

	if (sequence == 0 || *bytes == '\0' || utf8_control(bytes) > 0)
		append_escaped(name, bytes, sequence ? sequence : 1);
	else
		append(name, bytes, sequence);
	return sequence ? sequence : 1;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* True if `at` is the client's address, not a part of a longer one. */
static bool
is_client(struct part part, size_t at, const char *client)
{
	size_t length = strlen(client), end = at + length;

	if (length == 0 || end > part.length ||
	    memcmp(part.start + at, client, length) != 0)
		return false;
	if (at > 0 && is_digit(*client) && is_digit(part.start[at - 1]))
		return false;
	return end == part.length || !is_digit(part.start[end]);
}

static void
make_name(struct part part, const char *client, char *text)
{
	struct name name = { .text = text };

	text[0] = '\0';
	for (size_t at = 0; at < part.length;) {
		if (client && is_client(part, at, client)) {
			append(&name, CLIENT, strlen(CLIENT));
			at += strlen(client);
			continue;
		}
		at += append_character(&name, part.start + at,
				       part.length - at);
	}
	if (part.length == 0)
		strcpy(text, "(no prefix)");
}

/* ---- the table */

static struct entry *
new_entry(struct backends *backends, const char *name)
{
	struct entry *entry = &backends->entries[backends->count];

	memset(entry, 0, sizeof(*entry));
	strcpy(entry->backend.name, name);
	entry->backend.index = (unsigned)backends->count;
	entry->prefix_length = SIZE_MAX;
	return entry;
}

static struct backend *
found(struct entry *entry, struct part prefix)
{
	if (prefix.length <= sizeof(entry->prefix)) {
		memcpy(entry->prefix, prefix.start, prefix.length);
		entry->prefix_length = prefix.length;
	}
	return &entry->backend;
}

static struct backend *
find_other(struct backends *backends)
{
	if (!backends->other)
		HASH_FIND_STR(backends->table, OTHER, backends->other);
	if (!backends->other) {
		backends->other = new_entry(backends, OTHER);
		backends->count++;
	}
	return &backends->other->backend;
}

struct backend *
backends_known(struct backends *backends, const char *prefix, size_t length)
{
	for (size_t i = 0; i < backends->count; i++) {
		struct entry *entry = &backends->entries[i];

		if (entry->prefix_length == length &&
		    (length == 0 || memcmp(entry->prefix, prefix, length) == 0))
			return &entry->backend;
	}
	return NULL;
}

struct backend *
backends_find(struct backends *backends, const char *prefix, size_t length,
	      const char *client)
{
	struct part all = { .start = prefix ? prefix : "", .length = length };
	struct part part = find_part(backends, all);
	char name[BACKEND_NAME_SIZE];
	struct entry *entry;

	make_name(part, client, name);
	HASH_FIND_STR(backends->table, name, entry);
	if (entry)
		return found(entry, all);
	/* The last place is for "other". */
	if (backends->count - (backends->other ? 1 : 0) >= BACKENDS_MAX - 1)
		return find_other(backends);
	entry = new_entry(backends, name);
	entry->is_in_table = true;
	HASH_ADD_STR(backends->table, backend.name, entry);
	if (!entry->is_in_table)
		return find_other(backends);
	backends->count++;
	return found(entry, all);
}

size_t
backends_count(const struct backends *backends)
{
	return backends->count;
}

struct backend *
backends_at(const struct backends *backends, size_t index)
{
	/* The caller counts in it, but the table does not change. */
	return (struct backend *)&backends->entries[index].backend;
}
