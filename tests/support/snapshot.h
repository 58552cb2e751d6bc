/*
 * snapshot: configurations written in a test, as strings.
 */
#ifndef ECHOD_TESTS_SNAPSHOT_H
#define ECHOD_TESTS_SNAPSHOT_H

#include "base/error.h"
#include "config/config.h"
#include "support/suite.h"

/* All errors, a line each, without the file's name. */
static inline const char *
snapshot_errors(const struct error_list *errors)
{
	static char all[65536];

	all[0] = '\0';
	for (size_t i = 0; i < errors->count; i++) {
		const char *text = errors->items[i].text;

		ck_assert_msg(strncmp(text, "conf:", 5) == 0, "%s", text);
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s",
			 i ? "\n" : "", text + 5);
	}
	ck_assert(!errors->out_of_memory);
	return all;
}

/* A file must name an address. */
#define SNAPSHOT_DEFAULTS "listen = \"*:25000\";"

/* The snapshot of a valid text; for "" that of the defaults. */
static inline struct config *
accepted(const char *text)
{
	struct error_list errors;
	struct config *config;

	if (!*text)
		text = SNAPSHOT_DEFAULTS;
	error_list_init(&errors, "conf");
	config = config_parse(text, strlen(text), &errors);
	ck_assert_msg(config && !error_any(&errors), "%s\n%s", text,
		      snapshot_errors(&errors));
	error_list_free(&errors);
	return config;
}

/* All warnings about a valid text. */
static inline const char *
warned(const char *text)
{
	struct error_list errors, warnings;
	const char *why;

	error_list_init(&errors, "conf");
	error_list_init(&warnings, "conf");
	errors.warnings = &warnings;
	config_unref(config_parse(text, strlen(text), &errors));
	ck_assert_msg(!error_any(&errors), "%s\n%s", text,
		      snapshot_errors(&errors));
	why = snapshot_errors(&warnings);
	error_list_free(&warnings);
	return why;
}

/* All errors of an invalid text. */
static inline const char *
refused(const char *text)
{
	struct error_list errors;
	const char *why;

	error_list_init(&errors, "conf");
	ck_assert_msg(!config_parse(text, strlen(text), &errors),
		      "this was accepted:\n%s", text);
	ck_assert_msg(error_any(&errors), "refused without a reason:\n%s",
		      text);
	why = snapshot_errors(&errors);
	error_list_free(&errors);
	return why;
}

/* A setting that is invalid alone needs this setting in its group. */
static inline const char *
snapshot_beside(const struct schema_option *option)
{
	if (!option->group || strcmp(option->group, "fault") != 0)
		return "";
	if (strcmp(option->name, "every") == 0)
		return "rate = 1; ";
	return strcmp(option->name, "after") == 0 ? "end = \"close\"; " : "";
}

static inline void
expect_refused(const char *text, const char *expected)
{
	const char *why = refused(text);

	ck_assert_msg(strcmp(why, expected) == 0, "%s\ngives: %s\nnot: %s",
		      text, why, expected);
}

static inline const struct config_entry *
entry_named(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (strcmp(config->listeners[i].settings->name, name) == 0)
			return &config->listeners[i];
	ck_abort_msg("there is no listener %s", name);
}

static inline const struct config_listener *
named(const struct config *config, const char *name)
{
	return entry_named(config, name)->settings;
}

/* "ADDRESS ADDRESS ..." of a listener. */
static inline const char *
listens_on(const struct config *config, const char *name)
{
	const struct config_addresses *listen =
		&entry_named(config, name)->listen;
	static char all[1024];

	all[0] = '\0';
	for (size_t i = 0; i < listen->count; i++) {
		char text[LISTEN_ADDRESS_TEXT_SIZE];

		if (i)
			strcat(all, " ");
		strcat(all, listen_address_format_short(
				    &listen->items[i].address, text));
	}
	return all;
}

#endif
