#include "probe/target.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include "support/suite.h"

static struct target_list list;
static char reason[TARGET_REASON_SIZE];

/* What the resolver says, instead of the one of the C library. */
static struct {
	const char *const *answers; /* up to NULL; NULL: none */
	bool knows_loopback_only;
	int error; /* 0: none */
	unsigned calls;
	int type; /* of the last call */
} resolver;

static struct addrinfo *
make_answer(const char *text, const char *port, struct addrinfo *next)
{
	struct addrinfo *info = calloc(1, sizeof(*info));
	struct sockaddr_in6 *in6 = calloc(1, sizeof(*in6));
	struct sockaddr_in *in = (struct sockaddr_in *)in6;
	bool is_in6 = strchr(text, ':') != NULL;

	ck_assert(info && in6);
	info->ai_family = is_in6 ? AF_INET6 : AF_INET;
	info->ai_addrlen = is_in6 ? sizeof(*in6) : sizeof(*in);
	info->ai_addr = (struct sockaddr *)in6;
	info->ai_next = next;
	in->sin_family = (sa_family_t)info->ai_family;
	in->sin_port = htons((uint16_t)atoi(port));
	ck_assert_int_eq(inet_pton(info->ai_family, text,
				   is_in6 ? (void *)&in6->sin6_addr :
					    (void *)&in->sin_addr),
			 1);
	return info;
}

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
	    struct addrinfo **found)
{
	size_t count = 0;

	(void)host;
	resolver.calls++;
	resolver.type = hints->ai_socktype;
	errno = EMFILE;
	if (resolver.error)
		return resolver.error;
	if (resolver.knows_loopback_only && hints->ai_flags & AI_ADDRCONFIG)
		return EAI_NONAME;
	*found = NULL;
	while (resolver.answers && resolver.answers[count])
		count++;
	while (count-- > 0) {
		const char *text = resolver.answers[count];
		int family = strchr(text, ':') ? AF_INET6 : AF_INET;

		if (hints->ai_family == AF_UNSPEC || hints->ai_family == family)
			*found = make_answer(text, port, *found);
	}
	return *found ? 0 : EAI_NONAME;
}

void
freeaddrinfo(struct addrinfo *info)
{
	while (info) {
		struct addrinfo *next = info->ai_next;

		free(info->ai_addr);
		free(info);
		info = next;
	}
}

static void
add(const char *url, int family, bool each_address)
{
	const char *why =
		target_list_add(&list, url, family, each_address, reason);

	ck_assert_msg(!why, "%s: %s", url, why);
}

/* Both functions give `expected` after the URL. */
static void
refuses(const char *url, const char *expected)
{
	char text[TARGET_REASON_SIZE];
	const char *why = target_check(url, reason);

	snprintf(text, sizeof(text), "%s: %s", url, expected);
	ck_assert_msg(why, "%s is accepted", url);
	ck_assert_str_eq(why, text);
	why = target_list_add(&list, url, AF_UNSPEC, false, reason);
	ck_assert_msg(why, "%s is added", url);
	ck_assert_str_eq(why, text);
	ck_assert_uint_eq(list.count, 0);
}

