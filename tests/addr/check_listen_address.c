#include "addr/listen_address.h"

#include "support/suite.h"

static struct listen_address
parsed(const char *text)
{
	struct listen_address listen_address;
	char reason[256];
	const char *why = listen_address_parse(text, &listen_address, reason,
					       sizeof(reason));

	ck_assert_msg(!why, "%s: %s", text, why);
	return listen_address;
}

START_TEST(test_every_form_is_parsed)
{
	static const struct {
		const char *text, *formatted, *shortest;
		enum protocol protocol;
	} cases[] = {
		{ "*:25000", "tcp:*:25000", "*:25000", PROTOCOL_TCP },
		{ "tcp:*:7", "tcp:*:7", "*:7", PROTOCOL_TCP },
		{ "127.0.0.1:0", "tcp:127.0.0.1:0", "127.0.0.1:0",
		  PROTOCOL_TCP },
		{ "tcp:[::1]:7", "tcp:[::1]:7", "[::1]:7", PROTOCOL_TCP },
		{ "udp:*:25000", "udp:*:25000", "udp:*:25000", PROTOCOL_UDP },
		{ "udp:[::]:7", "udp:[::]:7", "udp:[::]:7", PROTOCOL_UDP },
		{ "udp:10.0.0.1:7", "udp:10.0.0.1:7", "udp:10.0.0.1:7",
		  PROTOCOL_UDP },
		{ "unix:/run/echod/lines.sock", "unix:/run/echod/lines.sock",
		  "unix:/run/echod/lines.sock", PROTOCOL_UNIX },
		{ "unix:@echod", "unix:@echod", "unix:@echod", PROTOCOL_UNIX },
		{ "unix:/a b:7", "unix:/a b:7", "unix:/a b:7", PROTOCOL_UNIX },
		{ "unix:@/", "unix:@/", "unix:@/", PROTOCOL_UNIX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct listen_address listen_address = parsed(cases[i].text);
		char text[LISTEN_ADDRESS_TEXT_SIZE];

		ck_assert_int_eq(listen_address.protocol, cases[i].protocol);
		ck_assert_ptr_eq(listen_address_format(&listen_address, text),
				 text);
		ck_assert_str_eq(text, cases[i].formatted);
		ck_assert_ptr_eq(listen_address_format_short(&listen_address,
							     text),
				 text);
		ck_assert_str_eq(text, cases[i].shortest);

		struct listen_address again = parsed(text);
		ck_assert(listen_address_equal(&listen_address, &again));
	}
}
END_TEST

#define NEITHER \
	" is neither a path that begins with / nor an abstract name that " \
	"begins with @"

START_TEST(test_every_mistake_has_its_reason)
{
	static const char *const cases[][2] = {
		{ "unix:", "\"\"" NEITHER },
		{ "unix:echod.sock", "\"echod.sock\"" NEITHER },
		{ "unix: /run/a", "\" /run/a\"" NEITHER },
		{ "unix:*:7", "\"*:7\"" NEITHER },
		{ "unix:/", "\"/\" names no socket" },
		{ "unix:@", "\"@\" names no socket" },
		{ "unix:/run/", "\"/run/\" names no socket" },
		{ "udp:*:70000", "port \"70000\" is not in 1-65535 (or 0 for "
				 "any free port)" },
		{ "tcp:",
		  "\"\" is not of the form ADDRESS:PORT (write an IPv6 address "
		  "in brackets)" },
		{ "25000", "\"25000\" has no address: write \"*:25000\" for "
			   "all addresses" },
		{ ":7",
		  "\":7\" has no address: write \"*:7\" for all addresses" },
		{ "udp::7", "\"udp::7\" has no address: write \"udp:*:7\" for "
			    "all addresses" },
		{ "tcp:9", "\"tcp:9\" has no address: write \"tcp:*:9\" for "
			   "all addresses" },
		{ "::7", "\"::7\" is not of the form ADDRESS:PORT (write an "
			 "IPv6 address in brackets)" },
		{ "tcp:udp:*:7", "\"udp:*:7\" is not of the form ADDRESS:PORT "
				 "(write an IPv6 address in brackets)" },
		{ "UDP:7", "\"UDP\": not an IP address (host names are not "
			   "looked up; write *, an IPv4 address or [an IPv6 "
			   "address])" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct listen_address listen_address;
		char reason[256];
		const char *why = listen_address_parse(
			cases[i][0], &listen_address, reason, sizeof(reason));

		ck_assert_msg(why, "\"%s\" was taken", cases[i][0]);
		ck_assert_ptr_eq(why, reason);
		ck_assert_str_eq(why, cases[i][1]);
	}
}
END_TEST

/* unix(7): the path and its NUL, or a NUL and the name, have 108 bytes. */
START_TEST(test_the_longest_path_is_accepted)
{
	static const char first[] = { '/', '@' };
	char text[256], reason[256], formatted[LISTEN_ADDRESS_TEXT_SIZE];
	struct sockaddr_un un;
	struct listen_address listen_address;

	for (size_t i = 0; i < 2; i++)
		for (size_t length = 2; length < 200; length++) {
			memset(text, 'a', sizeof(text));
			memcpy(text, "unix:", 5);
			text[5] = first[i];
			text[5 + length] = '\0';

			const char *why = listen_address_parse(
				text, &listen_address, reason, sizeof(reason));
			ck_assert_int_eq(why == NULL, length <= 107);
			if (why) {
				ck_assert_ptr_nonnull(strstr(why, "too long"));
				continue;
			}
			ck_assert_str_eq(listen_address_format(&listen_address,
							       formatted),
					 text);
			ck_assert_uint_le(
				listen_address_sockaddr(&listen_address, &un),
				sizeof(un));
		}
}
END_TEST

START_TEST(test_the_sockaddr_is_valid_for_the_kernel)
{
	struct listen_address path = parsed("unix:/run/e"),
			      name = parsed("unix:@run");
	struct sockaddr_un un;
	size_t head = offsetof(struct sockaddr_un, sun_path);

	ck_assert(!listen_address_is_abstract(&path));
	ck_assert_uint_eq(listen_address_sockaddr(&path, &un), head + 7);
	ck_assert_int_eq(un.sun_family, AF_UNIX);
	ck_assert_str_eq(un.sun_path, "/run/e");

	ck_assert(listen_address_is_abstract(&name));
	ck_assert_uint_eq(listen_address_sockaddr(&name, &un), head + 4);
	ck_assert_int_eq(un.sun_family, AF_UNIX);
	ck_assert_mem_eq(un.sun_path, "\0run", 5);
}
END_TEST

START_TEST(test_a_bound_socket_has_an_address)
{
	static const char *const texts[] = {
		"tcp:127.0.0.1:7", "udp:0.0.0.0:7", "tcp:[::1]:7",
		"udp:[::]:7",	   "unix:/run/e",   "unix:@run",
	};
	struct sockaddr_un un;
	struct listen_address again;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct listen_address listen_address = parsed(texts[i]);
		int type = listen_address.protocol == PROTOCOL_UDP ?
				   SOCK_DGRAM :
				   SOCK_STREAM;
		const struct sockaddr *sa = &listen_address.address.sa;
		socklen_t length = listen_address.address.length;

		if (listen_address.protocol == PROTOCOL_UNIX) {
			length = listen_address_sockaddr(&listen_address, &un);
			sa = (const struct sockaddr *)&un;
		}
		ck_assert(
			listen_address_from_sockaddr(sa, length, type, &again));
		ck_assert_msg(listen_address_equal(&listen_address, &again),
			      "%s", texts[i]);
		ck_assert(!listen_address_from_sockaddr(sa, length, SOCK_RAW,
							&again));
	}
}
END_TEST

START_TEST(test_an_unbound_socket_has_no_address)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr other = { .sa_family = AF_APPLETALK };
	socklen_t head = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr *sa = (struct sockaddr *)&un;
	struct listen_address listen_address;

	ck_assert(!listen_address_from_sockaddr(&other, sizeof(other),
						SOCK_STREAM, &listen_address));
	/* unix(7): neither bound, nor with a name that is text. */
	ck_assert(!listen_address_from_sockaddr(sa, head, SOCK_STREAM,
						&listen_address));
	memcpy(un.sun_path, "\0a\0b", 4);
	ck_assert(!listen_address_from_sockaddr(sa, head + 4, SOCK_STREAM,
						&listen_address));
	memcpy(un.sun_path, "relative", 9);
	ck_assert(!listen_address_from_sockaddr(sa, head + 9, SOCK_STREAM,
						&listen_address));
	memset(un.sun_path, '/', sizeof(un.sun_path));
	ck_assert(!listen_address_from_sockaddr(sa, sizeof(un), SOCK_STREAM,
						&listen_address));
	un.sun_path[sizeof(un.sun_path) - 1] = '\0';
	ck_assert(listen_address_from_sockaddr(sa, sizeof(un), SOCK_STREAM,
					       &listen_address));
	ck_assert_uint_eq(strlen(listen_address.path), LISTEN_ADDRESS_PATH_MAX);
	ck_assert(!listen_address_from_sockaddr(sa, sizeof(un), SOCK_DGRAM,
						&listen_address));
}
END_TEST

