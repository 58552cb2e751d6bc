#include "echo/frame.h"

#include <stdbool.h>
#include <stdint.h>

#include "support/suite.h"

enum {
	SPANS_MAX = 4,
	SPAN_SIZE = 64, /* of a span's own block: none touches the next */
	TOTAL_MAX = 24,
	CHUNK_MAX = 12,
	OUT_MAX = 256,
	ROOM_MAX = 40,
};

/* Check's own assertions each cost a system call: too many here. */
#define EXPECT(condition) \
	do { \
		if (!(condition)) \
			ck_abort_msg("%s: %s", trial_text(), #condition); \
	} while (0)

/* The case that is being tested, for the message of a failure. */
static struct {
	const struct frame *frame;
	const struct iovec *spans;
	size_t count, budget, room;
} trial;

static const char *
trial_text(void)
{
	static char text[256];
	int used = snprintf(text, sizeof(text),
			    "prefix=\"%s\" chunk_size=%zu budget=%zu room=%zu "
			    "spans=",
			    trial.frame->prefix, trial.frame->chunk_size,
			    trial.budget, trial.room);

	for (size_t i = 0; i < trial.count; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used,
				 "%s%zu", i ? "," : "", trial.spans[i].iov_len);
	return text;
}

/* An input of `total` bytes, 0, 1, 2 ..., cut into spans. */
struct input {
	unsigned char blocks[SPANS_MAX][SPAN_SIZE];
	struct iovec spans[SPANS_MAX];
	size_t count;
	size_t total;
};

static void
lay_input(struct input *input, const size_t *lengths, size_t count)
{
	input->count = count;
	input->total = 0;
	for (size_t i = 0; i < count; i++) {
		memset(input->blocks[i], 0xee, SPAN_SIZE);
		input->spans[i] =
			(struct iovec){ input->blocks[i], lengths[i] };
		for (size_t j = 0; j < lengths[i]; j++)
			input->blocks[i][j] = (unsigned char)input->total++;
	}
}

/* What the whole input is to become, one byte after the other. */
static size_t
model(const struct frame *frame, const struct input *input, unsigned char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < input->total; i++) {
		if (i % frame->chunk_size == 0) {
			memcpy(out + used, frame->prefix, frame->prefix_length);
			used += frame->prefix_length;
		}
		out[used++] = (unsigned char)i;
	}
	return used;
}

/* The spans from `offset` on. */
static size_t
rest_of(const struct input *input, size_t offset, struct iovec *rest)
{
	size_t count = 0;

	for (size_t i = 0; i < input->count; i++) {
		struct iovec span = input->spans[i];
		size_t skipped = offset < span.iov_len ? offset : span.iov_len;

		offset -= skipped;
		span.iov_base = (unsigned char *)span.iov_base + skipped;
		span.iov_len -= skipped;
		/* Those that are used up are gone, as from an evbuffer. */
		if (skipped == 0 || span.iov_len > 0)
			rest[count++] = span;
	}
	return count;
}

/* How many parts the chunk that begins at `offset` of the spans takes. */
static size_t
parts_of_chunk(const struct frame *frame, const struct iovec *spans,
	       size_t count, size_t offset)
{
	size_t parts = frame->prefix_length > 0;
	size_t end = offset + frame->chunk_size;
	size_t at = 0;

	if (frame->prefix_length == 0)
		return 1;
	for (size_t i = 0; i < count; i++) {
		size_t next = at + spans[i].iov_len;

		parts += next > offset && at < end && spans[i].iov_len > 0;
		at = next;
	}
	return parts;
}

static bool
is_inside(const struct iovec *part, const void *base, size_t length)
{
	uintptr_t begin = (uintptr_t)part->iov_base;

	return begin >= (uintptr_t)base &&
	       begin + part->iov_len <= (uintptr_t)base + length;
}

