#include "config/types.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "config/types_lists.h"
#include "echo/template.h"

int
setting_line(const config_setting_t *setting)
{
	int line = (int)config_setting_source_line(setting);

	/* The parser counts from 1; source_override() sets no line. */
	return line > 0 ? line : ERROR_COMMAND_LINE;
}

const char *
setting_kind(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "an integer";
	case CONFIG_TYPE_FLOAT:
		return "a number with a fraction";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return "a list";
	default:
		return "nothing";
	}
}

bool
setting_is_integer(const config_setting_t *setting)
{
	int type = config_setting_type(setting);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

double
setting_integer(const config_setting_t *setting)
{
	if (config_setting_type(setting) == CONFIG_TYPE_INT64)
		return (double)config_setting_get_int64(setting);
	return config_setting_get_int(setting);
}

void
setting_error(const struct read_params *params, const config_setting_t *setting,
	      const char *format, ...)
{
	int line = setting_line(setting);
	va_list arguments;

	if (error_is_raw(params->errors, line, params->option->name))
		return;
	va_start(arguments, format);
	error_vadd(params->errors, line, params->path, format, arguments);
	va_end(arguments);
}

static void
wrong_type(const struct read_params *params, const config_setting_t *setting,
	   const char *expected)
{
	setting_error(params, setting, "%s is expected, this is %s", expected,
		      setting_kind(setting));
}

void
setting_refuse(const struct read_params *params,
	       const config_setting_t *setting, const char *reason)
{
	if (reason)
		setting_error(params, setting, "%s", reason);
}

static bool
is_address(const struct option_type *type)
{
	return type == &type_address || type == &type_addresses;
}

const char *
setting_string(const struct read_params *params,
	       const config_setting_t *setting)
{
	const struct option_type *type = params->option->type;
	const char *value = config_setting_get_string(setting);
	char buffer[TEMPLATE_REASON_SIZE];
	const char *reason = NULL;

	if (!value && setting_is_integer(setting) && is_address(type))
		setting_error(params, setting,
			      "%.0f has no address: write \"*:%.0f\" for all "
			      "addresses",
			      setting_integer(setting),
			      setting_integer(setting));
	else if (!value)
		wrong_type(params, setting, "a string");
	else if (type->check)
		reason = type->check(value, buffer, sizeof(buffer));
	setting_refuse(params, setting, reason);
	return reason ? NULL : value;
}

static bool
is_list(const config_setting_t *setting)
{
	return config_setting_is_list(setting) ||
	       config_setting_is_array(setting);
}

size_t
setting_count(const config_setting_t *setting)
{
	return is_list(setting) ? (size_t)config_setting_length(setting) : 1;
}

config_setting_t *
setting_item(config_setting_t *setting, size_t at)
{
	return is_list(setting) ?
		       config_setting_get_elem(setting, (unsigned)at) :
		       setting;
}

/* The default and the comparison of a type whose member is this C number. */
#define NUMBER(c_type) \
	static bool default_##c_type(const struct schema_option *option, \
				     void *member) \
	{ \
		*(c_type *)member = (c_type)option->number; \
		return true; \
	} \
	static bool equal_##c_type(const void *a, const void *b) \
	{ \
		return *(const c_type *)a == *(const c_type *)b; \
	}

NUMBER(unsigned)
NUMBER(double)
NUMBER(bool)
NUMBER(int)

/* False, and an error, if the option does not allow the value. */
static bool
in_range(const struct read_params *params, double value)
{
	const struct schema_option *option = params->option;

	/* Written so that a NaN is out of range. */
	if (value >= option->minimum && value <= option->maximum)
		return true;
	setting_error(params, params->setting, "%.15g is not in %.15g-%.15g",
		      value, option->minimum, option->maximum);
	return false;
}

static void
read_integer(const struct read_params *params)
{
	double value = setting_integer(params->setting);

	if (!setting_is_integer(params->setting))
		wrong_type(params, params->setting, "an integer");
	else if (in_range(params, value))
		*(unsigned *)params->member = (unsigned)value;
}

static void
print_integer(const struct schema_option *option, const void *member, FILE *out)
{
	(void)option;
	fprintf(out, "%u", *(const unsigned *)member);
}

const struct option_type type_integer = {
	.read = read_integer,
	.set_default = default_unsigned,
	.equal = equal_unsigned,
	.print = print_integer,
};

static void
read_seconds(const struct read_params *params)
{
	bool is_float = config_setting_type(params->setting) ==
			CONFIG_TYPE_FLOAT;
	double value = is_float ? config_setting_get_float(params->setting) :
				  setting_integer(params->setting);

	if (!is_float && !setting_is_integer(params->setting))
		wrong_type(params, params->setting, "a number of seconds");
	else if (in_range(params, value))
		*(double *)params->member = value;
}

