#include "probe/proxy_header.h"

#include "support/suite.h"
#include "tcp/proxy_protocol.h"

/* What the daemon reads is what was written. */
static void
check(int version, const char *from, const char *to, const char *source,
      const char *destination)
{
	struct target_address client, server;
	struct proxy_protocol_header header;
	unsigned char bytes[PROXY_HEADER_SIZE];
	char reason[TARGET_REASON_SIZE], text[ADDRESS_TEXT_SIZE];
	size_t length;

	ck_assert_ptr_null(proxy_header_parse(from, &client, reason));
	ck_assert_ptr_null(proxy_header_parse(to, &server, reason));
	length = proxy_header_write(version, &client, &server, bytes);
	ck_assert_int_eq(proxy_protocol_parse(bytes, length, &header),
			 PROXY_PROTOCOL_DONE);
	ck_assert_uint_eq(header.length, length);
	ck_assert(header.proxied);
	ck_assert_str_eq(address_format(&header.source, text), source);
	ck_assert_str_eq(address_format(&header.destination, text),
			 destination);
}

START_TEST(test_the_daemon_reads_the_addresses)
{
	for (int version = 1; version <= 2; version++) {
		check(version, "192.0.2.1:5", "192.0.2.2:65535", "192.0.2.1:5",
		      "192.0.2.2:65535");
		check(version, "[2001:db8::1]:5", "[2001:db8::2]:6",
		      "[2001:db8::1]:5", "[2001:db8::2]:6");
		check(version, "[::ffff:192.0.2.1]:5", "192.0.2.2:6",
		      "192.0.2.1:5", "192.0.2.2:6");
	}
}
END_TEST

/* The daemon shows an IPv4-mapped address as IPv4. */
START_TEST(test_different_families_have_an_ipv6_header)
{
	for (int version = 1; version <= 2; version++) {
		check(version, "192.0.2.1:5", "[2001:db8::2]:6", "192.0.2.1:5",
		      "[2001:db8::2]:6");
		check(version, "[2001:db8::1]:5", "192.0.2.2:6",
		      "[2001:db8::1]:5", "192.0.2.2:6");
	}
}
END_TEST

START_TEST(test_the_client_of_a_unix_socket_is_unknown)
{
	struct target_address client, server = { .sa.sa_family = AF_UNIX };
	struct proxy_protocol_header header;
	unsigned char bytes[PROXY_HEADER_SIZE];
	char reason[TARGET_REASON_SIZE];

	ck_assert_ptr_null(proxy_header_parse("192.0.2.1", &client, reason));
	for (int version = 1; version <= 2; version++) {
		size_t length =
			proxy_header_write(version, &client, &server, bytes);

		ck_assert_int_eq(proxy_protocol_parse(bytes, length, &header),
				 PROXY_PROTOCOL_DONE);
		ck_assert(!header.proxied);
	}
}
END_TEST

START_TEST(test_bad_text_is_an_error)
{
	static const char *const bad[] = {
		"",	      "x",	 "192.0.2.1:",	  "192.0.2.1:65536",
		"[::1",	      "[::1]x",	 "[192.0.2.1]:5", "192.0.2.1:+5",
		"fe80::1%lo", "[::1]:a", "192.0.2.1:5:6", "localhost:5",
	};
	struct target_address client;
	char reason[TARGET_REASON_SIZE];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(proxy_header_parse(bad[i], &client, reason) ==
				      reason,
			      "%s", bad[i]);
}
END_TEST

SUITE(test_the_daemon_reads_the_addresses,
      test_different_families_have_an_ipv6_header,
      test_the_client_of_a_unix_socket_is_unknown, test_bad_text_is_an_error)
