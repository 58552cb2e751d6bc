#include "base/metrics_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

void
metrics_head(FILE *out, const char *name, const char *type, const char *help)
{
	/* The texts in the lists begin with a small letter. */
	fprintf(out, "# HELP %s %c%s.\n# TYPE %s %s\n", name,
		toupper((unsigned char)*help), help + 1, name, type);
}

static void
print_byte(FILE *out, char byte)
{
	if (byte == '\n')
		fputs("\\n", out);
	else if (byte == '"' || byte == '\\')
		fprintf(out, "\\%c", byte);
	else
		fputc(byte, out);
}

void
metrics_label(FILE *out, const char *before, const char *name,
	      const char *value)
{
	fprintf(out, "%s%s=\"", before, name);
	while (*value) {
		size_t length = utf8_sequence(value, strlen(value));

		if (length == 0)
			fprintf(out, "\\\\x%02x", (unsigned char)*value++);
		for (; length > 0; length--)
			print_byte(out, *value++);
	}
	fputc('"', out);
}

void
metrics_labelled(FILE *out, const char *name, const char *label,
		 const char *value, uint64_t number)
{
	fputs(name, out);
	metrics_label(out, "{", label, value);
	fprintf(out, "} %" PRIu64 "\n", number);
}
