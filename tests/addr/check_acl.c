#include "addr/acl.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>

#include "support/suite.h"

static struct acl_rule
rule_of(const char *text)
{
	struct acl_rule rule;
	char reason[256];
	const char *why = acl_parse(text, &rule, reason, sizeof(reason));

	ck_assert_msg(!why, "%s: %s", text, why);
	return rule;
}

static void
expect_reason(const char *text, const char *expected)
{
	struct acl_rule rule;
	char reason[256];
	const char *why = acl_parse(text, &rule, reason, sizeof(reason));

	ck_assert_msg(why != NULL, "%s was accepted", text);
	ck_assert_str_eq(why, expected);
}

/* A peer with this address, and a port that must not matter. */
static struct address
peer_of(const char *text)
{
	struct address peer = { 0 };

	if (inet_pton(AF_INET, text, &peer.in.sin_addr) == 1) {
		peer.in.sin_family = AF_INET;
		peer.in.sin_port = htons(51234);
		peer.length = sizeof(peer.in);
		return peer;
	}
	ck_assert_msg(inet_pton(AF_INET6, text, &peer.in6.sin6_addr) == 1, "%s",
		      text);
	peer.in6.sin6_family = AF_INET6;
	peer.in6.sin6_port = htons(51234);
	peer.in6.sin6_scope_id = 3;
	peer.length = sizeof(peer.in6);
	return peer;
}

/* A list of up to eight rules, "RULE RULE ...". */
struct list {
	struct acl acl;
	struct acl_rule rules[8];
};

static const struct acl *
list_of(struct list *list, const char *texts)
{
	char copy[512], *rest = copy, *text;

	snprintf(copy, sizeof(copy), "%s", texts);
	*list = (struct list){ 0 };
	list->acl.rules = list->rules;
	while ((text = strsep(&rest, " ")))
		if (*text)
			list->rules[list->acl.count++] = rule_of(text);
	return &list->acl;
}

static bool
matches(const char *texts, const char *text)
{
	struct address peer = peer_of(text);
	struct list list;

	return acl_match(list_of(&list, texts), &peer);
}

static bool
admits(const char *allow, const char *deny, const char *text)
{
	struct address peer = peer_of(text);
	struct list allowed, denied;

	return acl_admits(list_of(&allowed, allow), list_of(&denied, deny),
			  &peer);
}

START_TEST(test_a_rule_is_formatted_as_it_was_written)
{
	static const char *const texts[] = {
		"192.0.2.7",
		"10.0.0.0/8",
		"0.0.0.0/0",
		"128.0.0.0/1",
		"192.0.2.6/31",
		"::1",
		"::/0",
		"2001:db8::/32",
		"fe80::/10",
		"2001:db8::fffe/127",
		"8000::/1",
		"2001:db8:1:2:3:4:5:6",
		"::ffff:0:0:0/80",
		"64:ff9b::/96",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct acl_rule rule = rule_of(texts[i]);
		char text[ACL_TEXT_SIZE];

		ck_assert_str_eq(acl_format(&rule, text), texts[i]);
	}
}
END_TEST

