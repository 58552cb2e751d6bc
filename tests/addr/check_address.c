#include "addr/address.h"

#include <arpa/inet.h>
#include <limits.h>
#include <net/if.h>
#include <sys/un.h>

#include "support/suite.h"

static struct address
parsed(const char *text)
{
	struct address address;
	char reason[256];
	const char *why = address_parse(text, &address, reason, sizeof(reason));

	ck_assert_msg(!why, "%s: %s", text, why);
	return address;
}

START_TEST(test_every_form_is_parsed)
{
	static const struct {
		const char *text, *formatted;
		int family;
		unsigned port;
	} cases[] = {
		{ "*:25000", "*:25000", AF_UNSPEC, 25000 },
		{ "*:0", "*:0", AF_UNSPEC, 0 },
		{ "127.0.0.1:7", "127.0.0.1:7", AF_INET, 7 },
		{ "0.0.0.0:1", "0.0.0.0:1", AF_INET, 1 },
		{ "255.255.255.255:65535", "255.255.255.255:65535", AF_INET,
		  65535 },
		{ "1.2.3.4:00080", "1.2.3.4:80", AF_INET, 80 },
		{ "[::1]:7", "[::1]:7", AF_INET6, 7 },
		{ "[::]:0", "[::]:0", AF_INET6, 0 },
		{ "[2001:DB8:0:0:0:0:0:1]:65535", "[2001:db8::1]:65535",
		  AF_INET6, 65535 },
		{ "[64:ff9b::192.0.2.33]:9", "[64:ff9b::c000:221]:9", AF_INET6,
		  9 },
		{ "[fe80::1%lo]:7", "[fe80::1%lo]:7", AF_INET6, 7 },
		{ "[ff02::1%lo]:7", "[ff02::1%lo]:7", AF_INET6, 7 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct address address = parsed(cases[i].text);
		char text[ADDRESS_TEXT_SIZE];

		ck_assert_ptr_eq(address_format(&address, text), text);
		ck_assert_str_eq(text, cases[i].formatted);
		ck_assert_int_eq(address_family(&address), cases[i].family);
		ck_assert_uint_eq(address_port(&address), cases[i].port);
	}
}
END_TEST

START_TEST(test_the_sockaddr_is_valid_for_the_kernel)
{
	struct address four = parsed("192.0.2.7:258");
	struct address six = parsed("[2001:db8::7]:258");

	ck_assert_uint_eq(four.length, sizeof(struct sockaddr_in));
	ck_assert_int_eq(four.sa.sa_family, AF_INET);
	ck_assert_uint_eq(four.in.sin_port, htons(258));
	ck_assert_uint_eq(four.in.sin_addr.s_addr, htonl(0xc0000207));

	ck_assert_uint_eq(six.length, sizeof(struct sockaddr_in6));
	ck_assert_int_eq(six.sa.sa_family, AF_INET6);
	ck_assert_uint_eq(six.in6.sin6_port, htons(258));
	ck_assert_uint_eq(six.in6.sin6_addr.s6_addr[0], 0x20);
	ck_assert_uint_eq(six.in6.sin6_addr.s6_addr[15], 7);
	ck_assert_uint_eq(six.in6.sin6_scope_id, 0);
	ck_assert_uint_eq(six.in6.sin6_flowinfo, 0);
}
END_TEST

#define BAD_FORM \
	" is not of the form ADDRESS:PORT " \
	"(write an IPv6 address in brackets)"
#define BAD_PORT " is not in 1-65535 (or 0 for any free port)"
#define BAD_HOST \
	"not an IP address (host names are not looked up; " \
	"write *, an IPv4 address or [an IPv6 address])"

START_TEST(test_every_mistake_has_its_reason)
{
	static const char *const cases[][2] = {
		{ "*:70000", "port \"70000\"" BAD_PORT },
		{ "*:65536", "port \"65536\"" BAD_PORT },
		{ "*:-1", "port \"-1\"" BAD_PORT },
		{ "*:+1", "port \"+1\"" BAD_PORT },
		{ "*: 1", "port \" 1\"" BAD_PORT },
		{ "*:1 ", "port \"1 \"" BAD_PORT },
		{ "*:0x50", "port \"0x50\"" BAD_PORT },
		{ "*:", "port \"\"" BAD_PORT },
		{ "*:echo", "port \"echo\"" BAD_PORT },
		/*
		 * 2^32 + 7 and 2^64 + 7, which a careless conversion reads as
		 * 7.
		 */
		{ "*:4294967303", "port \"4294967303\"" BAD_PORT },
		{ "*:18446744073709551623",
		  "port \"18446744073709551623\"" BAD_PORT },

		{ "", "\"\"" BAD_FORM },
		{ "*", "\"*\"" BAD_FORM },
		{ "25000", "\"25000\"" BAD_FORM },
		{ "127.0.0.1", "\"127.0.0.1\"" BAD_FORM },
		{ "::1", "\"::1\"" BAD_FORM },
		{ "::1:7", "\"::1:7\"" BAD_FORM },
		{ "[::1]", "\"[::1]\"" BAD_FORM },
		{ "[::1]7", "\"[::1]7\"" BAD_FORM },
		{ "[::1:7", "\"[::1:7\"" BAD_FORM },
		{ "::1]:7", "\"::1]:7\"" BAD_FORM },
		/* A transport is for listen_address_parse(). */
		{ "tcp:*:7", "\"tcp:*:7\"" BAD_FORM },
		{ "udp:*:7", "\"udp:*:7\"" BAD_FORM },
		{ "unix:@7", "port \"@7\"" BAD_PORT },

		{ ":7", "\"\": " BAD_HOST },
		{ "localhost:7", "\"localhost\": " BAD_HOST },
		{ "**:7", "\"**\": " BAD_HOST },
		{ "[:7", "\"[\": " BAD_HOST },
		{ "127.0.0:7", "\"127.0.0\": " BAD_HOST },
		{ "127.0.0.256:7", "\"127.0.0.256\": " BAD_HOST },
		{ "127.0.0.1 :7", "\"127.0.0.1 \": " BAD_HOST },
		{ "TCP:7", "\"TCP\": " BAD_HOST },

		{ "[]:7", "\"\": not an IPv6 address" },
		{ "[*]:7", "\"*\": not an IPv6 address" },
		{ "[127.0.0.1]:7", "\"127.0.0.1\": not an IPv6 address" },
		{ "[[::1]]:7", "\"[::1]\": not an IPv6 address" },
		{ "[::g]:7", "\"::g\": not an IPv6 address" },
		{ "[::ffff:127.0.0.1]:7",
		  "\"::ffff:127.0.0.1\": an IPv4-mapped address: "
		  "write it as IPv4" },
		{ "[fe80::1]:7",
		  "\"fe80::1\": a link-local address needs its %zone" },
		{ "[fe80::1%no-such-if]:7",
		  "\"fe80::1%no-such-if\": no such network interface" },
		{ "[fe80::1%]:7", "\"fe80::1%\": no such network interface" },
		{ "[fe80::1%0]:7", "\"fe80::1%0\": no such network interface" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct address address;
		char reason[256];
		const char *why = address_parse(cases[i][0], &address, reason,
						sizeof(reason));

		ck_assert_msg(why, "\"%s\" was taken", cases[i][0]);
		ck_assert_ptr_eq(why, reason);
		ck_assert_str_eq(why, cases[i][1]);
	}
}
END_TEST

START_TEST(test_a_text_of_any_length_is_handled)
{
	struct address address;
	char text[3 * ADDRESS_TEXT_SIZE];
	char reason[512];

	for (size_t length = 0; length + 3 <= sizeof(text); length++) {
		memset(text, '1', length);
		memcpy(text + length, ":7", 3);
		const char *why =
			address_parse(text, &address, reason, sizeof(reason));
		ck_assert_ptr_eq(why, reason);
		ck_assert_int_eq(strstr(why, "too long") != NULL,
				 length + 2 >= ADDRESS_TEXT_SIZE);
	}
}
END_TEST

START_TEST(test_a_reason_is_cut_to_its_buffer)
{
	static const char *const texts[] = { "*:70000", "x", "x:7" };
	struct address address;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t size = 1; size < 40; size++) {
			/* A block of its own: a sanitizer sees an overrun. */
			char *reason = malloc(size);

			ck_assert_ptr_eq(address_parse(texts[i], &address,
						       reason, size),
					 reason);
			ck_assert_uint_lt(strlen(reason), size);
			free(reason);
		}
}
END_TEST

START_TEST(test_a_zone_is_a_name_or_a_number)
{
	unsigned lo = if_nametoindex("lo");
	char text[ADDRESS_TEXT_SIZE], number[64];

	if (lo == 0)
		skip("there is no interface \"lo\"");
	struct address by_name = parsed("[fe80::1%lo]:7");
	ck_assert_uint_eq(by_name.in6.sin6_scope_id, lo);

	snprintf(number, sizeof(number), "[fe80::1%%%u]:7", lo);
	struct address by_number = parsed(number);
	ck_assert(address_equal(&by_name, &by_number));
	ck_assert_str_eq(address_format(&by_number, text), "[fe80::1%lo]:7");

	struct address elsewhere = parsed("[fe80::1%987654321]:7");
	ck_assert_uint_eq(elsewhere.in6.sin6_scope_id, 987654321);
	ck_assert_str_eq(address_format(&elsewhere, text),
			 "[fe80::1%987654321]:7");
	ck_assert(!address_equal(&by_name, &elsewhere));
	ck_assert(!address_overlaps(&by_name, &elsewhere));
}
END_TEST

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

START_TEST(test_formatted_addresses_parse_as_the_same)
{
	uint32_t state = 42;

	for (int i = 0; i < 20000; i++) {
		struct address address = { 0 }, again;
		char text[ADDRESS_TEXT_SIZE], reason[256];

		if (i % 2) {
			address.length = sizeof(address.in);
			address.in.sin_family = AF_INET;
			address.in.sin_addr.s_addr = next_random(&state) << 8;
		} else {
			address.length = sizeof(address.in6);
			address.in6.sin6_family = AF_INET6;
			address.in6.sin6_addr.s6_addr[0] = 0x20;
			/* Mostly zeros, for the sake of the "::" forms. */
			for (int byte = 1; byte < 16; byte++)
				if (next_random(&state) % 3 == 0)
					address.in6.sin6_addr.s6_addr[byte] =
						(uint8_t)next_random(&state);
		}
		address_set_port(&address, (uint16_t)next_random(&state));

		address_format(&address, text);
		ck_assert_ptr_null(
			address_parse(text, &again, reason, sizeof(reason)));
		ck_assert_msg(address_equal(&address, &again), "%s", text);
		ck_assert_uint_eq(address.length, again.length);
	}
}
END_TEST

START_TEST(test_the_longest_text_fits)
{
	struct address address = { .length = sizeof(address.in6) };
	char text[ADDRESS_TEXT_SIZE];

	memset(&address.in6.sin6_addr, 0xff, 16);
	address.in6.sin6_family = AF_INET6;
	address.in6.sin6_port = 0xffff;
	address.in6.sin6_scope_id = UINT32_MAX;
	ck_assert_str_eq(address_format(&address, text),
			 "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
			 "%4294967295]:65535");
}
END_TEST

static struct address
from_kernel(const char *host, unsigned port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port) };

	ck_assert_int_eq(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
	return address_from_sockaddr((struct sockaddr *)&in6, sizeof(in6));
}

