#include "tcp/connection_setup.h"

#include <sys/ioctl.h>

#include "base/log.h"
#include "support/client.h"
#include "support/loop.h"
#include "support/proxy_headers.h"
#include "support/snapshot.h"
#include "tcp/connection_limits.h"
#include "tcp/proxy_protocol.h"

#define FROM_LOOPBACK "proxy_protocol = { from = \"127.0.0.1\"; };"

/*
 * The program is linked with --wrap: recv() without MSG_PEEK fails once with
 * this error, or returns at most this number of bytes.
 */
ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);

static int take_error;
static size_t take_most = SIZE_MAX;

ssize_t
__wrap_recv(int fd, void *data, size_t size, int flags)
{
	if (flags != 0)
		return __real_recv(fd, data, size, flags);
	if (take_error) {
		errno = take_error;
		take_error = 0;
		return -1;
	}
	return __real_recv(fd, data, size < take_most ? size : take_most, 0);
}

static const struct log_settings quiet = {
	.sink = LOG_TO_STDERR,
	.level = LOG_ERR,
};

struct fixture {
	struct connection_setup_context
		context; /* first: the callbacks get no other */
	struct stats stats;
	struct limits *limits;
	struct limit *limit;
	struct config *config;
	struct connection_info info;   /* as the opening was given it, */
	struct connection_info opened; /* and as it has handed it on */
	struct connection_proxied proxied;
	bool is_opened;
	bool failed;
	unsigned failures; /* that were expected */
	int peer;
};

static void
on_opened(struct connection_setup_context *context,
	  const struct connection_info *info)
{
	struct fixture *fixture = (struct fixture *)context;

	ck_assert(!fixture->is_opened && !fixture->failed);
	fixture->opened = *info;
	if (info->proxied)
		fixture->proxied = *info->proxied;
	fixture->is_opened = true;
}

static void
on_failed(struct connection_setup_context *context)
{
	struct fixture *fixture = (struct fixture *)context;

	ck_assert(!fixture->is_opened && !fixture->failed);
	fixture->failed = true;
}

static void
set_up(struct fixture *fixture, const char *settings)
{
	log_configure(&quiet);
	memset(fixture, 0, sizeof(*fixture));
	ck_assert(connection_setup_context_init(&fixture->context,
						event_base_new(), 0));
	fixture->context.opened = on_opened;
	fixture->context.failed = on_failed;
	fixture->limits = limits_new();
	fixture->limit = limit_new(fixture->limits, "main", &fixture->stats);
	fixture->config = accepted(settings);
}

/* A connection whose first bytes are here when it is accepted. */
static void
begin_with(struct fixture *fixture, const void *bytes, size_t length)
{
	struct connection_info *info = &fixture->info;
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	enum refuse_reason reason;
	int fds[2];

	loopback_pair(fds);
	fixture->peer = fds[0];
	client_send(fds[0], bytes, length);
	ck_assert_int_eq(
		getsockname(fds[0], (struct sockaddr *)&address, &size), 0);
	info->peer = address_from_sockaddr((struct sockaddr *)&address, size);
	info->fd = fds[1];
	info->limit = fixture->limit;
	info->listener = fixture->config->listeners[0].settings;
	ck_assert(limit_enter(fixture->limit, &info->peer, 0, &info->id,
			      &reason));
	ck_assert(connection_setup_is_due(info->listener));
	fixture->is_opened = fixture->failed = false;
	ck_assert(connection_setup_new(&fixture->context, info));
}

static bool
is_over(void *argument)
{
	struct fixture *fixture = argument;

	return fixture->is_opened || fixture->failed;
}

/* All that has come so far has been taken, or there is an end to it. */
static bool
is_taken(void *argument)
{
	struct fixture *fixture = argument;
	int waiting;

	return is_over(argument) ||
	       (ioctl(fixture->info.fd, FIONREAD, &waiting) == 0 &&
		waiting == 0);
}

static bool
is_over_or_read(void *argument)
{
	struct fixture *fixture = argument;

	return is_over(fixture) && fixture->context.count == 0;
}

