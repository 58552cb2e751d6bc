#include "probe/payload.h"

#include <string.h>

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/*
 * Control characters, and the bytes that never occur in UTF-8 (RFC 3629,
 * section 1).  Text can contain white space, and ESC, which colours it.
 */
static bool
is_no_text(int byte)
{
	bool space = byte >= '\t' && byte <= '\r';

	return (byte < 0x20 && !space && byte != 0x1b) || byte == 0x7f ||
	       byte == 0xc0 || byte == 0xc1 || byte >= 0xf5;
}

static bool
is_letter_or_digit(int byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9');
}

static bool
is_allowed(int byte, enum pattern_alphabet alphabet, int excluded)
{
	if (byte == excluded)
		return false;
	switch (alphabet) {
	case PATTERN_NO_TEXT:
		return is_no_text(byte);
	case PATTERN_TEXT:
		return is_letter_or_digit(byte);
	case PATTERN_ALL:
		break;
	}
	return true;
}

void
pattern_init(struct pattern *pattern, enum pattern_alphabet alphabet,
	     int excluded)
{
	uint64_t state = 0x9e3779b97f4a7c15;
	unsigned char letters[256];
	size_t count = 0;

	for (int byte = 0; byte < 256; byte++)
		if (is_allowed(byte, alphabet, excluded))
			letters[count++] = (unsigned char)byte;
	for (size_t i = 0; i < PATTERN_PERIOD; i++)
		pattern->bytes[i] = letters[next_random(&state) % count];
	/* Twice in a row, so that a period can begin anywhere in it. */
	memcpy(pattern->bytes + PATTERN_PERIOD, pattern->bytes, PATTERN_PERIOD);
}

/*
 * Each period of the stream begins elsewhere in the table, so blocks of one
 * period that change places do not go unnoticed either.
 */
const unsigned char *
pattern_at(const struct pattern *pattern, uint32_t seed, uint64_t position,
	   size_t *length)
{
	uint64_t row = position / PATTERN_PERIOD;
	size_t column = position % PATTERN_PERIOD;
	size_t start = (seed * UINT64_C(7919) + row % PATTERN_PERIOD * 40503) %
		       PATTERN_PERIOD;

	*length = PATTERN_PERIOD - column;
	return pattern->bytes + start + column;
}

size_t
message_size(const struct message_sizes *sizes, uint32_t seed, uint64_t number)
{
	size_t range = sizes->most - sizes->least;
	uint64_t state;

	if (range == 0)
		return sizes->least;
	if (sizes->step > 0)
		return sizes->least +
		       number % (range / sizes->step + 1) * sizes->step;
	state = (number + 1) * 0x9e3779b97f4a7c15 ^ ((uint64_t)seed << 17 | 1);
	next_random(&state);
	return sizes->least + next_random(&state) % (range + 1);
}

void
payload_begin(struct payload *payload, const struct payload_params *params,
	      uint32_t seed, uint64_t message)
{
	*payload = (struct payload){
		.params = params,
		.seed = seed,
		.message = message,
	};
}

void
payload_next_message(struct payload *payload)
{
	payload->message_end += message_size(&payload->params->sizes,
					     payload->seed, payload->message);
	payload->message++;
}

const unsigned char *
payload_span(const struct payload *payload, size_t *length)
{
	static const unsigned char newline[] = "\n";
	bool lines = payload->params->lines;
	uint64_t left = payload->message_end - payload->position;
	const unsigned char *bytes;

	if (lines && left == 1) {
		*length = 1;
		return newline;
	}
	bytes = pattern_at(payload->params->pattern, payload->seed,
			   payload->position, length);
	if (left > 0)
		left -= lines;
	if (*length > left)
		*length = (size_t)left;
	return bytes;
}

void
payload_advance(struct payload *payload, size_t length)
{
	payload->position += length;
}

size_t
payload_count_equal(const unsigned char *a, const unsigned char *b,
		    size_t length)
{
	size_t i = 0;

	if (memcmp(a, b, length) == 0)
		return length;
	while (a[i] == b[i])
		i++;
	return i;
}
