#include "config/suggest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/schema.h"

static size_t
smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein distance; a name over the limit is similar to none. */
static size_t
distance(const char *a, const char *b)
{
	enum { LIMIT = 32 };
	size_t row[LIMIT + 1];
	size_t columns = strlen(b);

	if (strlen(a) > LIMIT || columns > LIMIT)
		return LIMIT;
	for (size_t j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			size_t above = row[j];
			row[j] = smallest(above + 1, row[j - 1] + 1,
					  diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[columns];
}

/* Two letters that follow one another have changed places. */
static bool
is_swapped(const char *a, const char *b)
{
	size_t at = 0;

	while (a[at] && a[at] == b[at])
		at++;
	return a[at] && a[at + 1] && a[at + 1] == b[at] && a[at] == b[at + 1] &&
	       strcmp(a + at + 2, b + at + 2) == 0;
}

static void
consider(const char *candidate, const char *name, const char **best,
	 size_t *least)
{
	size_t d = distance(name, candidate);

	/* "cert", or "max_conn" */
	if ((strlen(name) > 2 && strncmp(name, candidate, strlen(name)) == 0) ||
	    is_swapped(name, candidate))
		d = 1;
	/* A third of the letters may differ: "lsten" but not "tls". */
	if (d < *least && d <= (strlen(candidate) + 2) / 3) {
		*least = d;
		*best = candidate;
	}
}

static bool
is_in(const struct schema_option *option, const char *group)
{
	if (!group || !option->group)
		return group == option->group;
	return strcmp(option->group, group) == 0;
}

const char *
suggest_similar(bool in_listener, const char *group, const char *name)
{
	const char *best = NULL;
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];

		if (!schema_applies(option, in_listener))
			continue;
		if (is_in(option, group))
			consider(option->name, name, &best, &least);
		else if (!group && option->group)
			consider(option->group, name, &best, &least);
	}
	if (!group && !in_listener)
		consider("listeners", name, &best, &least);
	return best;
}

static const struct schema_option *
next_elsewhere(bool in_listener, const char *group, const char *name,
	       size_t *at)
{
	while (*at < schema_option_count) {
		const struct schema_option *option = &schema_options[(*at)++];

		if (schema_applies(option, in_listener) &&
		    !is_in(option, group) && strcmp(option->name, name) == 0)
			return option;
	}
	return NULL;
}

size_t
suggest_elsewhere(bool in_listener, const char *group, const char *name,
		  char *text, size_t size)
{
	const struct schema_option *option, *next;
	size_t at = 0, count = 0, used = 0;

	*text = '\0';
	next = next_elsewhere(in_listener, group, name, &at);
	while ((option = next)) {
		next = next_elsewhere(in_listener, group, name, &at);
		used += (size_t)snprintf(text + used,
					 used < size ? size - used : 0,
					 "%s\"%s%s%s\"",
					 count == 0 ? "" :
					 next	    ? ", " :
						      " or ",
					 option->group ? option->group : "",
					 option->group ? "." : "", name);
		count++;
	}
	return count;
}
