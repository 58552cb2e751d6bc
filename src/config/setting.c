#include "config/setting.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/value.h"
#include "echo/template.h"

int
setting_line(const config_setting_t *setting)
{
	return (int)config_setting_source_line(setting);
}

static void
complain(const struct setting_reading *reading, const char *reason)
{
	error_add(reading->errors, setting_line(reading->setting),
		  reading->path, "%s", reason);
}

const char *
setting_type_name(const config_setting_t *setting)
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

static void
wrong_type(const struct setting_reading *reading,
	   const config_setting_t *setting, const char *expected)
{
	error_add(reading->errors, setting_line(setting), reading->path,
		  "%s is expected, this is %s", expected,
		  setting_type_name(setting));
}

static bool
is_integer(const config_setting_t *setting)
{
	int type = config_setting_type(setting);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

static double
integer_value(const config_setting_t *setting)
{
	if (config_setting_type(setting) == CONFIG_TYPE_INT64)
		return (double)config_setting_get_int64(setting);
	return config_setting_get_int(setting);
}

static bool
in_range(const struct setting_reading *reading, double value)
{
	const struct schema_option *option = reading->option;

	/* So written that no NaN passes. */
	if (value >= option->minimum && value <= option->maximum)
		return true;
	error_add(reading->errors, setting_line(reading->setting),
		  reading->path, "%.15g is not in %.15g-%.15g", value,
		  option->minimum, option->maximum);
	return false;
}

/* What libconfig gets wrong has been complained of already. */
static bool
was_misread(const struct setting_reading *reading)
{
	return error_is_raw(reading->errors, setting_line(reading->setting),
			    config_setting_name(reading->setting));
}

static void
read_integer(const struct setting_reading *reading)
{
	double value;

	if (!is_integer(reading->setting)) {
		wrong_type(reading, reading->setting, "an integer");
		return;
	}
	value = integer_value(reading->setting);
	if (!was_misread(reading) && in_range(reading, value))
		*(unsigned *)reading->member = (unsigned)value;
}

static void
read_seconds(const struct setting_reading *reading)
{
	double value;

	if (config_setting_type(reading->setting) == CONFIG_TYPE_FLOAT) {
		value = config_setting_get_float(reading->setting);
	} else if (is_integer(reading->setting)) {
		value = integer_value(reading->setting);
	} else {
		wrong_type(reading, reading->setting, "a number of seconds");
		return;
	}
	if (!was_misread(reading) && in_range(reading, value))
		*(double *)reading->member = value;
}

static void
read_boolean(const struct setting_reading *reading)
{
	if (config_setting_type(reading->setting) == CONFIG_TYPE_BOOL)
		*(bool *)reading->member =
			config_setting_get_bool(reading->setting);
	else
		wrong_type(reading, reading->setting, "true or false");
}

/* NULL, and an error, where it is not a string. */
static const char *
string_value(const struct setting_reading *reading,
	     const config_setting_t *setting)
{
	if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		return config_setting_get_string(setting);
	wrong_type(reading, setting, "a string");
	return NULL;
}

static void
read_choice(const struct setting_reading *reading)
{
	const struct option_choice *choice = reading->option->choices;
	const char *value = string_value(reading, reading->setting);
	char known[160] = "";
	size_t used = 0;

	if (!value)
		return;
	for (; choice->name; choice++) {
		if (strcmp(choice->name, value) == 0) {
			*(int *)reading->member = choice->value;
			return;
		}
		used += (size_t)snprintf(known + used, sizeof(known) - used,
					 "%s\"%s\"", used ? ", " : "",
					 choice->name);
	}
	error_add(reading->errors, setting_line(reading->setting),
		  reading->path, "\"%s\" is not one of %s", value, known);
}

static void
replace_string(const struct setting_reading *reading, const char *value)
{
	char *copy = strdup(value);

	if (!copy) {
		reading->errors->out_of_memory = true;
		return;
	}
	free(*(char **)reading->member);
	*(char **)reading->member = copy;
}

static void
read_name(const struct setting_reading *reading)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	const char *value = string_value(reading, reading->setting);

	if (!value)
		return;
	if (*value && strlen(value) <= SCHEMA_NAME_MAX &&
	    value[strspn(value, allowed)] == '\0')
		replace_string(reading, value);
	else
		complain(reading, "a name has 1 to 63 letters, digits, "
				  "\".\", \"_\" or \"-\"");
}

static void
read_template(const struct setting_reading *reading)
{
	const char *value = string_value(reading, reading->setting);
	char buffer[TEMPLATE_REASON_SIZE];
	const char *reason;

	if (!value)
		return;
	reason = template_check(value, buffer, sizeof(buffer));
	if (reason)
		complain(reading, reason);
	else
		replace_string(reading, value);
}