START_TEST(test_a_mapped_address_becomes_ipv4)
{
	struct address mapped = from_kernel("::ffff:192.0.2.7", 51234);
	struct address plain = parsed("192.0.2.7:51234");
	char text[ADDRESS_TEXT_SIZE];

	ck_assert(address_equal(&mapped, &plain));
	ck_assert_uint_eq(mapped.length, sizeof(struct sockaddr_in));
	ck_assert_str_eq(address_format(&mapped, text), "192.0.2.7:51234");
}
END_TEST

START_TEST(test_other_addresses_are_not_converted)
{
	static const char *const hosts[] = { "::", "::1", "::192.0.2.7",
					     "::fffe:c000:207", "2001:db8::1" };
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct address address = from_kernel(hosts[i], 7);

		ck_assert_int_eq(address_family(&address), AF_INET6);
		ck_assert_uint_eq(address.length, sizeof(struct sockaddr_in6));
	}

	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(7),
				  .sin_addr.s_addr = htonl(0x7f000001) };
	struct address four =
		address_from_sockaddr((struct sockaddr *)&in, sizeof(in));
	ck_assert_str_eq(address_format(&four, text), "127.0.0.1:7");
}
END_TEST

START_TEST(test_an_oversized_sockaddr_is_cut)
{
	struct sockaddr_storage storage = { .ss_family = AF_INET6 };
	struct address address = address_from_sockaddr(
		(struct sockaddr *)&storage, sizeof(storage));

	ck_assert_uint_eq(address.length, sizeof(struct sockaddr_in6));
	ck_assert_int_eq(address_family(&address), AF_INET6);
}
END_TEST

