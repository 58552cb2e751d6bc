#include "turns.h"

#include "loop.h"

struct player {
	struct turn turn; /* first: the callback gets no other */
	struct turns *turns;
	unsigned called;
	unsigned place; /* the last call's, among all calls of the test */
	unsigned again; /* so many times more, */
	bool (*how)(struct turns *turns, struct turn *turn);
	struct player *cancels;
	int64_t finished;
};

static unsigned calls;

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
on_called(struct turn *turn)
{
	struct player *player = (struct player *)turn;

	ck_assert_ptr_null(turn->queue);
	player->called++;
	player->place = ++calls;
	if (player->cancels)
		turns_cancel(&player->cancels->turn);
	player->finished = now_us();
	if (player->again > 0) {
		player->again--;
		ck_assert(player->how(player->turns, turn));
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

	return player->called > 0 && player->again == 0;
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
		players[i] = (struct player){ .turns = turns,
					      .again = TURNS - 1,
					      .how = turns_wait };
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

START_TEST(who_rests_is_called_later)
{
	enum { RESTS = 200 };
	struct event_base *base = event_base_new();
	struct turns *turns = turns_new(base, on_called);
	struct player player = { .turns = turns,
				 .again = RESTS - 1,
				 .how = turns_rest };
	int64_t begun = now_us();

	ck_assert(turns_rest(turns, &player.turn));
	loop_until(base, has_finished, &player);
	ck_assert_uint_eq(player.called, RESTS);
	ck_assert_int_ge(player.finished - begun, RESTS * TURNS_REST_US);
	turns_free(turns);
	event_base_free(base);
}
END_TEST

/* They share the alarm, and none is forgotten. */
START_TEST(many_rest_at_a_time)
{
	enum { PLAYERS = 5 };
	struct event_base *base = event_base_new();
	struct turns *turns = turns_new(base, on_called);
	struct player players[PLAYERS] = { 0 };

	for (int i = 0; i < PLAYERS; i++) {
		players[i] = (struct player){ .turns = turns,
					      .again = 9,
					      .how = turns_rest };
		ck_assert(turns_rest(turns, &players[i].turn));
	}
	for (int i = 0; i < PLAYERS; i++) {
		loop_until(base, has_finished, &players[i]);
		ck_assert_uint_eq(players[i].called, 10);
	}
	turns_free(turns);
	event_base_free(base);
}
END_TEST

START_TEST(nobody_rests_while_others_wait)
{
	struct event_base *base = event_base_new();
	struct turns *turns = turns_new(base, on_called);
	struct player players[2] = { 0 };

	ck_assert(turns_wait(turns, &players[0].turn));
	ck_assert(turns_rest(turns, &players[1].turn));
	ck_assert_ptr_eq(players[1].turn.queue, players[0].turn.queue);
	loop_until(base, was_called, &players[1]);
	ck_assert_uint_eq(players[1].place, players[0].place + 1);
	turns_free(turns);
	event_base_free(base);
}
END_TEST

START_TEST(who_cancels_is_not_called)
{
	struct event_base *base = event_base_new();
	struct turns *turns = turns_new(base, on_called);
	struct player waiting = { 0 };
	struct player resting = { 0 };
	struct player last = { .turns = turns, .again = 3, .how = turns_rest };

	turns_cancel(&waiting.turn);
	ck_assert(turns_rest(turns, &resting.turn));
	ck_assert(turns_wait(turns, &waiting.turn));
	turns_cancel(&waiting.turn);
	turns_cancel(&resting.turn);
	ck_assert(turns_rest(turns, &last.turn));
	loop_until(base, has_finished, &last);
	ck_assert_uint_eq(waiting.called + resting.called, 0);
	turns_free(turns);
	event_base_free(base);
}
END_TEST

/* All three wake up at once: the first to be called takes the second out. */
START_TEST(one_may_cancel_another)
{
	struct event_base *base = event_base_new();
	struct turns *turns = turns_new(base, on_called);
	struct player other = { 0 };
	struct player one = { .cancels = &other };
	struct player last = { 0 };

	ck_assert(turns_rest(turns, &one.turn));
	ck_assert(turns_rest(turns, &other.turn));
	ck_assert(turns_rest(turns, &last.turn));
	loop_until(base, was_called, &last);
	ck_assert_uint_eq(one.called, 1);
	ck_assert_uint_eq(other.called, 0);
	turns_free(turns);
	event_base_free(base);
}
END_TEST

SUITE(they_are_called_in_order, others_are_served_in_between,
      who_rests_is_called_later, many_rest_at_a_time,
      nobody_rests_while_others_wait, who_cancels_is_not_called,
      one_may_cancel_another)
