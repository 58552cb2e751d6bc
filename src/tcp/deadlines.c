#include "tcp/deadlines.h"

/* Checks of the peer during `unread`. */
#define LOOKS 4

int64_t
deadlines_ms(double seconds)
{
	int64_t ms = (int64_t)(seconds * 1000);

	return seconds > 0 && ms == 0 ? 1 : ms;
}

bool
deadlines_is_owed(const struct deadlines *deadlines)
{
	return deadlines->runs_out != 0;
}

void
deadlines_owe(struct deadlines *deadlines,
	      const struct deadlines_limits *limits, int64_t now, uint64_t sent,
	      uint64_t owed)
{
	if (limits->unread == 0)
		return;
	deadlines->runs_out = now + limits->unread;
	deadlines->looked = now;
	deadlines->taken = sent - owed;
	deadlines->owed = owed;
}

void
deadlines_excuse(struct deadlines *deadlines, int64_t late)
{
	if (deadlines_is_owed(deadlines))
		deadlines->runs_out += late;
}

/* The new `runs_out` after the peer has taken `gained` bytes. */
static int64_t
refilled(const struct deadlines *deadlines,
	 const struct deadlines_limits *limits, int64_t now, uint64_t gained)
{
	int64_t full = now + limits->unread;
	int64_t bought;

	if (limits->rate == 0 || gained >= deadlines->owed)
		return full;
	bought = deadlines->runs_out + (int64_t)(gained * 1000 / limits->rate);
	return bought < full ? bought : full;
}

void
deadlines_look(struct deadlines *deadlines,
	       const struct deadlines_limits *limits, int64_t now,
	       uint64_t sent, uint64_t owed)
{
	/* Can be negative: SIOCOUTQ of a unix socket counts overhead, too. */
	int64_t gained = (int64_t)(sent - owed - deadlines->taken);

	if (gained > 0) {
		deadlines->active = now;
		deadlines->runs_out =
			refilled(deadlines, limits, now, (uint64_t)gained);
	}
	if (owed == 0)
		deadlines->runs_out = 0;
	deadlines->looked = now;
	deadlines->taken = sent - owed;
	deadlines->owed = owed;
}

/* Replaces what is next if `due` is earlier. */
static void
consider(enum deadlines_due *next, int64_t *at, enum deadlines_due due,
	 int64_t time)
{
	if (*next != DEADLINES_NOTHING && *at <= time)
		return;
	*next = due;
	*at = time;
}

enum deadlines_due
deadlines_next(const struct deadlines *deadlines,
	       const struct deadlines_limits *limits, int64_t *at)
{
	enum deadlines_due next = DEADLINES_NOTHING;

	/* If two are due at the same time, the first one is returned. */
	if (deadlines_is_owed(deadlines)) {
		consider(&next, at, DEADLINES_UNREAD, deadlines->runs_out);
		consider(&next, at, DEADLINES_LOOKS,
			 deadlines->looked + 1 + limits->unread / LOOKS);
	}
	if (limits->idle > 0)
		consider(&next, at, DEADLINES_IDLE,
			 deadlines->active + limits->idle);
	if (limits->may_absorb)
		consider(&next, at, DEADLINES_ABSORBS,
			 deadlines->active + DEADLINES_ABSORB);
	return next;
}
