#include "script.h"

#include <inttypes.h>
#include <stdio.h>

#include "model.h"

/* Limits of calls and stalls, so that a session takes seconds. */
#define CALLS_MOST 2000
#define STALLS_MOST 50

/*
 * With a window smaller than a segment the sender waits for its persist timer
 * of 200 ms each time: this is the largest number of receive buffers.
 */
#define BUFFERS_MOST 20

/* Bytes of a brief session. */
#define BRIEF_MOST 300000

/* The smallest SO_RCVBUF of Linux. */
#define BUFFER_LEAST 2304

const char *const ending_names[ENDING_COUNT] = {
#define ENDING_NAME(name) [ENDING_##name] = #name,
	ENDINGS(ENDING_NAME)
#undef ENDING_NAME
};

static const struct kind *
choose_kind(struct random *random)
{
	unsigned sum = 0;
	uint64_t at;

	for (size_t i = 0; i < kind_count; i++)
		sum += kinds[i].weight;
	at = random_below(random, sum);
	for (size_t i = 0; i < kind_count; i++) {
		if (at < kinds[i].weight)
			return &kinds[i];
		at -= kinds[i].weight;
	}
	return kinds;
}

static enum ending
choose_ending(struct random *random, const struct kind *kind)
{
	uint64_t at = random_below(random, 100);

	if (at < 45)
		return ENDING_finish;
	if (at < 70)
		return ENDING_hear;
	if (at < 80)
		return ENDING_reset;
	if (at < 92)
		return ENDING_leave;
	if (at < 96 || !(kind->tls || kind->proxy))
		return ENDING_silent;
	return ENDING_abort;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What one call moves at least. */
static size_t
piece_of(const struct script *script)
{
	size_t piece = smaller(script->write_piece, script->read_piece);

	return script->buffer > 0 ? smaller(piece, (size_t)script->buffer) :
				    piece;
}

/* Calls that send, or receive the echo: each piece can come with a prefix. */
static uint64_t
calls_of(const struct script *script)
{
	uint64_t pieces = script->total / script->write_piece + 1;
	uint64_t echo = script->total + pieces * PREFIX_LENGTH;

	return script->total / piece_of(script) + echo / script->read_piece + 1;
}

static void
choose_stalls(struct random *random, struct script *script, unsigned most_ms)
{
	uint64_t calls = calls_of(script);

	if (!random_chance(random, 40))
		return;
	script->stall_ms = (unsigned)random_size(random, most_ms);
	if (calls > STALLS_MOST)
		calls = calls / STALLS_MOST + 1;
	else
		calls = 1;
	/* `calls` of them for each stall. */
	if (random_chance(random, 60))
		script->read_stalls = calls <= 100 ? (unsigned)(100 / calls) :
						     1;
	if (random_chance(random, 60))
		script->write_stalls = calls <= 100 ? (unsigned)(100 / calls) :
						      1;
}

static void
limit(struct script *script, size_t total)
{
	if (script->total > total)
		script->total = total;
}

struct script
script_new(struct random *random, bool brief)
{
	const struct kind *kind = choose_kind(random);
	struct script script = { .kind = kind };

	script.ending = choose_ending(random, kind);
	script.write_piece = random_size(random, PIECE_MAX);
	script.read_piece = random_size(random, PIECE_MAX);
	if (random_chance(random, 30))
		script.buffer = BUFFER_LEAST + (int)random_size(random, 65536);
	script.total = random_size(random, kind->most ? kind->most : 1);
	if (brief)
		limit(&script, BRIEF_MOST);
	limit(&script,
	      piece_of(&script) * (brief ? CALLS_MOST / 10 : CALLS_MOST));
	if (script.buffer > 0)
		limit(&script,
		      (size_t)script.buffer * (brief ? 2 : BUFFERS_MOST));
	script.lockstep = random_chance(random, 20);
	if (script.lockstep)
		limit(&script, script.write_piece * (brief ? 5 : STALLS_MOST));
	script.late = random_chance(random, 15);
	script.waits = random_chance(random, 50) && !brief;
	script.old = random_chance(random, 40);
	script.header_piece = random_size(random, 64);
	if (random_chance(random, 10))
		script.pause_ms =
			(unsigned)random_size(random, brief ? 100 : 2000);
	choose_stalls(random, &script, brief ? 10 : 200);
	script.point = random_below(random, script.total + 1);
	if (script.ending == ENDING_silent || script.ending == ENDING_abort)
		script.total = 0;
	return script;
}

const char *
script_format(const struct script *script, char text[SCRIPT_TEXT_SIZE])
{
	snprintf(text, SCRIPT_TEXT_SIZE,
		 "kind=%s ending=%s total=%" PRIu64 " point=%" PRIu64
		 " write=%zu read=%zu write_stalls=%u%% read_stalls=%u%%"
		 " stall_ms=%u pause_ms=%u buffer=%d late=%d waits=%d "
		 "lockstep=%d"
		 " old=%d header=%zu",
		 script->kind->name, ending_names[script->ending],
		 script->total, script->point, script->write_piece,
		 script->read_piece, script->write_stalls, script->read_stalls,
		 script->stall_ms, script->pause_ms, script->buffer,
		 script->late, script->waits, script->lockstep, script->old,
		 script->header_piece);
	return text;
}
