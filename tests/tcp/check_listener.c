#include "tcp/listener.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/log.h"
#include "listen/binding.h"
#include "support/loop.h"
#include "support/snapshot.h"
#include "support/sockets.h"
#include "tcp/connection_limits.h"

enum { MOST = 200 };

struct fixture {
	struct listener_context context; /* first: the callback gets no other */
	struct stats stats;
	struct limits *limits;
	struct limit *limit;
	struct config *config;
	struct binding binding;
	struct listener *listener;
	struct sockaddr_in address;

	struct connection_info origins[MOST];
	unsigned count;
	unsigned wanted;
};

static void
on_accepted(struct listener_context *context,
	    const struct connection_info *info)
{
	struct fixture *fixture = (struct fixture *)context;

	ck_assert_uint_lt(fixture->count, MOST);
	fixture->origins[fixture->count++] = *info;
}

static void
begin(struct fixture *fixture, const char *settings)
{
	static const struct log_settings quiet = {
		.sink = LOG_TO_STDERR,
		.level = LOG_ERR,
	};

	log_configure(&quiet);
	memset(fixture, 0, sizeof(*fixture));
	fixture->context.base = event_base_new();
	fixture->context.accepted = on_accepted;
	fixture->context.first = true;
	fixture->limits = limits_new();
	fixture->limit = limit_new(fixture->limits, "main", NULL);
	fixture->config = accepted(settings);
	fixture->binding.settings = fixture->config->listeners[0].settings;
	fixture->binding.limit = fixture->limit;
	fixture->binding.stats = &fixture->stats;
	fixture->listener = listener_new(loopback_listener(&fixture->address),
					 &fixture->binding);
	ck_assert_ptr_nonnull(fixture->listener);
}

static void
end(struct fixture *fixture)
{
	for (unsigned i = 0; i < fixture->count; i++) {
		close(fixture->origins[i].fd);
		limit_leave(fixture->origins[i].limit,
			    &fixture->origins[i].peer, 0);
	}
	listener_free(fixture->listener);
	ck_assert_uint_eq(limits_count(fixture->limits), 0);
	limit_unref(fixture->limit);
	limits_free(fixture->limits);
	config_unref(fixture->config);
	event_base_free(fixture->context.base);
}

static bool
has_accepted(void *argument)
{
	struct fixture *fixture = argument;

	return fixture->count >= fixture->wanted;
}

static void
wait_accepted(struct fixture *fixture, unsigned wanted)
{
	fixture->wanted = wanted;
	loop_until(fixture->context.base, has_accepted, fixture);
	ck_assert_uint_eq(fixture->count, wanted);
}

START_TEST(test_each_connection_is_handed_up)
{
	struct fixture fixture;
	int peers[3];

	begin(&fixture, "");
	listener_start(fixture.listener, &fixture.context);
	for (int i = 0; i < 3; i++)
		peers[i] = loopback_connect(&fixture.address);
	wait_accepted(&fixture, 3);
	for (int i = 0; i < 3; i++) {
		const struct connection_info *info = &fixture.origins[i];
		struct sockaddr_in local;
		socklen_t length = sizeof(local);

		getsockname(peers[i], (struct sockaddr *)&local, &length);
		ck_assert_uint_eq(address_port(&info->peer),
				  ntohs(local.sin_port));
		ck_assert_uint_eq(info->id, (unsigned)i + 1);
		ck_assert_ptr_eq(info->limit, fixture.limit);
		ck_assert_ptr_eq(info->listener,
				 fixture.config->listeners[0].settings);
		ck_assert(fcntl(info->fd, F_GETFL) & O_NONBLOCK);
		ck_assert(fcntl(info->fd, F_GETFD) & FD_CLOEXEC);
		close(peers[i]);
	}
	ck_assert_uint_eq(limits_count(fixture.limits), 3);
	end(&fixture);
}
END_TEST

START_TEST(test_a_storm_is_taken_in_turns)
{
	struct fixture fixture;
	int peers[128];

	begin(&fixture, "");
	for (int i = 0; i < 128; i++)
		peers[i] = loopback_connect(&fixture.address);
	listener_start(fixture.listener, &fixture.context);
	/* One wake-up, then others have their turn. */
	event_base_loop(fixture.context.base, EVLOOP_ONCE);
	ck_assert_uint_eq(fixture.count, 64);
	wait_accepted(&fixture, 128);
	for (int i = 0; i < 128; i++)
		close(peers[i]);
	end(&fixture);
}
END_TEST
FAULT(4, test_a_storm_is_taken_in_turns)

