#include "listen/listening_set.h"

#include <event2/event.h>
#include <sys/resource.h>

#include "listen/graceful_close.h"
#include "listen/socket.h"
#include "support/snapshot.h"
#include "support/sockets.h"

enum { WORKERS = 3 };

/* A configuration, in which P stands for the port that a test has got. */
static struct config *
configured(const char *text, unsigned port)
{
	char filled[4096];
	size_t used = 0;

	for (; *text; text++) {
		ck_assert_uint_lt(used + 8, sizeof(filled));
		used += (size_t)(*text == 'P' ?
					 sprintf(filled + used, "%u", port) :
					 sprintf(filled + used, "%c", *text));
	}
	filled[used] = '\0';
	return accepted(filled);
}

/* The set, which must come about. */
static struct listening_set *
opened(const struct config *config, const struct listening_set *before)
{
	struct error_list errors;
	struct listening_set *set;
	int error = 0;

	error_list_init(&errors, "conf");
	set = listening_set_open(config, before, NULL, WORKERS, &errors,
				 &error);
	ck_assert_msg(set, "%s", snapshot_errors(&errors));
	ck_assert(!error_any(&errors));
	ck_assert_ptr_eq(set->config, config);
	ck_assert_uint_eq(set->workers, WORKERS);
	error_list_free(&errors);
	return set;
}

/* Why the set does not come about. */
static const char *
not_opened(const struct config *config, const struct listening_set *before,
	   int *error)
{
	int descriptors = open_descriptors();
	struct error_list errors;
	const char *why;

	error_list_init(&errors, "conf");
	ck_assert_ptr_null(listening_set_open(config, before, NULL, WORKERS,
					      &errors, error));
	why = snapshot_errors(&errors);
	error_list_free(&errors);
	/* Whatever has been opened on the way is closed. */
	ck_assert_int_eq(open_descriptors(), descriptors);
	return why;
}

/* All sockets of an endpoint are where it says. */
static void
expect_open(const struct endpoint *endpoint)
{
	ck_assert_ptr_nonnull(endpoint->fds);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct address bound = bound_to(endpoint->fds[i]);

		ck_assert(address_equal(&bound, &endpoint->bound.address));
		ck_assert(is_listening(endpoint->fds[i]));
		for (unsigned j = 0; j < i; j++)
			ck_assert_int_ne(endpoint->fds[i], endpoint->fds[j]);
	}
}

static void
expect_kept(const struct endpoint *endpoint, const struct endpoint *old)
{
	ck_assert(endpoint->kept);
	ck_assert_uint_eq(endpoint->taken, WORKERS);
	ck_assert_uint_eq(endpoint->id, old->id);
	ck_assert(listen_address_equal(&endpoint->bound, &old->bound));
}

static void
expect_new(const struct endpoint *endpoint, const struct listening_set *before)
{
	expect_open(endpoint);
	for (size_t i = 0; i < before->count; i++)
		ck_assert_uint_ne(endpoint->id, before->items[i].id);
}

static const char *
printed(const struct listening_set *set)
{
	static char text[1024];
	FILE *out = fmemopen(text, sizeof(text), "w");

	listening_set_print(set, out);
	fclose(out);
	return text;
}

START_TEST(test_every_worker_has_a_socket_of_every_address)
{
	struct config *config = accepted(
		"listen = [ \"127.0.0.1:0\", \"127.0.0.2:0\" ]; backlog = 9;\n"
		"listeners = ( { name = \"a\"; listen = \"127.0.0.3:0\";\n"
		"backlog = 10; } );");
	int before = open_descriptors();
	struct listening_set *set = opened(config, NULL);

	ck_assert_uint_eq(set->count, 3);
	ck_assert_int_eq(open_descriptors(), before + 3 * WORKERS);
	for (size_t i = 0; i < 3; i++) {
		const struct endpoint *endpoint = &set->items[i];

		expect_open(endpoint);
		ck_assert_uint_eq(address_port(&endpoint->asked.address), 0);
		ck_assert_uint_ne(address_port(&endpoint->bound.address), 0);
		ck_assert_uint_eq(endpoint->listener, i / 2);
		ck_assert_int_eq(socket_get_backlog(endpoint->fds[2]),
				 i < 2 ? 9 : 10);
		for (size_t j = 0; j < i; j++)
			ck_assert_uint_ne(endpoint->id, set->items[j].id);
	}
	listening_set_free(set);
	ck_assert_int_eq(open_descriptors(), before);
	listening_set_free(NULL);
	config_unref(config);
}
END_TEST

