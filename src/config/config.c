#include "config/config.h"

#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "config/lint.h"
#include "config/reader.h"
#include "config/source.h"
#include "config/syntax.h"
#include "config/types.h"
#include "config/validate.h"
#include "echo/template.h"
#include "tls/context.h"

/* Frees what the options of `scope` own in `base`, the structure for them. */
static void
free_members(enum option_scope scope, void *base)
{
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];

		if (option->scope == scope && option->type->free)
			option->type->free((char *)base + option->offset);
	}
}

struct config_listener *
config_listener_ref(const struct config_listener *settings)
{
	/* Everything except the count of references is constant. */
	struct config_listener *counted = (struct config_listener *)settings;

	atomic_fetch_add_explicit(&counted->references, 1,
				  memory_order_relaxed);
	return counted;
}

void
config_listener_unref(const struct config_listener *settings)
{
	struct config_listener *counted = (struct config_listener *)settings;

	if (!counted || atomic_fetch_sub_explicit(&counted->references, 1,
						  memory_order_acq_rel) > 1)
		return;
	free_members(SCOPE_INHERITED, counted);
	free_members(SCOPE_LISTENER, counted);
	template_free(counted->template);
	tls_context_unref(counted->tls_context);
	acl_free(&counted->quiet);
	free(counted);
}

static void
free_entry(struct config_entry *entry)
{
	free_members(SCOPE_MAIN, entry);
	config_listener_unref(entry->settings);
}

struct config *
config_ref(struct config *config)
{
	atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
	return config;
}

void
config_unref(struct config *config)
{
	if (!config || atomic_fetch_sub_explicit(&config->references, 1,
						 memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < config->listener_count; i++)
		free_entry(&config->listeners[i]);
	free(config->listeners);
	free_members(SCOPE_GLOBAL, config);
	free(config);
}

static bool
set_defaults(struct config *config, struct config_entry *base)
{
	bool done = true;

	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];

		done &= option->type->set_default(
			option, schema_member(option, config, base));
	}
	return done;
}

/* Gives `entry` a copy of the settings of `base`; false if memory is out. */
static bool
inherit(struct config_entry *entry, const struct config_entry *base)
{
	struct config_listener *settings = malloc(sizeof(*settings));
	bool done = true;

	if (!settings)
		return false;
	*settings = *base->settings;
	atomic_init(&settings->references, 1);
	settings->name = NULL;
	entry->settings = settings;
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];

		if (option->scope == SCOPE_INHERITED && option->type->copy)
			done &= option->type->copy(
				schema_member(option, NULL, entry),
				schema_member(option, NULL, base));
	}
	if (!done)
		config_listener_unref(settings);
	return done;
}

static int *
line_of(struct config_entry *entry, const char *name)
{
	return &entry->lines[schema_find(true, NULL, name) - schema_options];
}

static void
read_listener(struct config_entry *entry, config_setting_t *group, int at,
	      struct error_list *errors)
{
	char path[32];

	snprintf(path, sizeof(path), "listeners[%d]", at);
	entry->index = at;
	entry->line = setting_line(group);
	if (!config_setting_is_group(group)) {
		error_add(
			errors, entry->line, path,
			"a group, { name = ...; listen = ...; }, is expected");
		return;
	}
	reader_read_listener(group, path, entry, errors);
	if (!*line_of(entry, "name"))
		error_add(errors, entry->line, path, "name is missing");
	if (!*line_of(entry, "listen"))
		error_add(errors, entry->line, path, "listen is missing");
}

/* Appends an entry with a copy of the settings of `base`; NULL: no memory. */
static struct config_entry *
append_listener(struct config *config, const struct config_entry *base)
{
	struct config_entry *listeners =
		realloc(config->listeners,
			(config->listener_count + 1) * sizeof(*listeners));

	if (!listeners)
		return NULL;
	config->listeners = listeners;

	struct config_entry *entry = &listeners[config->listener_count];
	*entry = *base;
	entry->listen = (struct config_addresses){ 0 };
	*line_of(entry, "listen") = 0;
	if (!inherit(entry, base))
		return NULL;
	config->listener_count++;
	return entry;
}

static void
read_listeners(struct config *config, const struct config_entry *base,
	       config_setting_t *list, struct error_list *errors)
{
	int line = setting_line(list);
	int count = config_setting_length(list);

	if (!config_setting_is_list(list)) {
		error_add(errors, line, "listeners",
			  "a list, "
			  "( { ... }, { ... } ), is expected");
		return;
	}
	if (count == 0)
		error_add(errors, line, "listeners", "the list is empty");
	for (int i = 0; i < count; i++) {
		struct config_entry *entry = append_listener(config, base);

		if (!entry) {
			errors->out_of_memory = true;
			return;
		}
		read_listener(entry, config_setting_get_elem(list, (unsigned)i),
			      i, errors);
	}
}

/* The listener that the top level describes; takes the strings of `base`. */
static bool
append_main(struct config *config, struct config_entry *base,
	    config_setting_t *listen)
{
	struct config_entry *entry = append_listener(config, base);

	if (!entry)
		return false;
	entry->index = -1;
	entry->line = listen ? setting_line(listen) : 0;
	entry->settings->name = base->settings->name;
	entry->listen = base->listen;
	base->settings->name = NULL;
	base->listen = (struct config_addresses){ 0 };
	return true;
}