START_TEST(test_a_connection_over_the_limit_is_closed)
{
	struct fixture fixture;
	int peers[2];

	begin(&fixture, "");
	limit_set_max(fixture.limit, 1);
	listener_start(fixture.listener, &fixture.context);
	peers[0] = loopback_connect(&fixture.address);
	wait_accepted(&fixture, 1);
	peers[1] = loopback_connect(&fixture.address);
	loop_expect_eof(fixture.context.base, peers[1]);
	ck_assert_uint_eq(fixture.count, 1);
	ck_assert_uint_eq(fixture.stats.refused[REFUSE_max_connections], 1);
	close(peers[0]);
	close(peers[1]);
	end(&fixture);
}
END_TEST

START_TEST(test_another_binding_is_for_later_connections)
{
	struct fixture fixture;
	struct config *config = accepted("backlog = 100;");
	struct limit *limit;
	struct binding binding;
	int peers[2];

	begin(&fixture, "");
	limit = limit_new(fixture.limits, "other", NULL);
	binding = (struct binding){
		.settings = config->listeners[0].settings,
		.limit = limit,
		.stats = &fixture.stats,
	};
	listener_start(fixture.listener, &fixture.context);
	peers[0] = loopback_connect(&fixture.address);
	wait_accepted(&fixture, 1);
	listener_change(fixture.listener, &binding);
	peers[1] = loopback_connect(&fixture.address);
	wait_accepted(&fixture, 2);
	ck_assert_ptr_eq(fixture.origins[0].listener,
			 fixture.config->listeners[0].settings);
	ck_assert_ptr_eq(fixture.origins[0].limit, fixture.limit);
	ck_assert_ptr_eq(fixture.origins[1].listener,
			 config->listeners[0].settings);
	ck_assert_ptr_eq(fixture.origins[1].limit, limit);
	close(peers[0]);
	close(peers[1]);
	end(&fixture);
	config_unref(config);
	limit_unref(limit);
}
END_TEST

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

START_TEST(test_what_is_accepted_inherits_keepalive)
{
	struct fixture fixture;
	struct config *shorter = accepted("keepalive = 10;");
	struct config *off = accepted("keepalive = 0;");
	int peers[3];

	begin(&fixture, "");
	struct binding binding = {
		.settings = shorter->listeners[0].settings,
		.limit = fixture.limit,
		.stats = &fixture.stats,
	};

	listener_start(fixture.listener, &fixture.context);
	peers[0] = loopback_connect(&fixture.address);
	wait_accepted(&fixture, 1);
	listener_change(fixture.listener, &binding);
	peers[1] = loopback_connect(&fixture.address);
	wait_accepted(&fixture, 2);
	binding.settings = off->listeners[0].settings;
	listener_change(fixture.listener, &binding);
	peers[2] = loopback_connect(&fixture.address);
	wait_accepted(&fixture, 3);

	static const int expected[2][2] = { { 60, 20 }, { 10, 4 } };
	for (int i = 0; i < 2; i++) {
		int fd = fixture.origins[i].fd;

		ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
		ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE),
				 expected[i][0]);
		ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL),
				 expected[i][1]);
		ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
	}
	ck_assert_int_eq(
		option(fixture.origins[2].fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	for (int i = 0; i < 3; i++)
		close(peers[i]);
	end(&fixture);
	config_unref(shorter);
	config_unref(off);
}
END_TEST
FAULT(18, test_what_is_accepted_inherits_keepalive)

/* A socket that was handed over may have had other options till now. */
START_TEST(test_queued_connections_get_the_socket_options)
{
	struct fixture fixture;
	struct config *shorter = accepted("keepalive = 10;");
	int peer, fd;

	begin(&fixture, "");
	struct binding binding = {
		.settings = shorter->listeners[0].settings,
		.limit = fixture.limit,
		.stats = &fixture.stats,
	};

	peer = loopback_connect(&fixture.address);
	listener_start(fixture.listener, &fixture.context);
	listener_change(fixture.listener, &binding);
	wait_accepted(&fixture, 1);
	fd = fixture.origins[0].fd;
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_OOBINLINE), 1);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
	close(peer);
	end(&fixture);
	config_unref(shorter);
}
END_TEST

START_TEST(test_a_denied_peer_is_closed_and_not_counted)
{
	struct fixture fixture;
	int peer;

	begin(&fixture, "deny = \"127.0.0.0/8\"; max_connections = 1;");
	listener_start(fixture.listener, &fixture.context);
	peer = loopback_connect(&fixture.address);
	loop_expect_eof(fixture.context.base, peer);
	ck_assert_uint_eq(fixture.count, 0);
	ck_assert_uint_eq(fixture.stats.refused[REFUSE_denied], 1);
	ck_assert_uint_eq(limits_count(fixture.limits), 0);
	close(peer);
	end(&fixture);
}
END_TEST

