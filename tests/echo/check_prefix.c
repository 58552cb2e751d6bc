#include "echo/prefix.h"

#include <stddef.h>
#include <time.h>

#include "support/loop.h"
#include "support/snapshot.h"

/* A listener, and the values of one of its connections. */
struct fixture {
	struct address peer;
	struct config *config;
	const struct config_listener *listener;
	struct prefix_values values;
};

static void
begin(struct fixture *fixture, const char *settings)
{
	char reason[128];

	ck_assert_ptr_null(address_parse("192.0.2.7:51234", &fixture->peer,
					 reason, sizeof(reason)));
	fixture->config = accepted(settings);
	fixture->listener = fixture->config->listeners[0].settings;
	fixture->values = (struct prefix_values){
		.peer = &fixture->peer,
		.number = UINT64_MAX,
	};
}

static void
end(struct fixture *fixture)
{
	config_unref(fixture->config);
}

static void
expect_prefix(const char *settings, const char *expected)
{
	struct fixture fixture;

	begin(&fixture, settings);
	const struct frame *frame = prefix_frame(&fixture.listener->frame,
						 fixture.listener->template,
						 &fixture.values);
	ck_assert_uint_eq(frame->prefix_length, strlen(expected));
	ck_assert_mem_eq(frame->prefix, expected, frame->prefix_length);
	ck_assert_uint_eq(frame->chunk_size, fixture.listener->chunk_size);
	ck_assert_int_eq(frame->kind, fixture.listener->framing);
	prefix_release(&fixture.listener->frame, frame);
	end(&fixture);
}

START_TEST(test_a_constant_prefix_is_shared)
{
	static const char *const settings[] = { "", "prefix = \"\";",
						"prefix = \"%{listener}\";" };

	for (size_t i = 0; i < 3; i++) {
		struct fixture fixture;

		begin(&fixture, settings[i]);
		/* No value is used. */
		fixture.values = (struct prefix_values){ 0 };
		const struct frame *frame = prefix_frame(
			&fixture.listener->frame, fixture.listener->template,
			&fixture.values);
		ck_assert_ptr_eq(frame, &fixture.listener->frame);
		prefix_release(&fixture.listener->frame, frame);
		ck_assert_ptr_eq(frame, &fixture.listener->frame);
		end(&fixture);
	}
}
END_TEST

START_TEST(test_every_variable_has_its_value)
{
	expect_prefix("prefix = \"%{peer}\";", "192.0.2.7:51234");
	expect_prefix("prefix = \"%{conn}\";", "18446744073709551615");
	expect_prefix("prefix = \"<%{listener} %{peer}> \"; chunk_size = 7;",
		      "<main 192.0.2.7:51234> ");
	expect_prefix("prefix = \"%{conn}:\"; framing = \"line\";",
		      "18446744073709551615:");
}
END_TEST

START_TEST(test_local_is_needed_only_if_it_is_used)
{
	struct fixture fixture;

	begin(&fixture, "prefix = \"%{peer}\";");
	ck_assert(!prefix_needs_local(fixture.listener->template));
	end(&fixture);
	begin(&fixture, "prefix = \"%{local}\";");
	ck_assert(prefix_needs_local(fixture.listener->template));
	end(&fixture);
}
END_TEST

START_TEST(test_fields_of_the_ip_header)
{
	static const struct {
		int ttl, tos;
		const char *expected;
	} cases[] = {
		{ 64, 0, "64 0 not-ect" },
		{ 0, 1, "0 0 ect1" },
		{ 255, 0xb8 | 2, "255 46 ect0" },
		{ 1, 0xff, "1 63 ce" },
		{ -1, -1, "- - -" },
		{ 64, -1, "64 - -" },
		{ -1, 4, "- 1 not-ect" },
	};
	struct fixture fixture;

	begin(&fixture, "prefix = \"%{ttl} %{dscp} %{ecn}\";");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char out[TEMPLATE_MAX];

		fixture.values.ttl = cases[i].ttl;
		fixture.values.tos = cases[i].tos;
		size_t length = prefix_write(fixture.listener->template,
					     &fixture.values, out);
		ck_assert_uint_eq(length, strlen(cases[i].expected));
		ck_assert_mem_eq(out, cases[i].expected, length);
	}
	end(&fixture);
}
END_TEST