START_TEST(test_the_peer_of_a_unix_socket_is_a_process)
{
	struct address one = address_of_process(123, 1000);
	struct address same = address_of_process(123, 1000);
	struct address other = address_of_process(124, 1000);
	struct address user = address_of_process(123, 0);
	struct address most = address_of_process(INT_MAX, UINT_MAX);
	char text[ADDRESS_TEXT_SIZE];

	ck_assert_int_eq(address_family(&one), AF_UNIX);
	ck_assert_uint_eq(address_port(&one), 0);
	ck_assert_str_eq(address_format(&one, text), "unix:pid=123,uid=1000");
	ck_assert_str_eq(address_format(&most, text),
			 "unix:pid=2147483647,uid=4294967295");
	ck_assert(address_equal(&one, &same));
	ck_assert(!address_equal(&one, &other));
	ck_assert(!address_equal(&one, &user));
}
END_TEST

START_TEST(test_the_sockaddr_of_a_unix_socket_is_process_0)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX,
				  .sun_path = "/a/path/longer/than/a/process" };
	struct address named =
		address_from_sockaddr((struct sockaddr *)&un, sizeof(un));
	/* What accept(2) says of a client that has no name. */
	struct address unnamed = address_from_sockaddr((struct sockaddr *)&un,
						       sizeof(sa_family_t));
	struct address nobody = address_of_process(0, 0);

	ck_assert(address_equal(&named, &nobody));
	ck_assert(address_equal(&unnamed, &nobody));
	ck_assert_uint_eq(named.length, nobody.length);
}
END_TEST