static void
expect_opened(struct fixture *fixture, const struct header *header)
{
	const struct connection_info *opened = &fixture->opened;
	char text[ADDRESS_TEXT_SIZE];

	loop_until(fixture->context.base, is_over_or_read, fixture);
	ck_assert(fixture->is_opened);
	ck_assert_int_eq(opened->fd, fixture->info.fd);
	ck_assert_uint_eq(opened->id, fixture->info.id);
	if (header->client) {
		ck_assert_str_eq(address_format(&opened->peer, text),
				 header->client);
		ck_assert_ptr_nonnull(opened->proxied);
		ck_assert(address_equal(&fixture->proxied.via,
					&fixture->info.peer));
	} else {
		ck_assert(address_equal(&opened->peer, &fixture->info.peer));
		ck_assert_ptr_null(opened->proxied);
	}
	ck_assert_uint_eq(limits_count(fixture->limits), 1);
}

static void
end_session(struct fixture *fixture)
{
	limit_leave(fixture->limit, &fixture->opened.peer,
		    fixture->opened.per_source);
	close(fixture->opened.fd);
	close(fixture->peer);
}

static void
expect_failed(struct fixture *fixture, enum close_reason reason)
{
	uint64_t ends = 0;

	loop_until(fixture->context.base, is_over, fixture);
	ck_assert(fixture->failed);
	ck_assert_uint_eq(fixture->context.count, 0);
	ck_assert_uint_eq(limits_count(fixture->limits), 0);
	for (int i = 0; i < CLOSE_REASON_COUNT; i++)
		ends += fixture->stats.closed[i];
	ck_assert_uint_eq(ends, ++fixture->failures);
	ck_assert_uint_gt(fixture->stats.closed[reason], 0);
}

static void
tear_down(struct fixture *fixture)
{
	ck_assert_uint_eq(fixture->context.count, 0);
	ck_assert_uint_eq(limits_count(fixture->limits), 0);
	/* An opening has given its reference back. */
	ck_assert_uint_eq(fixture->config->listeners[0].settings->references,
			  1);
	config_unref(fixture->config);
	limit_unref(fixture->limit);
	limits_free(fixture->limits);
	connection_setup_context_release(&fixture->context);
	event_base_free(fixture->context.base);
}

START_TEST(test_it_is_due_where_proxies_are_named)
{
	struct config *config = accepted(
		"proxy_protocol = { from = \"10.0.0.0/8\"; };"
		"listeners = ( { name = \"heir\"; listen = \"*:1\"; }, "
		"{ name = \"none\"; listen = \"*:2\"; "
		"proxy_protocol = { from = [ ]; }; } );");

	ck_assert(connection_setup_is_due(named(config, "heir")));
	ck_assert(!connection_setup_is_due(named(config, "none")));
	config_unref(config);
}
END_TEST

/* However the header is cut, what follows it is left for the session. */
static void
try_cut(struct fixture *fixture, const struct header *header, size_t at)
{
	char got[8] = "";

	begin_with(fixture, header->bytes, at);
	loop_until(fixture->context.base, is_taken, fixture);
	ck_assert_int_eq(fixture->is_opened, at == header->length);
	client_send(fixture->peer, header->bytes + at, header->length - at);
	client_send(fixture->peer, "Hello\r\n", 7);
	expect_opened(fixture, header);
	do {
	} while (recv(fixture->opened.fd, got, 7, MSG_PEEK) < 7);
	ck_assert_int_eq(recv(fixture->opened.fd, got, 8, 0), 7);
	ck_assert_str_eq(got, "Hello\r\n");
	end_session(fixture);
}

START_TEST(test_a_header_may_be_cut_everywhere)
{
	const struct header *const headers[] = {
		&header_v1,	   &header_v1_six,   &header_v1_unknown,
		&header_v2,	   &header_v2_crc,   &header_v2_six,
		&header_v2_unspec, &header_v2_local,
	};
	struct fixture fixture;

	set_up(&fixture, FROM_LOOPBACK);
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
		for (size_t at = 0; at <= headers[i]->length; at++)
			try_cut(&fixture, headers[i], at);
	tear_down(&fixture);
}
END_TEST
FAULT(41, test_a_header_may_be_cut_everywhere)

/* What has been looked at has to be taken, all of it, before the session. */
static void
try_take(const struct header *header, size_t at)
{
	struct fixture fixture;

	set_up(&fixture, FROM_LOOPBACK);
	take_error = EAGAIN;
	try_cut(&fixture, header, at);
	take_error = EINTR;
	try_cut(&fixture, header, at);
	take_most = 7;
	try_cut(&fixture, header, at);
	take_most = SIZE_MAX;
	tear_down(&fixture);
}