START_TEST(test_what_a_worker_took_is_not_closed)
{
	struct config *config = accepted("listen = \"127.0.0.1:0\";");
	int before = open_descriptors();
	struct listening_set *set = opened(config, NULL);
	int taken = set->items[0].fds[0];

	set->items[0].taken = 1;
	listening_set_free(set);
	ck_assert_int_eq(open_descriptors(), before + 1);
	ck_assert(is_listening(taken));
	close(taken);
	config_unref(config);
}
END_TEST

START_TEST(test_a_set_is_printed_as_the_log_has_it)
{
	struct config *config =
		accepted("listen = [ \"127.0.0.1:0\", \"127.0.0.2:0\" ];");
	struct listening_set *set = opened(config, NULL);
	char expected[128];

	snprintf(expected, sizeof(expected),
		 "tcp:127.0.0.1:%u,tcp:127.0.0.2:%u",
		 address_port(&set->items[0].bound.address),
		 address_port(&set->items[1].bound.address));
	ck_assert_str_eq(printed(set), expected);
	listening_set_free(set);
	config_unref(config);
}
END_TEST

START_TEST(test_a_star_is_one_port_in_both_families)
{
	struct config *config = accepted("listen = [ \"*:0\", \"*:0\" ];");
	struct listening_set *set, *next;

	if (!has_ipv6())
		skip("there is no IPv6");
	set = opened(config, NULL);
	ck_assert_uint_eq(set->count, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct endpoint *endpoint = &set->items[i];

		expect_open(endpoint);
		ck_assert_int_eq(address_family(&endpoint->bound.address),
				 i % 2 ? AF_INET6 : AF_INET);
		ck_assert_uint_eq(
			address_port(&endpoint->bound.address),
			address_port(&set->items[i & ~1u].bound.address));
	}
	ck_assert_uint_ne(address_port(&set->items[0].bound.address),
			  address_port(&set->items[2].bound.address));

	/* And it stays so. */
	next = opened(config, set);
	ck_assert_uint_eq(next->count, 4);
	for (size_t i = 0; i < 4; i++)
		expect_kept(&next->items[i], &set->items[i]);
	listening_set_free(next);
	listening_set_free(set);
	config_unref(config);
}
END_TEST

START_TEST(test_what_both_ask_for_is_kept)
{
	uint16_t port;
	int reserved = reserve_port(&port);
	struct config *first = configured(
		"listen = [ \"127.0.0.1:P\", \"127.0.0.2:P\" ];", port);
	struct config *second = configured(
		"listen = [ \"127.0.0.3:P\", \"127.0.0.2:P\" ];", port);
	struct listening_set *set = opened(first, NULL);
	int before = open_descriptors();
	struct listening_set *same = opened(first, set);

	ck_assert_uint_eq(same->count, 2);
	expect_kept(&same->items[0], &set->items[0]);
	expect_kept(&same->items[1], &set->items[1]);
	ck_assert_int_eq(open_descriptors(), before);
	listening_set_free(same);
	ck_assert_int_eq(open_descriptors(), before);

	struct listening_set *next = opened(second, set);
	ck_assert_uint_eq(next->count, 2);
	expect_new(&next->items[0], set);
	expect_kept(&next->items[1], &set->items[1]);
	ck_assert_int_eq(open_descriptors(), before + WORKERS);
	/* Those of before are untouched, whether they are asked for or not. */
	expect_open(&set->items[0]);
	expect_open(&set->items[1]);

	listening_set_free(next);
	listening_set_free(set);
	config_unref(first);
	config_unref(second);
	close(reserved);
}
END_TEST

