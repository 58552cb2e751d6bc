#include "echo/fault.h"

#include <assert.h>
#include <stdio.h>

/*
 * The bytes that a rate allows are sent in pieces that are worth a write.  If
 * the loop was late, or the peer did not read, a larger piece would be a burst.
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

/* The setting that makes no sense if no byte is sent, or NULL. */
static const char *
byte_setting(const struct fault_params *params)
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
	/* This switches off a fault that the listener would inherit. */
	if (params->every == 0)
		return NULL;
	if (params->every > 1 && !fault_is_set(params)) {
		*setting = "every";
		return "no fault is set";
	}
	if (params->after > 0 && params->end == FAULT_none) {
		*setting = "after";
		return "no effect: end is \"none\"";
	}
	if (params->after == 0 && params->end != FAULT_none &&
	    (*setting = byte_setting(params)))
		return "no effect: end is set and after is 0";
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

/* Rounded up. */
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
	/* The slot at either end of the delay can be a partial one. */
	fault->slot =
		round_up(fault->delay, FAULT_MARKS - 2) / (FAULT_MARKS - 2);
	if (fault->slot == 0)
		fault->slot = 1;
}

/* The rate of the bytes sent from now on counts from `since`. */
static void
pace(struct fault *fault, int64_t since)
{
	fault->paced_since = since;
	fault->paced_from = fault->sent;
}

/* Removes the marks that are due.  Unless bytes were waiting, pacing begins. */
static void
end_delays(struct fault *fault, int64_t now)
{
	while (fault->marks > 0 && fault->mark[fault->first].due <= now) {
		const struct fault_mark *mark = &fault->mark[fault->first];

		if (fault->delayed == fault->sent &&
		    mark->due > fault->paced_since)
			pace(fault, mark->due);
		fault->delayed = mark->bytes;
		fault->first = (fault->first + 1) % FAULT_MARKS;
		fault->marks--;
	}
}

/* The mark for `due`, which is not before that of the last mark. */
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
	end_delays(fault, now);
	fault->queued += bytes;
	*mark_at(fault, due) = (struct fault_mark){ due, fault->queued };
}

/* How many of the next `bytes` are before the end. */
static uint64_t
before_end(const struct fault *fault, uint64_t bytes)
{
	uint64_t left = fault->params->after - fault->sent;

	return fault->params->end != FAULT_none && left < bytes ? left : bytes;
}

/* How many bytes the rate allows. */
static uint64_t
earned(const struct fault *fault, int64_t now)
{
	uint64_t all = (uint64_t)(now - fault->paced_since) *
		       fault->params->rate / 1000;
	uint64_t used = fault->sent - fault->paced_from;

	assert(used <= all);
	return all - used;
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

	end_delays(fault, now);
	bytes = before_end(fault, fault->delayed - fault->sent);
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
	for (uint64_t at = every - 1 - (fault->sent + from) % every;
	     at < length; at += every)
		bytes[at] ^= 1;
}

void
fault_go(struct fault *fault, int64_t now, uint64_t bytes)
{
	bool late = fault->params->rate > 0 && fault->delayed > fault->sent &&
		    earned(fault, now) > burst(fault);

	fault->sent += bytes;
	/* Unused time is lost: it does not allow a burst later. */
	if (late || fault->sent == fault->delayed)
		pace(fault, now);
}

bool
fault_next(const struct fault *fault, int64_t *at)
{
	uint64_t rate = fault->params->rate;
	uint64_t piece = before_end(fault, fault->delayed - fault->sent);
	uint64_t paid;

	if (before_end(fault, fault->queued - fault->sent) == 0)
		return false;
	if (fault->delayed == fault->sent) {
		*at = fault->mark[fault->first].due;
		return true;
	}
	*at = fault->paced_since;
	if (rate == 0)
		return true;
	if (piece > rate / PIECES_A_SECOND + 1)
		piece = rate / PIECES_A_SECOND + 1;
	paid = fault->sent - fault->paced_from + piece;
	*at += (int64_t)((paid * 1000 + rate - 1) / rate);
	return true;
}

bool
fault_is_over(const struct fault *fault)
{
	return fault->params->end != FAULT_none &&
	       fault->sent == fault->params->after;
}