START_TEST(test_a_reason_is_cut_to_its_buffer)
{
	static const char *const texts[] = { "udp:*:70000", "unix:", "unix:/",
					     "x" };
	struct listen_address listen_address;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t size = 1; size < 40; size++) {
			/* A block of its own: a sanitizer sees an overrun. */
			char *reason = malloc(size);

			ck_assert_ptr_eq(listen_address_parse(texts[i],
							      &listen_address,
							      reason, size),
					 reason);
			ck_assert_uint_lt(strlen(reason), size);
			free(reason);
		}
}
END_TEST

START_TEST(test_a_star_expands_to_both_families)
{
	static const char *const ones[] = { "udp:127.0.0.1:7", "[::1]:7",
					    "unix:/a", "unix:@a" };
	struct listen_address star = parsed("udp:*:4660"), out[2];
	char text[LISTEN_ADDRESS_TEXT_SIZE];

	ck_assert_uint_eq(listen_address_expand(&star, out), 2);
	ck_assert_str_eq(listen_address_format(&out[0], text),
			 "udp:0.0.0.0:4660");
	ck_assert_str_eq(listen_address_format(&out[1], text), "udp:[::]:4660");
	for (size_t i = 0; i < sizeof(ones) / sizeof(*ones); i++) {
		struct listen_address one = parsed(ones[i]);

		ck_assert_uint_eq(listen_address_expand(&one, out), 1);
		ck_assert(listen_address_equal(&out[0], &one));
	}
}
END_TEST

