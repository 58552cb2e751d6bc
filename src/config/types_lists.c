#include "config/types_lists.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* A copy of `size` bytes; NULL only if memory is out. */
static void *
duplicate(const void *from, size_t size)
{
	void *copy = malloc(size > 0 ? size : 1);

	if (copy && size > 0)
		memcpy(copy, from, size);
	return copy;
}

static bool
equal_bytes(const void *a, const void *b, size_t size)
{
	return size == 0 || memcmp(a, b, size) == 0;
}

static void
read_addresses(const struct read_params *params)
{
	struct config_addresses *addresses = params->member;
	size_t count = setting_count(params->setting);
	struct config_address *items;
	char buffer[256];

	if (count == 0) {
		setting_refuse(params, params->setting, "the list is empty");
		return;
	}
	items = calloc(count, sizeof(*items));
	if (!items) {
		params->errors->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		config_setting_t *item = setting_item(params->setting, i);
		const char *value = setting_string(params, item);

		items[i].line = setting_line(item);
		if (value)
			setting_refuse(
				params, item,
				listen_address_parse(value, &items[i].address,
						     buffer, sizeof(buffer)));
	}
	free(addresses->items);
	*addresses = (struct config_addresses){ items, count };
}

static bool
default_addresses(const struct schema_option *option, void *member)
{
	struct config_addresses *addresses = member;
	char reason[128];

	addresses->items = calloc(1, sizeof(*addresses->items));
	addresses->count = addresses->items ? 1 : 0;
	return addresses->items &&
	       !listen_address_parse(option->text, &addresses->items->address,
				     reason, sizeof(reason));
}

static bool
copy_addresses(void *member, const void *from)
{
	const struct config_addresses *other = from;
	struct config_addresses *copy = member;

	copy->items =
		duplicate(other->items, other->count * sizeof(*other->items));
	copy->count = copy->items ? other->count : 0;
	return copy->items;
}

static bool
equal_addresses(const void *a, const void *b)
{
	const struct config_addresses *one = a, *other = b;
	bool equal = one->count == other->count;

	for (size_t i = 0; i < one->count && equal; i++)
		equal = listen_address_equal(&one->items[i].address,
					     &other->items[i].address);
	return equal;
}

static void
free_addresses(void *member)
{
	free(((struct config_addresses *)member)->items);
}

static void
print_addresses(const struct schema_option *option, const void *member,
		FILE *out)
{
	const struct config_addresses *addresses = member;
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	(void)option;
	fputc('[', out);
	for (size_t i = 0; i < addresses->count; i++) {
		fputs(i ? ", " : " ", out);
		print_string(listen_address_format_short(
				     &addresses->items[i].address, text),
			     out);
	}
	fputs(" ]", out);
}

const struct option_type type_addresses = {
	.read = read_addresses,
	.set_default = default_addresses,
	.copy = copy_addresses,
	.equal = equal_addresses,
	.free = free_addresses,
	.print = print_addresses,
};

/* An empty list replaces one that a listener would inherit. */
static void
read_networks(const struct read_params *params)
{
	char buffer[320];
	struct acl acl;

	if (!acl_new(&acl, setting_count(params->setting))) {
		params->errors->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < acl.count; i++) {
		config_setting_t *item = setting_item(params->setting, i);
		const char *value = setting_string(params, item);

		if (value)
			setting_refuse(params, item,
				       acl_parse(value, &acl.rules[i], buffer,
						 sizeof(buffer)));
	}
	acl_free(params->member);
	*(struct acl *)params->member = acl;
}

static bool
default_networks(const struct schema_option *option, void *member)
{
	(void)option;
	return acl_new(member, 0);
}

static bool
copy_networks(void *member, const void *from)
{
	*(struct acl *)member = (struct acl){ 0 };
	return acl_copy(member, from);
}

static bool
equal_networks(const void *a, const void *b)
{
	const struct acl *one = a, *other = b;

	return one->count == other->count &&
	       equal_bytes(one->rules, other->rules,
			   one->count * sizeof(*one->rules));
}

static void
free_networks(void *member)
{
	acl_free(member);
}

