#include "config/value.h"

#include "support/suite.h"

/* One member of each type; the rows below say where. */
struct members {
	unsigned number;
	double seconds;
	bool flag;
	int choice;
	char *text;
	struct config_addresses addresses;
	struct acl networks;
	struct config_ports ports;
};

#define ROW(type_, member, ...) \
	{ \
		.name = #member, .type = type_, \
		.offset = offsetof(struct members, member), __VA_ARGS__ \
	}

static const struct schema_option rows[] = {
	ROW(OPTION_INTEGER, number, .number = 7),
	ROW(OPTION_SECONDS, seconds, .number = 0.5),
	ROW(OPTION_BOOLEAN, flag, .number = true),
	ROW(OPTION_CHOICE, choice, .number = 3),
	ROW(OPTION_STRING, text, .text = "words"),
	ROW(OPTION_ADDRESSES, addresses, .text = "127.0.0.1:7"),
	ROW(OPTION_NETWORKS, networks, .text = NULL),
	ROW(OPTION_PORTS, ports, .text = "0-1023 2049 65535"),
};

#define ROWS (sizeof(rows) / sizeof(*rows))

static void
free_all(struct members *members)
{
	for (size_t i = 0; i < ROWS; i++)
		value_free(&rows[i], members);
}

START_TEST(test_a_default_is_that_of_the_row)
{
	struct members members = { 0 };

	for (size_t i = 0; i < ROWS; i++)
		ck_assert(value_default(&rows[i], &members));
	ck_assert_uint_eq(members.number, 7);
	ck_assert_double_eq(members.seconds, 0.5);
	ck_assert(members.flag);
	ck_assert_int_eq(members.choice, 3);
	ck_assert_str_eq(members.text, "words");
	ck_assert_uint_eq(members.addresses.count, 1);
	ck_assert_uint_eq(members.networks.count, 0);
	ck_assert_uint_eq(members.ports.count, 3);
	ck_assert_uint_eq(members.ports.items[0].low, 0);
	ck_assert_uint_eq(members.ports.items[0].high, 1023);
	ck_assert_uint_eq(members.ports.items[1].low, 2049);
	ck_assert_uint_eq(members.ports.items[1].high, 2049);
	ck_assert_uint_eq(members.ports.items[2].high, 65535);
	free_all(&members);
}
END_TEST

/* A copy has nothing in common with what it was made from. */
START_TEST(test_a_copy_outlives_the_original)
{
	struct members original = { 0 };
	struct members copy;

	for (size_t i = 0; i < ROWS; i++)
		ck_assert(value_default(&rows[i], &original));
	acl_free(&original.networks);
	ck_assert(acl_new(&original.networks, 2));
	copy = original;
	for (size_t i = 0; i < ROWS; i++)
		ck_assert(value_copy(&rows[i], &copy, &original));
	ck_assert_ptr_ne(copy.text, original.text);
	ck_assert_ptr_ne(copy.addresses.items, original.addresses.items);
	ck_assert_ptr_ne(copy.networks.rules, original.networks.rules);
	ck_assert_ptr_ne(copy.ports.items, original.ports.items);
	memset(original.text, 'x', strlen(original.text));
	memset(original.ports.items, 0xff,
	       original.ports.count * sizeof(*original.ports.items));
	free_all(&original);

	ck_assert_str_eq(copy.text, "words");
	ck_assert_uint_eq(copy.addresses.count, 1);
	ck_assert_uint_eq(
		address_port(&copy.addresses.items[0].listen_address.address),
		7);
	ck_assert_uint_eq(copy.networks.count, 2);
	ck_assert_uint_eq(copy.ports.count, 3);
	ck_assert_uint_eq(copy.ports.items[0].high, 1023);
	ck_assert_uint_eq(copy.number, 7);
	free_all(&copy);
}
END_TEST

