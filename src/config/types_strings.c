#include "config/types_strings.h"

#include <stdlib.h>
#include <string.h>

#include "addr/host_name.h"
#include "base/error.h"
#include "base/string_list.h"

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

static bool
default_strings(const struct schema_option *option, void *member)
{
	char *text = (char *)option->text;
	struct string_list list = { &text, *text ? 1 : 0 };

	return copy_strings(member, &list);
}

static void
read_strings(const struct read_params *params)
{
	size_t count = setting_count(params->setting);
	struct string_list list = { calloc(count + 1, sizeof(char *)), 0 };
	bool done = list.items;

	for (size_t i = 0; i < count && done; i++) {
		const char *value = setting_string(
			params, setting_item(params->setting, i));

		done = !value || append_string(&list, value);
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

#define STRINGS_TYPE(read_, check_, print_) \
	{ \
		.read = (read_), .check = (check_), \
		.set_default = default_strings, .copy = copy_strings, \
		.equal = equal_strings, .free = free_strings, \
		.print = (print_), \
	}

const struct option_type type_hosts =
	STRINGS_TYPE(read_strings, host_name_check_pattern, print_strings);

static const char *
check_file_name(const char *text, char *buffer, size_t size)
{
	(void)buffer, (void)size;
	return *text ? NULL : "the name of a file is empty";
}

static void
read_files(const struct read_params *params)
{
	const char *value = config_setting_get_string(params->setting);

	if (value && !*value)
		free_strings(params->member);
	else
		read_strings(params);
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

const struct option_type type_files =
	STRINGS_TYPE(read_files, check_file_name, print_files);

static const char *
check_protocol(const char *text, char *buffer, size_t size)
{
	(void)buffer, (void)size;
	return *text && strlen(text) <= TLS_PROTOCOL_MAX ?
		       NULL :
		       "the name of a protocol has 1 to 255 bytes";
}

static void
read_protocols(const struct read_params *params)
{
	const struct string_list *list = params->member;
	size_t size = 0;

	read_strings(params);
	for (size_t i = 0; i < list->count; i++)
		size += 1 + strlen(list->items[i]);
	if (size > TLS_PROTOCOLS_MAX)
		setting_refuse(params, params->setting,
			       "the names of the protocols are too long "
			       "together");
}

const struct option_type type_protocols =
	STRINGS_TYPE(read_protocols, check_protocol, print_strings);
