#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "support/suite.h"

START_TEST(test_every_code_point_is_a_sequence_of_its_length)
{
	char bytes[4];

	for (uint32_t point = 0; point <= 0x10FFFF; point++) {
		size_t length;

		if (point >= 0xD800 && point <= 0xDFFF)
			continue;
		if (point < 0x80) {
			bytes[0] = (char)point;
			length = 1;
		} else if (point < 0x800) {
			bytes[0] = (char)(0xC0 | point >> 6);
			length = 2;
		} else if (point < 0x10000) {
			bytes[0] = (char)(0xE0 | point >> 12);
			length = 3;
		} else {
			bytes[0] = (char)(0xF0 | point >> 18);
			length = 4;
		}
		for (size_t i = 1; i < length; i++)
			bytes[i] =
				(char)(0x80 |
				       (point >> 6 * (length - 1 - i) & 0x3F));
		ck_assert_uint_eq(utf8_sequence(bytes, sizeof(bytes)), length);
		ck_assert_uint_eq(utf8_sequence(bytes, length), length);
		ck_assert_uint_eq(utf8_sequence(bytes, length - 1), 0);
	}
}
END_TEST

START_TEST(test_other_bytes_are_no_sequence)
{
	static const char *const invalid[] = {
		"\x80",
		"\xBF",
		"\xC0\x80",
		"\xC1\xBF",
		"\xC3(",
		"\xC3\xC3",
		"\xE0\x9F\xBF",
		"\xE2\x82(",
		"\xE2(\xA1",
		"\xED\xA0\x80",
		"\xED\xBF\xBF",
		"\xF0\x8F\xBF\xBF",
		"\xF0\x9F\x92(",
		"\xF4\x90\x80\x80",
		"\xF5\x80\x80\x80",
		"\xFE",
		"\xFF",
	};

	for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++)
		ck_assert_uint_eq(utf8_sequence(invalid[i], strlen(invalid[i])),
				  0);
	ck_assert_uint_eq(utf8_sequence("", 0), 0);
}
END_TEST

START_TEST(test_control_characters)
{
	ck_assert_uint_eq(utf8_control("\x01"), 1);
	ck_assert_uint_eq(utf8_control("\x1F"), 1);
	ck_assert_uint_eq(utf8_control("\x7F"), 1);
	ck_assert_uint_eq(utf8_control("\xC2\x80"), 2);
	ck_assert_uint_eq(utf8_control("\xC2\x9F"), 2);
	ck_assert_uint_eq(utf8_control(""), 0);
	ck_assert_uint_eq(utf8_control(" "), 0);
	ck_assert_uint_eq(utf8_control("\x80"), 0);
	ck_assert_uint_eq(utf8_control("\xC2"), 0);
	ck_assert_uint_eq(utf8_control("\xC2\xA0"), 0);
	ck_assert_uint_eq(utf8_control("\xC3\x80"), 0);
}
END_TEST

SUITE(test_every_code_point_is_a_sequence_of_its_length,
      test_other_bytes_are_no_sequence, test_control_characters)