START_TEST(test_what_is_not_taken_is_no_payload)
{
	try_take(&header_v1, 0);
	try_take(&header_v1, 20);
	try_take(&header_v2_crc, 0);
	try_take(&header_v2_crc, 20);
}
END_TEST

START_TEST(test_what_cannot_be_taken_ends_it)
{
	struct fixture fixture;

	set_up(&fixture, FROM_LOOPBACK);
	take_error = ENOMEM;
	begin_with(&fixture, header_v1.bytes, header_v1.length);
	expect_failed(&fixture, CLOSE_error);
	close(fixture.peer);
	take_error = ENOMEM;
	begin_with(&fixture, header_v1.bytes, 20);
	expect_failed(&fixture, CLOSE_error);
	close(fixture.peer);
	tear_down(&fixture);
}
END_TEST

START_TEST(test_a_header_may_come_byte_by_byte)
{
	struct fixture fixture;

	set_up(&fixture, FROM_LOOPBACK);
	begin_with(&fixture, "", 0);
	for (size_t i = 0; i < header_v2_crc.length; i++) {
		client_send(fixture.peer, header_v2_crc.bytes + i, 1);
		loop_until(fixture.context.base, is_taken, &fixture);
	}
	expect_opened(&fixture, &header_v2_crc);
	end_session(&fixture);
	tear_down(&fixture);
}
END_TEST

/* Payload along with it, more than is looked at with the header. */
START_TEST(test_bulk_behind_the_header_is_left_alone)
{
	static char bytes[60000];
	struct fixture fixture;
	size_t left = sizeof(bytes);

	memcpy(bytes, header_v1.bytes, header_v1.length);
	memcpy(bytes + header_v1.length, pattern_from(0),
	       left - header_v1.length);
	left -= header_v1.length;
	set_up(&fixture, FROM_LOOPBACK);
	begin_with(&fixture, bytes, sizeof(bytes));
	expect_opened(&fixture, &header_v1);
	for (size_t at = 0; at < left;) {
		static char got[sizeof(bytes)];
		ssize_t more = recv(fixture.opened.fd, got, left - at, 0);

		if (more < 0)
			continue;
		ck_assert_int_eq(memcmp(got, pattern_from(at), (size_t)more),
				 0);
		at += (size_t)more;
	}
	end_session(&fixture);
	tear_down(&fixture);
}
END_TEST

START_TEST(test_what_is_no_header_ends_it)
{
	struct fixture fixture;

	set_up(&fixture, FROM_LOOPBACK);
	begin_with(&fixture, "Hello\n", 6);
	expect_failed(&fixture, CLOSE_proxy_invalid);
	client_wait_closed(fixture.peer);
	close(fixture.peer);

	begin_with(&fixture, header_v2_bad_crc.bytes, header_v2_bad_crc.length);
	expect_failed(&fixture, CLOSE_proxy_invalid);
	close(fixture.peer);

	/* More than any header has. */
	begin_with(&fixture, V2 "\x21\x11\xff\xff", 16);
	expect_failed(&fixture, CLOSE_proxy_invalid);
	close(fixture.peer);

	begin_with(&fixture, header_v1.bytes, 20);
	loop_until(fixture.context.base, is_taken, &fixture);
	client_finish(fixture.peer);
	expect_failed(&fixture, CLOSE_proxy_invalid);
	close(fixture.peer);
	ck_assert_uint_eq(fixture.stats.closed[CLOSE_proxy_invalid], 4);
	ck_assert_uint_eq(fixture.stats.counter[STATS_connections], 4);
	tear_down(&fixture);
}
END_TEST

START_TEST(test_a_health_check_says_nothing)
{
	struct fixture fixture;

	set_up(&fixture, FROM_LOOPBACK);
	begin_with(&fixture, "", 0);
	client_finish(fixture.peer);
	expect_failed(&fixture, CLOSE_no_data);
	close(fixture.peer);
	begin_with(&fixture, "", 0);
	client_reset(fixture.peer);
	expect_failed(&fixture, CLOSE_no_data);
	tear_down(&fixture);
}
END_TEST

