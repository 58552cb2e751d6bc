#include "control/deployment.h"

#include <errno.h>

#include "base/log.h"
#include "base/stats_table.h"
#include "control/worker_pool.h"
#include "support/client.h"
#include "support/loop.h"
#include "support/snapshot.h"
#include "support/sockets.h"
#include "tcp/connection_limits.h"

static struct error_list errors;
static struct stats_table *stats; /* of one worker */

static struct limits *
begin(void)
{
	stats = stats_table_new(1);
	return limits_new();
}

static void
end(struct limits *limits)
{
	limits_free(limits);
	stats_table_free(stats);
}

static struct deployment *
try_prepare(const char *text, const struct deployment *before,
	    struct limits *limits, int *error)
{
	struct config *config = accepted(text);
	struct deployment *deployment;

	error_list_free(&errors);
	error_list_init(&errors, "conf");
	*error = 0;
	deployment = deployment_prepare(config, before, NULL, limits, stats,
					&errors, error);
	config_unref(config);
	return deployment;
}

static struct deployment *
prepare(const char *text, const struct deployment *before,
	struct limits *limits)
{
	int error;
	struct deployment *deployment =
		try_prepare(text, before, limits, &error);

	ck_assert_msg(deployment != NULL, "%s", snapshot_errors(&errors));
	return deployment;
}

static unsigned
first_port(const struct deployment *deployment)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	unsigned port;

	deployment_print(deployment, out);
	fclose(out);
	ck_assert_int_eq(sscanf(text, "tcp:127.0.0.1:%u", &port), 1);
	free(text);
	return port;
}

START_TEST(test_it_opens_what_is_asked_for)
{
	struct limits *limits = begin();
	struct deployment *deployment = prepare(
		"listen = [ \"127.0.0.1:0\", \"127.0.0.2:0\" ];", NULL, limits);

	ck_assert_uint_eq(deployment_socket_count(deployment), 2);
	ck_assert_uint_eq(deployment_config(deployment)->listener_count, 1);
	ck_assert_uint_gt(first_port(deployment), 0);
	deployment_free(deployment);
	end(limits);
}
END_TEST

START_TEST(test_one_that_is_not_committed_leaves_nothing)
{
	struct limits *limits = begin();
	int before = open_descriptors();
	struct deployment *one =
		prepare("listen = \"127.0.0.1:0\";", NULL, limits);
	struct deployment *two = prepare("listen = [ \"127.0.0.1:0\", "
					 "\"127.0.0.2:0\" ];",
					 one, limits);

	ck_assert_uint_eq(first_port(one), first_port(two));
	deployment_free(two);
	deployment_free(one);
	ck_assert_int_eq(open_descriptors(), before);
	end(limits);
}
END_TEST

START_TEST(test_a_busy_address_is_told_and_nothing_kept)
{
	struct limits *limits = begin();
	struct address any = address_of("127.0.0.1:0");
	int busy = other_socket(&any, 0);
	struct address bound = bound_to(busy);
	int before = open_descriptors();
	char text[200];
	int error;

	ck_assert_int_eq(listen(busy, 1), 0);
	snprintf(text, sizeof(text),
		 "listen = [ \"127.0.0.1:0\",\n"
		 "\"127.0.0.1:%u\" ];",
		 address_port(&bound));
	ck_assert_ptr_null(try_prepare(text, NULL, limits, &error));
	ck_assert_int_eq(error, EADDRINUSE);
	snprintf(text, sizeof(text),
		 "2: listen: cannot listen on "
		 "tcp:127.0.0.1:%u: Address already in use",
		 address_port(&bound));
	ck_assert_str_eq(snapshot_errors(&errors), text);
	ck_assert_int_eq(open_descriptors(), before);
	close(busy);
	error_list_free(&errors);
	end(limits);
}
END_TEST
FAULT(22, test_a_busy_address_is_told_and_nothing_kept)

static void
on_applied(void *owner)
{
	*(bool *)owner = true;
}

static bool
is_applied(void *applied)
{
	return *(bool *)applied;
}

static void
commit(struct deployment *deployment, struct worker_pool *pool,
       struct event_base *base)
{
	bool applied = false;
	struct broadcast *broadcast = broadcast_new(pool, &applied);

	deployment_commit(deployment, broadcast, on_applied);
	loop_until(base, is_applied, &applied);
	broadcast_free(broadcast);
}

/* Committed, it serves; the next one keeps the port, and the count. */
START_TEST(test_one_follows_the_other)
{
	static const struct log_settings quiet = {
		.sink = LOG_TO_STDERR,
		.level = LOG_ERR,
	};
	struct limits *limits = begin();
	struct event_base *base = event_base_new();
	struct worker_pool *pool = worker_pool_new(base, 1);
	struct deployment *one, *two;
	unsigned port;
	int first, second;

	log_configure(&quiet);
	one = prepare("listen = \"127.0.0.1:0\"; prefix = \"one:\"; ", NULL,
		      limits);
	port = first_port(one);
	commit(one, pool, base);
	first = client_connect(port);
	client_say(first, "x");
	client_hear(first, "one:x");

	two = prepare("listeners = ( { name = \"main\"; max_connections = 1; "
		      "listen = \"127.0.0.1:0\"; prefix = \"two:\"; } );",
		      one, limits);
	ck_assert_uint_eq(first_port(two), port);
	commit(two, pool, base);
	deployment_free(one);
	/* By its name the listener is the same, and it is full. */
	second = client_connect(port);
	client_wait_closed(second);
	close(second);
	client_say(first, "y");
	client_hear(first, "one:y");
	close(first);
	while (limits_count(limits) > 0)
		continue;
	second = client_connect(port);
	client_say(second, "x");
	client_hear(second, "two:x");
	close(second);

	worker_pool_free(pool);
	deployment_free(two);
	event_base_free(base);
	end(limits);
}
END_TEST

START_TEST(test_none_is_fine_to_free)
{
	deployment_free(NULL);
}
END_TEST

SUITE(test_it_opens_what_is_asked_for,
      test_one_that_is_not_committed_leaves_nothing,
      test_a_busy_address_is_told_and_nothing_kept, test_one_follows_the_other,
      test_none_is_fine_to_free)