START_TEST(test_a_star_expands_to_both_families)
{
	struct address star = parsed("*:4660"), one = parsed("127.0.0.1:7");
	struct address out[2];
	char text[ADDRESS_TEXT_SIZE];

	ck_assert_uint_eq(address_expand(&star, out), 2);
	ck_assert_str_eq(address_format(&out[0], text), "0.0.0.0:4660");
	ck_assert_str_eq(address_format(&out[1], text), "[::]:4660");
	ck_assert_uint_eq(out[0].length, sizeof(struct sockaddr_in));
	ck_assert_uint_eq(out[1].length, sizeof(struct sockaddr_in6));

	ck_assert_uint_eq(address_expand(&one, out), 1);
	ck_assert(address_equal(&out[0], &one));
}
END_TEST

START_TEST(test_a_port_can_be_set_in_every_family)
{
	static const char *const texts[] = { "*:1", "127.0.0.1:1", "[::1]:1" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct address address = parsed(texts[i]);
		struct address before = address;

		address_set_port(&address, 0xfffe);
		ck_assert_uint_eq(address_port(&address), 0xfffe);
		ck_assert(!address_equal(&address, &before));
		address_set_port(&address, 1);
		ck_assert(address_equal(&address, &before));
	}
}
END_TEST

START_TEST(test_equal_compares_family_host_and_port)
{
	static const char *const texts[] = {
		"*:7",		 "*:8",		  "0.0.0.0:7", "127.0.0.1:7",
		"127.0.0.1:8",	 "127.0.0.2:7",	  "[::]:7",    "[::1]:7",
		"[fe80::1%1]:7", "[fe80::1%2]:7",
	};
	size_t count = sizeof(texts) / sizeof(*texts);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			struct address a = parsed(texts[i]);
			struct address b = parsed(texts[j]);

			ck_assert_msg(address_equal(&a, &b) == (i == j),
				      "%s and %s", texts[i], texts[j]);
		}
}
END_TEST