START_TEST(test_a_rule_has_one_canonical_form)
{
	static const char *const cases[][2] = {
		{ "192.0.2.7/32", "192.0.2.7" },
		{ "::1/128", "::1" },
		{ "2001:DB8:0::/32", "2001:db8::/32" },
		{ "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1" },
		{ "64:ff9b::192.0.2.0/120", "64:ff9b::c000:200/120" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct acl_rule rule = rule_of(cases[i][0]);
		char text[ACL_TEXT_SIZE];

		ck_assert_str_eq(acl_format(&rule, text), cases[i][1]);
	}
}
END_TEST

START_TEST(test_bits_after_the_prefix_are_an_error_with_the_right_form)
{
	expect_reason("10.0.0.1/8",
		      "\"10.0.0.1/8\" has bits past its prefix: write "
		      "10.0.0.0/8 for the network, or 10.0.0.1 for the "
		      "address");
	expect_reason("255.255.255.255/31",
		      "\"255.255.255.255/31\" has bits past its prefix: write "
		      "255.255.255.254/31 for the network, or 255.255.255.255 "
		      "for the address");
	expect_reason("1.2.3.4/0",
		      "\"1.2.3.4/0\" has bits past its prefix: write 0.0.0.0/0 "
		      "for the network, or 1.2.3.4 for the address");
	expect_reason("2001:db8::1/32",
		      "\"2001:db8::1/32\" has bits past its prefix: write "
		      "2001:db8::/32 for the network, or 2001:db8::1 for the "
		      "address");
	expect_reason("2001:db8::ff/121",
		      "\"2001:db8::ff/121\" has bits past its prefix: write "
		      "2001:db8::80/121 for the network, or 2001:db8::ff for "
		      "the address");
}
END_TEST

START_TEST(test_a_prefix_length_out_of_range_is_an_error)
{
	static const char *const four[] = {
		"10.0.0.0/33",	"10.0.0.0/",	"10.0.0.0/-1",
		"10.0.0.0/ 8",	"10.0.0.0/+8",	"10.0.0.0/8 ",
		"10.0.0.0/8/8", "10.0.0.0/0x8", "10.0.0.0/128",
		"10.0.0.0/08",	"10.0.0.0/00",	"10.0.0.0/4294967304"
	};
	static const char *const six[] = { "::/129", "::/", "::/-1", "::/1e1",
					   "::/18446744073709551616" };
	char expected[256];

	for (size_t i = 0; i < sizeof(four) / sizeof(*four); i++) {
		snprintf(expected, sizeof(expected),
			 "\"%s\": the prefix length is not in 0-32", four[i]);
		expect_reason(four[i], expected);
	}
	for (size_t i = 0; i < sizeof(six) / sizeof(*six); i++) {
		snprintf(expected, sizeof(expected),
			 "\"%s\": the prefix length is not in 0-128", six[i]);
		expect_reason(six[i], expected);
	}
}
END_TEST

START_TEST(test_text_that_is_no_network_is_an_error)
{
	static const char *const texts[] = {
		"",
		"/",
		"/8",
		"*",
		"all",
		"localhost",
		"10.0.0",
		"10",
		"10/8",
		"10.0.0.0.0/8",
		"010.0.0.1",
		"256.0.0.0",
		" 10.0.0.1",
		"10.0.0.1 ",
		"10.0.0.1:7",
		"[::1]",
		"[::1]/128",
		":::/0",
		"1:2:3:4:5:6",
		"::1::",
		"10.0.0.*/24",
		"g::",
		"10.0.0.0-10.0.0.9",
	};
	char expected[256];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		snprintf(expected, sizeof(expected),
			 "\"%s\": not an IPv4 or IPv6 address or network "
			 "(host names are not looked up)",
			 texts[i]);
		expect_reason(texts[i], expected);
	}
	expect_reason("fe80::1%lo", "\"fe80::1%lo\": a network has no %zone");
	expect_reason("fe80::%1/64", "\"fe80::%1/64\": a network has no %zone");
	expect_reason("::ffff:10.0.0.1",
		      "\"::ffff:10.0.0.1\": an IPv4-mapped address: "
		      "write it as IPv4");
	expect_reason("::ffff:0:0/96", "\"::ffff:0:0/96\": an IPv4-mapped "
				       "address: write it as IPv4");
}
END_TEST

START_TEST(test_a_long_text_is_cut_in_the_reason)
{
	char text[10000];
	struct acl_rule rule;
	char reason[128];

	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_str_eq(acl_parse(text, &rule, reason, sizeof(reason)),
			 "\"1111111111111111111111111111111111111111...\" "
			 "is too long");
	/* The longest that says something is not. */
	ck_assert_ptr_null(
		acl_parse("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128",
			  &rule, reason, sizeof(reason)));
}
END_TEST

START_TEST(test_a_network_contains_its_first_and_last_address)
{
	ck_assert(matches("10.0.0.0/8", "10.0.0.0"));
	ck_assert(matches("10.0.0.0/8", "10.255.255.255"));
	ck_assert(!matches("10.0.0.0/8", "9.255.255.255"));
	ck_assert(!matches("10.0.0.0/8", "11.0.0.0"));
	ck_assert(matches("192.0.2.64/26", "192.0.2.64"));
	ck_assert(matches("192.0.2.64/26", "192.0.2.127"));
	ck_assert(!matches("192.0.2.64/26", "192.0.2.63"));
	ck_assert(!matches("192.0.2.64/26", "192.0.2.128"));
	ck_assert(matches("192.0.2.7", "192.0.2.7"));
	ck_assert(!matches("192.0.2.7", "192.0.2.6"));
	ck_assert(matches("2001:db8::/32", "2001:db8::"));
	ck_assert(matches("2001:db8::/32", "2001:db8:ffff:ffff::1"));
	ck_assert(!matches("2001:db8::/32", "2001:db9::"));
	ck_assert(!matches("2001:db8::/32", "2001:db7:ffff::"));
	ck_assert(matches("fe80::/10", "febf:ffff::1"));
	ck_assert(!matches("fe80::/10", "fec0::"));
	ck_assert(matches("::1", "::1"));
	ck_assert(!matches("::1", "::2"));
}
END_TEST

