#include "config/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static bool
is_standard_input(const struct config_source *source)
{
	return source->file && strcmp(source->file, "-") == 0;
}

static const char *
path_of(const struct config_source *source)
{
	return source->file ? source->file : ECHOD_CONFIG_FILE;
}

void
source_free(struct config_source *source)
{
	free(source->text);
	source->text = NULL;
}

bool
source_has_file(const struct config_source *source)
{
	return source->file || source->listen_count == 0;
}

const char *
source_name(const struct config_source *source)
{
	if (!source_has_file(source))
		return "command line";
	return is_standard_input(source) ? "standard input" : path_of(source);
}

bool
source_is_fixed(const struct config_source *source)
{
	return source->text || !source_has_file(source);
}

static char *
copy_text(const char *text, size_t length)
{
	char *copy = malloc(length + 1);

	if (copy)
		memcpy(copy, text, length + 1);
	return copy;
}

/* A copy of the text of a stream stays in the source. */
static char *
read_first(struct config_source *source, size_t *length,
	   char reason[FILE_REASON_SIZE])
{
	bool regular = false;
	char *text = is_standard_input(source) ?
			     file_read_stream(STDIN_FILENO, length, reason) :
			     file_read_any(path_of(source), &regular, length,
					   reason);

	if (!text || regular)
		return text;
	source->text = copy_text(text, *length);
	source->length = *length;
	if (source->text)
		return text;
	free(text);
	*reason = '\0';
	return NULL;
}

static void
add_unread(const struct config_source *source, const char *reason,
	   struct error_list *errors)
{
	bool missing = strcmp(reason, strerror(ENOENT)) == 0;

	if (!*reason)
		errors->out_of_memory = true;
	else
		error_add(errors, 0, NULL, "%s%s", reason,
			  missing && !source->file ?
				  "; without a file, start with --listen "
				  "'*:25000'" :
				  "");
}

char *
source_read(struct config_source *source, size_t *length,
	    struct error_list *errors)
{
	char reason[FILE_REASON_SIZE] = "";
	char *text;

	if (source_is_fixed(source)) {
		*length = source->length;
		text = copy_text(source->text ? source->text : "", *length);
	} else if (source->was_read) {
		text = file_read(path_of(source), length, reason);
	} else {
		text = read_first(source, length, reason);
	}
	source->was_read = true;
	if (!text)
		add_unread(source, reason, errors);
	return text;
}

static void
set_string(config_setting_t *group, const char *name, const char *value)
{
	config_setting_remove(group, name);
	config_setting_set_string(
		config_setting_add(group, name, CONFIG_TYPE_STRING), value);
}

static void
set_listen(config_setting_t *root, const struct config_source *source)
{
	config_setting_t *list;

	config_setting_remove(root, "listen");
	list = config_setting_add(root, "listen", CONFIG_TYPE_ARRAY);
	for (size_t i = 0; i < source->listen_count; i++)
		config_setting_set_string_elem(list, -1, source->listen[i]);
}

void
source_override(const struct config_source *source, config_setting_t *root)
{
	if (source->listen_count > 0)
		set_listen(root, source);
	if (source->prefix)
		set_string(root, "prefix", source->prefix);
	if (source->status) {
		config_setting_t *group =
			config_setting_get_member(root, "status");

		if (!group)
			group = config_setting_add(root, "status",
						   CONFIG_TYPE_GROUP);
		/* Another type is an error of the file. */
		if (config_setting_is_group(group))
			set_string(group, "listen", source->status);
	}
}
