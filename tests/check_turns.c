#include "turns.h"

#include "loop.h"

struct player {
	struct turn turn; /* first: the callback gets no other */
	struct turns *turns;
	unsigned called;
	unsigned place; /* the last call's, among all calls of the test */
	unsigned again; /* so many times more, */
	struct player *cancels;
};

static unsigned calls;

static void
on_called(struct turn *turn)
{
	struct player *player = (struct player *)turn;

	ck_assert_ptr_null(turn->queue);
	player->called++;
	player->place = ++calls;
	if (player->cancels)
		turns_cancel(&player->cancels->turn);
	if (player->again > 0) {
		player->again--;
		ck_assert(turns_wait(player->turns, turn));
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

	return player->called > 0 && !player->turn.queue;
}

START_TEST(they_are_called_in_order)
{
	struct event_base *base = event_base_new();
	struct turns *turns = turns_new(base, on_called);
	struct player players[3] = { 0 };

	for (int i = 0; i < 3; i++)
		ck_assert(turns_wait(turns, &players[i].turn));
	loop_until(base, was_called, &players[2]);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(players[i].place, i + 1);
	turns_free(turns);
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
START_TEST(others_are_served_in_between)
{
	enum { PLAYERS = 4, TURNS = 20 };
	struct event_base *base = event_base_new();
	struct turns *turns = turns_new(base, on_called);
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
		players[i] =
			(struct player){ .turns = turns, .again = TURNS - 1 };
		ck_assert(turns_wait(turns, &players[i].turn));
	}
	loop_until(base, has_finished, &players[PLAYERS - 1]);
	for (int i = 0; i < PLAYERS; i++)
		ck_assert_uint_eq(players[i].called, TURNS);
	ck_assert_uint_ge(other.served, PLAYERS * TURNS - 1);
	event_free(always);
	close(fds[0]);
	close(fds[1]);
	turns_free(turns);
	event_base_free(base);
}
END_TEST
FAULT(49, others_are_served_in_between)

START_TEST(who_cancels_is_not_called)
{
	struct event_base *base = event_base_new();
	struct turns *turns = turns_new(base, on_called);
	struct player one = { 0 };
	struct player other = { 0 };
	struct player last = { .turns = turns, .again = 3 };

	turns_cancel(&one.turn);
	ck_assert(turns_wait(turns, &one.turn));
	ck_assert(turns_wait(turns, &other.turn));
	turns_cancel(&one.turn);
	turns_cancel(&other.turn);
	ck_assert(turns_wait(turns, &last.turn));
	loop_until(base, has_finished, &last);
	ck_assert_uint_eq(one.called + other.called, 0);
	turns_free(turns);
	event_base_free(base);
}
END_TEST

/* The first to be called takes the second out. */
START_TEST(one_may_cancel_another)
{
	struct event_base *base = event_base_new();
	struct turns *turns = turns_new(base, on_called);
	struct player other = { 0 };
	struct player one = { .cancels = &other };
	struct player last = { 0 };

	ck_assert(turns_wait(turns, &one.turn));
	ck_assert(turns_wait(turns, &other.turn));
	ck_assert(turns_wait(turns, &last.turn));
	loop_until(base, was_called, &last);
	ck_assert_uint_eq(one.called, 1);
	ck_assert_uint_eq(other.called, 0);
	turns_free(turns);
	event_base_free(base);
}
END_TEST

SUITE(they_are_called_in_order, others_are_served_in_between,
      who_cancels_is_not_called, one_may_cancel_another)
