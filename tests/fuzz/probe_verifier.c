#include "probe.h"

#include <string.h>

#include "fuzz.h"
#include "verifier_model.h"

enum { ROOM = 4096, SEED = 5, ROUNDS = 64, STEPS = 200 };

static struct script *script;

/* What a server sends, and what the probe has sent by then. */
static struct {
	struct framing framing;
	struct payload_params params;
	bool streams;		   /* sends without waiting for the echo */
	unsigned char prefix[256]; /* of the server */
	size_t prefix_length;
	bool once; /* the prefix comes at the beginning only */
	unsigned char payload[2 * ROOM];
	size_t ends[ROUNDS + 1]; /* of messages; a round has one at most */
	unsigned char echo[ROOM];
	size_t length;
	size_t echoed; /* payload: where the server is */
	/* Each begins when more was sent. */
	struct round {
		size_t sent, end; /* of payload; of the echo */
		bool expects, is_complete;
	} rounds[ROUNDS];
	size_t count;
	size_t message;	  /* the next one to begin */
	bool is_faithful; /* no step is a mistake */
	struct verifier_model model;
	struct verdict verdict;
} talk;

static void
begin_round(size_t sent, bool expects)
{
	if (talk.count == ROUNDS)
		return;
	if (expects)
		verifier_model_expect(&talk.model);
	talk.rounds[talk.count++] = (struct round){
		.sent = sent,
		.end = talk.length,
		.expects = expects,
		.is_complete = verifier_model_is_complete(&talk.model, sent),
	};
}

static size_t
sent(void)
{
	return talk.count > 0 ? talk.rounds[talk.count - 1].sent : 0;
}

/* Sends the rest of a message, or at most `most` bytes of the next. */
static void
send_message(size_t most)
{
	size_t end = talk.message > 0 ? talk.ends[talk.message - 1] : 0;
	size_t length;

	if (talk.verdict.outcome != OUTCOME_ECHOED)
		return;
	if (sent() < end) {
		begin_round(end, false);
		return;
	}
	if (talk.count == ROUNDS ||
	    talk.ends[talk.message] > sizeof(talk.payload))
		return;
	length = talk.ends[talk.message++] - end;
	begin_round(end + (length < most ? length : most),
		    !talk.streams && talk.model.position == end);
}

static void
take_message(void)
{
	send_message(SIZE_MAX);
}

static void
take_half(void)
{
	send_message(script_size(script));
}

static void
put(const void *bytes, size_t length)
{
	const unsigned char *from = bytes;

	if (talk.count == 0)
		begin_round(0, false);
	/* The diagnosis of a wrong byte looks at those after it. */
	for (size_t i = 0; i < length && talk.length < ROOM; i++) {
		talk.echo[talk.length++] = from[i];
		if (talk.verdict.outcome == OUTCOME_ECHOED)
			talk.verdict = verifier_model_take(&talk.model, from[i],
							   sent());
	}
	talk.rounds[talk.count - 1].end = talk.length;
	talk.rounds[talk.count - 1].is_complete =
		verifier_model_is_complete(&talk.model, sent());
}

static void
put_prefix(void)
{
	put(talk.prefix, talk.prefix_length);
}

/* Bytes of payload after the prefix. */
static size_t
learned_from(void)
{
	return talk.ends[0] < VERIFIER_LEARN_SIZE ? talk.ends[0] :
						    VERIFIER_LEARN_SIZE;
}

static bool
begins_line(size_t position)
{
	return position == 0 || talk.payload[position - 1] == '\n';
}

/* Up to `length` bytes of payload as an honest server sends them. */
static void
put_chunk(size_t length)
{
	size_t left = sent() > talk.echoed ? sent() - talk.echoed : 0;

	length = length < left ? length : left;
	if (!talk.framing.lines && length > talk.framing.chunk_size)
		length = talk.framing.chunk_size;
	if (length == 0)
		return;
	if (!talk.model.is_learned && length < learned_from())
		talk.is_faithful = false;
	if (!talk.framing.lines && (!talk.once || talk.echoed == 0))
		put_prefix();
	for (; length > 0; length--) {
		if (talk.framing.lines && begins_line(talk.echoed))
			put_prefix();
		put(&talk.payload[talk.echoed++], 1);
	}
}

