#include "echo/prefix.h"

#include <stddef.h>

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

START_TEST(test_null_can_be_released)
{
	struct fixture fixture;

	begin(&fixture, "");
	prefix_release(&fixture.listener->frame, NULL);
	end(&fixture);
}
END_TEST

SUITE(test_a_constant_prefix_is_shared, test_every_variable_has_its_value,
      test_local_is_needed_only_if_it_is_used, test_null_can_be_released)