START_TEST(test_one_matching_rule_of_a_list_is_enough)
{
	ck_assert(!matches("", "192.0.2.7"));
	ck_assert(matches("10.0.0.0/8 192.0.2.7 ::1", "192.0.2.7"));
	ck_assert(matches("10.0.0.0/8 192.0.2.7 ::1", "10.1.2.3"));
	ck_assert(matches("10.0.0.0/8 192.0.2.7 ::1", "::1"));
	ck_assert(!matches("10.0.0.0/8 192.0.2.7 ::1", "192.0.2.8"));
	ck_assert(matches("0.0.0.0/0 10.0.0.0/8", "192.0.2.7"));
}
END_TEST

START_TEST(test_families_do_not_match_each_other)
{
	ck_assert(matches("0.0.0.0/0", "192.0.2.7"));
	ck_assert(!matches("0.0.0.0/0", "2001:db8::1"));
	ck_assert(!matches("0.0.0.0/0", "::"));
	ck_assert(matches("::/0", "2001:db8::1"));
	ck_assert(!matches("::/0", "192.0.2.7"));
}
END_TEST

START_TEST(test_mapped_peers_are_ipv4)
{
	ck_assert(matches("192.0.2.0/24", "::ffff:192.0.2.7"));
	ck_assert(matches("192.0.2.7", "::ffff:192.0.2.7"));
	ck_assert(!matches("192.0.2.0/24", "::ffff:192.0.3.7"));
	ck_assert(!matches("::/0", "::ffff:192.0.2.7"));
	/* RFC 4291, 2.5.5.1: these are another kind, and long gone. */
	ck_assert(!matches("192.0.2.0/24", "::192.0.2.7"));
}
END_TEST

START_TEST(test_deny_wins_and_allow_must_match)
{
	ck_assert(admits("", "", "192.0.2.7"));
	ck_assert(admits("", "", "2001:db8::1"));
	ck_assert(admits("", "10.0.0.0/8", "192.0.2.7"));
	ck_assert(!admits("", "10.0.0.0/8", "10.0.0.1"));
	ck_assert(admits("10.0.0.0/8", "", "10.0.0.1"));
	ck_assert(!admits("10.0.0.0/8", "", "192.0.2.7"));
	ck_assert(!admits("10.0.0.0/8", "", "::1"));
	ck_assert(admits("10.0.0.0/8", "10.1.0.0/16", "10.2.0.1"));
	ck_assert(!admits("10.0.0.0/8", "10.1.0.0/16", "10.1.0.1"));
	/* Even if the allowed network has a longer prefix. */
	ck_assert(!admits("10.1.2.3", "10.0.0.0/8", "10.1.2.3"));
	ck_assert(!admits("0.0.0.0/0 ::/0", "0.0.0.0/0 ::/0", "::1"));
}
END_TEST

START_TEST(test_peers_without_an_ip_address_are_admitted)
{
	struct address peer = { .length = sizeof(sa_family_t) };
	struct list all, none;

	peer.sa.sa_family = AF_UNIX;
	list_of(&all, "0.0.0.0/0 ::/0");
	list_of(&none, "");
	ck_assert(!acl_match(&all.acl, &peer));
	ck_assert(acl_admits(&none.acl, &all.acl, &peer));
	ck_assert(acl_admits(&all.acl, &none.acl, &peer));
}
END_TEST

START_TEST(test_a_copy_is_independent)
{
	struct acl one, two;
	struct address peer = peer_of("10.0.0.1");

	ck_assert(acl_new(&one, 2));
	one.rules[0] = rule_of("10.0.0.0/8");
	one.rules[1] = rule_of("::1");
	ck_assert(acl_copy(&two, &one));
	acl_free(&one);
	ck_assert_uint_eq(one.count, 0);
	ck_assert_uint_eq(two.count, 2);
	ck_assert(acl_match(&two, &peer));
	acl_free(&two);

	ck_assert(acl_new(&one, 0));
	ck_assert(acl_copy(&two, &one));
	ck_assert_uint_eq(two.count, 0);
	acl_free(&two);
	acl_free(&one);
}
END_TEST

static uint32_t seed = 20261122;

static unsigned
random_below(unsigned limit)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % limit;
}

