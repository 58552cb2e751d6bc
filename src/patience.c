#include "patience.h"

int64_t
patience_ms(double seconds)
{
	int64_t ms = (int64_t)(seconds * 1000);

	return seconds > 0 && ms == 0 ? 1 : ms;
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
	if (limits->unread > 0)
		consider(&next, at, PATIENCE_UNREAD,
			 patience->written + limits->unread);
	if (limits->idle > 0)
		consider(&next, at, PATIENCE_IDLE,
			 patience->active + limits->idle);
	if (limits->may_absorb)
		consider(&next, at, PATIENCE_ABSORBS,
			 patience->written + PATIENCE_ABSORB);
	return next;
}
