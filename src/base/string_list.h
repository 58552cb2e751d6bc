/* string_list: strings of a setting, such as names of files. */
#ifndef ECHOD_BASE_STRING_LIST_H
#define ECHOD_BASE_STRING_LIST_H

#include <stddef.h>

struct string_list {
	char **items;
	size_t count;
};

#endif
