#include "config/schema.h"

#include <stdint.h>

#include "config/types_lists.h"
#include "support/suite.h"

static const struct schema_option *
option_at(size_t i)
{
	return &schema_options[i];
}

/* Where an option is written: at top level, in a listener, or both. */
static bool
stands_at(const struct schema_option *option, bool in_listener)
{
	return option->scope == SCOPE_GLOBAL   ? !in_listener :
	       option->scope == SCOPE_LISTENER ? in_listener :
						 true;
}

START_TEST(test_every_row_is_consistent)
{
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = option_at(i);
		bool number = option->type == &type_integer ||
			      option->type == &type_seconds;
		bool text = option->type->free &&
			    option->type != &type_networks;
		size_t size = option->scope == SCOPE_GLOBAL ?
				      sizeof(struct config) :
			      option->scope == SCOPE_MAIN ?
				      sizeof(struct config_entry) :
				      sizeof(struct config_listener);

		ck_assert_msg(option->offset < size, "%s", option->name);
		ck_assert_msg(!option->group || option->scope == SCOPE_GLOBAL ||
				      option->scope == SCOPE_INHERITED,
			      "%s", option->name);
		ck_assert_msg(text == (option->text != NULL), "%s",
			      option->name);
		ck_assert_msg((option->type == &type_choice ||
			       option->type == &type_choice_or_number) ==
				      (option->choices != NULL),
			      "%s", option->name);
		if (!number)
			continue;
		ck_assert_double_lt(option->minimum, option->maximum);
		ck_assert_double_ge(option->number, option->minimum);
		ck_assert_double_le(option->number, option->maximum);
		/* The largest integer that config/lint.c accepts. */
		ck_assert_double_ge(option->minimum, 0);
		ck_assert_double_le(option->maximum, INT32_MAX);
	}
}
END_TEST

START_TEST(test_a_default_is_one_of_the_choices)
{
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct option_choice *choice = option_at(i)->choices;
		int found = 0;

		if (!choice)
			continue;
		for (; choice->name; choice++)
			found += choice->value == (int)option_at(i)->number;
		ck_assert_msg(found == 1, "%s", option_at(i)->name);
	}
}
END_TEST

static const void *
member_of(const struct schema_option *option)
{
	static struct config config;
	static struct config_listener settings;
	static struct config_entry entry = { .settings = &settings };

	return schema_member(option, &config, &entry);
}

START_TEST(test_no_two_options_share_a_name_or_a_member)
{
	for (size_t i = 0; i < schema_option_count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct schema_option *a = option_at(i);
			const struct schema_option *b = option_at(j);

			ck_assert_msg(member_of(a) != member_of(b), "%s and %s",
				      a->name, b->name);
			/* In one place one name means one thing. */
			for (int in_listener = 0; in_listener < 2;
			     in_listener++)
				ck_assert_msg(
					!stands_at(a, in_listener) ||
						!stands_at(b, in_listener) ||
						strcmp(a->name, b->name) != 0 ||
						a->group != b->group,
					"%s", a->name);
		}
}
END_TEST

START_TEST(test_no_group_has_the_name_of_an_option)
{
	for (size_t i = 0; i < schema_option_count; i++)
		for (int in_listener = 0; in_listener < 2; in_listener++) {
			const struct schema_option *option = option_at(i);
			bool stands = stands_at(option, in_listener);

			ck_assert(!option->group ||
				  schema_is_group(in_listener, option->group) ==
					  stands);
			ck_assert(option->group ||
				  !schema_is_group(in_listener, option->name));
		}
	ck_assert(schema_is_group(false, "log"));
	ck_assert(!schema_is_group(true, "log"));
	ck_assert(!schema_is_group(false, "logs"));
	ck_assert(!schema_is_group(false, "lo"));
	ck_assert(!schema_is_group(false, "listeners"));
	ck_assert(!schema_is_group(false, ""));
}
END_TEST

/* The scope of a group does not depend on its name. */
START_TEST(test_a_group_has_one_scope)
{
	for (size_t i = 0; i < schema_option_count; i++)
		for (size_t j = 0; j < i; j++)
			if (option_at(i)->group && option_at(j)->group &&
			    strcmp(option_at(i)->group, option_at(j)->group) ==
				    0)
				ck_assert_int_eq(option_at(i)->scope,
						 option_at(j)->scope);
}
END_TEST

START_TEST(test_every_setting_has_its_line)
{
	struct config_entry listener = { .line = 1 };

	for (size_t i = 0; i < schema_option_count; i++)
		listener.lines[i] = (int)i + 100;
	for (size_t i = 0; i < schema_option_count; i++)
		if (option_at(i)->scope == SCOPE_INHERITED ||
		    option_at(i)->scope == SCOPE_LISTENER)
			ck_assert_int_eq(schema_line(&listener,
						     option_at(i)->offset),
					 (int)i + 100);
	ck_assert_int_eq(schema_line(&listener, sizeof(struct config_listener)),
			 0);
}
END_TEST

/* -T writes one group for each run of options that name it. */
START_TEST(test_options_of_a_group_are_adjacent)
{
	for (size_t i = 0; i < schema_option_count; i++) {
		const char *group = option_at(i)->group;

		for (size_t j = 0; group && j + 1 < i; j++)
			if (option_at(j)->group &&
			    strcmp(option_at(j)->group, group) == 0)
				ck_assert_pstr_eq(option_at(i - 1)->group,
						  group);
	}
}
END_TEST

START_TEST(test_every_option_is_found_where_it_applies)
{
	for (size_t i = 0; i < schema_option_count; i++)
		for (int in_listener = 0; in_listener < 2; in_listener++) {
			const struct schema_option *option = option_at(i);
			const struct schema_option *found = schema_find(
				in_listener, option->group, option->name);

			ck_assert_int_eq(schema_applies(option, in_listener),
					 stands_at(option, in_listener));
			if (stands_at(option, in_listener))
				ck_assert_ptr_eq(found, option);
			else
				ck_assert_ptr_ne(found, option);
		}
}
END_TEST

START_TEST(test_an_unknown_name_is_not_found)
{
	static const struct {
		bool in_listener;
		const char *group, *name;
	} cases[] = {
		{ false, NULL, "nope" },    { true, NULL, "nope" },
		{ false, NULL, "Prefix" },  { false, NULL, "prefi" },
		{ false, NULL, "prefix " }, { false, NULL, "" },
		{ false, "log", "nope" },   { false, "log", "grace" },
		{ false, NULL, "grace" },   { false, "log", "prefix" },
		{ true, "log", "level" },   { false, "listeners", "name" },
		{ false, NULL, "name" },    { true, NULL, "workers" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_msg(!schema_find(cases[i].in_listener, cases[i].group,
					   cases[i].name),
			      "%s", cases[i].name);
	/* One name, two settings: the daemon's, and the listener's own. */
	ck_assert_ptr_ne(schema_find(false, NULL, "max_connections"),
			 schema_find(true, NULL, "max_connections"));
}
END_TEST

SUITE(test_every_row_is_consistent, test_a_default_is_one_of_the_choices,
      test_no_two_options_share_a_name_or_a_member,
      test_no_group_has_the_name_of_an_option, test_a_group_has_one_scope,
      test_every_setting_has_its_line, test_options_of_a_group_are_adjacent,
      test_every_option_is_found_where_it_applies,
      test_an_unknown_name_is_not_found)