/* An address as bits, which makes the model below simple. */
struct model {
	int family;
	unsigned count; /* of bits: 32 or 128 */
	char bits[129]; /* '0' and '1' */
};

static struct model
model_of(int family)
{
	struct model model = { family, family == AF_INET ? 32 : 128, "" };

	for (unsigned i = 0; i < model.count; i++)
		model.bits[i] = random_below(2) ? '1' : '0';
	return model;
}

static void
model_bytes(const struct model *model, unsigned char bytes[16])
{
	memset(bytes, 0, 16);
	for (unsigned i = 0; i < model->count; i++)
		if (model->bits[i] == '1')
			bytes[i / 8] |= (unsigned char)(128 >> i % 8);
}

static struct address
model_address(const struct model *model)
{
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN];

	model_bytes(model, bytes);
	return peer_of(inet_ntop(model->family, bytes, text, sizeof(text)));
}

/* "ADDRESS/LENGTH" of the network that the first `length` bits make. */
static struct acl_rule
model_rule(struct model model, unsigned length)
{
	char host[INET6_ADDRSTRLEN], text[ACL_TEXT_SIZE];
	unsigned char bytes[16];

	for (unsigned i = length; i < model.count; i++)
		model.bits[i] = '0';
	model_bytes(&model, bytes);
	inet_ntop(model.family, bytes, host, sizeof(host));
	snprintf(text, sizeof(text), "%s/%u", host, length);
	return rule_of(text);
}

/*
 * Random networks and addresses: an address matches if it agrees in all bits of
 * the prefix.  Addresses differ from the network in one bit, because random
 * ones would hardly ever match.
 */
START_TEST(test_a_match_equals_a_comparison_bit_by_bit)
{
	unsigned hits = 0, misses = 0;

	for (int round = 0; round < 40000; round++) {
		int family = random_below(2) ? AF_INET : AF_INET6;
		struct model network = model_of(family);
		struct model peer = network;
		unsigned length = random_below(network.count + 1);
		unsigned flip = random_below(network.count + 1);

		if (flip < peer.count)
			peer.bits[flip] = peer.bits[flip] == '0' ? '1' : '0';

		struct acl_rule rule = model_rule(network, length);
		struct acl acl = { &rule, 1 };
		struct address address = model_address(&peer);
		bool expected = strncmp(network.bits, peer.bits, length) == 0;

		ck_assert_uint_eq(rule.length, length);
		if (acl_match(&acl, &address) != expected)
			ck_abort_msg("%s and %.*s: %s", peer.bits, (int)length,
				     network.bits, expected ? "no" : "yes");
		hits += expected;
		misses += !expected;
	}
	ck_assert_uint_gt(hits, 1000);
	ck_assert_uint_gt(misses, 1000);
}
END_TEST

/* Random text is refused, or is formatted as an equal rule. */
START_TEST(test_formatted_rules_parse_as_the_same)
{
	static const char alphabet[] = "0123456789abf:./%";
	unsigned accepted = 0;

	for (int round = 0; round < 300000; round++) {
		char text[24], again[ACL_TEXT_SIZE], reason[256];
		size_t length = random_below(sizeof(text) - 1);
		struct acl_rule rule, second;

		for (size_t i = 0; i < length; i++)
			text[i] = alphabet[random_below(sizeof(alphabet) - 1)];
		text[length] = '\0';
		if (acl_parse(text, &rule, reason, sizeof(reason)))
			continue;
		accepted++;
		acl_format(&rule, again);
		second = rule_of(again);
		if (memcmp(&rule, &second, sizeof(rule)) != 0)
			ck_abort_msg("%s is %s", text, again);
	}
	ck_assert_uint_gt(accepted, 20);
}
END_TEST

SUITE(test_a_rule_is_formatted_as_it_was_written,
      test_a_rule_has_one_canonical_form,
      test_bits_after_the_prefix_are_an_error_with_the_right_form,
      test_a_prefix_length_out_of_range_is_an_error,
      test_text_that_is_no_network_is_an_error,
      test_a_long_text_is_cut_in_the_reason,
      test_a_network_contains_its_first_and_last_address,
      test_one_matching_rule_of_a_list_is_enough,
      test_families_do_not_match_each_other, test_mapped_peers_are_ipv4,
      test_deny_wins_and_allow_must_match,
      test_peers_without_an_ip_address_are_admitted, test_a_copy_is_independent,
      test_a_match_equals_a_comparison_bit_by_bit,
      test_formatted_rules_parse_as_the_same)