START_TEST(test_the_queue_can_be_emptied)
{
	struct fixture fixture;
	int peers[100];

	begin(&fixture, "");
	listener_start(fixture.listener, &fixture.context);
	for (int i = 0; i < 100; i++)
		peers[i] = loopback_connect(&fixture.address);
	listener_accept_queued(fixture.listener);
	ck_assert_uint_eq(fixture.count, 100);
	for (int i = 0; i < 100; i++)
		close(peers[i]);
	end(&fixture);
}
END_TEST

START_TEST(test_freeing_it_closes_the_socket)
{
	struct fixture fixture;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	begin(&fixture, "");
	listener_free(fixture.listener);
	fixture.listener = NULL;
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&fixture.address,
				 sizeof(fixture.address)),
			 -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
	end(&fixture);
}
END_TEST

static bool
has_paused_twice(void *argument)
{
	struct fixture *fixture = argument;

	return fixture->stats.counter[STATS_accept_pauses] >= 2;
}

/* Out of descriptors it pauses, tries again, and goes on by itself. */
START_TEST(test_without_descriptors_it_pauses)
{
	struct fixture fixture;
	struct rlimit before, none;
	uint64_t pauses;
	int peer;

	begin(&fixture, "");
	listener_start(fixture.listener, &fixture.context);
	peer = loopback_connect(&fixture.address);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);

	loop_until(fixture.context.base, has_paused_twice, &fixture);
	ck_assert_uint_eq(fixture.count, 0);
	pauses = fixture.stats.counter[STATS_accept_pauses];
	for (int i = 0; i < 10; i++)
		event_base_loop(fixture.context.base, EVLOOP_NONBLOCK);
	ck_assert_uint_le(fixture.stats.counter[STATS_accept_pauses],
			  pauses + 1);

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	wait_accepted(&fixture, 1);
	close(peer);
	end(&fixture);
}
END_TEST
FAULT(1, test_without_descriptors_it_pauses)

/* accept4(2) fails so often, before the kernel is asked. */
static unsigned failures;
static int failure;

int __real_accept4(int fd, struct sockaddr *address, socklen_t *length,
		   int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length,
		   int flags);

int
__wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	if (failures == 0)
		return __real_accept4(fd, address, length, flags);
	failures--;
	errno = failure;
	return -1;
}

/* What is logged from now on can be read back. */
static int
capture_log(void)
{
	static const struct log_settings settings = {
		.sink = LOG_TO_STDERR,
		.level = LOG_WARNING,
	};
	int fd = memfd_create("log", 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	log_configure(&settings);
	return fd;
}

START_TEST(test_without_resources_it_pauses)
{
	static const int errors[] = { ENFILE, ENOMEM, ENOBUFS, EMFILE };
	static const char begins[] = "warning: Accepting paused listener=main: "
				     "Too many open files in system";
	struct fixture fixture;
	char text[4096];
	int log;
	ssize_t length;

	begin(&fixture, "");
	log = capture_log();
	listener_start(fixture.listener, &fixture.context);
	for (unsigned i = 0; i < 4; i++) {
		int peer;

		failure = errors[i];
		failures = UINT_MAX;
		fixture.stats.counter[STATS_accept_pauses] = 0;
		peer = loopback_connect(&fixture.address);
		loop_until(fixture.context.base, has_paused_twice, &fixture);
		/* It asks once at a time. */
		ck_assert_uint_eq(UINT_MAX - failures,
				  fixture.stats.counter[STATS_accept_pauses]);
		ck_assert_uint_eq(fixture.count, i);
		failures = 0;
		wait_accepted(&fixture, i + 1);
		close(peer);
	}
	ck_assert_uint_eq(fixture.stats.counter[STATS_accept_errors], 0);
	/* For all of them within ten seconds. */
	length = pread(log, text, sizeof(text), 0);
	ck_assert_int_gt(length, (ssize_t)strlen(begins));
	ck_assert_mem_eq(text, begins, strlen(begins));
	ck_assert_ptr_eq(memchr(text, '\n', (size_t)length), text + length - 1);
	close(log);
	end(&fixture);
}
END_TEST
FAULT(2, test_without_resources_it_pauses)

/* accept(2): what has gone wrong with one of those that wait is its affair. */
START_TEST(test_what_ails_one_connection_is_counted)
{
	static const int errors[] = { ECONNABORTED, EPROTO,	  EPERM,
				      ENETDOWN,	    EHOSTUNREACH, EINTR };
	enum { ERRORS = sizeof(errors) / sizeof(*errors) };
	struct fixture fixture;

	begin(&fixture, "");
	listener_start(fixture.listener, &fixture.context);
	for (unsigned i = 0; i < ERRORS; i++) {
		bool counts = errors[i] != EINTR;
		int peer = loopback_connect(&fixture.address);

		failure = errors[i];
		failures = 2;
		wait_accepted(&fixture, i + 1);
		ck_assert_uint_eq(failures, 0);
		ck_assert_uint_eq(fixture.stats.counter[STATS_accept_errors],
				  2 * (i + counts));
		close(peer);
	}
	ck_assert_uint_eq(fixture.stats.counter[STATS_accept_pauses], 0);
	end(&fixture);
}
END_TEST
FAULT(3, test_what_ails_one_connection_is_counted)

static int
option_of(int fd, int level, int option)
{
	int value;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, option, &value, &length), 0);
	return value;
}

