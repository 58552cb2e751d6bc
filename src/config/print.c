#include "config/print.h"

#include <errno.h>
#include <string.h>

#include "config/schema.h"

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
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	fputs("[ ", out);
	for (size_t i = 0; i < addresses->count; i++) {
		fputs(i ? ", " : "", out);
		put_string(listen_address_format_short(
				   &addresses->items[i].listen_address, text),
			   out);
	}
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
put_ports(const struct config_ports *ports, FILE *out)
{
	fputs("[ ", out);
	for (size_t i = 0; i < ports->count; i++) {
		const struct config_port_range *range = &ports->items[i];

		fprintf(out, "%s\"%u", i ? ", " : "", range->low);
		if (range->low != range->high)
			fprintf(out, "-%u", range->high);
		fputc('"', out);
	}
	fputs(ports->count ? " ]" : "]", out);
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
	case OPTION_PORTS:
		put_ports(member, out);
		break;
	case OPTION_MODE:
		fprintf(out, "\"%04o\"", *(const unsigned *)member);
		break;
	case OPTION_NAME:
	case OPTION_TEMPLATE:
	case OPTION_STRING:
	case OPTION_LISTEN_ADDRESS:
		put_string(*(const char *const *)member, out);
		break;
	}
	fputs(";\n", out);
}

static bool
same_group(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Options of a group stand together in the table. */
static void
put_options(const struct config *config, const struct config_entry *listener,
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
		put_option(option, schema_base(option, config, listener),
			   open ? inner : indent, out);
	}
	if (open)
		fprintf(out, "%s};\n", indent);
}

static void
put_listener(const struct config_entry *listener, FILE *out)
{
	fputs("  {\n", out);
	put_options(NULL, listener, "    ", out);
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
