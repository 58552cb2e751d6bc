#include "base/utf8.h"

#include <stdbool.h>

/* The first bytes of a form, and the range of the second byte (RFC 3629, 4). */
static const struct form {
	unsigned char first_low, first_high;
	unsigned char second_low, second_high;
	size_t length;
} forms[] = {
	{ 0x00, 0x7F, 0x00, 0x00, 1 },
	{ 0xC2, 0xDF, 0x80, 0xBF, 2 },
	{ 0xE0, 0xE0, 0xA0, 0xBF, 3 }, /* below: overlong */
	{ 0xE1, 0xEC, 0x80, 0xBF, 3 },
	{ 0xED, 0xED, 0x80, 0x9F, 3 }, /* above: surrogates */
	{ 0xEE, 0xEF, 0x80, 0xBF, 3 },
	{ 0xF0, 0xF0, 0x90, 0xBF, 4 }, /* below: overlong */
	{ 0xF1, 0xF3, 0x80, 0xBF, 4 },
	{ 0xF4, 0xF4, 0x80, 0x8F, 4 }, /* above: beyond U+10FFFF */
};

static bool
is_form(const struct form *form, const unsigned char *bytes, size_t length)
{
	if (bytes[0] < form->first_low || bytes[0] > form->first_high ||
	    length < form->length)
		return false;
	if (form->length > 1 &&
	    (bytes[1] < form->second_low || bytes[1] > form->second_high))
		return false;
	for (size_t i = 2; i < form->length; i++)
		if (bytes[i] < 0x80 || bytes[i] > 0xBF)
			return false;
	return true;
}

size_t
utf8_sequence(const char *bytes, size_t length)
{
	if (length == 0)
		return 0;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (is_form(&forms[i], (const unsigned char *)bytes, length))
			return forms[i].length;
	return 0;
}

size_t
utf8_control(const char *text)
{
	unsigned char first = (unsigned char)text[0];

	if (first == 0xC2)
		return ((unsigned char)text[1] & 0xE0) == 0x80 ? 2 : 0;
	return (first > 0 && first < 0x20) || first == 0x7F;
}
