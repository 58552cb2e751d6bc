#include "tcp/proxy_protocol.h"

#include <stdint.h>

#include "support/suite.h"

/*
 * Where the bytes end nothing else begins: sanitizers see every step past it.
 */
static enum proxy_protocol_state
parse(const void *data, size_t length, struct proxy_protocol_header *header)
{
	void *copy = malloc(length ? length : 1);
	enum proxy_protocol_state state;

	memcpy(copy, data, length);
	state = proxy_protocol_parse(copy, length, header);
	free(copy);
	return state;
}

/* Check's own assertions each cost a system call: too many here. */
#define EXPECT(condition, ...) \
	do { \
		if (!(condition)) \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

/* A header in the making. */
struct bytes {
	unsigned char data[PROXY_PROTOCOL_MAX + 64];
	size_t length;
};

static void
add(struct bytes *bytes, const void *data, size_t length)
{
	ck_assert_uint_le(bytes->length + length, sizeof(bytes->data));
	/* Of nothing, memcpy(3) wants an address all the same. */
	if (length > 0)
		memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

static void
set_length(struct bytes *bytes)
{
	bytes->data[14] = (unsigned char)((bytes->length - 16) >> 8);
	bytes->data[15] = (unsigned char)(bytes->length - 16);
}

/* Version 2 with this command, family and block. */
static struct bytes
binary(unsigned command, unsigned family, const void *block, size_t length)
{
	const unsigned char fixed[4] = { (unsigned char)command,
					 (unsigned char)family };
	struct bytes bytes = { .length = 0 };

	add(&bytes, "\r\n\r\n\0\r\nQUIT\n", 12);
	add(&bytes, fixed, sizeof(fixed));
	add(&bytes, block, length);
	set_length(&bytes);
	return bytes;
}

static void
add_tlv(struct bytes *bytes, unsigned type, const void *value, size_t length)
{
	const unsigned char fixed[3] = { (unsigned char)type,
					 (unsigned char)(length >> 8),
					 (unsigned char)length };

	add(bytes, fixed, sizeof(fixed));
	add(bytes, value, length);
	set_length(bytes);
}

static struct bytes
text(const char *line)
{
	struct bytes bytes = { .length = 0 };

	add(&bytes, line, strlen(line));
	return bytes;
}

static const char in4[] = "\xc0\x00\x02\x07" /* 192.0.2.7 */
			  "\x0a\x00\x00\x01" /* 10.0.0.1 */
			  "\xc8\x22"	     /* 51234 */
			  "\x61\xa8";	     /* 25000 */
static const char in6[] = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
			  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
			  "\xc8\x22\x61\xa8";

/* 192.0.2.7:51234 to 10.0.0.1:25000 with a CRC32C, the sum by another hand. */
static struct bytes
with_crc(void)
{
	struct bytes bytes = binary(0x21, 0x11, in4, 12);

	add_tlv(&bytes, 0x05, "id", 2);
	add_tlv(&bytes, 0x03, "\x9a\x84\x80\x1e", 4);
	return bytes;
}

/*
 * Done exactly at its end, and with a client's bytes behind it; before, more is
 * wanted.  "SOURCE DESTINATION", "own" where the connection's own addresses
 * hold, "local" where the proxy itself is the client.
 */
static void
expect_done(const struct bytes *bytes, const char *expected)
{
	char source[ADDRESS_TEXT_SIZE], destination[ADDRESS_TEXT_SIZE];
	char found[2 * ADDRESS_TEXT_SIZE + 2];
	struct bytes longer = *bytes;
	struct proxy_protocol_header header;

	for (size_t i = 0; i < bytes->length; i++)
		EXPECT(parse(bytes->data, i, &header) == PROXY_PROTOCOL_MORE,
		       "%s: not MORE after %zu: %s", expected, i,
		       header.reason);
	add(&longer, "Hello\r\n", 7);
	for (size_t i = bytes->length; i <= longer.length; i++) {
		EXPECT(parse(longer.data, i, &header) == PROXY_PROTOCOL_DONE,
		       "%s: not DONE after %zu: %s", expected, i,
		       header.reason);
		EXPECT(header.length == bytes->length, "%zu instead of %zu",
		       header.length, bytes->length);
	}

	snprintf(found, sizeof(found), "%s %s",
		 address_format(&header.source, source),
		 address_format(&header.destination, destination));
	ck_assert_str_eq(header.local	? "local" :
			 header.proxied ? found :
					  "own",
			 expected);
	ck_assert(!(header.local && header.proxied));
}

/* Invalid from the first `at` bytes on, and not earlier. */
static void
expect_invalid(const struct bytes *bytes, size_t at, const char *reason)
{
	struct proxy_protocol_header header;

	for (size_t i = 0; i < at; i++)
		EXPECT(parse(bytes->data, i, &header) == PROXY_PROTOCOL_MORE,
		       "%s: not MORE after %zu", reason, i);
	for (size_t i = at; i <= bytes->length; i++) {
		EXPECT(parse(bytes->data, i, &header) == PROXY_PROTOCOL_INVALID,
		       "%s: not INVALID after %zu", reason, i);
		EXPECT(strcmp(header.reason, reason) == 0, "%s: %s",
		       header.reason, reason);
	}
}

static void
expect_line(const char *line, const char *expected)
{
	struct bytes bytes = text(line);

	expect_done(&bytes, expected);
}

static void
expect_bad_line(const char *line, const char *reason)
{
	struct bytes bytes = text(line);

	expect_invalid(&bytes, bytes.length, reason);
}

START_TEST(test_a_line_names_both_addresses)
{
	expect_line("PROXY TCP4 192.0.2.7 10.0.0.1 51234 25000\r\n",
		    "192.0.2.7:51234 10.0.0.1:25000");
	expect_line("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535"
		    "\r\n",
		    "255.255.255.255:65535 255.255.255.255:65535");
	expect_line("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n",
		    "0.0.0.0:0 0.0.0.0:0");
	expect_line("PROXY TCP6 2001:db8::7 2001:DB8::1 51234 25000\r\n",
		    "[2001:db8::7]:51234 [2001:db8::1]:25000");
	expect_line("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
		    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 "
		    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	expect_line("PROXY TCP6 :: ::1 1 2\r\n", "[::]:1 [::1]:2");
}
END_TEST

/* For rules to match it, as they do where it comes without a proxy. */
START_TEST(test_a_mapped_address_is_ipv4)
{
	struct bytes bytes;

	expect_line("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:a00:1 51234 25000\r\n",
		    "192.0.2.7:51234 10.0.0.1:25000");
	bytes = binary(0x21, 0x21,
		       "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x07"
		       "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01"
		       "\xc8\x22\x61\xa8",
		       36);
	expect_done(&bytes, "192.0.2.7:51234 10.0.0.1:25000");
}
END_TEST

START_TEST(test_of_unknown_the_rest_is_ignored)
{
	static const char all[] =
		"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";

	ck_assert_uint_eq(strlen(all), PROXY_PROTOCOL_LINE_MAX);
	expect_line(all, "own");
	expect_line("PROXY UNKNOWN\r\n", "own");
	expect_line("PROXY UNKNOWN \r\n", "own");
	expect_line("PROXY UNKNOWN TCP4 1.2.3.4 x\r\n", "own");
	/* "The receiver must ignore anything [...] before the CRLF." */
	expect_line("PROXY UNKNOWN \r \n \n\r\r\n", "own");
	expect_line("PROXY UNKNOWN\r\r\n", "own");
}
END_TEST
FAULT(43, test_of_unknown_the_rest_is_ignored)

START_TEST(test_a_line_has_its_longest)
{
	char line[200] = "PROXY UNKNOWN ";
	struct bytes bytes;

	memset(line + 14, 'x', sizeof(line) - 14);
	memcpy(line + 105, "\r\n", 3);
	expect_line(line, "own");

	line[105] = 'x';
	memcpy(line + 106, "\r\n", 3);
	bytes = text(line);
	expect_invalid(&bytes, 107, "no CR LF where the line should end");

	memset(line + 14, 'x', sizeof(line) - 14);
	line[150] = '\0';
	bytes = text(line);
	expect_invalid(&bytes, 107, "no CR LF where the line should end");
}
END_TEST
FAULT(41, test_a_line_has_its_longest)

START_TEST(test_what_begins_otherwise_is_found_out_at_once)
{
	static const struct {
		const char *line;
		size_t at;
		const char *reason;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n", 1, "not a PROXY header" },
		{ "proxy TCP4 ", 1, "not a PROXY header" },
		{ "PRI * HTTP/2.0\r\n", 3, "not a PROXY header" },
		{ "PROXY\r\n", 6, "not a PROXY header" },
		{ "PROXY  TCP4 ", 7, "neither TCP4, TCP6 nor UNKNOWN" },
		{ "PROXY tcp4 ", 7, "neither TCP4, TCP6 nor UNKNOWN" },
		{ "PROXY TCP5 ", 10, "neither TCP4, TCP6 nor UNKNOWN" },
		{ "PROXY TCP4\r\n", 11, "neither TCP4, TCP6 nor UNKNOWN" },
		{ "PROXY UNKNOWNS\r\n", 14, "neither TCP4, TCP6 nor UNKNOWN" },
		{ "PROXY UDP4 ", 8, "neither TCP4, TCP6 nor UNKNOWN" },
		{ "\r\nPROXY", 3, "not a PROXY header" },
		{ "\x16\x03\x01", 1, "not a PROXY header" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes bytes = text(cases[i].line);

		expect_invalid(&bytes, cases[i].at, cases[i].reason);
	}
	/* A NUL is no end of a string. */
	struct bytes bytes = { .length = 0 };
	add(&bytes, "PROXY UNKNOWN\0\r\n", 16);
	expect_invalid(&bytes, 14, "neither TCP4, TCP6 nor UNKNOWN");
}
END_TEST

START_TEST(test_an_address_has_its_syntax)
{
	static const char *const hosts[][2] = {
		{ "4", "" },
		{ "4", "1.2.3" },
		{ "4", "1.2.3.4.5" },
		{ "4", "1.2.3.256" },
		{ "4", "1.2.3.04" },
		{ "4", "01.2.3.4" },
		{ "4", "1.2.3.0x4" },
		{ "4", "1..3.4" },
		{ "4", "+1.2.3.4" },
		{ "4", "::1" },
		{ "4", "a.example" },
		{ "4", "1.2.3.4\t" },
		{ "6", "" },
		{ "6", "1.2.3.4" },
		{ "6", ":::" },
		{ "6", "1::2::3" },
		{ "6", "1:2:3:4:5:6:7" },
		{ "6", "1:2:3:4:5:6:7:8:9" },
		{ "6", "12345::" },
		{ "6", "fe80::1%lo" },
		{ "6", "[::1]" },
		{ "6", "g::" },
		{ "6", "0000000000000000000000000000000000000000000000000::" },
	};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		const char *good = *hosts[i][0] == '4' ? "1.2.3.4" : "::";
		char line[160];

		snprintf(line, sizeof(line), "PROXY TCP%s %s %s 1 2\r\n",
			 hosts[i][0], hosts[i][1], good);
		expect_bad_line(line, "bad address in the line");
		snprintf(line, sizeof(line), "PROXY TCP%s %s %s 1 2\r\n",
			 hosts[i][0], good, hosts[i][1]);
		expect_bad_line(line, "bad address in the line");
	}
	expect_bad_line("PROXY TCP4 1.2.3.4\r\n", "bad address in the line");

	struct bytes bytes = { .length = 0 };
	add(&bytes, "PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n", 33);
	expect_invalid(&bytes, 33, "bad address in the line");
}
END_TEST

START_TEST(test_a_port_has_its_syntax)
{
	static const char *const ports[] = {
		"",    "65536", "4294967297", "18446744073709551617",
		"01",  "00",	"-1",	      "+1",
		"0x1", "1.0",	"http",	      "1\t",
		"1\v",
	};
	char line[160];

	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		snprintf(line, sizeof(line), "PROXY TCP4 1.2.3.4 1.2.3.4 %s 1",
			 ports[i]);
		strcat(line, "\r\n");
		expect_bad_line(line, "bad port in the line");
		snprintf(line, sizeof(line), "PROXY TCP4 1.2.3.4 1.2.3.4 1 %s",
			 ports[i]);
		strcat(line, "\r\n");
		expect_bad_line(line, "bad port in the line");
	}
	expect_bad_line("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
			"bad port in the line");
	expect_bad_line("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
			"the line goes on after its ports");
	expect_bad_line("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
			"the line goes on after its ports");
}
END_TEST

/* "The receiver must not tolerate a single CR or LF." */
START_TEST(test_a_line_ends_in_cr_lf)
{
	struct bytes bytes = text("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n");

	expect_invalid(&bytes, bytes.length,
		       "no CR LF where the line should end");
	bytes = text("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx");
	expect_invalid(&bytes, bytes.length,
		       "no CR LF where the line should end");
	bytes = text("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n");
	expect_invalid(&bytes, bytes.length - 1,
		       "no CR LF where the line should end");
}
END_TEST

START_TEST(test_a_block_has_both_addresses)
{
	struct bytes bytes = binary(0x21, 0x11, in4, 12);

	expect_done(&bytes, "192.0.2.7:51234 10.0.0.1:25000");
	bytes = binary(0x21, 0x12, in4, 12);
	expect_done(&bytes, "192.0.2.7:51234 10.0.0.1:25000");
	bytes = binary(0x21, 0x21, in6, 36);
	expect_done(&bytes, "[2001:db8::7]:51234 [2001:db8::1]:25000");
	bytes = binary(0x21, 0x22, in6, 36);
	expect_done(&bytes, "[2001:db8::7]:51234 [2001:db8::1]:25000");
}
END_TEST

START_TEST(test_other_families_fall_back)
{
	static const char paths[216] = "/a";
	static const unsigned char unspecified[] = { 0x00, 0x01, 0x02,
						     0x10, 0x20, 0x30 };
	struct bytes bytes;

	for (size_t i = 0; i < sizeof(unspecified); i++) {
		bytes = binary(0x21, unspecified[i], NULL, 0);
		expect_done(&bytes, "own");
		bytes = binary(0x21, unspecified[i], "whatever", 8);
		expect_done(&bytes, "own");
	}
	bytes = binary(0x21, 0x31, paths, sizeof(paths));
	expect_done(&bytes, "own");
	bytes = binary(0x21, 0x32, paths, sizeof(paths));
	add_tlv(&bytes, 0x04, "", 0);
	expect_done(&bytes, "own");
}
END_TEST
FAULT(43, test_other_families_fall_back)

/* "Discard the protocol block including the family which is ignored." */
START_TEST(test_of_local_the_block_is_discarded)
{
	for (unsigned family = 0; family < 256; family++) {
		struct bytes bytes = binary(0x20, family, NULL, 0);

		expect_done(&bytes, "local");
		bytes = binary(0x20, family, "\x03\xff", 2);
		expect_done(&bytes, "local");
	}
}
END_TEST
FAULT(43, test_of_local_the_block_is_discarded)

START_TEST(test_every_version_command_and_family_is_known_or_refused)
{
	for (unsigned command = 0; command < 256; command++) {
		struct bytes bytes = binary(command, 0x11, in4, 12);

		if (command >> 4 != 2)
			expect_invalid(&bytes, 13, "unknown version");
		else if (command > 0x21)
			expect_invalid(&bytes, 13, "unknown command");
	}
	for (unsigned family = 0; family < 256; family++) {
		struct bytes bytes = binary(0x21, family, in6, 36);

		if (family >> 4 > 3 || (family & 0x0f) > 2)
			expect_invalid(&bytes, 14,
				       "unknown family or protocol");
	}
}
END_TEST

START_TEST(test_a_block_is_long_enough)
{
	static const struct {
		unsigned family;
		size_t length;
	} cases[] = { { 0x11, 12 }, { 0x12, 12 },  { 0x21, 36 },
		      { 0x22, 36 }, { 0x31, 216 }, { 0x32, 216 } };
	static const char zeros[216];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t j = 0; j < cases[i].length; j++) {
			struct bytes bytes =
				binary(0x21, cases[i].family, zeros, j);

			expect_invalid(&bytes, bytes.length,
				       "too short for its addresses");
		}
}
END_TEST

START_TEST(test_a_header_has_its_longest)
{
	static const char zeros[PROXY_PROTOCOL_MAX];
	struct bytes bytes = binary(0x21, 0x11, in4, 12);

	add_tlv(&bytes, 0x28, zeros, PROXY_PROTOCOL_MAX - bytes.length - 3);
	ck_assert_uint_eq(bytes.length, PROXY_PROTOCOL_MAX);
	expect_done(&bytes, "192.0.2.7:51234 10.0.0.1:25000");

	add(&bytes, "", 1);
	set_length(&bytes);
	expect_invalid(&bytes, 16, "longer than 4096 bytes");
	memset(bytes.data + 14, 0xff, 2);
	expect_invalid(&bytes, 16, "longer than 4096 bytes");
	bytes.data[12] = 0x20;
	expect_invalid(&bytes, 16, "longer than 4096 bytes");
}
END_TEST
FAULT(41, test_a_header_has_its_longest)

START_TEST(test_tlvs_are_walked)
{
	struct bytes bytes = binary(0x21, 0x11, in4, 12);

	add_tlv(&bytes, 0x04, "", 0);
	add_tlv(&bytes, 0x02, "echo.example", 12);
	add_tlv(&bytes, 0xea, "\x03\xff\xff", 3);
	add_tlv(&bytes, 0x20, "\x01\0\0\0\0", 5);
	expect_done(&bytes, "192.0.2.7:51234 10.0.0.1:25000");

	for (size_t cut = 1; cut < 3; cut++) {
		struct bytes end = bytes;

		add(&end, "\x04\0", cut);
		set_length(&end);
		expect_invalid(&end, end.length, "a TLV is cut off");
	}
	add(&bytes, "\x04\0\x02x", 4);
	set_length(&bytes);
	expect_invalid(&bytes, bytes.length, "a TLV is longer than the rest");
}
END_TEST
FAULT(43, test_tlvs_are_walked)

START_TEST(test_a_crc_is_verified)
{
	struct bytes bytes = with_crc();

	expect_done(&bytes, "192.0.2.7:51234 10.0.0.1:25000");
	/* Where it stands does not matter. */
	bytes = binary(0x21, 0x11, in4, 12);
	add_tlv(&bytes, 0x03, "\xab\x05\xa8\xe5", 4);
	add_tlv(&bytes, 0x05, "id", 2);
	expect_done(&bytes, "192.0.2.7:51234 10.0.0.1:25000");

	add_tlv(&bytes, 0x03, "\0\0\0\0", 4);
	expect_invalid(&bytes, bytes.length, "bad CRC32C TLV");
	bytes = binary(0x21, 0x11, in4, 12);
	add_tlv(&bytes, 0x03, "\0\0\0", 3);
	expect_invalid(&bytes, bytes.length, "bad CRC32C TLV");
	bytes = binary(0x21, 0x11, in4, 12);
	add_tlv(&bytes, 0x03, "\0\0\0\0\0", 5);
	expect_invalid(&bytes, bytes.length, "bad CRC32C TLV");
}
END_TEST

/* Not one bit may change: CRC32C finds every single error. */
START_TEST(test_a_crc_finds_every_flipped_bit)
{
	struct bytes bytes = with_crc();

	for (size_t i = 0; i < 8 * bytes.length; i++) {
		struct proxy_protocol_header header;
		struct bytes flipped = bytes;
		enum proxy_protocol_state state;
		/* LOCAL, unknown families: no TLVs.  Another type: no sum. */
		bool unseen = i == 8 * 12 || i == 8 * 13 || i == 8 * 13 + 4 ||
			      i / 8 == 33;

		flipped.data[i / 8] ^= (unsigned char)(1 << i % 8);
		state = parse(flipped.data, flipped.length, &header);
		EXPECT(unseen || state != PROXY_PROTOCOL_DONE,
		       "bit %zu makes no difference", i);
	}
}
END_TEST

/* Any other byte anywhere: never an overrun, never more than was asked for. */
START_TEST(test_any_byte_may_be_any_other)
{
	struct bytes seeds[] = {
		text("PROXY TCP4 192.0.2.7 10.0.0.1 51234 25000\r\n"),
		text("PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 2\r\n"),
		text("PROXY UNKNOWN x\r\n"),
		with_crc(),
		binary(0x21, 0x21, in6, 36),
		binary(0x20, 0x00, NULL, 0),
	};

	for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
		for (size_t at = 0; at < seeds[i].length; at++)
			for (unsigned value = 0; value < 256; value++) {
				struct bytes bytes = seeds[i];
				struct proxy_protocol_header header;
				enum proxy_protocol_state state;

				bytes.data[at] = (unsigned char)value;
				state = parse(bytes.data, bytes.length,
					      &header);
				EXPECT(state != PROXY_PROTOCOL_DONE ||
					       header.length <= bytes.length,
				       "it takes what is not there");
				EXPECT(state != PROXY_PROTOCOL_INVALID ||
					       header.reason,
				       "no reason");
			}
}
END_TEST

SUITE(test_a_line_names_both_addresses, test_a_mapped_address_is_ipv4,
      test_of_unknown_the_rest_is_ignored, test_a_line_has_its_longest,
      test_what_begins_otherwise_is_found_out_at_once,
      test_an_address_has_its_syntax, test_a_port_has_its_syntax,
      test_a_line_ends_in_cr_lf, test_a_block_has_both_addresses,
      test_other_families_fall_back, test_of_local_the_block_is_discarded,
      test_every_version_command_and_family_is_known_or_refused,
      test_a_block_is_long_enough, test_a_header_has_its_longest,
      test_tlvs_are_walked, test_a_crc_is_verified,
      test_a_crc_finds_every_flipped_bit, test_any_byte_may_be_any_other)