/* A fraction is what makes a number a float to libconfig. */
static void
print_seconds(const struct schema_option *option, const void *member, FILE *out)
{
	char text[32];

	(void)option;
	snprintf(text, sizeof(text), "%.15g", *(const double *)member);
	fprintf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

const struct option_type type_seconds = {
	.read = read_seconds,
	.set_default = default_double,
	.equal = equal_double,
	.print = print_seconds,
};

static void
read_boolean(const struct read_params *params)
{
	if (config_setting_type(params->setting) == CONFIG_TYPE_BOOL)
		*(bool *)params->member =
			config_setting_get_bool(params->setting);
	else
		wrong_type(params, params->setting, "true or false");
}

static void
print_boolean(const struct schema_option *option, const void *member, FILE *out)
{
	(void)option;
	fputs(*(const bool *)member ? "true" : "false", out);
}

const struct option_type type_boolean = {
	.read = read_boolean,
	.set_default = default_bool,
	.equal = equal_bool,
	.print = print_boolean,
};

static void
read_choice(const struct read_params *params)
{
	const struct option_choice *choice = params->option->choices;
	const char *value = setting_string(params, params->setting);
	char known[160] = "";
	size_t used = 0;

	if (!value)
		return;
	for (; choice->name; choice++) {
		if (strcmp(choice->name, value) == 0) {
			*(int *)params->member = choice->value;
			return;
		}
		used += (size_t)snprintf(known + used, sizeof(known) - used,
					 "%s\"%s\"", used ? ", " : "",
					 choice->name);
	}
	if (params->option->type == &type_choice_or_number)
		snprintf(known + used, sizeof(known) - used, " or %.15g-%.15g",
			 params->option->minimum, params->option->maximum);
	setting_error(params, params->setting, "\"%s\" is not one of %s", value,
		      known);
}

static void
print_choice(const struct schema_option *option, const void *member, FILE *out)
{
	const struct option_choice *choice = option->choices;

	while (choice->name && choice->value != *(const int *)member)
		choice++;
	print_string(choice->name ? choice->name : "", out);
}

const struct option_type type_choice = {
	.read = read_choice,
	.set_default = default_int,
	.equal = equal_int,
	.print = print_choice,
};

static void
read_choice_or_number(const struct read_params *params)
{
	double value = setting_integer(params->setting);

	if (config_setting_type(params->setting) == CONFIG_TYPE_STRING)
		read_choice(params);
	else if (!setting_is_integer(params->setting))
		wrong_type(params, params->setting, "an integer or a string");
	else if (in_range(params, value))
		*(int *)params->member = (int)value;
}

static void
print_choice_or_number(const struct schema_option *option, const void *member,
		       FILE *out)
{
	if (*(const int *)member < option->minimum)
		print_choice(option, member, out);
	else
		fprintf(out, "%d", *(const int *)member);
}

const struct option_type type_choice_or_number = {
	.read = read_choice_or_number,
	.set_default = default_int,
	.equal = equal_int,
	.print = print_choice_or_number,
};

static bool
default_text(const struct schema_option *option, void *member)
{
	*(char **)member = strdup(option->text);
	return *(char **)member;
}

static bool
copy_text(void *member, const void *from)
{
	const char *text = *(char *const *)from;

	*(char **)member = text ? strdup(text) : NULL;
	return *(char **)member || !text;
}

static bool
equal_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b) == 0;
}

static void
free_text(void *member)
{
	free(*(char **)member);
}

/* Escapes what a terminal or a pager would act upon, and what is no text. */
static void
print_byte(unsigned char c, FILE *out)
{
	if (c == '"' || c == '\\')
		fprintf(out, "\\%c", c);
	else if (c == '\n')
		fputs("\\n", out);
	else if (c == '\r')
		fputs("\\r", out);
	else if (c == '\t')
		fputs("\\t", out);
	else if (c < 0x20 || c >= 0x7f)
		fprintf(out, "\\x%02x", c);
	else
		fputc(c, out);
}

void
print_string(const char *text, FILE *out)
{
	size_t left = strlen(text);

	fputc('"', out);
	while (left > 0) {
		size_t length = utf8_sequence(text, left);

		if (length > 1 && utf8_control(text) == 0) {
			fwrite(text, 1, length, out);
		} else {
			print_byte((unsigned char)*text, out);
			length = 1;
		}
		text += length;
		left -= length;
	}
	fputc('"', out);
}

static void
print_text(const struct schema_option *option, const void *member, FILE *out)
{
	(void)option;
	print_string(*(const char *const *)member, out);
}

static void
read_text(const struct read_params *params)
{
	const char *value = setting_string(params, params->setting);
	char *copy = value ? strdup(value) : NULL;

	if (!value)
		return;
	if (!copy) {
		params->errors->out_of_memory = true;
		return;
	}
	free_text(params->member);
	*(char **)params->member = copy;
}

#define STRING_TYPE(check_text) \
	{ \
		.read = read_text, .check = (check_text), \
		.set_default = default_text, .copy = copy_text, \
		.equal = equal_text, .free = free_text, .print = print_text, \
	}

const struct option_type type_string = STRING_TYPE(NULL);

static const char *
check_name(const char *text, char *buffer, size_t size)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";

	(void)buffer, (void)size;
	if (*text && strlen(text) <= SCHEMA_NAME_MAX &&
	    text[strspn(text, allowed)] == '\0')
		return NULL;
	return "a name has 1 to 63 letters, digits, \".\", \"_\" or \"-\"";
}

const struct option_type type_name = STRING_TYPE(check_name);
const struct option_type type_template = STRING_TYPE(template_check);

static const char *
check_address(const char *text, char *buffer, size_t size)
{
	struct listen_address address;
	const char *reason;

	if (!*text)
		return NULL;
	reason = listen_address_parse(text, &address, buffer, size);
	if (!reason && address.protocol == PROTOCOL_UDP)
		return "the status port needs tcp: or unix:";
	return reason;
}

const struct option_type type_address = STRING_TYPE(check_address);