START_TEST(test_an_address_is_parsed_with_each_scheme)
{
	static const struct {
		const char *url, *host, *text;
		enum target_scheme scheme;
	} cases[] = {
		{ "tcp://192.0.2.1:7", "192.0.2.1", "192.0.2.1:7", TARGET_TCP },
		{ "tls://192.0.2.1:65535", "192.0.2.1", "192.0.2.1:65535",
		  TARGET_TLS },
		{ "udp://[2001:db8::7]:1", "2001:db8::7", "[2001:db8::7]:1",
		  TARGET_UDP },
		{ "TCP://[::1]:00080", "::1", "[::1]:80", TARGET_TCP },
		{ "udp://[fe80::1%lo]:7", "fe80::1", "[fe80::1%lo]:7",
		  TARGET_UDP },
		{ "tcp://[ff02::1]:7", "ff02::1", "[ff02::1]:7", TARGET_TCP },
		{ "unix:/run/echo", "", "unix:/run/echo", TARGET_UNIX },
		{ "unix:echo.sock", "", "unix:echo.sock", TARGET_UNIX },
		{ "unix:@echo", "", "unix:@echo", TARGET_UNIX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct target *target;
		char text[TARGET_ADDRESS_SIZE];

		ck_assert_ptr_null(target_check(cases[i].url, reason));
		add(cases[i].url, AF_UNSPEC, false);
		ck_assert_uint_eq(list.count, i + 1);
		target = &list.items[i];
		ck_assert_uint_eq(target->index, i);
		ck_assert_str_eq(target->name, cases[i].url);
		ck_assert_str_eq(target->host, cases[i].host);
		ck_assert_int_eq(target->scheme, cases[i].scheme);
		ck_assert_uint_eq(target->address_count, 1);
		ck_assert_str_eq(target_format(target->addresses, text),
				 cases[i].text);
		ck_assert_int_eq(target_is_stream(target),
				 target->scheme != TARGET_UDP);
	}
	target_list_free(&list);
	ck_assert_uint_eq(list.count, 0);
}
END_TEST

START_TEST(test_a_zone_is_the_index_of_its_interface)
{
	const struct sockaddr_in6 *in6;

	add("tcp://[fe80::1%lo]:7", AF_UNSPEC, false);
	in6 = (const struct sockaddr_in6 *)&list.items[0].addresses[0].sa;
	ck_assert_uint_eq(in6->sin6_scope_id, if_nametoindex("lo"));
	ck_assert_uint_eq(list.items[0].addresses[0].length, sizeof(*in6));
	target_list_free(&list);
}
END_TEST

START_TEST(test_a_wrong_scheme_is_an_error)
{
	static const char expected[] = "write tcp://HOST:PORT, tls://HOST:PORT,"
				       " udp://HOST:PORT or unix:PATH";

	refuses("http://example.com:80", expected);
	refuses("127.0.0.1:7", expected);
	refuses("tcp:127.0.0.1:7", expected);
	refuses("", expected);
}
END_TEST

START_TEST(test_a_wrong_port_is_an_error)
{
	static const char *const ports[] = {
		"",   "0",  "65536", "100000", "-1", "+7",
		" 7", "7 ", "echo",  "000080", "7x", "18446744073709551623"
	};

	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		char url[64];

		snprintf(url, sizeof(url), "tcp://localhost:%s", ports[i]);
		refuses(url, "the port must be a number, 1 to 65535");
		snprintf(url, sizeof(url), "udp://[::1]:%s", ports[i]);
		refuses(url, "the port must be a number, 1 to 65535");
	}
	refuses("tcp://localhost", "the port is missing");
	refuses("tcp://[::1]", "the port is missing");
}
END_TEST

START_TEST(test_a_wrong_host_is_an_error)
{
	refuses("tcp://:7", "the host is missing");
	refuses("tcp://[]:7", "the host is missing");
	refuses("tcp://::1:7",
		"an IPv6 address needs brackets: [ADDRESS]:PORT");
	refuses("tcp://[::1:7", "the bracket is not closed");
	refuses("tcp://[::1]7",
		"only a colon and the port can follow the bracket");
	refuses("tcp://[::g]:7", "\"::g\": not an IPv6 address");
	refuses("tcp://[127.0.0.1]:7", "\"127.0.0.1\": not an IPv6 address");
	refuses("tcp://[fe80::1]:7",
		"\"fe80::1\": a link-local address needs its %zone");
	refuses("tcp://[fe80::1%no-such-zone]:7",
		"\"fe80::1%no-such-zone\": no such network interface");
	refuses("tcp://a..b:7", "the host is not a valid name");
	refuses("tcp://*:7", "the host is not a valid name");
	refuses("tcp://a b:7", "the host is not a valid name");
}
END_TEST

START_TEST(test_a_short_form_of_an_ipv4_address_is_an_error)
{
	static const char *const hosts[] = { "127.1",	   "127.0.0.256",
					     "2130706433", "0x7f000001",
					     "0X7F.0x1",   "1.2.3.4.5" };

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		char url[64];

		snprintf(url, sizeof(url), "tcp://%s:7", hosts[i]);
		refuses(url, "the host is not a valid IPv4 address");
	}
	/* Names all the same. */
	ck_assert_ptr_null(target_check("tcp://0xhost:7", reason));
	ck_assert_ptr_null(target_check("tcp://1.2.3.example:7", reason));
	ck_assert_ptr_null(target_check("tcp://7up:7", reason));
}
END_TEST

START_TEST(test_other_parts_of_a_url_are_an_error)
{
	static const char after[] = "nothing can follow the port";

	refuses("tcp://localhost:7/", after);
	refuses("tcp://localhost:7/path", after);
	refuses("tcp://localhost:7?a=b", after);
	refuses("tcp://localhost:7#a", after);
	refuses("tcp://me@localhost:7",
		"a user has no meaning here, write HOST:PORT");
}
END_TEST

