#include "listen/graceful_close.h"

#include "support/client.h"
#include "support/loop.h"

struct fixture {
	struct event_base *base;
	struct graceful_close *graceful_close;
	struct sockaddr_in at;
	struct address bound;
	int fd;
	unsigned done;
};

static void
on_done(void *owner)
{
	struct fixture *fixture = owner;

	fixture->done++;
}

static bool
is_done(void *argument)
{
	return ((struct fixture *)argument)->done > 0;
}

static void
begin(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->base = event_base_new();
	fixture->graceful_close =
		graceful_close_new(fixture->base, on_done, fixture);
	ck_assert_ptr_nonnull(fixture->graceful_close);
	fixture->fd = loopback_listener(&fixture->at);
	fixture->bound = address_from_sockaddr((struct sockaddr *)&fixture->at,
					       sizeof(fixture->at));
}

static void
end(struct fixture *fixture)
{
	graceful_close_free(fixture->graceful_close);
	event_base_free(fixture->base);
	close(fixture->fd);
}

/* libevent has no memory for a timer. */
static void *
fail_realloc(void *memory, size_t size)
{
	(void)memory;
	(void)size;
	return NULL;
}

static int
hold(const struct fixture *fixture)
{
	return client_hold(&fixture->bound.sa, fixture->bound.length);
}

static void
begin_close(struct fixture *fixture)
{
	graceful_close_add(fixture->graceful_close, &fixture->fd, 1,
			   &fixture->bound);
	graceful_close_wait(fixture->graceful_close);
}

START_TEST(test_nothing_takes_no_time)
{
	struct fixture fixture;

	begin(&fixture);
	graceful_close_wait(fixture.graceful_close);
	ck_assert_uint_eq(fixture.done, 1);
	end(&fixture);
}
END_TEST

START_TEST(test_it_waits_for_a_handshake)
{
	struct fixture fixture;
	int client;

	begin(&fixture);
	client = hold(&fixture);
	begin_close(&fixture);
	client_release(client);
	loop_until(fixture.base, is_done, &fixture);
	/* It is there to be accepted at once. */
	int accepted = accept(fixture.fd, NULL, NULL);
	ck_assert_int_ge(accepted, 0);
	ck_assert_int_eq(client_await(client), 0);
	close(accepted);
	close(client);

	/* And then there is nothing to wait for any more. */
	graceful_close_wait(fixture.graceful_close);
	ck_assert_uint_eq(fixture.done, 2);
	end(&fixture);
}
END_TEST

START_TEST(test_it_does_not_wait_for_ever)
{
	struct fixture fixture;
	int client;

	begin(&fixture);
	client = hold(&fixture);
	begin_close(&fixture);
	loop_until(fixture.base, is_done, &fixture);
	ck_assert_int_eq(accept(fixture.fd, NULL, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(client);
	end(&fixture);
}
END_TEST

/* Asked twice, it is done once, with all. */
START_TEST(test_it_can_begin_anew)
{
	struct fixture fixture;
	struct sockaddr_in at;
	int other = loopback_listener(&at);
	struct address bound =
		address_from_sockaddr((struct sockaddr *)&at, sizeof(at));
	int client;

	begin(&fixture);
	client = client_hold(&bound.sa, bound.length);
	begin_close(&fixture);
	graceful_close_add(fixture.graceful_close, &other, 1, &bound);
	begin_close(&fixture);
	client_release(client);
	loop_until(fixture.base, is_done, &fixture);
	int accepted = accept(other, NULL, NULL);
	ck_assert_int_ge(accepted, 0);
	event_base_loop(fixture.base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(fixture.done, 1);
	close(accepted);
	close(client);
	close(other);
	end(&fixture);
}
END_TEST

START_TEST(test_cancelled_it_is_never_done)
{
	struct fixture fixture;

	begin(&fixture);
	begin_close(&fixture);
	graceful_close_cancel(fixture.graceful_close);
	/* The loop ends where nothing is waited for. */
	ck_assert_int_eq(event_base_dispatch(fixture.base), 1);
	ck_assert_uint_eq(fixture.done, 0);
	end(&fixture);
}
END_TEST

START_TEST(test_none_is_fine_to_free)
{
	graceful_close_free(NULL);
}
END_TEST

START_TEST(test_one_that_cannot_wait_is_over)
{
	struct fixture fixture;

	event_set_mem_functions(malloc, fail_realloc, free);
	begin(&fixture);
	begin_close(&fixture);
	ck_assert_uint_eq(fixture.done, 1);
	end(&fixture);
}
END_TEST

SUITE(test_one_that_cannot_wait_is_over, test_nothing_takes_no_time,
      test_it_waits_for_a_handshake, test_it_does_not_wait_for_ever,
      test_it_can_begin_anew, test_cancelled_it_is_never_done,
      test_none_is_fine_to_free)
