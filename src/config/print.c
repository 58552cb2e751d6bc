#include "config/print.h"

#include <errno.h>
#include <string.h>

#include "config/types.h"

static bool
same_group(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The options of a group are adjacent in the table. */
static void
put_options(const struct config *config, const struct config_entry *entry,
	    const char *indent, FILE *out)
{
	const char *open = NULL;
	char inner[8];

	snprintf(inner, sizeof(inner), "%s  ", indent);
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];

		if ((option->scope == SCOPE_GLOBAL) != (config != NULL))
			continue;
		if (open && !same_group(open, option->group))
			fprintf(out, "%s};\n", indent);
		if (option->group && !same_group(open, option->group))
			fprintf(out, "%s%s = {\n", indent, option->group);
		open = option->group;
		fprintf(out, "%s%s = ", open ? inner : indent, option->name);
		option->type->print(option,
				    schema_member(option, config, entry), out);
		fputs(";\n", out);
	}
	if (open)
		fprintf(out, "%s};\n", indent);
}

static void
put_listener(const struct config_entry *entry, FILE *out)
{
	fputs("  {\n", out);
	put_options(NULL, entry, "    ", out);
	fputs("  }", out);
}

int
print_config(const struct config *config, FILE *out)
{
	put_options(config, NULL, "", out);
	fputs("listeners = (\n", out);
	for (size_t i = 0; i < config->listener_count; i++) {
		put_listener(&config->listeners[i], out);
		fputs(i + 1 < config->listener_count ? ",\n" : "\n", out);
	}
	fputs(");\n", out);
	if (fflush(out) != 0)
		return -errno;
	return ferror(out) ? -EIO : 0;
}
