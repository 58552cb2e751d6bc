#include "tcp/bulk_queue.h"

#include "support/loop.h"

struct player {
	struct bulk_queue_entry entry; /* first: the callback gets no other */
	struct bulk_queue *bulk_queue;
	unsigned called;
	unsigned place; /* the last call's, among all calls of the test */
	unsigned again; /* how many times more, */
	struct player *cancels;
};

static unsigned calls;

static void
on_called(struct bulk_queue_entry *entry)
{
	struct player *player = (struct player *)entry;

	ck_assert(!bulk_queue_is_waiting(entry));
	player->called++;
	player->place = ++calls;
	if (player->cancels)
		bulk_queue_cancel(player->bulk_queue, &player->cancels->entry);
	if (player->again > 0) {
		player->again--;
		ck_assert(bulk_queue_wait(player->bulk_queue, entry));
	}
}

static bool
was_called(void *argument)
{
	return ((struct player *)argument)->called > 0;
}

static bool
has_finished(void *argument)
{
	struct player *player = argument;

	return player->called > 0 && !bulk_queue_is_waiting(&player->entry);
}

START_TEST(test_they_are_called_in_order)
{
	struct event_base *base = event_base_new();
	struct bulk_queue *bulk_queue = bulk_queue_new(base, on_called);
	struct player players[3] = { 0 };

	for (int i = 0; i < 3; i++)
		ck_assert(bulk_queue_wait(bulk_queue, &players[i].entry));
	loop_until(base, was_called, &players[2]);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(players[i].place, i + 1);
	bulk_queue_free(bulk_queue);
	event_base_free(base);
}
END_TEST

/* The calls that had been made whenever somebody else was served. */
struct other {
	unsigned served;
	unsigned seen;
};

static void
on_other(evutil_socket_t fd, short what, void *argument)
{
	struct other *other = argument;

	(void)fd;
	(void)what;
	other->served++;
	ck_assert_uint_le(calls - other->seen, 1);
	other->seen = calls;
}

/* However many wait, there is one turn between two looks at the sockets. */
START_TEST(test_others_are_served_in_between)
{
	enum { PLAYERS = 4, TURNS = 20 };
	struct event_base *base = event_base_new();
	struct bulk_queue *bulk_queue = bulk_queue_new(base, on_called);
	struct player players[PLAYERS] = { 0 };
	struct other other = { 0 };
	struct event *always;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	always =
		event_new(base, fds[0], EV_READ | EV_PERSIST, on_other, &other);
	event_add(always, NULL);
	for (int i = 0; i < PLAYERS; i++) {
		players[i] = (struct player){ .bulk_queue = bulk_queue,
					      .again = TURNS - 1 };
		ck_assert(bulk_queue_wait(bulk_queue, &players[i].entry));
	}
	loop_until(base, has_finished, &players[PLAYERS - 1]);
	for (int i = 0; i < PLAYERS; i++)
		ck_assert_uint_eq(players[i].called, TURNS);
	ck_assert_uint_ge(other.served, PLAYERS * TURNS - 1);
	event_free(always);
	close(fds[0]);
	close(fds[1]);
	bulk_queue_free(bulk_queue);
	event_base_free(base);
}
END_TEST
FAULT(49, test_others_are_served_in_between)

START_TEST(test_a_cancelled_entry_is_not_called)
{
	struct event_base *base = event_base_new();
	struct bulk_queue *bulk_queue = bulk_queue_new(base, on_called);
	struct player one = { 0 };
	struct player other = { 0 };
	struct player last = { .bulk_queue = bulk_queue, .again = 3 };

	bulk_queue_cancel(bulk_queue, &one.entry);
	ck_assert(bulk_queue_wait(bulk_queue, &one.entry));
	ck_assert(bulk_queue_wait(bulk_queue, &other.entry));
	bulk_queue_cancel(bulk_queue, &one.entry);
	bulk_queue_cancel(bulk_queue, &other.entry);
	ck_assert(bulk_queue_wait(bulk_queue, &last.entry));
	loop_until(base, has_finished, &last);
	ck_assert_uint_eq(one.called + other.called, 0);
	bulk_queue_free(bulk_queue);
	event_base_free(base);
}
END_TEST

/* The first to be called takes the second out. */
START_TEST(test_one_may_cancel_another)
{
	struct event_base *base = event_base_new();
	struct bulk_queue *bulk_queue = bulk_queue_new(base, on_called);
	struct player other = { 0 };
	struct player one = { .bulk_queue = bulk_queue, .cancels = &other };
	struct player last = { 0 };

	ck_assert(bulk_queue_wait(bulk_queue, &one.entry));
	ck_assert(bulk_queue_wait(bulk_queue, &other.entry));
	ck_assert(bulk_queue_wait(bulk_queue, &last.entry));
	loop_until(base, was_called, &last);
	ck_assert_uint_eq(one.called, 1);
	ck_assert_uint_eq(other.called, 0);
	bulk_queue_free(bulk_queue);
	event_base_free(base);
}
END_TEST

SUITE(test_they_are_called_in_order, test_others_are_served_in_between,
      test_a_cancelled_entry_is_not_called, test_one_may_cancel_another)