/* The header is received only for what uses it. */
START_TEST(test_the_header_is_needed_only_if_it_is_used)
{
	static const struct {
		const char *settings;
		bool needed;
	} cases[] = {
		{ "", false },
		{ "prefix = \"%{peer} %{time}\";", false },
		{ "dscp = 46;", false },
		{ "prefix = \"%{ttl}\";", true },
		{ "prefix = \"%{dscp}\";", true },
		{ "prefix = \"%{ecn}\";", true },
		{ "dscp = \"reflect\";", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fixture fixture;

		begin(&fixture, cases[i].settings);
		ck_assert_int_eq(fixture.listener->needs_header,
				 cases[i].needed);
		end(&fixture);
	}
}
END_TEST

static void
expect_time(time_t seconds, long nanoseconds, const char *expected)
{
	const struct timespec time = { seconds, nanoseconds };
	char text[TEMPLATE_TIME_LENGTH + 1];

	prefix_format_time(&time, text);
	ck_assert_str_eq(text, expected);
}

START_TEST(test_a_time_is_utc_and_cut_to_milliseconds)
{
	expect_time(0, 0, "1970-01-01T00:00:00.000Z");
	expect_time(1795827723, 456999999, "2026-11-28T01:02:03.456Z");
	expect_time(951782399, 999999999, "2000-02-28T23:59:59.999Z");
	expect_time(951782400, 1000000, "2000-02-29T00:00:00.001Z");
}
END_TEST

static void
expect_at(const struct frame *frame, time_t seconds, const char *expected)
{
	prefix_set_time(frame, &(struct timespec){ .tv_sec = seconds });
	ck_assert_uint_eq(frame->prefix_length, strlen(expected));
	ck_assert_mem_eq(frame->prefix, expected, frame->prefix_length);
}

/* Of all times in the prefix, and as often as wanted. */
START_TEST(test_the_time_of_a_frame_is_replaced)
{
	struct fixture fixture;

	begin(&fixture, "prefix = \"%{time}%{time} %{conn} %{time}.\";");
	const struct frame *frame = prefix_frame(&fixture.listener->frame,
						 fixture.listener->template,
						 &fixture.values);
	ck_assert_uint_eq(frame->times, 3);
	expect_at(frame, 1,
		  "1970-01-01T00:00:01.000Z1970-01-01T00:00:01.000Z "
		  "18446744073709551615 1970-01-01T00:00:01.000Z.");
	expect_at(frame, 2,
		  "1970-01-01T00:00:02.000Z1970-01-01T00:00:02.000Z "
		  "18446744073709551615 1970-01-01T00:00:02.000Z.");
	prefix_release(&fixture.listener->frame, frame);
	end(&fixture);
}
END_TEST

/* As many as a prefix can have. */
START_TEST(test_a_prefix_of_times_only)
{
	enum { MOST = TEMPLATE_MAX / TEMPLATE_TIME_LENGTH };
	struct fixture fixture;
	char settings[MOST * 8 + 32] = "prefix = \"";

	for (int i = 0; i < MOST; i++)
		strcat(settings, "%{time}");
	strcat(settings, "\";");
	begin(&fixture, settings);
	const struct frame *frame = prefix_frame(&fixture.listener->frame,
						 fixture.listener->template,
						 &fixture.values);
	ck_assert_uint_eq(frame->times, MOST);
	prefix_set_time(frame, &(struct timespec){ 0 });
	for (int i = 0; i < MOST; i++)
		ck_assert_mem_eq(frame->prefix + i * TEMPLATE_TIME_LENGTH,
				 "1970-01-01T00:00:00.000Z",
				 TEMPLATE_TIME_LENGTH);
	prefix_release(&fixture.listener->frame, frame);
	end(&fixture);
}
END_TEST

START_TEST(test_a_frame_without_a_time_has_none)
{
	static const char *const settings[] = { "", "prefix = \"%{conn}\";" };

	for (size_t i = 0; i < 2; i++) {
		struct fixture fixture;

		begin(&fixture, settings[i]);
		const struct frame *frame = prefix_frame(
			&fixture.listener->frame, fixture.listener->template,
			&fixture.values);
		ck_assert_uint_eq(frame->times, 0);
		ck_assert(!prefix_needs_time(fixture.listener->template));
		prefix_release(&fixture.listener->frame, frame);
		end(&fixture);
	}
}
END_TEST

START_TEST(test_null_can_be_released)
{
	struct fixture fixture;

	begin(&fixture, "");
	prefix_release(&fixture.listener->frame, NULL);
	end(&fixture);
}
END_TEST

SUITE(test_a_constant_prefix_is_shared, test_every_variable_has_its_value,
      test_local_is_needed_only_if_it_is_used, test_fields_of_the_ip_header,
      test_the_header_is_needed_only_if_it_is_used,
      test_a_time_is_utc_and_cut_to_milliseconds,
      test_the_time_of_a_frame_is_replaced, test_a_prefix_of_times_only,
      test_a_frame_without_a_time_has_none, test_null_can_be_released)
