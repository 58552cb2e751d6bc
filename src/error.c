#include "error.h"

#include <stdarg.h>
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
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].text);
	free(list->items);
	error_list_init(list, list->file);
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

	if (line > 0)
		snprintf(place, sizeof(place), "%d: ", line);
	if (asprintf(&text, "%s:%s%s%s%s%s", file, line > 0 ? "" : " ", place,
		     setting ? setting : "", setting ? ": " : "", reason) < 0)
		return NULL;
	return text;
}

static void
insert(struct error_list *list, int line, char *text)
{
	size_t at = list->count;

	while (at > 0 && list->items[at - 1].line > line)
		at--;
	memmove(&list->items[at + 1], &list->items[at],
		(list->count - at) * sizeof(*list->items));
	list->items[at] = (struct error){ .line = line, .text = text };
	list->count++;
}

void
error_add(struct error_list *list, int line, const char *setting,
	  const char *format, ...)
{
	va_list arguments;
	char *reason;
	char *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&reason, format, arguments) < 0)
		reason = NULL;
	va_end(arguments);

	if (reason)
		text = compose(list->file, line, setting, reason);
	free(reason);
	if (text && make_room(list)) {
		insert(list, line, text);
		return;
	}
	free(text);
	list->out_of_memory = true;
}

bool
error_any(const struct error_list *list)
{
	return list->count > 0 || list->out_of_memory;
}

void
error_seal_raw(struct error_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		list->items[i].raw = true;
}

bool
error_raw_on_line(const struct error_list *list, int line)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].line == line && list->items[i].raw)
			return true;
	return false;
}
