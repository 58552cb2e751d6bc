#include "base/json.h"

#include "base/utf8.h"

static void
put_character(FILE *out, const char *bytes, size_t length)
{
	unsigned char c = (unsigned char)*bytes;

	if (length == 0)
		fprintf(out, "\\\\x%02x", c);
	else if (c == '"' || c == '\\')
		fprintf(out, "\\%c", c);
	else if (c == 0 || utf8_control(bytes) > 0)
		/* Their last byte is the number. */
		fprintf(out, "\\u%04x", (unsigned char)bytes[length - 1]);
	else
		fwrite(bytes, 1, length, out);
}

void
json_string(FILE *out, const char *bytes, size_t length)
{
	size_t sequence;

	putc('"', out);
	for (size_t at = 0; at < length; at += sequence ? sequence : 1) {
		sequence = utf8_sequence(bytes + at, length - at);
		put_character(out, bytes + at, sequence);
	}
	putc('"', out);
}
