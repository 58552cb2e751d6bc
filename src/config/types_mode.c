#include "config/types_mode.h"

#include <stdio.h>

bool
type_parse_mode(const char *text, unsigned *mode)
{
	unsigned value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '7' && value <= 0777; at++)
		value = value * 8 + (unsigned)(*at - '0');
	if (at == text || *at != '\0' || value > 0777)
		return false;
	*mode = value;
	return true;
}

const char *
type_mode_reason(const char *digits, char *buffer, size_t size)
{
	unsigned mode;

	if (!type_parse_mode(digits, &mode))
		return "permissions are octal digits in quotes, \"0\" to "
		       "\"0777\"";
	snprintf(buffer, size, "permissions are a string: write \"%s\"",
		 digits);
	return buffer;
}

static void
read_mode(const struct read_params *params)
{
	const char *value;
	char digits[32], reason[80];

	if (setting_is_integer(params->setting)) {
		snprintf(digits, sizeof(digits), "%04.0f",
			 setting_integer(params->setting));
		value = digits;
	} else {
		value = setting_string(params, params->setting);
		if (!value || type_parse_mode(value, params->member))
			return;
	}
	setting_refuse(params, params->setting,
		       type_mode_reason(value, reason, sizeof(reason)));
}

static void
print_mode(const struct schema_option *option, const void *member, FILE *out)
{
	(void)option;
	fprintf(out, "\"%04o\"", *(const unsigned *)member);
}

static bool
default_mode(const struct schema_option *option, void *member)
{
	*(unsigned *)member = (unsigned)option->number;
	return true;
}

static bool
equal_mode(const void *a, const void *b)
{
	return *(const unsigned *)a == *(const unsigned *)b;
}

const struct option_type type_mode = {
	.read = read_mode,
	.set_default = default_mode,
	.equal = equal_mode,
	.print = print_mode,
};
