#include "addr/host_name.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX 63

bool
host_name_is_valid(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789-_";

	if (strlen(text) >= HOST_NAME_SIZE)
		return false;
	do {
		size_t label = strspn(text, allowed);

		if (label == 0 || label > LABEL_MAX)
			return false;
		text += label;
	} while (*text == '.' && *++text);
	return *text == '\0';
}

const char *
host_name_check_pattern(const char *text, char *reason, size_t size)
{
	bool is_wildcard = strncmp(text, "*.", 2) == 0;

	if (strcmp(text, "*") == 0 ||
	    host_name_is_valid(is_wildcard ? text + 2 : text))
		return NULL;
	snprintf(reason, size,
		 "\"%.255s\" is not a host name, \"*.DOMAIN\" or \"*\"", text);
	return reason;
}

static size_t
without_dot(const char *name, size_t length)
{
	return length > 0 && name[length - 1] == '.' ? length - 1 : length;
}

bool
host_name_matches(const char *pattern, const char *host, size_t length)
{
	size_t pattern_length = without_dot(pattern, strlen(pattern));

	length = without_dot(host, length);
	if (*pattern != '*')
		return length == pattern_length &&
		       strncasecmp(host, pattern, length) == 0;
	/* What follows the star: nothing, or ".DOMAIN". */
	pattern++;
	pattern_length--;
	return pattern_length == 0 ||
	       (length > pattern_length && *host != '.' &&
		strncasecmp(host + length - pattern_length, pattern,
			    pattern_length) == 0);
}

/* The qualified name on one line; sets `*found` if the line has `name`. */
static const char *
qualify_on_line(char *line, const char *name, bool *found)
{
	const char *qualified = NULL;
	size_t length = strlen(name);
	char *rest = line;
	const char *word;

	line[strcspn(line, "#")] = '\0';
	strsep(&rest, " \t\r"); /* the address */
	while ((word = strsep(&rest, " \t\r"))) {
		if (strncasecmp(word, name, length) != 0)
			continue;
		if (word[length] == '\0')
			*found = true;
		else if (word[length] == '.' && !qualified)
			qualified = word;
	}
	return *found ? qualified : NULL;
}

const char *
host_name_qualify(char *hosts, const char *name)
{
	const char *qualified = NULL;
	bool found = false;
	char *line;

	while (!found && (line = strsep(&hosts, "\n")))
		qualified = qualify_on_line(line, name, &found);
	return qualified;
}