START_TEST(test_a_path_must_fit_a_unix_socket)
{
	char url[128] = "unix:";
	const struct sockaddr_un *un;

	memset(url + 5, 'a', 107);
	add(url, AF_UNSPEC, false);
	un = &list.items[0].addresses[0].un;
	ck_assert_uint_eq(list.items[0].addresses[0].length, sizeof(*un));
	ck_assert_str_eq(un->sun_path, url + 5);
	target_list_free(&list);

	url[5 + 107] = 'a';
	ck_assert_ptr_nonnull(target_check(url, reason));
	ck_assert_ptr_nonnull(
		strstr(reason, "the path is longer than 107 bytes"));
	refuses("unix:", "the path is missing");
	refuses("unix:@", "the path is missing");
	refuses("unix://host/path", "write unix:PATH, without a host");
}
END_TEST

/* unix(7): the length counts, and a NUL at the end would be part of it. */
START_TEST(test_an_abstract_name_has_no_nul_at_its_end)
{
	const struct target_address *address;

	add("unix:@echo", AF_UNSPEC, false);
	address = list.items[0].addresses;
	ck_assert_uint_eq(address->length,
			  offsetof(struct sockaddr_un, sun_path) + 5);
	ck_assert_mem_eq(address->un.sun_path, "\0echo", 5);
	target_list_free(&list);
}
END_TEST

START_TEST(test_a_literal_of_the_other_family_is_an_error)
{
	ck_assert_str_eq(target_list_add(&list, "tcp://127.0.0.1:7", AF_INET6,
					 false, reason),
			 "tcp://127.0.0.1:7: not an IPv6 address (with -6)");
	ck_assert_str_eq(target_list_add(&list, "tcp://[::1]:7", AF_INET, false,
					 reason),
			 "tcp://[::1]:7: not an IPv4 address (with -4)");
	ck_assert_uint_eq(list.count, 0);
	add("tcp://127.0.0.1:7", AF_INET, false);
	add("tcp://[::1]:7", AF_INET6, false);
	add("unix:/run/echo", AF_INET, false);
	ck_assert_uint_eq(list.count, 3);
	target_list_free(&list);
}
END_TEST

START_TEST(test_a_name_has_all_its_addresses_in_their_order)
{
	const struct target *target;
	char text[TARGET_ADDRESS_SIZE];

	resolver.answers = (const char *const[]){ "2001:db8::7", "192.0.2.1",
						  "192.0.2.2", NULL };
	add("tls://echo.example:7", AF_UNSPEC, false);
	ck_assert_uint_eq(list.count, 1);
	target = &list.items[0];
	ck_assert_str_eq(target->name, "tls://echo.example:7");
	ck_assert_str_eq(target->host, "echo.example");
	ck_assert_uint_eq(target->address_count, 3);
	ck_assert_str_eq(target_format(&target->addresses[0], text),
			 "[2001:db8::7]:7");
	ck_assert_str_eq(target_format(&target->addresses[1], text),
			 "192.0.2.1:7");
	ck_assert_str_eq(target_format(&target->addresses[2], text),
			 "192.0.2.2:7");
	ck_assert_int_eq(resolver.type, SOCK_STREAM);
	target_list_free(&list);
}
END_TEST

START_TEST(test_a_name_has_the_addresses_of_the_family_only)
{
	char text[TARGET_ADDRESS_SIZE];

	resolver.answers =
		(const char *const[]){ "2001:db8::7", "192.0.2.1", NULL };
	add("udp://echo.example:7", AF_INET, false);
	add("udp://echo.example:7", AF_INET6, false);
	ck_assert_uint_eq(list.items[0].address_count, 1);
	ck_assert_str_eq(target_format(list.items[0].addresses, text),
			 "192.0.2.1:7");
	ck_assert_uint_eq(list.items[1].address_count, 1);
	ck_assert_str_eq(target_format(list.items[1].addresses, text),
			 "[2001:db8::7]:7");
	ck_assert_int_eq(resolver.type, SOCK_DGRAM);
	target_list_free(&list);
}
END_TEST

START_TEST(test_each_address_of_a_name_can_be_a_target)
{
	resolver.answers =
		(const char *const[]){ "2001:db8::7", "192.0.2.1", NULL };
	add("unix:/run/echo", AF_UNSPEC, true);
	add("tls://echo.example:7", AF_UNSPEC, true);
	ck_assert_uint_eq(list.count, 3);
	ck_assert_str_eq(list.items[0].name, "unix:/run/echo");
	ck_assert_str_eq(list.items[1].name, "tls://[2001:db8::7]:7");
	ck_assert_str_eq(list.items[2].name, "tls://192.0.2.1:7");
	for (size_t i = 1; i < list.count; i++) {
		ck_assert_uint_eq(list.items[i].index, i);
		ck_assert_int_eq(list.items[i].scheme, TARGET_TLS);
		ck_assert_uint_eq(list.items[i].address_count, 1);
		/* The certificate is that of the name. */
		ck_assert_str_eq(list.items[i].host, "echo.example");
	}
	target_list_free(&list);
}
END_TEST

