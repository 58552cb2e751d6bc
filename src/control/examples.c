#include "control/examples.h"

#include <string.h>

struct example {
	const char *name;
	const char *title;
	const unsigned char *text;
	size_t size;
};

#include "control/examples.inc"

static const size_t example_count = sizeof(examples) / sizeof(*examples);

static bool
has_name(const struct example *example, const char *name)
{
	size_t length = strlen(name);

	return strcmp(example->name, name) == 0 ||
	       (length == strcspn(example->name, ".") &&
		memcmp(example->name, name, length) == 0);
}

bool
examples_print(const char *name, FILE *out)
{
	for (size_t i = 0; i < example_count; i++) {
		const struct example *example = &examples[i];

		if (has_name(example, name)) {
			fwrite(example->text, 1, example->size, out);
			return true;
		}
	}
	return false;
}

void
examples_print_list(FILE *out)
{
	size_t width = 0;

	for (size_t i = 0; i < example_count; i++)
		if (strlen(examples[i].name) > width)
			width = strlen(examples[i].name);
	for (size_t i = 0; i < example_count; i++)
		fprintf(out, "  %-*s  %s\n", (int)width, examples[i].name,
			examples[i].title);
}
