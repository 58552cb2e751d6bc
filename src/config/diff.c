#include "config/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "config/types_lists.h"
#include "echo/template.h"
#include "tls/context.h"

/* NULL if `config` has no listener of that name. */
static const struct config_entry *
find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (strcmp(config->listeners[i].settings->name, name) == 0)
			return &config->listeners[i];
	return NULL;
}

/* True if every option of `scope` has the same value in both. */
static bool
equal_options(enum option_scope scope, const struct config_entry *a,
	      const struct config_entry *b)
{
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];

		if (option->scope == scope &&
		    !option->type->equal(schema_member(option, NULL, a),
					 schema_member(option, NULL, b)))
			return false;
	}
	return true;
}

/*
 * These can differ although the file is the same: ids of users and groups, the
 * host name in a prefix, the contents of certificates.
 */
static bool
equal_lookups(const struct config_listener *a, const struct config_listener *b)
{
	return a->uid == b->uid && a->gid == b->gid &&
	       template_equal(a->template, b->template) &&
	       tls_context_equal(a->tls_context, b->tls_context);
}

static bool
equal_settings(const struct config_entry *a, const struct config_entry *b)
{
	return equal_options(SCOPE_INHERITED, a, b) &&
	       equal_options(SCOPE_LISTENER, a, b) &&
	       equal_lookups(a->settings, b->settings);
}

/* `quiet` is daemon-wide: a change of it does not change the listener. */
static bool
can_share(const struct config_entry *a, const struct config_entry *b)
{
	return equal_settings(a, b) &&
	       type_networks.equal(&a->settings->quiet, &b->settings->quiet);
}

void
diff_share(struct config *config, const struct config *before)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		struct config_entry *entry = &config->listeners[i];
		const struct config_entry *old =
			find(before, entry->settings->name);

		if (old && can_share(entry, old)) {
			config_listener_unref(entry->settings);
			entry->settings = config_listener_ref(old->settings);
			continue;
		}
		for (size_t j = 0; j < before->listener_count; j++)
			tls_context_share(
				&entry->settings->tls_context,
				before->listeners[j].settings->tls_context);
	}
}

static bool
is_added(const struct config_entry *entry, const struct config_entry *old)
{
	(void)entry;
	return !old;
}

static bool
is_changed(const struct config_entry *entry, const struct config_entry *old)
{
	return old && !(equal_settings(entry, old) &&
			equal_options(SCOPE_MAIN, entry, old));
}

/* Writes " KEY=NAME,NAME" for the listeners of `config` with `is` true. */
static void
print_names(const char *key, const struct config *config,
	    const struct config *other,
	    bool (*is)(const struct config_entry *entry,
		       const struct config_entry *old),
	    FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_entry *entry = &config->listeners[i];
		const char *name = entry->settings->name;

		if (!is(entry, find(other, name)))
			continue;
		if (any)
			fprintf(out, ",%s", name);
		else
			fprintf(out, " %s=%s", key, name);
		any = true;
	}
}

void
diff_log(const struct config *config, const struct config *before)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		log_error("Cannot list the changed listeners: out of memory");
		return;
	}
	print_names("added", config, before, is_added, out);
	print_names("removed", before, config, is_added, out);
	print_names("changed", config, before, is_changed, out);
	if (fclose(out) == 0 && size > 0)
		log_notice("Listeners%s", text);
	free(text);
}
