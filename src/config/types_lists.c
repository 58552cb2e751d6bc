#include "config/types_lists.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "addr/host_name.h"
#include "base/error.h"

static bool
is_list(const config_setting_t *setting)
{
	return config_setting_is_list(setting) ||
	       config_setting_is_array(setting);
}

static size_t
item_count(const struct read_params *params)
{
	return is_list(params->setting) ?
		       (size_t)config_setting_length(params->setting) :
		       1;
}

static config_setting_t *
item_at(const struct read_params *params, size_t at)
{
	return is_list(params->setting) ?
		       config_setting_get_elem(params->setting, (unsigned)at) :
		       params->setting;
}

static void
wrong_item(const struct read_params *params, const config_setting_t *item,
	   const char *reason)
{
	if (reason)
		error_add(params->errors, setting_line(item), params->path,
			  "%s", reason);
}

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
	size_t count = item_count(params);
	struct config_address *items;
	char buffer[256];

	if (count == 0) {
		wrong_item(params, params->setting, "the list is empty");
		return;
	}
	items = calloc(count, sizeof(*items));
	if (!items) {
		params->errors->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		config_setting_t *item = item_at(params, i);
		const char *value = setting_string(params, item);

		items[i].line = setting_line(item);
		if (value)
			wrong_item(
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

	if (!acl_new(&acl, item_count(params))) {
		params->errors->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < acl.count; i++) {
		config_setting_t *item = item_at(params, i);
		const char *value = setting_string(params, item);

		if (value)
			wrong_item(params, item,
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
		error_add(params->errors, setting_line(item), params->path,
			  "\"%s\" is neither a port nor a range such as "
			  "\"0-1023\"",
			  value);
}

/* An empty list replaces the default. */
static void
read_ports(const struct read_params *params)
{
	struct config_ports *ports = params->member;
	size_t count = item_count(params);
	struct config_port_range *items = calloc(count + 1, sizeof(*items));

	if (!items) {
		params->errors->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		read_port_range(params, item_at(params, i), &items[i]);
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

/* The patterns with a blank between; one that is wrong adds an error. */
static void
write_hosts(const struct read_params *params, FILE *out)
{
	char buffer[320];

	for (size_t i = 0; i < item_count(params); i++) {
		config_setting_t *item = item_at(params, i);
		const char *value = setting_string(params, item);

		if (!value)
			continue;
		wrong_item(params, item,
			   host_name_check_pattern(value, buffer,
						   sizeof(buffer)));
		fprintf(out, "%s%s", i ? " " : "", value);
	}
}

static void
read_hosts(const struct read_params *params)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out)
		write_hosts(params, out);
	if (!out || fclose(out) != 0) {
		free(text);
		params->errors->out_of_memory = true;
		return;
	}
	text_free(params->member);
	*(char **)params->member = text;
}

static void
print_hosts(const struct schema_option *option, const void *member, FILE *out)
{
	const char *patterns = *(const char *const *)member;
	const char *separator = " ";

	(void)option;
	fputc('[', out);
	/* A pattern has no character that needs an escape. */
	while (*patterns) {
		int length = (int)strcspn(patterns, " ");

		fprintf(out, "%s\"%.*s\"", separator, length, patterns);
		patterns += length;
		patterns += strspn(patterns, " ");
		separator = ", ";
	}
	fputs(" ]", out);
}

const struct option_type type_hosts = {
	.read = read_hosts,
	.set_default = text_set_default,
	.copy = text_copy,
	.equal = text_equal,
	.free = text_free,
	.print = print_hosts,
};

static void
free_strings(void *member)
{
	struct string_list *list = member;

	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct string_list){ 0 };
}

/* Appends a copy; there must be room.  False if memory is out. */
static bool
append_string(struct string_list *list, const char *text)
{
	list->items[list->count] = strdup(text);
	return list->items[list->count] && ++list->count > 0;
}

static bool
copy_strings(void *member, const void *from)
{
	const struct string_list *other = from;
	struct string_list *copy = member;
	bool done;

	*copy = (struct string_list){
		.items = calloc(other->count + 1, sizeof(*copy->items)),
	};
	done = copy->items;
	for (size_t i = 0; i < other->count && done; i++)
		done = append_string(copy, other->items[i]);
	if (!done)
		free_strings(copy);
	return done;
}

static bool
equal_strings(const void *a, const void *b)
{
	const struct string_list *one = a, *other = b;
	bool equal = one->count == other->count;

	for (size_t i = 0; i < one->count && equal; i++)
		equal = strcmp(one->items[i], other->items[i]) == 0;
	return equal;
}

/* The default is one string, or none. */
static bool
default_strings(const struct schema_option *option, void *member)
{
	char *text = (char *)option->text;
	struct string_list list = { &text, *text ? 1 : 0 };

	return copy_strings(member, &list);
}

static void
read_strings(const struct read_params *params,
	     const char *(*check)(const char *text))
{
	size_t count = item_count(params);
	struct string_list list = { calloc(count + 1, sizeof(char *)), 0 };
	bool done = list.items;

	for (size_t i = 0; i < count && done; i++) {
		config_setting_t *item = item_at(params, i);
		const char *value = setting_string(params, item);
		const char *reason = value ? check(value) : NULL;

		wrong_item(params, item, reason);
		if (value && !reason)
			done = append_string(&list, value);
	}
	if (!done)
		params->errors->out_of_memory = true;
	/* Half a list would have errors of its own. */
	if (list.count < count)
		free_strings(&list);
	free_strings(params->member);
	*(struct string_list *)params->member = list;
}

static void
print_strings(const struct schema_option *option, const void *member, FILE *out)
{
	const struct string_list *list = member;

	(void)option;
	fputc('[', out);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i ? ", " : " ", out);
		print_string(list->items[i], out);
	}
	fputs(" ]", out);
}

static const char *
check_file_name(const char *text)
{
	return *text ? NULL : "the name of a file is empty";
}

static void
read_files(const struct read_params *params)
{
	const char *value = config_setting_get_string(params->setting);

	if (value && !*value)
		free_strings(params->member);
	else
		read_strings(params, check_file_name);
}

static void
print_files(const struct schema_option *option, const void *member, FILE *out)
{
	const struct string_list *list = member;

	if (list->count > 1)
		print_strings(option, member, out);
	else
		print_string(list->count ? list->items[0] : "", out);
}

static const char *
check_protocol(const char *text)
{
	return *text && strlen(text) <= TLS_PROTOCOL_MAX ?
		       NULL :
		       "the name of a protocol has 1 to 255 bytes";
}

static void
read_protocols(const struct read_params *params)
{
	const struct string_list *list = params->member;
	size_t size = 0;

	read_strings(params, check_protocol);
	for (size_t i = 0; i < list->count; i++)
		size += 1 + strlen(list->items[i]);
	if (size > TLS_PROTOCOLS_MAX)
		wrong_item(params, params->setting,
			   "the names of the protocols are too long together");
}

const struct option_type type_protocols = {
	.read = read_protocols,
	.set_default = default_strings,
	.copy = copy_strings,
	.equal = equal_strings,
	.free = free_strings,
	.print = print_strings,
};

const struct option_type type_files = {
	.read = read_files,
	.set_default = default_strings,
	.copy = copy_strings,
	.equal = equal_strings,
	.free = free_strings,
	.print = print_files,
};