START_TEST(test_port_0_is_any_port)
{
	static const struct {
		const char *text;
		bool any;
	} cases[] = {
		{ "*:0", true },      { "udp:[::1]:0", true },
		{ "*:7", false },     { "udp:127.0.0.1:7", false },
		{ "unix:/0", false }, { "unix:@0", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct listen_address listen_address = parsed(cases[i].text);

		ck_assert_int_eq(listen_address_takes_any_port(&listen_address),
				 cases[i].any);
	}
}
END_TEST

START_TEST(test_equal_compares_protocol_and_address)
{
	static const char *const texts[] = {
		"*:7",	   "*:8",     "127.0.0.1:7", "udp:*:7",
		"unix:/7", "unix:@7", "unix:/8",     "udp:127.0.0.1:7",
	};
	size_t count = sizeof(texts) / sizeof(*texts);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			struct listen_address a = parsed(texts[i]),
					      b = parsed(texts[j]);

			ck_assert_msg(listen_address_equal(&a, &b) == (i == j),
				      "%s and %s", texts[i], texts[j]);
		}
}
END_TEST

START_TEST(test_addresses_overlap_within_one_protocol_only)
{
	static const struct {
		const char *a, *b;
		bool overlaps;
	} cases[] = {
		{ "*:7", "tcp:127.0.0.1:7", true },
		{ "*:7", "udp:*:7", false },
		{ "127.0.0.1:7", "udp:127.0.0.1:7", false },
		{ "udp:*:7", "udp:[::1]:7", true },
		{ "udp:*:7", "udp:*:8", false },
		{ "udp:*:0", "udp:*:0", false },
		{ "unix:/run/a", "unix:/run/a", true },
		{ "unix:/run/a", "unix:/run/b", false },
		{ "unix:/run/a", "unix:@run/a", false },
		{ "unix:@a", "unix:@a", true },
		{ "unix:@a", "unix:@ab", false },
		{ "unix:/7", "*:7", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct listen_address a = parsed(cases[i].a),
				      b = parsed(cases[i].b);

		ck_assert_msg(listen_address_overlaps(&a, &b) ==
				      cases[i].overlaps,
			      "%s and %s", cases[i].a, cases[i].b);
		ck_assert_msg(listen_address_overlaps(&b, &a) ==
				      cases[i].overlaps,
			      "%s and %s", cases[i].b, cases[i].a);
	}
}
END_TEST

SUITE(test_every_form_is_parsed, test_every_mistake_has_its_reason,
      test_the_longest_path_is_accepted,
      test_the_sockaddr_is_valid_for_the_kernel,
      test_a_bound_socket_has_an_address, test_an_unbound_socket_has_no_address,
      test_a_reason_is_cut_to_its_buffer, test_a_star_expands_to_both_families,
      test_port_0_is_any_port, test_equal_compares_protocol_and_address,
      test_addresses_overlap_within_one_protocol_only)
