#include "config/config.h"

#include <string.h>

#include "base/error.h"
#include "config/print.h"
#include "fuzz.h"

static struct config *
parse(const char *text, size_t length)
{
	struct error_list errors;
	struct config *config;

	error_list_init(&errors, "conf");
	config = config_parse(text, length, &errors);
	FUZZ_EXPECT(!errors.out_of_memory);
	FUZZ_EXPECT(!config == error_any(&errors));
	error_list_free(&errors);
	return config;
}

static char *
print(const struct config *config, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);

	FUZZ_EXPECT(out && print_config(config, out) == 0);
	fclose(out);
	return text;
}

/* Accepted text is printed as a file that loads as an equal snapshot. */
void
fuzz_config(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct config *config = parse(text, size);

	free(text);
	if (!config)
		return;

	size_t length, again_length;
	char *once = print(config, &length);
	struct config *again = parse(once, length);
	FUZZ_EXPECT(again);
	char *twice = print(again, &again_length);
	FUZZ_EXPECT(strcmp(once, twice) == 0);

	config_unref(config);
	config_unref(again);
	free(once);
	free(twice);
}