/* "" is none. */
static void
read_listen_address(const struct setting_reading *reading)
{
	const char *value = string_value(reading, reading->setting);
	struct listen_address listen_address;
	char buffer[192];
	const char *reason = NULL;

	if (!value)
		return;
	if (*value)
		reason = listen_address_parse(value, &listen_address, buffer,
					      sizeof(buffer));
	if (*value && !reason && listen_address.protocol == PROTOCOL_UDP)
		reason = "HTTP is spoken over tcp: and unix: alone";
	if (reason)
		complain(reading, reason);
	else
		replace_string(reading, value);
}

static void
read_address(const struct setting_reading *reading,
	     const config_setting_t *setting, struct config_address *item)
{
	const char *value = string_value(reading, setting);
	char buffer[256];
	const char *reason;

	item->line = setting_line(setting);
	if (!value)
		return;
	reason = listen_address_parse(value, &item->listen_address, buffer,
				      sizeof(buffer));
	if (reason)
		error_add(reading->errors, item->line, reading->path, "%s",
			  reason);
}

static bool
is_list(const config_setting_t *setting)
{
	return config_setting_is_list(setting) ||
	       config_setting_is_array(setting);
}

/* A string that stands alone is a list of one. */
static size_t
item_count(const config_setting_t *setting)
{
	return is_list(setting) ? (size_t)config_setting_length(setting) : 1;
}

static config_setting_t *
item_at(config_setting_t *setting, size_t at)
{
	return is_list(setting) ?
		       config_setting_get_elem(setting, (unsigned)at) :
		       setting;
}

static void
read_addresses(const struct setting_reading *reading)
{
	struct config_addresses *addresses = reading->member;
	size_t count = item_count(reading->setting);
	struct config_address *items;

	if (count == 0) {
		complain(reading, "the list is empty");
		return;
	}
	items = calloc(count, sizeof(*items));
	if (!items) {
		reading->errors->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		read_address(reading, item_at(reading->setting, i), &items[i]);
	free(addresses->items);
	*addresses = (struct config_addresses){ items, count };
}

static void
read_network(const struct setting_reading *reading, config_setting_t *setting,
	     struct acl_rule *rule)
{
	const char *value = string_value(reading, setting);
	char buffer[320];
	const char *reason;

	if (!value)
		return;
	reason = acl_parse(value, rule, buffer, sizeof(buffer));
	if (reason)
		error_add(reading->errors, setting_line(setting), reading->path,
			  "%s", reason);
}

/* An empty list is how a listener does without one that it would inherit. */
static void
read_networks(const struct setting_reading *reading)
{
	struct acl acl;

	if (!acl_new(&acl, item_count(reading->setting))) {
		reading->errors->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < acl.count; i++)
		read_network(reading, item_at(reading->setting, i),
			     &acl.rules[i]);
	acl_free(reading->member);
	*(struct acl *)reading->member = acl;
}

static void
read_mode(const struct setting_reading *reading)
{
	const char *value = string_value(reading, reading->setting);

	if (value && !value_parse_mode(value, reading->member))
		complain(reading, "permissions are octal digits in quotes, "
				  "\"0\" to \"0777\"");
}

static void
read_text(const struct setting_reading *reading)
{
	const char *value = string_value(reading, reading->setting);

	if (value)
		replace_string(reading, value);
}

static void
read_port_range(const struct setting_reading *reading,
		const config_setting_t *setting,
		struct config_port_range *range)
{
	char number[32];
	const char *value = number;

	if (is_integer(setting))
		snprintf(number, sizeof(number), "%.0f",
			 integer_value(setting));
	else
		value = string_value(reading, setting);
	if (value && !value_parse_ports(value, range))
		error_add(reading->errors, setting_line(setting), reading->path,
			  "\"%s\" is neither a port nor a range such as "
			  "\"0-1023\"",
			  value);
}

/* An empty list does without those that are there by default. */
static void
read_ports(const struct setting_reading *reading)
{
	struct config_ports *ports = reading->member;
	size_t count = item_count(reading->setting);
	struct config_port_range *items = calloc(count + 1, sizeof(*items));

	if (!items) {
		reading->errors->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		read_port_range(reading, item_at(reading->setting, i),
				&items[i]);
	free(ports->items);
	*ports = (struct config_ports){ items, count };
}

void
setting_read(const struct setting_reading *reading)
{
	static void (*const readers[])(const struct setting_reading *) = {
		[OPTION_INTEGER] = read_integer,
		[OPTION_SECONDS] = read_seconds,
		[OPTION_BOOLEAN] = read_boolean,
		[OPTION_CHOICE] = read_choice,
		[OPTION_NAME] = read_name,
		[OPTION_TEMPLATE] = read_template,
		[OPTION_ADDRESSES] = read_addresses,
		[OPTION_NETWORKS] = read_networks,
		[OPTION_STRING] = read_text,
		[OPTION_LISTEN_ADDRESS] = read_listen_address,
		[OPTION_MODE] = read_mode,
		[OPTION_PORTS] = read_ports,
	};

	readers[reading->option->type](reading);
}
