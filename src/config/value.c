#include "config/value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Digits alone: strtoul(3) takes blanks and signs as well. */
static const char *
parse_port(const char *text, uint16_t *port)
{
	unsigned long value = 0;
	const char *at = text;

	for (; isdigit((unsigned char)*at) && value <= UINT16_MAX; at++)
		value = value * 10 + (unsigned long)(*at - '0');
	if (at == text || value > UINT16_MAX)
		return NULL;
	*port = (uint16_t)value;
	return at;
}

bool
value_parse_ports(const char *text, struct config_port_range *range)
{
	const char *end = parse_port(text, &range->low);

	range->high = range->low;
	if (end && *end == '-')
		end = parse_port(end + 1, &range->high);
	return end && *end == '\0' && range->low <= range->high;
}

bool
value_parse_mode(const char *text, unsigned *mode)
{
	unsigned value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '7' && value <= 0777; at++)
		value = value * 8 + (unsigned)(*at - '0');
	if (at == text || *at != '\0' || value > 0777)
		return false;
	*mode = value;
	return true;
}

static bool
default_addresses(const char *text, struct config_addresses *addresses)
{
	char reason[128];

	addresses->items = calloc(1, sizeof(*addresses->items));
	if (!addresses->items)
		return false;
	addresses->count = 1;
	return !listen_address_parse(text, &addresses->items->listen_address,
				     reason, sizeof(reason));
}

/* The table has them as words: "0-1023 2049". */
static bool
default_ports(const char *text, struct config_ports *ports)
{
	char *words = strdup(text);
	char *rest = words;
	char *word;

	/* A word has a letter and a blank at least. */
	ports->items = calloc(strlen(text) / 2 + 1, sizeof(*ports->items));
	ports->count = 0;
	while (words && ports->items && (word = strsep(&rest, " ")))
		if (value_parse_ports(word, &ports->items[ports->count]))
			ports->count++;
	free(words);
	return words && ports->items;
}

bool
value_default(const struct schema_option *option, void *base)
{
	void *member = (char *)base + option->offset;

	switch (option->type) {
	case OPTION_INTEGER:
	case OPTION_MODE:
		*(unsigned *)member = (unsigned)option->number;
		return true;
	case OPTION_SECONDS:
		*(double *)member = option->number;
		return true;
	case OPTION_BOOLEAN:
		*(bool *)member = option->number != 0;
		return true;
	case OPTION_CHOICE:
		*(int *)member = (int)option->number;
		return true;
	case OPTION_ADDRESSES:
		return default_addresses(option->text, member);
	case OPTION_NETWORKS:
		return acl_new(member, 0);
	case OPTION_PORTS:
		return default_ports(option->text, member);
	case OPTION_NAME:
	case OPTION_TEMPLATE:
	case OPTION_STRING:
	case OPTION_LISTEN_ADDRESS:
		break;
	}
	*(char **)member = strdup(option->text);
	return *(char **)member;
}

/* A copy of `size` bytes, never NULL but where memory is out. */
static void *
duplicate(const void *from, size_t size)
{
	void *copy = malloc(size > 0 ? size : 1);

	if (copy && size > 0)
		memcpy(copy, from, size);
	return copy;
}

static bool
copy_addresses(struct config_addresses *to, const struct config_addresses *from)
{
	to->items = duplicate(from->items, from->count * sizeof(*from->items));
	to->count = to->items ? from->count : 0;
	return to->items;
}

static bool
copy_ports(struct config_ports *to, const struct config_ports *from)
{
	to->items = duplicate(from->items, from->count * sizeof(*from->items));
	to->count = to->items ? from->count : 0;
	return to->items;
}

static bool
copy_networks(struct acl *to, const struct acl *from)
{
	*to = (struct acl){ 0 };
	return acl_copy(to, from);
}

static bool
copy_string(char **to, char *const *from)
{
	*to = *from ? strdup(*from) : NULL;
	return *to || !*from;
}

bool
value_copy(const struct schema_option *option, void *base, const void *from)
{
	void *member = (char *)base + option->offset;
	const void *other = (const char *)from + option->offset;

	switch (option->type) {
	case OPTION_ADDRESSES:
		return copy_addresses(member, other);
	case OPTION_NETWORKS:
		return copy_networks(member, other);
	case OPTION_PORTS:
		return copy_ports(member, other);
	case OPTION_NAME:
	case OPTION_TEMPLATE:
	case OPTION_STRING:
	case OPTION_LISTEN_ADDRESS:
		return copy_string(member, other);
	case OPTION_INTEGER:
	case OPTION_MODE:
	case OPTION_SECONDS:
	case OPTION_BOOLEAN:
	case OPTION_CHOICE:
		break;
	}
	return true;
}

static bool
equal_addresses(const struct config_addresses *a,
		const struct config_addresses *b)
{
	bool equal = a->count == b->count;

	for (size_t i = 0; i < a->count && equal; i++)
		equal = listen_address_equal(&a->items[i].listen_address,
					     &b->items[i].listen_address);
	return equal;
}

static bool
equal_bytes(const void *a, const void *b, size_t size)
{
	return size == 0 || memcmp(a, b, size) == 0;
}

static bool
equal_networks(const struct acl *a, const struct acl *b)
{
	return a->count == b->count &&
	       equal_bytes(a->rules, b->rules, a->count * sizeof(*a->rules));
}

static bool
equal_ports(const struct config_ports *a, const struct config_ports *b)
{
	return a->count == b->count &&
	       equal_bytes(a->items, b->items, a->count * sizeof(*a->items));
}

bool
value_equal(const struct schema_option *option, const void *one,
	    const void *other)
{
	const void *a = (const char *)one + option->offset;
	const void *b = (const char *)other + option->offset;

	switch (option->type) {
	case OPTION_INTEGER:
	case OPTION_MODE:
		return *(const unsigned *)a == *(const unsigned *)b;
	case OPTION_SECONDS:
		return *(const double *)a == *(const double *)b;
	case OPTION_BOOLEAN:
		return *(const bool *)a == *(const bool *)b;
	case OPTION_CHOICE:
		return *(const int *)a == *(const int *)b;
	case OPTION_ADDRESSES:
		return equal_addresses(a, b);
	case OPTION_NETWORKS:
		return equal_networks(a, b);
	case OPTION_PORTS:
		return equal_ports(a, b);
	case OPTION_NAME:
	case OPTION_TEMPLATE:
	case OPTION_STRING:
	case OPTION_LISTEN_ADDRESS:
		break;
	}
	return strcmp(*(char *const *)a, *(char *const *)b) == 0;
}

void
value_free(const struct schema_option *option, void *base)
{
	void *member = (char *)base + option->offset;

	switch (option->type) {
	case OPTION_ADDRESSES:
		free(((struct config_addresses *)member)->items);
		break;
	case OPTION_NETWORKS:
		acl_free(member);
		break;
	case OPTION_PORTS:
		free(((struct config_ports *)member)->items);
		break;
	case OPTION_NAME:
	case OPTION_TEMPLATE:
	case OPTION_STRING:
	case OPTION_LISTEN_ADDRESS:
		free(*(char **)member);
		break;
	case OPTION_INTEGER:
	case OPTION_MODE:
	case OPTION_SECONDS:
	case OPTION_BOOLEAN:
	case OPTION_CHOICE:
		break;
	}
}