/* Its packets have a TTL of 33 and the TOS byte 0xb8. */
static int
connect_marked(const struct fixture *fixture)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, IPPROTO_IP, IP_TTL, &(int){ 33 }, sizeof(int));
	setsockopt(fd, IPPROTO_IP, IP_TOS, &(int){ 0xb8 }, sizeof(int));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&fixture->address,
				 sizeof(fixture->address)),
			 0);
	return fd;
}

/* The SYN is kept only while something uses it. */
START_TEST(test_the_dscp_is_that_of_the_syn_or_a_number)
{
	static const struct {
		const char *settings;
		int ttl, tos, sent;
	} cases[] = {
		{ "", -1, -1, 0 },
		{ "dscp = 10;", -1, -1, 0x28 },
		{ "dscp = \"reflect\";", 33, 0xb8, 0xb8 },
		{ "prefix = \"%{ttl}\";", 33, 0xb8, 0 },
		{ "", -1, -1, 0 },
	};
	enum { CASES = sizeof(cases) / sizeof(*cases) };
	struct config *configs[CASES];
	struct binding bindings[CASES];
	struct fixture fixture;

	begin(&fixture, "");
	listener_start(fixture.listener, &fixture.context);
	for (unsigned i = 0; i < CASES; i++) {
		const struct connection_info *info = &fixture.origins[i];
		int peer;

		configs[i] = accepted(cases[i].settings);
		bindings[i] = fixture.binding;
		bindings[i].settings = configs[i]->listeners[0].settings;
		listener_change(fixture.listener, &bindings[i]);
		peer = connect_marked(&fixture);
		wait_accepted(&fixture, i + 1);
		ck_assert_int_eq(info->ttl, cases[i].ttl);
		ck_assert_int_eq(info->tos, cases[i].tos);
		ck_assert_int_eq(option_of(info->fd, IPPROTO_IP, IP_TOS),
				 cases[i].sent);
		close(peer);
	}
	end(&fixture);
	for (unsigned i = 0; i < CASES; i++)
		config_unref(configs[i]);
}
END_TEST

/* As systemd's sockets are: the fields and the option are those of IPv4. */
START_TEST(test_the_dscp_of_ipv4_at_a_socket_of_both_families)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	socklen_t length = sizeof(any);
	struct fixture fixture;
	int fd, peer;

	if (!has_ipv6())
		skip("no IPv6 here");
	begin(&fixture, "dscp = \"reflect\";");
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&any, length), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	getsockname(fd, (struct sockaddr *)&any, &length);
	fixture.address.sin_port = any.sin6_port;
	listener_free(fixture.listener);
	fixture.listener = listener_new(fd, &fixture.binding);
	listener_start(fixture.listener, &fixture.context);
	peer = connect_marked(&fixture);
	wait_accepted(&fixture, 1);
	ck_assert_int_eq(fixture.origins[0].ttl, 33);
	ck_assert_int_eq(fixture.origins[0].tos, 0xb8);
	ck_assert_int_eq(option_of(fixture.origins[0].fd, IPPROTO_IP, IP_TOS),
			 0xb8);
	close(peer);
	end(&fixture);
}
END_TEST

SUITE(test_each_connection_is_handed_up, test_a_storm_is_taken_in_turns,
      test_a_connection_over_the_limit_is_closed,
      test_another_binding_is_for_later_connections,
      test_what_is_accepted_inherits_keepalive,
      test_queued_connections_get_the_socket_options,
      test_a_denied_peer_is_closed_and_not_counted,
      test_the_queue_can_be_emptied, test_freeing_it_closes_the_socket,
      test_without_descriptors_it_pauses, test_without_resources_it_pauses,
      test_what_ails_one_connection_is_counted,
      test_the_dscp_is_that_of_the_syn_or_a_number,
      test_the_dscp_of_ipv4_at_a_socket_of_both_families)