static const struct iovec *
span_of(const struct iovec *part)
{
	for (size_t i = 0; i < trial.count; i++)
		if (is_inside(part, trial.spans[i].iov_base,
			      trial.spans[i].iov_len))
			return &trial.spans[i];
	return NULL;
}

/* Each part is a piece of the prefix or of one span, and none is empty. */
static void
check_parts(const struct iovec *out, const struct frame_layout *layout)
{
	const struct frame *frame = trial.frame;
	size_t consumed = 0, produced = 0;

	EXPECT(layout->parts <= trial.room);
	for (size_t i = 0; i < layout->parts; i++) {
		EXPECT(out[i].iov_len > 0);
		produced += out[i].iov_len;
		if (is_inside(&out[i], frame->prefix, frame->prefix_length))
			continue;
		EXPECT(span_of(&out[i]));
		consumed += out[i].iov_len;
	}
	EXPECT(consumed == layout->consumed);
	EXPECT(produced == layout->produced);
}

static size_t
total_of(const struct iovec *spans, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += spans[i].iov_len;
	return total;
}

/* The output without its last chunk, which may go past the budget. */
static size_t
produced_before_last(const struct iovec *out, const struct frame_layout *layout)
{
	const struct frame *frame = trial.frame;
	size_t last = (layout->consumed - 1) % frame->chunk_size + 1;

	if (frame->prefix_length == 0)
		last = out[layout->parts - 1].iov_len;
	return layout->produced - last - frame->prefix_length;
}

/* It ends early only if budget or room is used up. */
static void
check_end(const struct iovec *out, const struct frame_layout *layout)
{
	size_t total = total_of(trial.spans, trial.count);

	if (total == 0) {
		EXPECT(layout->parts == 0 && layout->chunks == 0);
		return;
	}
	EXPECT(layout->consumed > 0);
	if (layout->chunks > 1)
		EXPECT(produced_before_last(out, layout) < trial.budget);
	if (layout->consumed == total)
		return;
	if (trial.frame->prefix_length > 0)
		EXPECT(layout->consumed % trial.frame->chunk_size == 0);
	if (layout->produced < trial.budget)
		EXPECT(layout->parts + parts_of_chunk(trial.frame, trial.spans,
						      trial.count,
						      layout->consumed) >
		       trial.room);
}

static void
check_chunks(const struct frame_layout *layout)
{
	size_t chunk_size = trial.frame->chunk_size;

	if (trial.frame->prefix_length == 0)
		EXPECT(layout->chunks == layout->parts);
	else
		EXPECT(layout->chunks ==
		       (layout->consumed + chunk_size - 1) / chunk_size);
}

static size_t
coalesce(const struct iovec *parts, size_t count, unsigned char *out,
	 size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		EXPECT(parts[i].iov_len <= size - used);
		memcpy(out + used, parts[i].iov_base, parts[i].iov_len);
		used += parts[i].iov_len;
	}
	return used;
}

/* Of line framing: it must not matter here. */
static bool in_line;

/* Repeats the call with the rest, and compares all output with the model. */
static void
check_whole(const struct frame *frame, const struct input *input, size_t budget,
	    size_t spare_room)
{
	unsigned char expected[OUT_MAX], got[OUT_MAX];
	size_t length = model(frame, input, expected);
	size_t used = 0, offset = 0;

	do {
		struct iovec rest[SPANS_MAX], out[ROOM_MAX];
		size_t count = rest_of(input, offset, rest);
		size_t room = count + 1 + spare_room;
		struct frame_layout layout = frame_layout(
			frame, &in_line, rest, count, budget, out, room);

		trial.frame = frame;
		trial.spans = rest;
		trial.count = count;
		trial.budget = budget;
		trial.room = room;
		check_parts(out, &layout);
		check_end(out, &layout);
		check_chunks(&layout);
		used += coalesce(out, layout.parts, got + used,
				 sizeof(got) - used);
		offset += layout.consumed;
	} while (offset < input->total);

	EXPECT(used == length);
	EXPECT(memcmp(got, expected, length) == 0);
}

