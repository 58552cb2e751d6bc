/*
 * types: the types of options, one row each: how a value is read from
 * libconfig, set by default, copied, compared, freed and printed.  Lists are
 * in config/types_lists.h and config/types_strings.h, and permissions in
 * config/types_mode.h.
 *
 * A row of the option table (config/schema.h) points to the row of its type.  A
 * `member` points to the value, as from schema_member(); `from`, `a` and `b`
 * are members of the same type.
 */
#ifndef ECHOD_CONFIG_TYPES_H
#define ECHOD_CONFIG_TYPES_H

#include <libconfig.h>
#include <stdbool.h>
#include <stdio.h>

#include "config/schema.h"

struct error_list;

/* One setting, and the member that gets its value; everything is borrowed. */
struct read_params {
	const struct schema_option *option;
	config_setting_t *setting;
	const char *path; /* names the setting in errors */
	void *member;	  /* holds a value of its type */
	struct error_list *errors;
};

struct option_type {
	/*
	 * Replaces the value of the member.  A setting of another type or
	 * outside the range of its option adds an error and changes nothing.  A
	 * list is replaced even if an item is wrong; that item can be zero.
	 */
	void (*read)(const struct read_params *params);

	/*
	 * For strings, and each of a list: NULL if `text` is valid, or else the
	 * reason, which can be in `buffer`.  No function: every one is valid.
	 */
	const char *(*check)(const char *text, char *buffer, size_t size);

	/* The default of `option`; false if memory is out. */
	bool (*set_default)(const struct schema_option *option, void *member);

	/*
	 * Copies the memory that `from` owns; `member` is a bitwise copy of
	 * `from` before.  If memory is out, `member` owns nothing and the
	 * result is false.  NULL if values of this type own no memory.
	 */
	bool (*copy)(void *member, const void *from);

	bool (*equal)(const void *a, const void *b);

	/* Frees what `member` owns, if anything; NULL if it never does. */
	void (*free)(void *member);

	/* Writes the value in the syntax of libconfig. */
	void (*print)(const struct schema_option *option, const void *member,
		      FILE *out);
};

extern const struct option_type type_integer; /* unsigned */
extern const struct option_type type_seconds; /* double */
extern const struct option_type type_boolean; /* bool */
extern const struct option_type type_choice;  /* int, one of `choices` */
/* int, one of `choices`, which are below the minimum, or in the range */
extern const struct option_type type_choice_or_number;
extern const struct option_type type_string;   /* char *, any text */
extern const struct option_type type_name;     /* char *, of a listener */
extern const struct option_type type_template; /* char *, echo/template.h */
extern const struct option_type type_address;  /* char *, of status.listen */

/*
 * For errors: the line of a setting, or ERROR_COMMAND_LINE (base/error.h); and
 * its type, such as "an integer".
 */
int setting_line(const config_setting_t *setting);
const char *setting_kind(const config_setting_t *setting);

/* For the types of lists: */

/* The value is for settings that are integers only. */
bool setting_is_integer(const config_setting_t *setting);
double setting_integer(const config_setting_t *setting);

/*
 * Adds an error about `setting`, unless the raw text has one in its line
 * already: libconfig misread its value.
 */
void setting_error(const struct read_params *params,
		   const config_setting_t *setting, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same; does nothing if `reason` is NULL. */
void setting_refuse(const struct read_params *params,
		    const config_setting_t *setting, const char *reason);

/*
 * The text of `setting`, borrowed.  NULL, and an error, if it is no string or
 * the type's `check` refuses it.
 */
const char *setting_string(const struct read_params *params,
			   const config_setting_t *setting);

/* The items of a list.  A setting that is no list is its only item. */
size_t setting_count(const config_setting_t *setting);
config_setting_t *setting_item(config_setting_t *setting, size_t at);

/*
 * Writes a string of libconfig with its quotes and escapes.  It is valid UTF-8:
 * a byte that is not part of a valid sequence becomes \xNN.
 */
void print_string(const char *text, FILE *out);

#endif
