#include "patience.h"

/* So many looks at the peer while its patience lasts. */
#define LOOKS 4

int64_t
patience_ms(double seconds)
{
	int64_t ms = (int64_t)(seconds * 1000);

	return seconds > 0 && ms == 0 ? 1 : ms;
}

bool
patience_is_owed(const struct patience *patience)
{
	return patience->runs_out != 0;
}

void
patience_owe(struct patience *patience, const struct patience_limits *limits,
	     int64_t now, uint64_t sent, uint64_t owed)
{
	if (limits->unread == 0)
		return;
	patience->runs_out = now + limits->unread;
	patience->looked = now;
	patience->taken = sent - owed;
	patience->owed = owed;
}

void
patience_excuse(struct patience *patience, int64_t late)
{
	if (patience_is_owed(patience))
		patience->runs_out += late;
}

/* When it runs out now that the peer has taken so many bytes. */
static int64_t
refilled(const struct patience *patience, const struct patience_limits *limits,
	 int64_t now, uint64_t gained)
{
	int64_t full = now + limits->unread;
	int64_t bought;

	if (limits->rate == 0 || gained >= patience->owed)
		return full;
	bought = patience->runs_out + (int64_t)(gained * 1000 / limits->rate);
	return bought < full ? bought : full;
}

void
patience_look(struct patience *patience, const struct patience_limits *limits,
	      int64_t now, uint64_t sent, uint64_t owed)
{
	/* A unix socket tells of more than bytes: it may be negative. */
	int64_t gained = (int64_t)(sent - owed - patience->taken);

	if (gained > 0) {
		patience->active = now;
		patience->runs_out =
			refilled(patience, limits, now, (uint64_t)gained);
	}
	if (owed == 0)
		patience->runs_out = 0;
	patience->looked = now;
	patience->taken = sent - owed;
	patience->owed = owed;
}

/* What is due earlier takes the place of what was next so far. */
static void
consider(enum patience_due *next, int64_t *at, enum patience_due due,
	 int64_t time)
{
	if (*next != PATIENCE_NOTHING && *at <= time)
		return;
	*next = due;
	*at = time;
}

enum patience_due
patience_next(const struct patience *patience,
	      const struct patience_limits *limits, int64_t *at)
{
	enum patience_due next = PATIENCE_NOTHING;

	/* Of two that are due at one time the first is told. */
	if (patience_is_owed(patience)) {
		consider(&next, at, PATIENCE_UNREAD, patience->runs_out);
		consider(&next, at, PATIENCE_LOOKS,
			 patience->looked + 1 + limits->unread / LOOKS);
	}
	if (limits->idle > 0)
		consider(&next, at, PATIENCE_IDLE,
			 patience->active + limits->idle);
	if (limits->may_absorb)
		consider(&next, at, PATIENCE_ABSORBS,
			 patience->active + PATIENCE_ABSORB);
	return next;
}