static void
check_input(const struct input *input)
{
	static const char *const prefixes[] = { "", "<>" };
	static const size_t budgets[] = { 0, 1, 9, SIZE_MAX };
	static const size_t spare_rooms[] = { 0, 1, ROOM_MAX - SPANS_MAX - 1 };

	for (size_t chunk_size = 1; chunk_size <= CHUNK_MAX; chunk_size++)
		for (size_t i = 0; i < 2 * 4 * 3; i++) {
			const char *prefix = prefixes[i % 2];
			struct frame frame = { .prefix = prefix,
					       .prefix_length = strlen(prefix),
					       .chunk_size = chunk_size };

			check_whole(&frame, input, budgets[i / 2 % 4],
				    spare_rooms[i / 8]);
		}
}

/* Every division of `total` bytes into `spans`, empty ones included. */
static void
check_cuts(size_t total, size_t spans)
{
	struct input input;

	for (size_t a = 0; a <= total; a++)
		for (size_t b = a; b <= total; b++)
			for (size_t c = b; c <= total; c++) {
				const size_t lengths[SPANS_MAX] = { a, b - a,
								    c - b,
								    total - c };
				bool fewer = (spans < 4 && c < total) ||
					     (spans < 3 && b < c) ||
					     (spans < 2 && a < b);

				if (fewer)
					continue;
				lay_input(&input, lengths, spans);
				check_input(&input);
			}
}

START_TEST(test_one_span_of_every_length)
{
	for (size_t total = 0; total <= TOTAL_MAX; total++)
		check_cuts(total, 1);
}
END_TEST

START_TEST(test_two_spans_divided_everywhere)
{
	for (size_t total = 0; total <= TOTAL_MAX; total++)
		check_cuts(total, 2);
}
END_TEST

START_TEST(test_three_spans_divided_everywhere)
{
	for (size_t total = 0; total <= TOTAL_MAX; total++)
		check_cuts(total, 3);
}
END_TEST

START_TEST(test_four_spans_divided_everywhere)
{
	for (size_t total = 0; total <= 10; total++)
		check_cuts(total, 4);
}
END_TEST

START_TEST(test_no_span_has_no_output)
{
	struct frame frame = {
		.prefix = "GOT:", .prefix_length = 4, .chunk_size = 1000
	};
	struct iovec out[1];
	struct frame_layout layout =
		frame_layout(&frame, &in_line, NULL, 0, SIZE_MAX, out, 1);

	ck_assert_uint_eq(layout.parts, 0);
	ck_assert_uint_eq(layout.consumed, 0);
	ck_assert_uint_eq(layout.produced, 0);
	ck_assert_uint_eq(layout.chunks, 0);
}
END_TEST

START_TEST(test_chunks_of_the_example_server)
{
	static char bytes[2500];
	struct frame frame = {
		.prefix = "GOT:", .prefix_length = 4, .chunk_size = 1000
	};
	struct iovec in[2] = { { bytes, 1448 }, { bytes + 1448, 1052 } };
	struct iovec out[16];
	struct frame_layout layout =
		frame_layout(&frame, &in_line, in, 2, SIZE_MAX, out, 16);
	static const size_t expected[] = { 4, 1000, 4, 448, 552, 4, 500 };

	ck_assert_uint_eq(layout.parts, 7);
	for (size_t i = 0; i < 7; i++)
		ck_assert_uint_eq(out[i].iov_len, expected[i]);
	ck_assert_uint_eq(layout.consumed, 2500);
	ck_assert_uint_eq(layout.produced, 2512);
	ck_assert_uint_eq(layout.chunks, 3);
	/* Nothing is copied. */
	ck_assert_ptr_eq(out[0].iov_base, frame.prefix);
	ck_assert_ptr_eq(out[1].iov_base, bytes);
	ck_assert_ptr_eq(out[4].iov_base, bytes + 1448);
	ck_assert_ptr_eq(out[6].iov_base, bytes + 2000);
}
END_TEST

