#include "tcp/connection_info.h"

#include <stddef.h>
#include <sys/un.h>

#include "echo/fault.h"
#include "echo/prefix.h"
#include "support/loop.h"
#include "support/snapshot.h"
#include "tcp/connection_limits.h"

struct fixture {
	struct limits *limits;
	struct limit *limit;
	struct config *config;
	struct connection_info info;
	int peer;
};

/* A connection to a listener with these settings. */
static void
begin(struct fixture *fixture, const char *settings)
{
	struct connection_info *info = &fixture->info;
	enum refuse_reason reason;
	char text[128];
	int fds[2];

	memset(fixture, 0, sizeof(*fixture));
	fixture->limits = limits_new();
	fixture->limit = limit_new(fixture->limits, "main", NULL);
	fixture->config = accepted(settings);
	loopback_pair(fds);
	fixture->peer = fds[0];
	info->fd = fds[1];
	ck_assert_ptr_null(address_parse("192.0.2.7:51234", &info->peer, text,
					 sizeof(text)));
	info->limit = fixture->limit;
	info->per_source = 1;
	info->listener = fixture->config->listeners[0].settings;
	ck_assert(limit_enter(fixture->limit, &info->peer, 1, &info->id,
			      &reason));
}

static void
end(struct fixture *fixture)
{
	connection_info_refuse(&fixture->info);
	close(fixture->peer);
	config_unref(fixture->config);
	limit_unref(fixture->limit);
	limits_free(fixture->limits);
}

START_TEST(test_refusing_releases_all)
{
	struct fixture fixture;
	const struct connection_info *info = &fixture.info;
	enum refuse_reason reason;
	uint64_t id;
	char byte;

	begin(&fixture, "");
	ck_assert(!limit_enter(fixture.limit, &info->peer, 1, &id, &reason));
	ck_assert_int_eq(reason, REFUSE_per_source);

	connection_info_refuse(info);
	ck_assert_uint_eq(limit_count(fixture.limit), 0);
	ck_assert(limit_enter(fixture.limit, &info->peer, 1, &id, &reason));
	fcntl(fixture.peer, F_SETFL, 0);
	ck_assert_int_eq(recv(fixture.peer, &byte, 1, 0), 0);

	/* For end(). */
	fixture.info.fd = -1;
	end(&fixture);
}
END_TEST

START_TEST(test_every_third_connection_has_the_fault)
{
	struct fixture fixture;
	const struct fault_params *params;

	begin(&fixture, "fault = { every = 3; end = \"reset\"; };");
	params = &fixture.info.listener->fault;
	for (int i = 1; i <= 9; i++)
		ck_assert_ptr_eq(connection_info_fault(&fixture.info),
				 i % 3 == 0 ? params : NULL);
	end(&fixture);
}
END_TEST

START_TEST(test_no_fault_by_default)
{
	struct fixture fixture;

	begin(&fixture, "");
	ck_assert_ptr_null(connection_info_fault(&fixture.info));
	end(&fixture);
}
END_TEST

START_TEST(test_a_line_in_the_log_names_the_proxy_if_there_is_one)
{
	struct fixture fixture;
	struct connection_info *info = &fixture.info;
	struct connection_proxied proxied = { 0 };
	struct connection_log_subject subject;

	begin(&fixture, "");
	info->quiet = true;
	subject = connection_info_subject(info);
	ck_assert_ptr_eq(subject.peer, &info->peer);
	ck_assert_ptr_null(subject.via);
	ck_assert_ptr_null(subject.tls);
	ck_assert_str_eq(subject.listener, "main");
	ck_assert_uint_eq(subject.id, info->id);
	ck_assert(subject.quiet);
	info->proxied = &proxied;
	ck_assert_ptr_eq(connection_info_subject(info).via, &proxied.via);
	end(&fixture);
}
END_TEST

static void
expect_prefix(struct fixture *fixture, const char *expected)
{
	const struct frame *frame = connection_info_frame(&fixture->info);

	ck_assert_uint_eq(frame->prefix_length, strlen(expected));
	ck_assert_mem_eq(frame->prefix, expected, strlen(expected));
	prefix_release(&fixture->info.listener->frame, frame);
}

START_TEST(test_local_is_our_end)
{
	struct fixture fixture;
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	char expected[64];

	begin(&fixture, "prefix = \"%{local}\";");
	ck_assert_int_eq(getpeername(fixture.peer, (struct sockaddr *)&address,
				     &length),
			 0);
	snprintf(expected, sizeof(expected), "127.0.0.1:%u",
		 ntohs(address.sin_port));
	expect_prefix(&fixture, expected);
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
	close(fixture.info.fd);
	fixture.info.fd = accept(listening, NULL, NULL);
	ck_assert_int_ge(fixture.info.fd, 0);

	expect_prefix(&fixture, expected);
	close(client);
	close(listening);
	end(&fixture);
}

START_TEST(test_local_may_be_a_unix_socket)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char directory[] = "/tmp/check_connection_info.XXXXXX", expected[160];

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
			      "check_connection_info %d", (int)getpid());
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

SUITE(test_refusing_releases_all, test_every_third_connection_has_the_fault,
      test_no_fault_by_default,
      test_a_line_in_the_log_names_the_proxy_if_there_is_one,
      test_local_is_our_end, test_local_may_be_a_unix_socket)