START_TEST(test_a_name_of_one_address_keeps_its_name)
{
	resolver.answers = (const char *const[]){ "192.0.2.1", NULL };
	add("tcp://echo.example:7", AF_UNSPEC, true);
	ck_assert_uint_eq(list.count, 1);
	ck_assert_str_eq(list.items[0].name, "tcp://echo.example:7");
	target_list_free(&list);
}
END_TEST

START_TEST(test_an_address_that_the_resolver_repeats_counts_once)
{
	resolver.answers = (const char *const[]){ "192.0.2.1", "192.0.2.2",
						  "192.0.2.1", NULL };
	add("tcp://echo.example:7", AF_UNSPEC, false);
	add("tcp://echo.example:7", AF_UNSPEC, true);
	ck_assert_uint_eq(list.items[0].address_count, 2);
	ck_assert_uint_eq(list.count, 3);
	target_list_free(&list);
}
END_TEST

/* As for "localhost" on a host without a network. */
START_TEST(test_a_name_with_addresses_of_the_loopback_only_is_found)
{
	resolver.answers = (const char *const[]){ "127.0.0.1", NULL };
	resolver.knows_loopback_only = true;
	add("tcp://localhost:7", AF_INET, false);
	ck_assert_uint_eq(list.items[0].address_count, 1);
	target_list_free(&list);
}
END_TEST

START_TEST(test_no_literal_is_looked_up)
{
	add("tcp://192.0.2.1:7", AF_UNSPEC, true);
	add("tcp://[::1]:7", AF_UNSPEC, true);
	add("unix:/run/echo", AF_UNSPEC, true);
	ck_assert_uint_eq(resolver.calls, 0);
	target_list_free(&list);
}
END_TEST

START_TEST(test_checking_a_name_does_not_look_it_up)
{
	ck_assert_ptr_null(target_check("tcp://echo.invalid:7", reason));
	ck_assert_uint_eq(resolver.calls, 0);
}
END_TEST

START_TEST(test_a_name_that_is_not_found_is_an_error)
{
	char text[TARGET_REASON_SIZE];

	add("tcp://[::1]:7", AF_UNSPEC, false);
	snprintf(text, sizeof(text), "tcp://echo.invalid:7: %s (with -6)",
		 gai_strerror(EAI_NONAME));
	ck_assert_str_eq(target_list_add(&list, "tcp://echo.invalid:7",
					 AF_INET6, false, reason),
			 text);
	resolver.error = EAI_SYSTEM;
	snprintf(text, sizeof(text), "tcp://echo.example:7: %s",
		 strerror(EMFILE));
	ck_assert_str_eq(target_list_add(&list, "tcp://echo.example:7",
					 AF_UNSPEC, true, reason),
			 text);
	/* What was there is still there. */
	ck_assert_uint_eq(list.count, 1);
	target_list_free(&list);
}
END_TEST

START_TEST(test_a_long_url_is_not_printed_in_full)
{
	char url[1024] = "tcp://";

	memset(url + 6, 'a', sizeof(url) - 7);
	ck_assert_ptr_eq(target_check(url, reason), reason);
	ck_assert_ptr_nonnull(strstr(reason, "...: the port is missing"));
	memcpy(url + sizeof(url) - 3, ":7", 2);
	ck_assert_ptr_eq(target_check(url, reason), reason);
	ck_assert_ptr_nonnull(strstr(reason, "...: the host is too long"));
}
END_TEST

SUITE(test_an_address_is_parsed_with_each_scheme,
      test_a_zone_is_the_index_of_its_interface,
      test_a_wrong_scheme_is_an_error, test_a_wrong_port_is_an_error,
      test_a_wrong_host_is_an_error,
      test_a_short_form_of_an_ipv4_address_is_an_error,
      test_other_parts_of_a_url_are_an_error,
      test_a_path_must_fit_a_unix_socket,
      test_an_abstract_name_has_no_nul_at_its_end,
      test_a_literal_of_the_other_family_is_an_error,
      test_a_name_has_all_its_addresses_in_their_order,
      test_a_name_has_the_addresses_of_the_family_only,
      test_each_address_of_a_name_can_be_a_target,
      test_a_name_of_one_address_keeps_its_name,
      test_an_address_that_the_resolver_repeats_counts_once,
      test_a_name_with_addresses_of_the_loopback_only_is_found,
      test_no_literal_is_looked_up, test_checking_a_name_does_not_look_it_up,
      test_a_name_that_is_not_found_is_an_error,
      test_a_long_url_is_not_printed_in_full)