static int
line_of_status(config_setting_t *root)
{
	config_setting_t *listen = config_setting_lookup(root, "status.listen");

	return listen ? setting_line(listen) : 0;
}

static void
read_all(struct config *config, struct config_entry *base,
	 config_setting_t *root, struct error_list *errors)
{
	config_setting_t *listeners =
		config_setting_get_member(root, "listeners");
	config_setting_t *listen = config_setting_get_member(root, "listen");

	reader_read_top_level(root, config, base, errors);
	config->status.line = line_of_status(root);
	if ((listen || !listeners) && !append_main(config, base, listen))
		errors->out_of_memory = true;
	if (listeners)
		read_listeners(config, base, listeners, errors);
}

static struct config *
build(config_setting_t *root, struct error_list *errors)
{
	/* The top level, as an entry that the listeners inherit from. */
	struct config_entry base = {
		.index = -1,
		.settings = calloc(1, sizeof(*base.settings)),
	};
	struct config *config = calloc(1, sizeof(*config));

	if (!config || !base.settings) {
		free(base.settings);
		free(config);
		errors->out_of_memory = true;
		return NULL;
	}
	atomic_init(&base.settings->references, 1);
	atomic_init(&config->references, 1);
	if (set_defaults(config, &base))
		read_all(config, &base, root, errors);
	else
		errors->out_of_memory = true;
	free_entry(&base);

	if (!errors->out_of_memory)
		validate_config(config, errors);
	if (error_any(errors)) {
		config_unref(config);
		return NULL;
	}
	return config;
}

/*
 * libconfig writes through NULL, or ends the process, if memory is out.  So it
 * is called only if there is more memory than any file needs: 256 bytes for
 * each setting, SYNTAX_SETTINGS_MAX of them, and a few times the text.  It
 * could still fail if another thread takes all that memory within the next
 * millisecond.
 */
#define PARSER_MEMORY ((size_t)8 << 20)

static bool
has_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory != MAP_FAILED && munmap(memory, size) == 0;
}

/* The last setting with a name that libconfig has read, or NULL. */
static config_setting_t *
last_setting(const config_t *tree)
{
	config_setting_t *setting = config_root_setting(tree);
	config_setting_t *named = NULL;

	while (config_setting_is_aggregate(setting) &&
	       config_setting_length(setting) > 0) {
		int last = config_setting_length(setting) - 1;

		setting = config_setting_get_elem(setting, (unsigned)last);
		if (config_setting_name(setting))
			named = setting;
	}
	return named;
}

/*
 * The syntax is right, and lint_check() has an error for a setting that is set
 * twice.  What remains are brackets around values of different types.
 */
static void
add_unreadable(const config_t *tree, struct error_list *errors)
{
	const char *reason = config_error_text(tree);
	config_setting_t *last = last_setting(tree);

	if (strcmp(reason, "duplicate setting name") == 0 && error_any(errors))
		return;
	if (strcmp(reason, "mismatched element type in array") == 0)
		reason = "all values in [ ] must have the same type";
	error_add(errors, config_error_line(tree),
		  last ? config_setting_name(last) : NULL, "%s", reason);
}

/* See config/config.h for the cause. */
static void
add_empty(struct error_list *errors)
{
	error_add(
		errors, 0, NULL,
		"the file contains no settings; for the defaults, write listen "
		"= \"*:25000\";");
}

/* `source`: NULL if there are no options. */
static struct config *
build_from(const config_t *tree, const struct config_source *source,
	   struct error_list *errors)
{
	config_setting_t *root = config_root_setting(tree);

	if (config_setting_length(root) == 0 &&
	    (!source || source_has_file(source))) {
		add_empty(errors);
		return NULL;
	}
	if (source)
		source_override(source, root);
	return build(root, errors);
}

/* The same for its text, which must have a NUL at `length`. */
static struct config *
parse(const char *text, size_t length, const struct config_source *source,
      struct error_list *errors)
{
	size_t mark = syntax_mark_length(text, length);
	struct config *config = NULL;
	char *lines;
	config_t tree;

	text += mark;
	length -= mark;
	if (!syntax_check(text, length, errors))
		return NULL;
	lint_check(text, length, errors);
	error_seal_raw(errors);

	/* libconfig 1.5 rejects a comment at the end without a newline. */
	bool complete = length > 0 && text[length - 1] == '\n';
	if (!has_memory(PARSER_MEMORY) ||
	    asprintf(&lines, "%s%s", text, complete ? "" : "\n") < 0) {
		errors->out_of_memory = true;
		return NULL;
	}
	config_init(&tree);
	if (!config_read_string(&tree, lines))
		add_unreadable(&tree, errors);
	else
		config = build_from(&tree, source, errors);
	config_destroy(&tree);
	free(lines);
	return config;
}

struct config *
config_parse(const char *text, size_t length, struct error_list *errors)
{
	return parse(text, length, NULL, errors);
}

struct config *
config_load(struct config_source *source, struct error_list *errors)
{
	struct config *config;
	size_t length;
	char *text = source_read(source, &length, errors);

	if (!text)
		return NULL;
	config = parse(text, length, source, errors);
	free(text);
	return config;
}
