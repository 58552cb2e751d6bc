/*
 * template: the prefix as it is written, with %{NAME} for what is known only
 * later.  Pure: text and values in, bytes out.
 *
 * Every byte stands for itself except %{NAME}; a '%' without a brace is a '%'.
 */
#ifndef ECHOD_TEMPLATE_H
#define ECHOD_TEMPLATE_H

#include <stddef.h>
#include <sys/types.h>

/* What an expansion may have at most, in bytes. */
#define TEMPLATE_MAX 1024

struct template_values {
	const char *host;     /* %{host} */
	const char *listener; /* %{listener} */
};

/*
 * NULL where `text` is a valid template, or the reason why not, written to
 * `reason` of `size` bytes.
 */
const char *template_check(const char *text, char *reason, size_t size);

/*
 * Expands a valid template.  Returns its length, or -1 where it exceeds
 * TEMPLATE_MAX.
 */
ssize_t template_expand(const char *text, const struct template_values *values,
			char out[TEMPLATE_MAX]);

#endif
