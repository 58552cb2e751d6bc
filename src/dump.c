#include "dump.h"

#include <errno.h>
#include <string.h>

#include "schema.h"

/* A fraction is what makes a number a float to libconfig. */
static void
put_seconds(double value, FILE *out)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	fprintf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void
put_string(const char *value, FILE *out)
{
	fputc('"', out);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c == '\r')
			fputs("\\r", out);
		else if (c == '\t')
			fputs("\\t", out);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void
put_choice(const struct schema_option *option, int value, FILE *out)
{
	const struct option_choice *choice = option->choices;

	while (choice->name && choice->value != value)
		choice++;
	put_string(choice->name ? choice->name : "", out);
}

static void
put_addresses(const struct config_addresses *addresses, FILE *out)
{
	char text[ADDRESS_TEXT_SIZE];

	fputs("[ ", out);
	for (size_t i = 0; i < addresses->count; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "",
			address_format(&addresses->items[i].address, text));
	fputs(" ]", out);
}

static void
put_networks(const struct acl *acl, FILE *out)
{
	char text[ACL_TEXT_SIZE];

	fputs("[ ", out);
	for (size_t i = 0; i < acl->count; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "",
			acl_format(&acl->rules[i], text));
	fputs(acl->count ? " ]" : "]", out);
}

static void
put_option(const struct schema_option *option, const void *base,
	   const char *indent, FILE *out)
{
	const void *member = (const char *)base + option->offset;

	fprintf(out, "%s%s = ", indent, option->name);
	switch (option->type) {
	case OPTION_INTEGER:
		fprintf(out, "%u", *(const unsigned *)member);
		break;
	case OPTION_SECONDS:
		put_seconds(*(const double *)member, out);
		break;
	case OPTION_BOOLEAN:
		fputs(*(const bool *)member ? "true" : "false", out);
		break;
	case OPTION_CHOICE:
		put_choice(option, *(const int *)member, out);
		break;
	case OPTION_ADDRESSES:
		put_addresses(member, out);
		break;
	case OPTION_NETWORKS:
		put_networks(member, out);
		break;
	default:
		put_string(*(const char *const *)member, out);
	}
	fputs(";\n", out);
}

/* Options of a group stand together in the table. */
static void
put_globals(const struct config *config, FILE *out)
{
	const char *open = NULL;

	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];

		if (option->scope != SCOPE_GLOBAL)
			continue;
		if (open && (!option->group || strcmp(open, option->group)))
			fputs("};\n", out);
		if (option->group && (!open || strcmp(open, option->group)))
			fprintf(out, "%s = {\n", option->group);
		open = option->group;
		put_option(option, config, open ? "  " : "", out);
	}
	if (open)
		fputs("};\n", out);
}

static void
put_listener(const struct config_listener *listener, FILE *out)
{
	fputs("  {\n", out);
	for (size_t i = 0; i < schema_option_count; i++)
		if (schema_options[i].scope != SCOPE_GLOBAL)
			put_option(&schema_options[i], listener, "    ", out);
	fputs("  }", out);
}

int
dump_config(const struct config *config, FILE *out)
{
	put_globals(config, out);
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