START_TEST(test_it_has_its_time)
{
	struct fixture fixture;
	struct timespec begun, now;

	set_up(&fixture, "proxy_protocol = { from = \"127.0.0.1\"; "
			 "timeout = 1; };");
	clock_gettime(CLOCK_MONOTONIC, &begun);
	begin_with(&fixture, header_v1.bytes, 20);
	expect_failed(&fixture, CLOSE_proxy_timeout);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ck_assert_int_ge((now.tv_sec - begun.tv_sec) * 1000 +
				 (now.tv_nsec - begun.tv_nsec) / 1000000,
			 990);
	close(fixture.peer);
	tear_down(&fixture);
}
END_TEST
FAULT(41, test_it_has_its_time)

/* The access lists are for the client; the proxy itself is always allowed. */
START_TEST(test_rules_are_about_the_client)
{
	struct fixture fixture;

	set_up(&fixture, FROM_LOOPBACK "allow = \"192.0.2.0/24\"; "
				       "deny = \"2001:db8::/32\";");
	begin_with(&fixture, header_v2.bytes, header_v2.length);
	expect_opened(&fixture, &header_v2);
	ck_assert(!fixture.opened.quiet);
	end_session(&fixture);

	begin_with(&fixture, header_v2_six.bytes, header_v2_six.length);
	loop_until(fixture.context.base, is_over, &fixture);
	ck_assert(fixture.failed);
	close(fixture.peer);
	/* Unknown, it is the connection's own address that counts. */
	begin_with(&fixture, header_v2_unspec.bytes, header_v2_unspec.length);
	loop_until(fixture.context.base, is_over, &fixture);
	ck_assert(fixture.failed);
	close(fixture.peer);
	ck_assert_uint_eq(fixture.stats.refused[REFUSE_denied], 2);
	ck_assert_uint_eq(fixture.stats.counter[STATS_connections], 0);

	begin_with(&fixture, header_v2_local.bytes, header_v2_local.length);
	expect_opened(&fixture, &header_v2_local);
	ck_assert(fixture.opened.quiet);
	end_session(&fixture);
	tear_down(&fixture);
}
END_TEST

/* So are limits: the source is the client, not the proxy. */
START_TEST(test_a_source_has_its_limit)
{
	struct fixture fixture;
	struct connection_info first;
	int peer;

	set_up(&fixture, FROM_LOOPBACK "per_source = 1;");
	begin_with(&fixture, header_v2.bytes, header_v2.length);
	expect_opened(&fixture, &header_v2);
	first = fixture.opened;
	peer = fixture.peer;

	begin_with(&fixture, header_v1.bytes, header_v1.length);
	loop_until(fixture.context.base, is_over, &fixture);
	ck_assert(fixture.failed);
	ck_assert_uint_eq(fixture.stats.refused[REFUSE_per_source], 1);
	close(fixture.peer);

	limit_leave(first.limit, &first.peer, first.per_source);
	close(first.fd);
	close(peer);
	begin_with(&fixture, header_v1.bytes, header_v1.length);
	expect_opened(&fixture, &header_v1);
	end_session(&fixture);
	tear_down(&fixture);
}
END_TEST

START_TEST(test_all_of_them_can_be_ended)
{
	struct fixture fixture;
	int first;

	set_up(&fixture, FROM_LOOPBACK);
	begin_with(&fixture, "", 0);
	first = fixture.peer;
	begin_with(&fixture, "PROXY", 5);
	fixture.context.failed = NULL;
	ck_assert_uint_eq(fixture.context.count, 2);
	connection_setup_close_all(&fixture.context);
	ck_assert_uint_eq(fixture.stats.closed[CLOSE_drain], 2);
	client_wait_closed(first);
	client_wait_closed(fixture.peer);
	close(first);
	close(fixture.peer);
	tear_down(&fixture);
}
END_TEST

SUITE(test_it_is_due_where_proxies_are_named,
      test_a_header_may_be_cut_everywhere, test_what_is_not_taken_is_no_payload,
      test_what_cannot_be_taken_ends_it, test_a_header_may_come_byte_by_byte,
      test_bulk_behind_the_header_is_left_alone, test_what_is_no_header_ends_it,
      test_a_health_check_says_nothing, test_it_has_its_time,
      test_rules_are_about_the_client, test_a_source_has_its_limit,
      test_all_of_them_can_be_ended)
