#include "config/reader.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "config/suggest.h"
#include "config/types.h"

/* The structures that settings are read into. */
struct target {
	struct config *config; /* NULL in a listener */
	struct config_entry *entry;
	bool in_listener;
	struct error_list *errors;
};

/*
 * The setting that was meant, or each one of the group, counts as set in that
 * line: that it is missing is no second error.
 */
static void
mark_set(const struct target *target, const char *group, const char *name,
	 int line)
{
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];
		const char *outer = option->group ? option->group : "";

		if (option->scope != SCOPE_GLOBAL &&
		    strcmp(outer, group ? group : "") == 0 &&
		    (!name || strcmp(option->name, name) == 0) &&
		    target->entry->lines[i] == 0)
			target->entry->lines[i] = line;
	}
}

static void
suggest(const char *path, const char *group, const char *name, int line,
	const struct target *target)
{
	const char *similar = suggest_similar(target->in_listener, group, name);
	bool is_group = similar && !group &&
			schema_is_group(target->in_listener, similar);
	char names[160];

	if (suggest_elsewhere(target->in_listener, group, name, names,
			      sizeof(names)) == 0 &&
	    similar)
		snprintf(names, sizeof(names), "\"%s\"", similar);
	if (*names)
		error_add(target->errors, line, path,
			  "unknown setting; did you mean %s?", names);
	else if (target->in_listener &&
		 suggest_elsewhere(false, group, name, names, sizeof(names)))
		error_add(target->errors, line, path,
			  "unknown setting; %s is set at top level only",
			  names);
	else
		error_add(target->errors, line, path, "unknown setting");
	if (similar || group)
		mark_set(target, is_group ? similar : group,
			 is_group ? NULL : similar, line);
}

static void
unknown(config_setting_t *setting, const char *path, const char *group,
	const struct target *target)
{
	bool in_listener = target->in_listener;
	const char *name = config_setting_name(setting);
	int line = setting_line(setting);

	if (in_listener &&
	    (schema_find(false, group, name) || schema_is_group(false, name)))
		error_add(target->errors, line, path,
			  "it is set at top level only");
	else if (!in_listener && schema_find(true, group, name))
		error_add(target->errors, line, path,
			  "it is set in listeners only");
	else
		suggest(path, group, name, line, target);
}

static void
join(char path[128], const char *outer, const char *name)
{
	snprintf(path, 128, "%s%s%.64s", outer ? outer : "", outer ? "." : "",
		 name);
}

static void
read_option(const struct schema_option *option, config_setting_t *setting,
	    const char *path, const struct target *target)
{
	const struct read_params params = {
		.option = option,
		.setting = setting,
		.path = path,
		.member = schema_member(option, target->config, target->entry),
		.errors = target->errors,
	};

	if (option->scope != SCOPE_GLOBAL)
		target->entry->lines[option - schema_options] =
			setting_line(setting);
	/* libconfig has misread the value; the error is there already. */
	if (!error_is_raw(target->errors, setting_line(setting), option->name))
		option->type->read(&params);
}

static void
read_group(config_setting_t *group, const char *path,
	   const struct target *target)
{
	const char *name = config_setting_name(group);
	char inner[128];

	if (!config_setting_is_group(group)) {
		error_add(target->errors, setting_line(group), path,
			  "a group, { ... }, is expected, this is %s",
			  setting_kind(group));
		return;
	}
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *setting =
			config_setting_get_elem(group, (unsigned)i);
		const struct schema_option *option =
			schema_find(target->in_listener, name,
				    config_setting_name(setting));

		join(inner, path, config_setting_name(setting));
		if (option)
			read_option(option, setting, inner, target);
		else
			unknown(setting, inner, name, target);
	}
}

static void
read_setting(config_setting_t *setting, const char *path,
	     const struct target *target)
{
	const char *name = config_setting_name(setting);
	const struct schema_option *option =
		schema_find(target->in_listener, NULL, name);

	if (schema_is_group(target->in_listener, name))
		read_group(setting, path, target);
	else if (option)
		read_option(option, setting, path, target);
	else
		unknown(setting, path, NULL, target);
}

void
reader_read_top_level(config_setting_t *root, struct config *config,
		      struct config_entry *base, struct error_list *errors)
{
	const struct target target = { config, base, false, errors };

	for (int i = 0; i < config_setting_length(root); i++) {
		config_setting_t *setting =
			config_setting_get_elem(root, (unsigned)i);
		const char *name = config_setting_name(setting);

		if (strcmp(name, "listeners") != 0)
			read_setting(setting, name, &target);
	}
}

void
reader_read_listener(config_setting_t *group, const char *path,
		     struct config_entry *entry, struct error_list *errors)
{
	const struct target target = { NULL, entry, true, errors };
	char inner[128];

	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *setting =
			config_setting_get_elem(group, (unsigned)i);

		join(inner, path, config_setting_name(setting));
		read_setting(setting, inner, &target);
	}
}
