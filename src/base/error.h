/*
 * error: a list of everything that is wrong with an input, each entry with its
 * place, so that all of it can be reported in one run.
 *
 * A list belongs to whoever initialised it and is used by one thread.  When
 * memory runs out an entry is lost but never the fact: `out_of_memory` is set
 * and error_any() stays true.
 */
#ifndef ECHOD_BASE_ERROR_H
#define ECHOD_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

struct error {
	int line; /* 1-based; 0 where no line applies */
	bool raw; /* see error_seal_raw() */
	char *setting;
	char *text; /* "FILE:LINE: SETTING: REASON" */
};

struct error_list {
	const char *file; /* borrowed: outlives the list */
	struct error *items;
	size_t count;
	size_t capacity;
	bool out_of_memory;
};

void error_list_init(struct error_list *list, const char *file);
void error_list_free(struct error_list *list);

/*
 * Adds "FILE:LINE: SETTING: REASON"; a zero line and a NULL setting leave
 * their part out.  Entries stay sorted by line, in order of arrival within one.
 */
void error_add(struct error_list *list, int line, const char *setting,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));

bool error_any(const struct error_list *list);

/*
 * What has been added so far is about raw text: to look at the value of such a
 * setting would be to complain of it twice.
 */
void error_seal_raw(struct error_list *list);
bool error_is_raw(const struct error_list *list, int line, const char *setting);

#endif
