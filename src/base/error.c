#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
error_list_init(struct error_list *list, const char *file)
{
	*list = (struct error_list){ .file = file };
}

void
error_list_free(struct error_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].setting);
		free(list->items[i].text);
	}
	free(list->items);
	*list = (struct error_list){
		.file = list->file,
		.warnings = list->warnings,
		.outside_unit = list->outside_unit,
	};
}

static bool
make_room(struct error_list *list)
{
	if (list->count < list->capacity)
		return true;

	size_t capacity = list->capacity ? 2 * list->capacity : 8;
	struct error *items = realloc(list->items, capacity * sizeof(*items));
	if (!items)
		return false;
	list->items = items;
	list->capacity = capacity;
	return true;
}

static char *
compose(const char *file, int line, const char *setting, const char *reason)
{
	char place[16] = "";
	char *text;

	if (line == ERROR_COMMAND_LINE)
		file = "command line";
	if (line > 0)
		snprintf(place, sizeof(place), "%d: ", line);
	if (asprintf(&text, "%s:%s%s%s%s%s", file, line > 0 ? "" : " ", place,
		     setting ? setting : "", setting ? ": " : "", reason) < 0)
		return NULL;
	return text;
}

static void
insert(struct error_list *list, const struct error *error)
{
	size_t at = list->count;

	while (at > 0 && list->items[at - 1].line > error->line)
		at--;
	memmove(&list->items[at + 1], &list->items[at],
		(list->count - at) * sizeof(*list->items));
	list->items[at] = *error;
	list->count++;
}

/* Takes `reason`, which is NULL if memory is out. */
static void
add(struct error_list *list, int line, const char *setting, char *reason)
{
	struct error error = { .line = line };

	error.setting = strdup(setting ? setting : "");
	if (reason)
		error.text = compose(list->file, line, setting, reason);
	if (error.text && error.setting && make_room(list)) {
		error.reason = error.text + strlen(error.text) - strlen(reason);
		insert(list, &error);
	} else {
		free(error.text);
		free(error.setting);
		list->out_of_memory = true;
	}
	free(reason);
}

void
error_vadd(struct error_list *list, int line, const char *setting,
	   const char *format, va_list arguments)
{
	char *reason;

	if (vasprintf(&reason, format, arguments) < 0)
		reason = NULL;
	add(list, line, setting, reason);
}

void
error_add(struct error_list *list, int line, const char *setting,
	  const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	error_vadd(list, line, setting, format, arguments);
	va_end(arguments);
}

static bool
has(const struct error_list *list, int line, const char *reason)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].line == line &&
		    strcmp(list->items[i].reason, reason) == 0)
			return true;
	return false;
}

void
warning_add(struct error_list *list, int line, const char *setting,
	    const char *format, ...)
{
	va_list arguments;
	char *reason;

	if (!list->warnings)
		return;
	va_start(arguments, format);
	if (vasprintf(&reason, format, arguments) < 0)
		reason = NULL;
	va_end(arguments);
	if (reason && has(list->warnings, line, reason))
		free(reason);
	else
		add(list->warnings, line, setting, reason);
}

bool
error_any(const struct error_list *list)
{
	return list->count > 0 || list->out_of_memory;
}

bool
error_has_line(const struct error_list *list, int line)
{
	for (size_t i = 0; i < list->count && line != 0; i++)
		if (list->items[i].line == line)
			return true;
	return false;
}

void
error_seal_raw(struct error_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		list->items[i].raw = true;
}

bool
error_is_raw(const struct error_list *list, int line, const char *setting)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].raw && list->items[i].line == line &&
		    strcmp(list->items[i].setting, setting) == 0)
			return true;
	return false;
}