START_TEST(test_without_a_prefix_a_span_is_not_divided)
{
	static char bytes[5000];
	struct frame frame = { .prefix = "",
			       .prefix_length = 0,
			       .chunk_size = 7 };
	struct iovec in[3] = { { bytes, 4000 }, { bytes, 0 }, { bytes, 1000 } };
	struct iovec out[4];
	struct frame_layout layout =
		frame_layout(&frame, &in_line, in, 3, SIZE_MAX, out, 4);

	ck_assert_uint_eq(layout.parts, 2);
	ck_assert_uint_eq(out[0].iov_len, 4000);
	ck_assert_uint_eq(out[1].iov_len, 1000);
	ck_assert_uint_eq(layout.chunks, 2);
	ck_assert_uint_eq(layout.produced, 5000);
}
END_TEST

START_TEST(test_the_chunk_that_reaches_the_budget_is_the_last)
{
	static char bytes[100];
	struct frame frame = {
		.prefix = "P:", .prefix_length = 2, .chunk_size = 10
	};
	struct iovec in = { bytes, 100 }, out[64];
	static const size_t cases[][2] = {
		{ 0, 1 },  { 1, 1 },	{ 12, 1 },   { 13, 2 },	  { 24, 2 },
		{ 25, 3 }, { 119, 10 }, { 120, 10 }, { 121, 10 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct frame_layout layout = frame_layout(
			&frame, &in_line, &in, 1, cases[i][0], out, 64);

		ck_assert_uint_eq(layout.chunks, cases[i][1]);
		ck_assert_uint_eq(layout.consumed, 10 * cases[i][1]);
	}
}
END_TEST

START_TEST(test_a_chunk_that_does_not_fit_is_left_out)
{
	static char bytes[100];
	struct frame frame = {
		.prefix = "P:", .prefix_length = 2, .chunk_size = 10
	};
	/* The second chunk lies across three spans: it takes four parts. */
	struct iovec in[4] = {
		{ bytes, 15 }, { bytes, 2 }, { bytes, 20 }, { bytes, 3 }
	};
	struct iovec out[8];

	for (size_t room = 5; room <= 8; room++) {
		struct frame_layout layout = frame_layout(
			&frame, &in_line, in, 4, SIZE_MAX, out, room);

		ck_assert_uint_eq(layout.chunks, room < 6 ? 1 :
						 room < 8 ? 2 :
							    3);
		ck_assert_uint_eq(layout.parts, room < 6 ? 2 :
						room < 8 ? 6 :
							   8);
		ck_assert_uint_eq(layout.consumed, 10 * layout.chunks);
	}
}
END_TEST

START_TEST(test_input_smaller_than_a_chunk_is_one_chunk)
{
	static char bytes[100];
	struct frame frame = {
		.prefix = "P:", .prefix_length = 2, .chunk_size = SIZE_MAX
	};
	struct iovec in[2] = { { bytes, 60 }, { bytes + 60, 40 } }, out[3];
	struct frame_layout layout =
		frame_layout(&frame, &in_line, in, 2, SIZE_MAX, out, 3);

	ck_assert_uint_eq(layout.chunks, 1);
	ck_assert_uint_eq(layout.parts, 3);
	ck_assert_uint_eq(layout.consumed, 100);
	ck_assert_uint_eq(layout.produced, 102);
}
END_TEST

SUITE(test_one_span_of_every_length, test_two_spans_divided_everywhere,
      test_three_spans_divided_everywhere, test_four_spans_divided_everywhere,
      test_no_span_has_no_output, test_chunks_of_the_example_server,
      test_without_a_prefix_a_span_is_not_divided,
      test_the_chunk_that_reaches_the_budget_is_the_last,
      test_a_chunk_that_does_not_fit_is_left_out,
      test_input_smaller_than_a_chunk_is_one_chunk)
