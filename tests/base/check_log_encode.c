#include "base/log_encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "support/suite.h"

/* 2026-11-28T13:23:39.123Z */
#define MS INT64_C(1795872219123)
#define BEGIN "{\"time\":\"2026-11-28T13:23:39.123Z\",\"level\":\"info\","

#define FIXED \
	"PRIORITY=6\nSYSLOG_IDENTIFIER=echod\nSYSLOG_FACILITY=17\n" \
	"SYSLOG_PID=42\n"

static char *
encode(void (*put)(const struct log_record *record, FILE *out), int priority,
       const char *text, size_t *size)
{
	struct log_record record = { priority, MS, text };
	char *encoded = NULL;
	FILE *out = open_memstream(&encoded, size);

	put(&record, out);
	fclose(out);
	return encoded;
}

static void
expect(void (*put)(const struct log_record *record, FILE *out),
       const char *text, const char *wanted)
{
	size_t size;
	char *got = encode(put, LOG_INFO, text, &size);

	ck_assert_str_eq(got, wanted);
	free(got);
}

static void
put_journal(const struct log_record *record, FILE *out)
{
	log_encode_journal(record, LOG_LOCAL1, 42, out);
}

static void
expect_journal(const char *text, const char *wanted, size_t length)
{
	size_t size;
	char *got = encode(put_journal, LOG_INFO, text, &size);

	ck_assert_uint_eq(size, length);
	ck_assert_mem_eq(got, wanted, length);
	free(got);
}

START_TEST(test_time)
{
	char text[LOG_TIME_SIZE];

	ck_assert_str_eq(log_encode_time(MS, text), "2026-11-28T13:23:39.123Z");
	ck_assert_str_eq(log_encode_time(0, text), "1970-01-01T00:00:00.000Z");
	ck_assert_str_eq(log_encode_time(INT64_C(1709164800007), text),
			 "2024-02-29T00:00:00.007Z");
}
END_TEST

START_TEST(test_text)
{
	expect(log_encode_text, "Closed conn=1: x", "Closed conn=1: x");
	expect(log_encode_text, "a\nb\tc\033[2J\177",
	       "a\\x0ab\\x09c\\x1b[2J\\x7f");
	expect(log_encode_text, "\302\200 \302\233 \302\237",
	       "\\xc2\\x80 \\xc2\\x9b \\xc2\\x9f");
	expect(log_encode_text, "\302 \302\240 \302", "\302 \302\240 \302");
	expect(log_encode_text, "gr\303\274n \377 100%",
	       "gr\303\274n \377 100%");
}
END_TEST

START_TEST(test_json)
{
	expect(log_encode_json, "Drained", BEGIN "\"message\":\"Drained\"}");
	expect(log_encode_json,
	       "Connection closed [::1]:7 listener=main conn=41 seconds=3.412 "
	       "tls=TLSv1.3 peer=[::1]:7: no \"x\"",
	       BEGIN "\"message\":\"Connection closed [::1]:7\","
		     "\"listener\":\"main\",\"conn\":41,\"seconds\":3.412,"
		     "\"tls\":\"TLSv1.3\",\"peer\":\"[::1]:7\","
		     "\"cause\":\"no \\\"x\\\"\"}");
}
END_TEST

START_TEST(test_json_levels)
{
	static const struct {
		int priority;
		const char *name;
	} levels[] = {
		{ LOG_ERR, "error" },	  { LOG_WARNING, "warning" },
		{ LOG_NOTICE, "notice" }, { LOG_INFO, "info" },
		{ LOG_DEBUG, "debug" },
	};
	char wanted[100];
	size_t size;

	for (size_t i = 0; i < 5; i++) {
		char *got =
			encode(log_encode_json, levels[i].priority, "x", &size);

		sprintf(wanted, "\"level\":\"%s\",", levels[i].name);
		ck_assert_ptr_nonnull(strstr(got, wanted));
		free(got);
	}
}
END_TEST

/* Only what RFC 8259 calls a number, and no name. */
START_TEST(test_json_numbers)
{
	expect(log_encode_json, "A a=0 b=0.5 c=18446744073709551615",
	       BEGIN "\"message\":\"A\",\"a\":0,\"b\":0.5,"
		     "\"c\":18446744073709551615}");
	expect(log_encode_json, "A a=007 b=1. c=.5 d=1.2.3 e=-1 f= g=1x",
	       BEGIN "\"message\":\"A\",\"a\":\"007\",\"b\":\"1.\","
		     "\"c\":\".5\",\"d\":\"1.2.3\",\"e\":\"-1\",\"f\":\"\","
		     "\"g\":\"1x\"}");
	expect(log_encode_json, "A listener=1 added=2 conn=3",
	       BEGIN "\"message\":\"A\",\"listener\":\"1\",\"added\":\"2\","
		     "\"conn\":3}");
}
END_TEST

START_TEST(test_json_strings)
{
	expect(log_encode_json, "A: \"\\\n\001\177\302\233",
	       BEGIN "\"message\":\"A\","
		     "\"cause\":\"\\\"\\\\\\u000a\\u0001\\u007f\\u009b\"}");
	/* Valid, truncated, overlong, a surrogate, a byte alone. */
	expect(log_encode_json, "A: \303\274 \303 \300\200 \355\240\200 \377",
	       BEGIN "\"message\":\"A\",\"cause\":\"\303\274 \\\\xc3 "
		     "\\\\xc0\\\\x80 \\\\xed\\\\xa0\\\\x80 \\\\xff\"}");
}
END_TEST

START_TEST(test_journal)
{
	static const char wanted[] =
		"MESSAGE=Counters closed.eof=1 peer=[::1]:7: no\n" FIXED
		"CLOSED_EOF=1\nPEER=[::1]:7\nCAUSE=no\n";

	expect_journal("Counters closed.eof=1 peer=[::1]:7: no", wanted,
		       sizeof(wanted) - 1);
}
END_TEST

/* A value with a newline has its length before it, 64 bits, little-endian. */
START_TEST(test_journal_newlines)
{
	static const char wanted[] = "MESSAGE=A: x\\x0ay=\\x09\n" FIXED
				     "CAUSE\n\005\0\0\0\0\0\0\0x\ny=\t\n";

	expect_journal("A: x\ny=\t", wanted, sizeof(wanted) - 1);
}
END_TEST

START_TEST(test_journal_long_values)
{
	enum { LENGTH = 300000 };
	char *text = malloc(LENGTH + 4);
	size_t size;
	char *got;

	memset(text, '\n', LENGTH + 3);
	memcpy(text, "A: ", 3);
	text[LENGTH + 3] = '\0';
	got = encode(put_journal, LOG_INFO, text, &size);
	/* 300000 is 0x0493e0. */
	ck_assert_mem_eq(got + size - LENGTH - 15,
			 "CAUSE\n\xe0\x93\004\0\0\0\0\0\n", 15);
	free(got);
	free(text);
}
END_TEST

START_TEST(test_journal_names_are_short_enough)
{
	char text[100], wanted[80];
	size_t size;
	char *got;

	sprintf(text, "A %080d=1", 0);
	memset(text + 2, 'k', 80);
	got = encode(put_journal, LOG_INFO, text, &size);
	memset(wanted, 'K', 64);
	strcpy(wanted + 64, "=1\n");
	ck_assert_str_eq(strstr(got, "\nKK") + 1, wanted);
	free(got);
}
END_TEST

SUITE(test_time, test_text, test_json, test_json_levels, test_json_numbers,
      test_json_strings, test_journal, test_journal_newlines,
      test_journal_long_values, test_journal_names_are_short_enough)