START_TEST(test_an_address_can_go_over_to_another_listener)
{
	uint16_t port;
	int reserved = reserve_port(&port);
	struct config *first = configured("listen = \"127.0.0.1:P\";", port);
	struct config *second = configured(
		"listeners = ( { name = \"a\"; listen = \"127.0.0.2:P\"; },\n"
		"{ name = \"b\"; listen = \"127.0.0.1:P\"; } );",
		port);
	struct listening_set *set = opened(first, NULL);
	struct listening_set *next = opened(second, set);

	expect_new(&next->items[0], set);
	expect_kept(&next->items[1], &set->items[0]);
	ck_assert_uint_eq(next->items[1].listener, 1);
	listening_set_free(next);
	listening_set_free(set);
	config_unref(first);
	config_unref(second);
	close(reserved);
}
END_TEST

START_TEST(test_a_free_port_stays_with_its_listener)
{
	struct config *first = accepted(
		"listeners = (\n"
		"{ name = \"a\"; listen = \"127.0.0.1:0\"; },\n"
		"{ name = \"b\"; listen = [ \"127.0.0.1:0\", \"127.0.0.1:0\" ];"
		"} );");
	struct config *second = accepted(
		"listeners = (\n"
		"{ name = \"c\"; listen = \"127.0.0.1:0\"; },\n"
		"{ name = \"b\"; listen = [ \"127.0.0.1:0\", \"127.0.0.1:0\",\n"
		"  \"127.0.0.1:0\" ]; },\n"
		"{ name = \"a\"; listen = \"127.0.0.1:0\"; } );");
	struct listening_set *set = opened(first, NULL);
	struct listening_set *next = opened(second, set);

	ck_assert_uint_eq(next->count, 5);
	expect_new(&next->items[0], set);
	expect_kept(&next->items[1], &set->items[1]);
	expect_kept(&next->items[2], &set->items[2]);
	expect_new(&next->items[3], set);
	expect_kept(&next->items[4], &set->items[0]);
	listening_set_free(next);
	listening_set_free(set);
	config_unref(first);
	config_unref(second);
}
END_TEST