static void
print_networks(const struct schema_option *option, const void *member,
	       FILE *out)
{
	const struct acl *acl = member;
	char text[ACL_TEXT_SIZE];

	(void)option;
	fputc('[', out);
	for (size_t i = 0; i < acl->count; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : " ",
			acl_format(&acl->rules[i], text));
	fputs(" ]", out);
}

const struct option_type type_networks = {
	.read = read_networks,
	.set_default = default_networks,
	.copy = copy_networks,
	.equal = equal_networks,
	.free = free_networks,
	.print = print_networks,
};

/* Only digits: strtoul(3) takes blanks and signs as well. */
static const char *
parse_port(const char *text, uint16_t *port)
{
	unsigned long value = 0;
	const char *at = text;

	for (; isdigit((unsigned char)*at) && value <= UINT16_MAX; at++)
		value = value * 10 + (unsigned long)(*at - '0');
	if (at == text || value > UINT16_MAX)
		return NULL;
	*port = (uint16_t)value;
	return at;
}

bool
type_parse_ports(const char *text, struct config_port_range *range)
{
	const char *end = parse_port(text, &range->low);

	range->high = range->low;
	if (end && *end == '-')
		end = parse_port(end + 1, &range->high);
	return end && *end == '\0' && range->low <= range->high;
}

static void
read_port_range(const struct read_params *params, const config_setting_t *item,
		struct config_port_range *range)
{
	char number[32];
	const char *value = number;

	if (setting_is_integer(item))
		snprintf(number, sizeof(number), "%.0f", setting_integer(item));
	else
		value = setting_string(params, item);
	if (value && !type_parse_ports(value, range))
		setting_error(params, item,
			      "\"%s\" is neither a port nor a range such as "
			      "\"0-1023\"",
			      value);
}

/* An empty list replaces the default. */
static void
read_ports(const struct read_params *params)
{
	struct config_ports *ports = params->member;
	size_t count = setting_count(params->setting);
	struct config_port_range *items = calloc(count + 1, sizeof(*items));

	if (!items) {
		params->errors->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		read_port_range(params, setting_item(params->setting, i),
				&items[i]);
	free(ports->items);
	*ports = (struct config_ports){ items, count };
}

/* The option table has them as words: "0-1023 2049". */
static bool
default_ports(const struct schema_option *option, void *member)
{
	struct config_ports *ports = member;
	char *words = strdup(option->text);
	char *rest = words;
	char *word;

	/* A word has a digit and a blank at least. */
	ports->items =
		calloc(strlen(option->text) / 2 + 1, sizeof(*ports->items));
	ports->count = 0;
	while (words && ports->items && (word = strsep(&rest, " ")))
		if (type_parse_ports(word, &ports->items[ports->count]))
			ports->count++;
	free(words);
	return words && ports->items;
}

static bool
copy_ports(void *member, const void *from)
{
	const struct config_ports *other = from;
	struct config_ports *copy = member;

	copy->items =
		duplicate(other->items, other->count * sizeof(*other->items));
	copy->count = copy->items ? other->count : 0;
	return copy->items;
}

static bool
equal_ports(const void *a, const void *b)
{
	const struct config_ports *one = a, *other = b;

	return one->count == other->count &&
	       equal_bytes(one->items, other->items,
			   one->count * sizeof(*one->items));
}

static void
free_ports(void *member)
{
	free(((struct config_ports *)member)->items);
}

static void
print_ports(const struct schema_option *option, const void *member, FILE *out)
{
	const struct config_ports *ports = member;

	(void)option;
	fputc('[', out);
	for (size_t i = 0; i < ports->count; i++) {
		const struct config_port_range *range = &ports->items[i];

		fprintf(out, "%s\"%u", i ? ", " : " ", range->low);
		if (range->low != range->high)
			fprintf(out, "-%u", range->high);
		fputc('"', out);
	}
	fputs(" ]", out);
}

const struct option_type type_ports = {
	.read = read_ports,
	.set_default = default_ports,
	.copy = copy_ports,
	.equal = equal_ports,
	.free = free_ports,
	.print = print_ports,
};