START_TEST(test_addresses_overlap_if_one_connection_reaches_both)
{
	static const struct {
		const char *a, *b;
		bool overlaps;
	} cases[] = {
		{ "*:7", "*:7", true },
		{ "*:7", "0.0.0.0:7", true },
		{ "*:7", "127.0.0.1:7", true },
		{ "*:7", "[::]:7", true },
		{ "*:7", "[::1]:7", true },
		{ "*:7", "*:8", false },
		{ "*:7", "127.0.0.1:8", false },
		{ "0.0.0.0:7", "0.0.0.0:7", true },
		{ "0.0.0.0:7", "127.0.0.1:7", true },
		{ "0.0.0.0:7", "127.0.0.1:8", false },
		{ "0.0.0.0:7", "[::]:7", false },
		{ "0.0.0.0:7", "[::1]:7", false },
		{ "127.0.0.1:7", "127.0.0.1:7", true },
		{ "127.0.0.1:7", "127.0.0.2:7", false },
		{ "127.0.0.1:7", "[::1]:7", false },
		{ "[::]:7", "[::]:7", true },
		{ "[::]:7", "[::1]:7", true },
		{ "[::]:7", "127.0.0.1:7", false },
		{ "[::]:7", "[::1]:8", false },
		{ "[::1]:7", "[::1]:7", true },
		{ "[::1]:7", "[::2]:7", false },
		{ "[::]:7", "[fe80::1%1]:7", true },
		{ "[fe80::1%1]:7", "[fe80::1%1]:7", true },
		{ "[fe80::1%1]:7", "[fe80::1%2]:7", false },
		/* Each gets a port of its own. */
		{ "*:0", "*:0", false },
		{ "127.0.0.1:0", "127.0.0.1:0", false },
		{ "[::1]:0", "[::]:0", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct address a = parsed(cases[i].a), b = parsed(cases[i].b);

		ck_assert_msg(address_overlaps(&a, &b) == cases[i].overlaps,
			      "%s and %s", cases[i].a, cases[i].b);
		ck_assert_msg(address_overlaps(&b, &a) == cases[i].overlaps,
			      "%s and %s", cases[i].b, cases[i].a);
	}
}
END_TEST

SUITE(test_every_form_is_parsed, test_the_sockaddr_is_valid_for_the_kernel,
      test_every_mistake_has_its_reason, test_a_text_of_any_length_is_handled,
      test_a_reason_is_cut_to_its_buffer, test_a_zone_is_a_name_or_a_number,
      test_formatted_addresses_parse_as_the_same, test_the_longest_text_fits,
      test_a_mapped_address_becomes_ipv4,
      test_other_addresses_are_not_converted, test_an_oversized_sockaddr_is_cut,
      test_the_peer_of_a_unix_socket_is_a_process,
      test_the_sockaddr_of_a_unix_socket_is_process_0,
      test_a_star_expands_to_both_families,
      test_a_port_can_be_set_in_every_family,
      test_equal_compares_family_host_and_port,
      test_addresses_overlap_if_one_connection_reaches_both)
