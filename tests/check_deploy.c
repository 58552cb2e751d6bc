#include "deploy.h"

#include <errno.h>

#include "admit.h"
#include "client.h"
#include "log.h"
#include "mailbox.h"
#include "snapshot.h"
#include "sockets.h"
#include "spread.h"
#include "worker.h"

static struct error_list errors;

static struct deployment *
try_prepare(const char *text, const struct deployment *before,
	    struct admit *admit, int *error)
{
	struct config *config = accepted(text);
	struct deployment *deployment;

	error_list_free(&errors);
	error_list_init(&errors, "conf");
	*error = 0;
	deployment =
		deploy_prepare(config, before, NULL, admit, 1, &errors, error);
	config_unref(config);
	return deployment;
}

static struct deployment *
prepare(const char *text, const struct deployment *before, struct admit *admit)
{
	int error;
	struct deployment *deployment =
		try_prepare(text, before, admit, &error);

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

	deploy_print(deployment, out);
	fclose(out);
	ck_assert_int_eq(sscanf(text, "tcp:127.0.0.1:%u", &port), 1);
	free(text);
	return port;
}

START_TEST(it_opens_what_is_asked_for)
{
	struct admit *admit = admit_new();
	struct deployment *deployment = prepare(
		"listen = [ \"127.0.0.1:0\", \"127.0.0.2:0\" ];", NULL, admit);

	ck_assert_uint_eq(deploy_sockets(deployment), 2);
	ck_assert_uint_eq(deploy_config(deployment)->listener_count, 1);
	ck_assert_uint_gt(first_port(deployment), 0);
	deploy_free(deployment);
	admit_free(admit);
}
END_TEST

START_TEST(one_that_is_not_committed_leaves_nothing)
{
	struct admit *admit = admit_new();
	int before = open_descriptors();
	struct deployment *one =
		prepare("listen = \"127.0.0.1:0\";", NULL, admit);
	struct deployment *two = prepare("listen = [ \"127.0.0.1:0\", "
					 "\"127.0.0.2:0\" ];",
					 one, admit);

	ck_assert_uint_eq(first_port(one), first_port(two));
	deploy_free(two);
	deploy_free(one);
	ck_assert_int_eq(open_descriptors(), before);
	admit_free(admit);
}
END_TEST

START_TEST(a_busy_address_is_told_and_nothing_kept)
{
	struct admit *admit = admit_new();
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
	ck_assert_ptr_null(try_prepare(text, NULL, admit, &error));
	ck_assert_int_eq(error, EADDRINUSE);
	snprintf(text, sizeof(text),
		 "2: listen: cannot listen on "
		 "tcp:127.0.0.1:%u: Address already in use",
		 address_port(&bound));
	ck_assert_str_eq(snapshot_errors(&errors), text);
	ck_assert_int_eq(open_descriptors(), before);
	close(busy);
	error_list_free(&errors);
	admit_free(admit);
}
END_TEST
FAULT(22, a_busy_address_is_told_and_nothing_kept)

static void
on_news(struct worker *worker, void *owner)
{
	(void)worker;
	*(bool *)owner = true;
}

/* Of the news only one is due. */
static void
wait_news(struct mailbox *home)
{
	struct pollfd mail = { .fd = mailbox_fd(home), .events = POLLIN };
	bool come = false;

	while (!come) {
		ck_assert_int_eq(poll(&mail, 1, DEADLINE_MS), 1);
		mailbox_deliver(home, &come);
	}
}

static void
commit(struct deployment *deployment, struct worker *worker,
       struct mailbox *home)
{
	deploy_commit(deployment, &worker);
	wait_news(home);
}

/* Committed, it serves; the next one keeps the port, and the count. */
START_TEST(one_follows_the_other)
{
	static const struct worker_news news = {
		.serving = on_news,
		.finished = on_news,
	};
	static const struct log_settings quiet = {
		.sink = LOG_TO_STDERR,
		.level = LOG_ERR,
	};
	struct admit *admit = admit_new();
	struct mailbox *home = mailbox_new();
	struct worker *worker = worker_new(0, home, &news);
	struct spread *spread = spread_new(1);
	struct deployment *one, *two;
	unsigned port;
	int first, second;

	log_configure(&quiet);
	worker_meet(worker, &worker, spread);
	one = prepare("listen = \"127.0.0.1:0\"; prefix = \"one:\"; ", NULL,
		      admit);
	port = first_port(one);
	commit(one, worker, home);
	first = client_connect(port);
	client_say(first, "x");
	client_hear(first, "one:x");

	two = prepare("listeners = ( { name = \"main\"; max_connections = 1; "
		      "listen = \"127.0.0.1:0\"; prefix = \"two:\"; } );",
		      one, admit);
	ck_assert_uint_eq(first_port(two), port);
	commit(two, worker, home);
	deploy_free(one);
	/* By its name the listener is the same, and it is full. */
	second = client_connect(port);
	client_wait_closed(second);
	close(second);
	client_say(first, "y");
	client_hear(first, "one:y");
	close(first);
	while (admit_count(admit) > 0)
		continue;
	second = client_connect(port);
	client_say(second, "x");
	client_hear(second, "two:x");
	close(second);

	worker_stop(worker);
	wait_news(home);
	worker_free(worker);
	spread_free(spread);
	deploy_free(two);
	mailbox_free(home);
	admit_free(admit);
}
END_TEST

START_TEST(none_is_fine_to_free)
{
	deploy_free(NULL);
}
END_TEST

SUITE(it_opens_what_is_asked_for, one_that_is_not_committed_leaves_nothing,
      a_busy_address_is_told_and_nothing_kept, one_follows_the_other,
      none_is_fine_to_free)
