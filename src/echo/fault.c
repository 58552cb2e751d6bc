#include "echo/fault.h"

#include <assert.h>
#include <stdio.h>

/*
 * What a rate has earned goes in pieces: not so small that each is a few bytes,
 * nor so large that it is a burst, as it would be after the loop has been late
 * or the peer has not read.
 */
#define PIECES_A_SECOND 50
#define BURSTS_A_SECOND 10

bool
fault_is_set(const struct fault_params *params)
{
	return params->every > 0 &&
	       (params->delay > 0 || params->rate > 0 ||
		params->corrupt_every > 0 || params->end != FAULT_none);
}

bool
fault_hits(const struct fault_params *params, uint64_t number)
{
	return fault_is_set(params) && number % params->every == 0;
}

/* What has no meaning where not a byte is sent, or NULL. */
static const char *
of_bytes(const struct fault_params *params)
{
	if (params->delay > 0)
		return "delay";
	if (params->rate > 0)
		return "rate";
	return params->corrupt_every > 0 ? "corrupt_every" : NULL;
}

const char *
fault_check(const struct fault_params *params, const char **setting)
{
	/* How a listener does without what it would inherit. */
	if (params->every == 0)
		return NULL;
	if (params->every > 1 && !fault_is_set(params)) {
		*setting = "every";
		return "there is no fault for them to have";
	}
	if (params->after > 0 && params->end == FAULT_none) {
		*setting = "after";
		return "nothing happens then: end is \"none\"";
	}
	if (params->after == 0 && params->end != FAULT_none &&
	    (*setting = of_bytes(params)))
		return "not a byte is sent: end is set, and after is 0";
	return NULL;
}

static const char *
end_name(enum fault_end end)
{
#define FAULT_NAME(name) [FAULT_##name] = #name,
	static const char *const names[] = { FAULT_ENDS(FAULT_NAME) };
#undef FAULT_NAME

	return names[end];
}

const char *
fault_format(const struct fault_params *params, char text[FAULT_TEXT_SIZE])
{
	size_t at = (size_t)snprintf(text, FAULT_TEXT_SIZE, "every=%u",
				     params->every);

	if (params->delay > 0)
		at += (size_t)snprintf(text + at, FAULT_TEXT_SIZE - at,
				       " delay=%.15g", params->delay);
	if (params->rate > 0)
		at += (size_t)snprintf(text + at, FAULT_TEXT_SIZE - at,
				       " rate=%u", params->rate);
	if (params->corrupt_every > 0)
		at += (size_t)snprintf(text + at, FAULT_TEXT_SIZE - at,
				       " corrupt_every=%u",
				       params->corrupt_every);
	if (params->end != FAULT_none)
		snprintf(text + at, FAULT_TEXT_SIZE - at, " end=%s after=%u",
			 end_name(params->end), params->after);
	return text;
}

static int64_t
round_up(int64_t value, int64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* Never less than what was asked for. */
static int64_t
ms_of(double seconds)
{
	int64_t ms = (int64_t)(seconds * 1000);

	return (double)ms < seconds * 1000 ? ms + 1 : ms;
}

void
fault_init(struct fault *fault, const struct fault_params *params)
{
	*fault = (struct fault){
		.params = params,
		.delay = ms_of(params->delay),
	};
	/* One mark for the slot that has begun, one for that in which it ends. */
	fault->slot =
		round_up(fault->delay, FAULT_MARKS - 2) / (FAULT_MARKS - 2);
	if (fault->slot == 0)
		fault->slot = 1;
}

/* What goes from now on is paced from then on. */
static void
pace(struct fault *fault, int64_t since)
{
	fault->paced = since;
	fault->paced_from = fault->gone;
}

/* What goes on has been paced all along. */
static void
ripen(struct fault *fault, int64_t now)
{
	while (fault->marks > 0 && fault->mark[fault->first].due <= now) {
		const struct fault_mark *mark = &fault->mark[fault->first];

		if (fault->ripe == fault->gone && mark->due > fault->paced)
			pace(fault, mark->due);
		fault->ripe = mark->bytes;
		fault->first = (fault->first + 1) % FAULT_MARKS;
		fault->marks--;
	}
}

/* The mark of bytes that are due at this time, which is not before the last. */
static struct fault_mark *
mark_at(struct fault *fault, int64_t due)
{
	unsigned next = (fault->first + fault->marks) % FAULT_MARKS;
	unsigned last = (next + FAULT_MARKS - 1) % FAULT_MARKS;

	if (fault->marks > 0 && fault->mark[last].due == due)
		return &fault->mark[last];
	assert(fault->marks < FAULT_MARKS);
	fault->marks++;
	return &fault->mark[next];
}

void
fault_come(struct fault *fault, int64_t now, int64_t since, uint64_t bytes)
{
	int64_t due = round_up(since, fault->slot) + fault->delay;

	if (bytes == 0)
		return;
	ripen(fault, now);
	fault->come += bytes;
	*mark_at(fault, due) = (struct fault_mark){ due, fault->come };
}

/* What the end leaves of so many bytes. */
static uint64_t
before_end(const struct fault *fault, uint64_t bytes)
{
	uint64_t left = fault->params->after - fault->gone;

	return fault->params->end != FAULT_none && left < bytes ? left : bytes;
}

/* What the rate allows to go. */
static uint64_t
earned(const struct fault *fault, int64_t now)
{
	uint64_t all =
		(uint64_t)(now - fault->paced) * fault->params->rate / 1000;

	return all - (fault->gone - fault->paced_from);
}

static uint64_t
burst(const struct fault *fault)
{
	return fault->params->rate / BURSTS_A_SECOND + 1;
}

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
fault_allowed(struct fault *fault, int64_t now)
{
	uint64_t bytes;

	ripen(fault, now);
	bytes = before_end(fault, fault->ripe - fault->gone);
	if (bytes > 0 && fault->params->rate > 0)
		bytes = less(bytes, less(earned(fault, now), burst(fault)));
	return bytes;
}

void
fault_corrupt(const struct fault *fault, uint64_t from, char *bytes,
	      size_t length)
{
	unsigned every = fault->params->corrupt_every;

	if (every == 0)
		return;
	for (uint64_t at = every - 1 - (fault->gone + from) % every;
	     at < length; at += every)
		bytes[at] ^= 1;
}

void
fault_go(struct fault *fault, int64_t now, uint64_t bytes)
{
	bool late = fault->params->rate > 0 && fault->ripe > fault->gone &&
		    earned(fault, now) > burst(fault);

	fault->gone += bytes;
	/* Time that has not been used by then is lost. */
	if (late || fault->gone == fault->ripe)
		pace(fault, now);
}

bool
fault_next(const struct fault *fault, int64_t *at)
{
	uint64_t rate = fault->params->rate;
	uint64_t piece = before_end(fault, fault->ripe - fault->gone);
	uint64_t paid;

	if (before_end(fault, fault->come - fault->gone) == 0)
		return false;
	if (fault->ripe == fault->gone) {
		*at = fault->mark[fault->first].due;
		return true;
	}
	*at = fault->paced;
	if (rate == 0)
		return true;
	if (piece > rate / PIECES_A_SECOND + 1)
		piece = rate / PIECES_A_SECOND + 1;
	paid = fault->gone - fault->paced_from + piece;
	*at += (int64_t)((paid * 1000 + rate - 1) / rate);
	return true;
}

bool
fault_is_over(const struct fault *fault)
{
	return fault->params->end != FAULT_none &&
	       fault->gone == fault->params->after;
}