/* A socket of somebody else that is in the way. */
static int
busy_socket(struct address *address)
{
	int fd = other_socket(address, SO_REUSEPORT);

	*address = bound_to(fd);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

START_TEST(test_a_busy_address_leaves_everything_as_it_was)
{
	struct address busy = address_of("127.0.0.1:0");
	int other = busy_socket(&busy);
	unsigned port = address_port(&busy);
	struct config *first = accepted("listen = \"127.0.0.2:0\";");
	struct config *second =
		configured("listen = [ \"127.0.0.2:0\",\n\"127.0.0.3:0\",\n"
			   "\"127.0.0.1:P\",\n\"127.0.0.4:0\" ];",
			   port);
	struct listening_set *set = opened(first, NULL);
	char expected[256];
	int error = 0;

	snprintf(expected, sizeof(expected),
		 "3: listen: cannot listen on tcp:127.0.0.1:%u: "
		 "Address already in use",
		 port);
	ck_assert_str_eq(not_opened(second, set, &error), expected);
	ck_assert_int_eq(error, EADDRINUSE);
	error = 0;
	ck_assert_str_eq(not_opened(second, NULL, &error), expected);
	ck_assert_int_eq(error, EADDRINUSE);
	expect_open(&set->items[0]);

	/* Once it is free it is had. */
	close(other);
	struct listening_set *next = opened(second, set);
	ck_assert_uint_eq(next->count, 4);
	listening_set_free(next);
	listening_set_free(set);
	config_unref(first);
	config_unref(second);
}
END_TEST
FAULT(22, test_a_busy_address_leaves_everything_as_it_was)

START_TEST(test_every_address_that_cannot_be_had_is_told)
{
	struct address busy = address_of("127.0.0.1:0");
	int other = busy_socket(&busy);
	unsigned port = address_port(&busy);
	struct config *config =
		configured("listen = [ \"127.0.0.1:P\",\n\"192.0.2.1:0\" ];\n"
			   "listeners = ( { name = \"a\";\n"
			   "listen = \"127.0.0.2:0\"; } );",
			   port);
	char expected[512];
	int error = 0;

	snprintf(expected, sizeof(expected),
		 "1: listen: cannot listen on tcp:127.0.0.1:%u: "
		 "Address already in use\n"
		 "2: listen: cannot listen on tcp:192.0.2.1:0: "
		 "Cannot assign requested address; an address that comes "
		 "later needs freebind = true",
		 port);
	ck_assert_str_eq(not_opened(config, NULL, &error), expected);
	ck_assert_int_ne(error, 0);
	config_unref(config);
	close(other);
}
END_TEST

/* Where one family is busy the other is not kept either. */
START_TEST(test_a_star_is_had_in_both_families_or_not_at_all)
{
	struct address busy = address_of("[::1]:0");
	struct config *config;
	char expected[256];
	int error = 0;

	if (!has_ipv6())
		skip("there is no IPv6");
	int other = busy_socket(&busy);
	unsigned port = address_port(&busy);
	config = configured("listen = \"*:P\";", port);
	snprintf(expected, sizeof(expected),
		 "1: listen: cannot listen on tcp:*:%u: Address already in use",
		 port);
	ck_assert_str_eq(not_opened(config, NULL, &error), expected);
	ck_assert_int_eq(error, EADDRINUSE);
	config_unref(config);
	close(other);
}
END_TEST

/* Every fourth of the ports that IPv4 has to give is not free in IPv6. */
START_TEST(test_a_star_finds_a_port_that_is_free_in_both_families)
{
	struct config *config = accepted("listen = \"*:0\";");
	struct address busy = address_of("[::]:0");
	int others[2], before;

	if (!has_ipv6() || !enter_small_network())
		skip("needs IPv6 and the right to make a network namespace");
	for (uint16_t i = 0; i < 2; i++) {
		/* One of the even ports and one of the odd ones. */
		address_set_port(&busy, (uint16_t)(40002 + i));
		others[i] = socket(AF_INET6, SOCK_STREAM, 0);
		int on = 1;
		setsockopt(others[i], IPPROTO_IPV6, IPV6_V6ONLY, &on,
			   sizeof(on));
		ck_assert_int_eq(bind(others[i], &busy.sa, busy.length), 0);
		ck_assert_int_eq(listen(others[i], 1), 0);
	}

	before = open_descriptors();
	for (int i = 0; i < 40; i++) {
		struct listening_set *set = opened(config, NULL);

		ck_assert_uint_eq(set->count, 2);
		expect_open(&set->items[0]);
		expect_open(&set->items[1]);
		ck_assert_uint_eq(address_port(&set->items[0].bound.address),
				  address_port(&set->items[1].bound.address));
		ck_assert_int_eq(open_descriptors(), before + 2 * WORKERS);
		listening_set_free(set);
	}
	close(others[0]);
	close(others[1]);
	config_unref(config);
}
END_TEST

static void
expect_change(const char *from, const char *to, size_t kept)
{
	uint16_t port;
	int reserved = reserve_port(&port);
	struct config *first = configured(from, port);
	struct config *second = configured(to, port);
	struct listening_set *set = opened(first, NULL);
	struct listening_set *next = opened(second, set);
	size_t same = 0;

	for (size_t i = 0; i < next->count; i++)
		same += next->items[i].kept;
	ck_assert_uint_eq(same, kept);
	listening_set_free(set);
	for (size_t i = 0; i < next->count; i++)
		if (!next->items[i].kept)
			expect_open(&next->items[i]);
	listening_set_free(next);
	config_unref(first);
	config_unref(second);
	close(reserved);
}

/* The new sockets are there before the old ones go, on the same port. */
START_TEST(test_an_address_can_be_widened_and_narrowed)
{
	static const char *const every = "listen = \"*:P\";";
	static const char *const every_four = "listen = \"0.0.0.0:P\";";
	static const char *const every_six = "listen = \"[::]:P\";";
	static const char *const four = "listen = \"127.0.0.1:P\";";
	static const char *const fours =
		"listen = [ \"127.0.0.2:P\", \"127.0.0.1:P\" ];";
	static const char *const both =
		"listen = [ \"127.0.0.1:P\", \"[::1]:P\" ];";

	expect_change(every_four, four, 0);
	expect_change(four, every_four, 0);
	expect_change(four, fours, 1);
	expect_change(fours, every_four, 0);
	if (!has_ipv6())
		return;
	expect_change(every, four, 0);
	expect_change(every, both, 0);
	expect_change(both, every, 0);
	expect_change(every, every_four, 1);
	expect_change(every, every_six, 1);
	expect_change(every_six, every, 1);
}
END_TEST

/* Being there before with one socket is no leave to join somebody else's. */
START_TEST(test_another_port_of_ours_does_not_open_a_busy_one)
{
	struct address busy = address_of("127.0.0.1:0");
	int other = busy_socket(&busy);
	struct config *first = accepted("listen = \"127.0.0.1:0\";");
	struct config *second =
		configured("listen = \"127.0.0.1:P\";", address_port(&busy));
	struct listening_set *set = opened(first, NULL);
	int error = 0;

	not_opened(second, set, &error);
	ck_assert_int_eq(error, EADDRINUSE);
	listening_set_free(set);
	config_unref(first);
	config_unref(second);
	close(other);
}
END_TEST

START_TEST(test_want_of_descriptors_is_told)
{
	struct config *config =
		accepted("listen = [ \"127.0.0.1:0\", \"127.0.0.2:0\" ];");
	struct error_list errors;
	struct rlimit before, few;
	int descriptors = open_descriptors(), error = 0;
	int next = dup(STDIN_FILENO);

	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)next;
	error_list_init(&errors, "conf");
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	struct listening_set *set = listening_set_open(
		config, NULL, NULL, WORKERS, &errors, &error);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);

	ck_assert_ptr_null(set);
	ck_assert_int_eq(error, EMFILE);
	ck_assert_str_eq(snapshot_errors(&errors),
			 "1: listen: cannot listen on tcp:127.0.0.1:0: "
			 "Too many open files\n"
			 "1: listen: cannot listen on tcp:127.0.0.2:0: "
			 "Too many open files");
	ck_assert_int_eq(open_descriptors(), descriptors);
	error_list_free(&errors);
	config_unref(config);
}
END_TEST