static void
take_chunk(void)
{
	put_chunk(script_size(script));
}

static void
take_all(void)
{
	while (talk.echoed < sent() && talk.length < ROOM)
		put_chunk(SIZE_MAX);
}

/* Mistakes. */
static void
take_prefix(void)
{
	talk.is_faithful = false;
	put_prefix();
}

static void
take_skip(void)
{
	talk.is_faithful = false;
	talk.echoed += script_size(script);
	talk.echoed %= COUNT(talk.payload);
}

static void
take_back(void)
{
	size_t count = script_size(script);

	talk.is_faithful = false;
	talk.echoed -= count < talk.echoed ? count : talk.echoed;
}

static void
take_bytes(void)
{
	size_t length;
	const uint8_t *bytes = script_bytes(script, &length);

	talk.is_faithful = false;
	put(bytes, length);
}

static const struct script_step talk_steps[] = {
	{ 'm', take_message }, { 'h', take_half },   { 'e', take_chunk },
	{ 'a', take_all },     { 'p', take_prefix }, { 's', take_skip },
	{ 'k', take_back },    { 'x', take_bytes },  { 0, NULL },
};

static void
make_payload(void)
{
	struct payload payload;
	size_t at = 0;

	payload_begin(&payload, &talk.params, SEED, 0);
	for (size_t i = 0; i <= ROUNDS; i++) {
		payload_next_message(&payload);
		talk.ends[i] = payload.message_end;
	}
	payload_begin(&payload, &talk.params, SEED, 0);
	while (at < sizeof(talk.payload)) {
		size_t length;
		const unsigned char *bytes = payload_span(&payload, &length);

		if (length == 0)
			payload_next_message(&payload);
		if (length > sizeof(talk.payload) - at)
			length = sizeof(talk.payload) - at;
		memcpy(talk.payload + at, bytes, length);
		payload_advance(&payload, length);
		at += length;
	}
}

/* A prefix that can be learned, and that stands where it is allowed. */
static bool
is_honest(void)
{
	size_t first = learned_from();
	unsigned char both[sizeof(talk.prefix) + VERIFIER_LEARN_SIZE];
	size_t length = talk.prefix_length;

	if (talk.framing.prefix)
		return !talk.once;
	if (!talk.framing.lines && length > 0 &&
	    memchr(talk.params.pattern->bytes, talk.prefix[0], PATTERN_PERIOD))
		return false;
	if (talk.once &&
	    (talk.framing.lines || talk.framing.chunk_size < SIZE_MAX))
		return false;
	memcpy(both, talk.prefix, length);
	memcpy(both + length, talk.payload, first);
	return memmem(both, length + first, talk.payload, first) ==
	       both + length;
}

static void
make_talk(void)
{
	unsigned kind = script_digit(script);
	size_t chunk_size = script_size(script), least = script_size(script);
	size_t most = kind & 1 ? least + script_size(script) : least;
	size_t length;
	const uint8_t *prefix = script_bytes(script, &length);

	memset(&talk, 0, sizeof(talk));
	talk.framing.lines = talk.params.lines = kind & 2;
	talk.framing.chunk_size = kind & 4 ? chunk_size : SIZE_MAX;
	talk.streams = kind & 8;
	talk.once = kind & 16;
	memcpy(talk.prefix, prefix, length);
	talk.prefix_length = length;
	if (kind & 32) {
		talk.prefix[0] = 'G';
		talk.framing.prefix = (const char *)talk.prefix;
		talk.framing.prefix_length = length;
	}
	talk.params.pattern = probe_pattern(kind & 2  ? PATTERN_TEXT :
					    kind & 32 ? PATTERN_ALL :
							PATTERN_NO_TEXT);
	talk.params.sizes =
		(struct message_sizes){ .least = least, .most = most };
	make_payload();
	talk.is_faithful = is_honest();
	verifier_model_init(&talk.model, &talk.framing, talk.params.pattern,
			    talk.payload, talk.ends);
}

