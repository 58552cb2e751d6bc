/*
 * error: a list of all errors in a file, each with its line and setting, so
 * that one run reports all of them.  Warnings have a list of their own.
 *
 * A list is used by one thread.  If memory is out, an entry can be lost, but
 * `out_of_memory` is set and error_any() is true.
 */
#ifndef ECHOD_BASE_ERROR_H
#define ECHOD_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* In place of a line: the command line, not the file, has the setting. */
#define ERROR_COMMAND_LINE (-1)

struct error {
	int line;	    /* 1-based; 0: none; or ERROR_COMMAND_LINE */
	bool raw;	    /* found in the raw text: see error_seal_raw() */
	char *setting;	    /* "": none */
	char *text;	    /* "FILE:LINE: SETTING: REASON" */
	const char *reason; /* the end of `text` */
};

struct error_list {
	const char *file; /* borrowed; must outlive the list */
	struct error *items;
	size_t count;
	size_t capacity;
	bool out_of_memory;
	/* For the owner to set after error_list_init(): */
	struct error_list *warnings; /* borrowed; NULL: they are dropped */
	/*
	 * The file is only checked, perhaps outside the service unit, which
	 * has credentials and variables of its own: what is missing has a
	 * warning, no error.
	 */
	bool outside_unit;
};

void error_list_init(struct error_list *list, const char *file);

/* Frees all entries, but not those of `warnings`; the list is then empty. */
void error_list_free(struct error_list *list);

/*
 * Adds "FILE:LINE: SETTING: REASON".  A line of 0 or a setting of NULL is left
 * out.  With ERROR_COMMAND_LINE, FILE is "command line".  The list is sorted by
 * line; entries of one line are in the order in which they were added.
 */
void error_add(struct error_list *list, int line, const char *setting,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same with a va_list. */
void error_vadd(struct error_list *list, int line, const char *setting,
		const char *format, va_list arguments)
	__attribute__((format(printf, 4, 0)));

/*
 * Adds to `list->warnings`: the file is valid, and error_any(list) does not
 * change.  A line has the same reason only once, because each listener that
 * inherits a setting has the same warning.
 */
void warning_add(struct error_list *list, int line, const char *setting,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

bool error_any(const struct error_list *list);

/* True if there is an error in that line; false for line 0. */
bool error_has_line(const struct error_list *list, int line);

/*
 * Marks all entries so far as errors of the raw text, found before it was
 * parsed (config/lint.h).  The parser misreads the value of such a setting;
 * checking that value would report the error twice.
 */
void error_seal_raw(struct error_list *list);

/*
 * True if the raw text has an error in that line for `setting`, a name without
 * its group.
 */
bool error_is_raw(const struct error_list *list, int line, const char *setting);

#endif