/* Each row in turn differs from the defaults. */
START_TEST(test_what_differs_is_not_equal)
{
	static const struct schema_option others[] = {
		ROW(OPTION_INTEGER, number, .number = 8),
		ROW(OPTION_SECONDS, seconds, .number = 0.25),
		ROW(OPTION_BOOLEAN, flag, .number = false),
		ROW(OPTION_CHOICE, choice, .number = 2),
		ROW(OPTION_STRING, text, .text = "other"),
		ROW(OPTION_ADDRESSES, addresses, .text = "127.0.0.1:8"),
		ROW(OPTION_NETWORKS, networks, .text = NULL),
		ROW(OPTION_PORTS, ports, .text = "0-1023 2049 65534"),
	};
	struct members one = { 0 }, two = { 0 }, other = { 0 };

	for (size_t i = 0; i < ROWS; i++) {
		ck_assert(value_default(&rows[i], &one));
		ck_assert(value_default(&rows[i], &two));
		ck_assert(value_default(&others[i], &other));
	}
	acl_free(&other.networks);
	ck_assert(acl_new(&other.networks, 1));
	for (size_t i = 0; i < ROWS; i++) {
		ck_assert_msg(value_equal(&rows[i], &one, &two), "%s",
			      rows[i].name);
		ck_assert_msg(!value_equal(&rows[i], &one, &other), "%s",
			      rows[i].name);
	}
	free_all(&one);
	free_all(&two);
	free_all(&other);
}
END_TEST

/* A name that has not been given is no string at all. */
START_TEST(test_nothing_is_copied_and_freed_as_well)
{
	struct members original = { 0 };
	struct members copy = { 0 };

	for (size_t i = 0; i < ROWS; i++)
		ck_assert(value_copy(&rows[i], &copy, &original));
	ck_assert_ptr_null(copy.text);
	ck_assert_uint_eq(copy.ports.count, 0);
	free_all(&original);
	free_all(&copy);
}
END_TEST

START_TEST(test_ports_are_numbers_or_ranges)
{
	static const struct {
		const char *text;
		unsigned low, high;
	} good[] = {
		{ "0", 0, 0 },
		{ "65535", 65535, 65535 },
		{ "0-65535", 0, 65535 },
		{ "7-7", 7, 7 },
		{ "1024-2049", 1024, 2049 },
	};
	static const char *const bad[] = {
		"",    "-",   "-1",  "1-",   "65536",	   "1-65536",
		"2-1", " 1",  "1 ",  "1 -2", "1-2-3",	   "0x10",
		"+1",  "1.0", "one", "--",   "4294967297", "1,2",
	};
	struct config_port_range range;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		ck_assert_msg(value_parse_ports(good[i].text, &range), "%s",
			      good[i].text);
		ck_assert_uint_eq(range.low, good[i].low);
		ck_assert_uint_eq(range.high, good[i].high);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!value_parse_ports(bad[i], &range), "%s", bad[i]);
}
END_TEST

START_TEST(test_a_mode_is_octal)
{
	static const char *const bad[] = {
		"",
		"8",
		"0668",
		"01000",
		"1000",
		"-1",
		" 0",
		"0 ",
		"0x1ff",
		"rw",
		"40000000000000000000",
	};
	unsigned mode = 1;

	ck_assert(value_parse_mode("0", &mode));
	ck_assert_uint_eq(mode, 0);
	ck_assert(value_parse_mode("660", &mode));
	ck_assert_uint_eq(mode, 0660);
	ck_assert(value_parse_mode("0777", &mode));
	ck_assert_uint_eq(mode, 0777);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!value_parse_mode(bad[i], &mode), "%s", bad[i]);
	ck_assert_uint_eq(mode, 0777);
}
END_TEST

SUITE(test_a_default_is_that_of_the_row, test_a_copy_outlives_the_original,
      test_what_differs_is_not_equal, test_nothing_is_copied_and_freed_as_well,
      test_ports_are_numbers_or_ranges, test_a_mode_is_octal)