/* A diagnosis is a kind of wrong byte; it needs the bytes after it. */
static enum outcome
kind_of(const struct verdict *verdict)
{
	switch (verdict->outcome) {
	case OUTCOME_BYTES_LOST:
		FUZZ_EXPECT(verdict->position + verdict->moved < sent());
		return OUTCOME_CORRUPTED;
	case OUTCOME_BYTES_DOUBLED:
		FUZZ_EXPECT(verdict->moved > 0 &&
			    verdict->moved <= verdict->position);
		return OUTCOME_CORRUPTED;
	case OUTCOME_BYTES_FOREIGN:
		return OUTCOME_CORRUPTED;
	default:
		return verdict->outcome;
	}
}

static void
compare(const struct verdict *got)
{
	const struct verdict *expected = &talk.verdict;

	FUZZ_EXPECT(kind_of(got) == expected->outcome);
	if (got->outcome == OUTCOME_ECHOED)
		return;
	FUZZ_EXPECT(got->offset == expected->offset);
	FUZZ_EXPECT(got->position == expected->position);
	FUZZ_EXPECT(got->expected == expected->expected);
	FUZZ_EXPECT(got->got == expected->got);
}

/* Pieces of `cut` bytes; if it is 0, each byte of the echo says of how many. */
static struct verdict
feed_round(struct verifier *verifier, const struct round *round, size_t *at,
	   size_t cut)
{
	struct verdict verdict = { .outcome = OUTCOME_ECHOED };

	while (*at < round->end && verdict.outcome == OUTCOME_ECHOED) {
		size_t length = cut ? cut : 1U + talk.echo[*at] % 32;
		unsigned char *piece;

		if (length > round->end - *at)
			length = round->end - *at;
		piece = probe_copy(talk.echo + *at, length);
		verdict = verifier_feed(verifier, piece, length, round->sent);
		free(piece);
		*at += length;
		FUZZ_EXPECT(verifier->received <= *at);
		if (verdict.outcome == OUTCOME_ECHOED)
			FUZZ_EXPECT(verifier->received == *at);
	}
	return verdict;
}

static void
check_prefix(const struct verifier *verifier)
{
	size_t length;
	const char *prefix = verifier_prefix(verifier, &length);

	FUZZ_EXPECT((prefix != NULL) == talk.model.is_learned);
	if (!prefix)
		return;
	FUZZ_EXPECT(length == talk.model.prefix_length);
	FUZZ_EXPECT(memcmp(prefix, talk.model.prefix, length) == 0);
}

static void
feed(size_t cut)
{
	struct verifier verifier;
	struct verdict verdict = { .outcome = OUTCOME_ECHOED };
	size_t at = 0;

	FUZZ_EXPECT(
		verifier_init(&verifier, &talk.framing, &talk.params, SEED, 0));
	for (size_t i = 0; i < talk.count && verdict.outcome == OUTCOME_ECHOED;
	     i++) {
		const struct round *round = &talk.rounds[i];

		if (round->expects)
			verifier_expect_message(&verifier);
		verdict = feed_round(&verifier, round, &at, cut);
		if (verdict.outcome == OUTCOME_ECHOED)
			FUZZ_EXPECT(verifier_complete(&verifier, round->sent) ==
				    round->is_complete);
	}
	compare(&verdict);
	check_prefix(&verifier);
	verifier_free(&verifier);
}

void
probe_verifier(struct script *steps)
{
	script = steps;
	make_talk();
	script_run(script, talk_steps, STEPS);
	if (talk.is_faithful)
		FUZZ_EXPECT(talk.verdict.outcome == OUTCOME_ECHOED);
	feed(ROOM);
	feed(1);
	feed(0);
}
