#include "template.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct variable {
	const char *name;
	size_t offset; /* in struct template_values */
};

static const struct variable variables[] = {
	{ "host", offsetof(struct template_values, host) },
	{ "listener", offsetof(struct template_values, listener) },
};

#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

static const struct variable *
find(const char *name, size_t length)
{
	for (size_t i = 0; i < VARIABLES; i++)
		if (strlen(variables[i].name) == length &&
		    memcmp(variables[i].name, name, length) == 0)
			return &variables[i];
	return NULL;
}

static bool
starts_variable(const char *text)
{
	return text[0] == '%' && text[1] == '{';
}

const char *
template_check(const char *text, char *reason, size_t size)
{
	for (; *text; text++) {
		if (!starts_variable(text))
			continue;

		const char *name = text + 2;
		const char *end = strchr(name, '}');
		if (!end) {
			snprintf(reason, size, "\"%.40s\" lacks its \"}\"",
				 text);
			return reason;
		}
		if (!find(name, (size_t)(end - name))) {
			snprintf(reason, size,
				 "\"%.*s\" is not known; there "
				 "are %%{host} and %%{listener}",
				 (int)(end + 1 - text), text);
			return reason;
		}
		text = end;
	}
	return NULL;
}

ssize_t
template_expand(const char *text, const struct template_values *values,
		char out[TEMPLATE_MAX])
{
	size_t used = 0;

	for (; *text; text++) {
		const char *piece = text;
		size_t length = 1;

		if (starts_variable(text)) {
			const char *end = strchr(text, '}');
			const struct variable *variable =
				find(text + 2, (size_t)(end - text - 2));
			piece = *(const char *const *)((const char *)values +
						       variable->offset);
			length = strlen(piece);
			text = end;
		}
		if (length > TEMPLATE_MAX - used)
			return -1;
		memcpy(out + used, piece, length);
		used += length;
	}
	return (ssize_t)used;
}