static void
on_done(void *owner)
{
	*(bool *)owner = true;
}

static int
connects(const struct endpoint *endpoint)
{
	const struct address *bound = &endpoint->bound.address;
	int fd = socket(address_family(bound), SOCK_STREAM, 0);
	int error = connect(fd, &bound->sa, bound->length) < 0 ? errno : 0;

	close(fd);
	return error;
}

/* All members of it, or some of the connections would get in. */
static void
expect_hidden(const struct endpoint *endpoint)
{
	for (int i = 0; i < 5 * WORKERS; i++)
		ck_assert_int_eq(connects(endpoint), ECONNREFUSED);
}

START_TEST(test_what_is_not_kept_is_closed_gracefully)
{
	struct event_base *base = event_base_new();
	bool done = false;
	struct graceful_close *graceful_close =
		graceful_close_new(base, on_done, &done);
	struct config *first =
		accepted("listen = [ \"127.0.0.1:0\", \"127.0.0.2:0\" ];");
	struct config *second = accepted("listen = \"127.0.0.2:0\";");
	struct listening_set *set = opened(first, NULL);
	struct listening_set *next = opened(second, set);

	expect_kept(&next->items[0], &set->items[1]);
	listening_set_close_dropped(set, next, graceful_close);
	expect_hidden(&set->items[0]);
	ck_assert_int_eq(connects(&set->items[1]), 0);
	graceful_close_wait(graceful_close);
	ck_assert(!done);
	event_base_dispatch(base);
	ck_assert(done);

	/* By the set that has kept it as well. */
	listening_set_close_dropped(next, NULL, graceful_close);
	expect_hidden(&next->items[0]);
	graceful_close_free(graceful_close);
	event_base_free(base);
	listening_set_free(next);
	listening_set_free(set);
	config_unref(first);
	config_unref(second);
}
END_TEST

SUITE(test_what_is_not_kept_is_closed_gracefully,
      test_every_worker_has_a_socket_of_every_address,
      test_what_a_worker_took_is_not_closed,
      test_a_set_is_printed_as_the_log_has_it,
      test_a_star_is_one_port_in_both_families, test_what_both_ask_for_is_kept,
      test_an_address_can_go_over_to_another_listener,
      test_a_free_port_stays_with_its_listener,
      test_a_busy_address_leaves_everything_as_it_was,
      test_every_address_that_cannot_be_had_is_told,
      test_a_star_is_had_in_both_families_or_not_at_all,
      test_a_star_finds_a_port_that_is_free_in_both_families,
      test_an_address_can_be_widened_and_narrowed,
      test_another_port_of_ours_does_not_open_a_busy_one,
      test_want_of_descriptors_is_told)
