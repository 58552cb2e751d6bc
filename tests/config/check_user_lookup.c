#include "config/user_lookup.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "support/suite.h"

START_TEST(test_an_empty_name_is_unchanged)
{
	uid_t uid = 7;
	gid_t gid = 7;

	ck_assert_ptr_null(user_lookup_uid("", &uid));
	ck_assert_ptr_null(user_lookup_gid("", &gid));
	ck_assert_uint_eq(uid, USER_UNCHANGED);
	ck_assert_uint_eq(gid, USER_UNCHANGED);
	/* What chown(2) means by it. */
	ck_assert_uint_eq(USER_UNCHANGED, (uid_t)-1);
}
END_TEST

START_TEST(test_names_are_looked_up)
{
	const struct passwd *user = getpwuid(getuid());
	uid_t uid = 7;
	gid_t gid = 7;

	if (!user)
		skip("this user has no name");
	ck_assert_ptr_null(user_lookup_uid(user->pw_name, &uid));
	ck_assert_uint_eq(uid, getuid());

	const struct group *group = getgrgid(getgid());
	if (!group)
		skip("this group has no name");
	ck_assert_ptr_null(user_lookup_gid(group->gr_name, &gid));
	ck_assert_uint_eq(gid, getgid());
}
END_TEST

START_TEST(test_numbers_are_not_looked_up)
{
	static const struct {
		const char *text;
		id_t id;
	} cases[] = {
		{ "0", 0 },
		{ "007", 7 },
		{ "54321", 54321 },
		{ "4294967294", 4294967294 },
	};
	uid_t uid;
	gid_t gid;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ck_assert_ptr_null(user_lookup_uid(cases[i].text, &uid));
		ck_assert_ptr_null(user_lookup_gid(cases[i].text, &gid));
		ck_assert_uint_eq(uid, cases[i].id);
		ck_assert_uint_eq(gid, cases[i].id);
	}
}
END_TEST

START_TEST(test_every_mistake_has_its_reason)
{
	static const char *const large[] = { "4294967295", "4294967296",
					     "18446744073709551617" };
	static const char *const unknown[] = { "no such", "-1",
					       "+0",	  " 0",
					       "0x0",	  "no-such-account" };
	uid_t uid;
	gid_t gid;

	for (size_t i = 0; i < sizeof(large) / sizeof(*large); i++) {
		ck_assert_str_eq(user_lookup_uid(large[i], &uid),
				 "the number is too large");
		ck_assert_str_eq(user_lookup_gid(large[i], &gid),
				 "the number is too large");
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		ck_assert_str_eq(user_lookup_uid(unknown[i], &uid),
				 "no such user");
		ck_assert_str_eq(user_lookup_gid(unknown[i], &gid),
				 "no such group");
	}
}
END_TEST

SUITE(test_an_empty_name_is_unchanged, test_names_are_looked_up,
      test_numbers_are_not_looked_up, test_every_mistake_has_its_reason)
