#include "config/types_lists.h"
#include "config/types_mode.h"
#include "config/types_strings.h"

#include "support/suite.h"

/* One member of each type, for the rows below. */
struct members {
	unsigned number;
	double seconds;
	bool flag;
	int choice;
	int tuned;
	char *text;
	struct config_addresses addresses;
	struct acl networks;
	struct config_ports ports;
	struct string_list hosts;
	struct string_list files;
	struct string_list protocols;
};

#define ROW(type_, member, ...) \
	{ \
		.name = #member, .type = type_, \
		.offset = offsetof(struct members, member), __VA_ARGS__ \
	}

static const struct schema_option rows[] = {
	ROW(&type_integer, number, .number = 7),
	ROW(&type_seconds, seconds, .number = 0.5),
	ROW(&type_boolean, flag, .number = true),
	ROW(&type_choice, choice, .number = 3),
	ROW(&type_choice_or_number, tuned, .number = -1),
	ROW(&type_string, text, .text = "words"),
	ROW(&type_addresses, addresses, .text = "127.0.0.1:7"),
	ROW(&type_networks, networks, .text = NULL),
	ROW(&type_ports, ports, .text = "0-1023 2049 65535"),
	ROW(&type_hosts, hosts, .text = "*.b"),
	ROW(&type_files, files, .text = "/a.pem"),
	ROW(&type_protocols, protocols, .text = "echo"),
};

#define ROWS (sizeof(rows) / sizeof(*rows))

static void *
member(const struct schema_option *row, const struct members *members)
{
	return (char *)members + row->offset;
}

static void
set_default(const struct schema_option *row, struct members *members)
{
	ck_assert(row->type->set_default(row, member(row, members)));
}

/* `copy` is a plain copy of `from`. */
static void
copy_all(struct members *copy, const struct members *from)
{
	for (size_t i = 0; i < ROWS; i++)
		ck_assert(!rows[i].type->copy ||
			  rows[i].type->copy(member(&rows[i], copy),
					     member(&rows[i], from)));
}

static void
free_all(struct members *members)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].type->free)
			rows[i].type->free(member(&rows[i], members));
}

START_TEST(test_the_default_is_the_one_of_the_option)
{
	struct members members = { 0 };

	for (size_t i = 0; i < ROWS; i++)
		set_default(&rows[i], &members);
	ck_assert_uint_eq(members.number, 7);
	ck_assert_double_eq(members.seconds, 0.5);
	ck_assert(members.flag);
	ck_assert_int_eq(members.choice, 3);
	ck_assert_int_eq(members.tuned, -1);
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

/* A copy shares no memory with the original. */
START_TEST(test_a_copy_outlives_the_original)
{
	struct members original = { 0 };
	struct members copy;

	for (size_t i = 0; i < ROWS; i++)
		set_default(&rows[i], &original);
	acl_free(&original.networks);
	ck_assert(acl_new(&original.networks, 2));
	copy = original;
	copy_all(&copy, &original);
	ck_assert_ptr_ne(copy.text, original.text);
	ck_assert_ptr_ne(copy.addresses.items, original.addresses.items);
	ck_assert_ptr_ne(copy.networks.rules, original.networks.rules);
	ck_assert_ptr_ne(copy.ports.items, original.ports.items);
	memset(original.text, 'x', strlen(original.text));
	memset(original.files.items[0], 'x', strlen(original.files.items[0]));
	memset(original.ports.items, 0xff,
	       original.ports.count * sizeof(*original.ports.items));
	free_all(&original);

	ck_assert_str_eq(copy.text, "words");
	ck_assert_uint_eq(copy.addresses.count, 1);
	ck_assert_uint_eq(
		address_port(&copy.addresses.items[0].address.address), 7);
	ck_assert_uint_eq(copy.networks.count, 2);
	ck_assert_uint_eq(copy.ports.count, 3);
	ck_assert_uint_eq(copy.ports.items[0].high, 1023);
	ck_assert_uint_eq(copy.files.count, 1);
	ck_assert_str_eq(copy.files.items[0], "/a.pem");
	ck_assert_uint_eq(copy.number, 7);
	free_all(&copy);
}
END_TEST

/* Each row in turn differs from the defaults. */
START_TEST(test_equal_compares_values)
{
	static const struct schema_option others[] = {
		ROW(&type_integer, number, .number = 8),
		ROW(&type_seconds, seconds, .number = 0.25),
		ROW(&type_boolean, flag, .number = false),
		ROW(&type_choice, choice, .number = 2),
		ROW(&type_choice_or_number, tuned, .number = 2),
		ROW(&type_string, text, .text = "other"),
		ROW(&type_addresses, addresses, .text = "127.0.0.1:8"),
		ROW(&type_networks, networks, .text = NULL),
		ROW(&type_ports, ports, .text = "0-1023 2049 65534"),
		ROW(&type_hosts, hosts, .text = "*.c"),
		ROW(&type_files, files, .text = "/b.pem"),
		ROW(&type_protocols, protocols, .text = ""),
	};
	struct members one = { 0 }, two = { 0 }, other = { 0 };

	for (size_t i = 0; i < ROWS; i++) {
		set_default(&rows[i], &one);
		set_default(&rows[i], &two);
		set_default(&others[i], &other);
	}
	acl_free(&other.networks);
	ck_assert(acl_new(&other.networks, 1));
	for (size_t i = 0; i < ROWS; i++) {
		const struct schema_option *row = &rows[i];
		const void *value = member(row, &one);

		ck_assert_msg(row->type->equal(value, member(row, &two)), "%s",
			      row->name);
		ck_assert_msg(!row->type->equal(value, member(row, &other)),
			      "%s", row->name);
	}
	free_all(&one);
	free_all(&two);
	free_all(&other);
}
END_TEST

/* A name that has not been given is no string at all. */
START_TEST(test_an_empty_value_can_be_copied_and_freed)
{
	struct members original = { 0 };
	struct members copy = { 0 };

	copy_all(&copy, &original);
	ck_assert_ptr_null(copy.text);
	ck_assert_uint_eq(copy.ports.count, 0);
	free_all(&original);
	free_all(&copy);
}
END_TEST

START_TEST(test_a_port_range_is_a_port_or_two)
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
		ck_assert_msg(type_parse_ports(good[i].text, &range), "%s",
			      good[i].text);
		ck_assert_uint_eq(range.low, good[i].low);
		ck_assert_uint_eq(range.high, good[i].high);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!type_parse_ports(bad[i], &range), "%s", bad[i]);
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

	ck_assert(type_parse_mode("0", &mode));
	ck_assert_uint_eq(mode, 0);
	ck_assert(type_parse_mode("660", &mode));
	ck_assert_uint_eq(mode, 0660);
	ck_assert(type_parse_mode("0777", &mode));
	ck_assert_uint_eq(mode, 0777);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!type_parse_mode(bad[i], &mode), "%s", bad[i]);
	ck_assert_uint_eq(mode, 0777);
}
END_TEST

SUITE(test_the_default_is_the_one_of_the_option,
      test_a_copy_outlives_the_original, test_equal_compares_values,
      test_an_empty_value_can_be_copied_and_freed,
      test_a_port_range_is_a_port_or_two, test_a_mode_is_octal)
