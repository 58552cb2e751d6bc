#include "prefix.h"

#include <stddef.h>
#include <sys/un.h>

#include "loop.h"
#include "snapshot.h"

/* A connection of ours, and whose it is. */
struct fixture {
	int fds[2];
	struct address peer;
	struct config *config;
	const struct config_listener *listener;
	struct prefix_subject subject;
};

static void
begin(struct fixture *fixture, const char *settings)
{
	char reason[128];

	loopback_pair(fixture->fds);
	ck_assert_ptr_null(address_parse("192.0.2.7:51234", &fixture->peer,
					 reason, sizeof(reason)));
	fixture->config = accepted(settings);
	fixture->listener = fixture->config->listeners[0].settings;
	fixture->subject = (struct prefix_subject){
		.fd = fixture->fds[1],
		.peer = &fixture->peer,
		.number = UINT64_MAX,
	};
}

static void
end(struct fixture *fixture)
{
	config_unref(fixture->config);
	close(fixture->fds[0]);
	close(fixture->fds[1]);
}

static void
expect_prefix(const char *settings, const char *expected)
{
	struct fixture fixture;

	begin(&fixture, settings);
	const struct frame *frame =
		prefix_frame(fixture.listener, &fixture.subject);
	ck_assert_uint_eq(frame->prefix_length, strlen(expected));
	ck_assert_mem_eq(frame->prefix, expected, frame->prefix_length);
	ck_assert_uint_eq(frame->chunk_size, fixture.listener->chunk_size);
	ck_assert_int_eq(frame->kind, fixture.listener->framing);
	prefix_release(fixture.listener, frame);
	end(&fixture);
}

START_TEST(a_constant_prefix_is_shared)
{
	static const char *const settings[] = { "", "prefix = \"\";",
						"prefix = \"%{listener}\";" };

	for (size_t i = 0; i < 3; i++) {
		struct fixture fixture;

		begin(&fixture, settings[i]);
		/* Nothing is asked of it, not even a socket. */
		fixture.subject = (struct prefix_subject){ .fd = -1 };
		const struct frame *frame =
			prefix_frame(fixture.listener, &fixture.subject);
		ck_assert_ptr_eq(frame, &fixture.listener->frame);
		prefix_release(fixture.listener, frame);
		ck_assert_ptr_eq(frame, &fixture.listener->frame);
		end(&fixture);
	}
}
END_TEST

START_TEST(every_name_has_its_value)
{
	expect_prefix("prefix = \"%{peer}\";", "192.0.2.7:51234");
	expect_prefix("prefix = \"%{conn}\";", "18446744073709551615");
	expect_prefix("prefix = \"<%{listener} %{peer}> \"; chunk_size = 7;",
		      "<main 192.0.2.7:51234> ");
	expect_prefix("prefix = \"%{conn}:\"; framing = \"line\";",
		      "18446744073709551615:");
}
END_TEST

START_TEST(local_is_our_end)
{
	struct fixture fixture;
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	char expected[64];

	begin(&fixture, "prefix = \"%{local}\";");
	ck_assert_int_eq(getpeername(fixture.fds[0],
				     (struct sockaddr *)&address, &length),
			 0);
	snprintf(expected, sizeof(expected), "127.0.0.1:%u",
		 ntohs(address.sin_port));
	const struct frame *frame =
		prefix_frame(fixture.listener, &fixture.subject);
	ck_assert_uint_eq(frame->prefix_length, strlen(expected));
	ck_assert_mem_eq(frame->prefix, expected, strlen(expected));
	prefix_release(fixture.listener, frame);
	end(&fixture);
}
END_TEST

/* The end of a connection to this socket that is ours. */
static void
expect_unix(const struct sockaddr_un *un, socklen_t length,
	    const char *expected)
{
	struct fixture fixture;
	int listening = socket(AF_UNIX, SOCK_STREAM, 0);

	begin(&fixture, "prefix = \"%{local}\";");
	ck_assert_int_eq(bind(listening, (struct sockaddr *)un, length), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)un, length), 0);
	fixture.subject.fd = accept(listening, NULL, NULL);
	ck_assert_int_ge(fixture.subject.fd, 0);

	const struct frame *frame =
		prefix_frame(fixture.listener, &fixture.subject);
	ck_assert_uint_eq(frame->prefix_length, strlen(expected));
	ck_assert_mem_eq(frame->prefix, expected, strlen(expected));
	prefix_release(fixture.listener, frame);
	close(fixture.subject.fd);
	close(client);
	close(listening);
	end(&fixture);
}

START_TEST(local_may_be_a_unix_socket)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char directory[] = "/tmp/check_prefix.XXXXXX", expected[160];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/echo", directory);
	snprintf(expected, sizeof(expected), "unix:%s", un.sun_path);
	expect_unix(&un, sizeof(un), expected);
	unlink(un.sun_path);
	rmdir(directory);

	/* The longest name that can be configured, and one with a length. */
	memset(un.sun_path, 'n', sizeof(un.sun_path));
	un.sun_path[0] = '\0';
	int length = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1,
			      "check_prefix %d", (int)getpid());
	un.sun_path[1 + length] = 'n';
	snprintf(expected, sizeof(expected), "unix:@%.106s", un.sun_path + 1);
	expect_unix(&un, sizeof(un) - 1, expected);
	expected[strlen("unix:@") + (size_t)length] = '\0';
	expect_unix(&un,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				(size_t)length),
		    expected);
}
END_TEST

START_TEST(none_is_fine_to_release)
{
	struct fixture fixture;

	begin(&fixture, "");
	prefix_release(fixture.listener, NULL);
	end(&fixture);
}
END_TEST

SUITE(a_constant_prefix_is_shared, every_name_has_its_value, local_is_our_end,
      local_may_be_a_unix_socket, none_is_fine_to_release)
