/* Line framing, compared with a model that handles one byte at a time. */
#include "echo/frame.h"

#include <stdint.h>

#include "support/suite.h"

enum {
	SPANS = 3,
	LENGTH_MAX = 9,
	ROOM_MAX = 40,
	OUT_MAX = 256,
};

#define PREFIX "<>"
#define PREFIX_LENGTH 2

static const struct frame frame = {
	.prefix = PREFIX,
	.prefix_length = PREFIX_LENGTH,
	.chunk_size = 3, /* which must not matter */
	.kind = FRAME_LINE,
};

/* The current case, for the message of a failure. */
static struct {
	const char *text;
	size_t cuts[SPANS - 1];
	size_t budget, room;
	bool in_line;
} trial;

static const char *
trial_text(void)
{
	static char text[256];
	char shown[LENGTH_MAX + 1];

	snprintf(shown, sizeof(shown), "%s", trial.text);
	for (char *at = shown; *at; at++)
		*at = *at == '\n' ? '$' : *at;
	snprintf(text, sizeof(text),
		 "\"%s\" cut at %zu and %zu, budget=%zu room=%zu in_line=%d",
		 shown, trial.cuts[0], trial.cuts[1], trial.budget, trial.room,
		 trial.in_line);
	return text;
}

/* Each assertion of Check costs a system call, which is too slow here. */
#define EXPECT(condition) \
	do { \
		if (!(condition)) \
			ck_abort_msg("%s: %s", trial_text(), #condition); \
	} while (0)

/* The expected output of a stream. */
struct stream {
	unsigned char bytes[OUT_MAX];
	size_t length;
	size_t prefixes;
	bool in_line;
};

static void
model(struct stream *stream, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!stream->in_line) {
			memcpy(stream->bytes + stream->length, PREFIX,
			       PREFIX_LENGTH);
			stream->length += PREFIX_LENGTH;
			stream->prefixes++;
		}
		stream->bytes[stream->length++] = (unsigned char)text[i];
		stream->in_line = text[i] != '\n';
	}
}

static bool
is_prefix(const struct iovec *part)
{
	return part->iov_base == frame.prefix;
}

/* Appends the parts, and checks each. */
static void
coalesce(struct stream *got, const struct iovec *out,
	 const struct frame_layout *layout, const char *text, size_t length)
{
	size_t consumed = 0, produced = 0, prefixes = 0;

	EXPECT(layout->parts <= trial.room);
	for (size_t i = 0; i < layout->parts; i++) {
		const char *from = out[i].iov_base;

		EXPECT(out[i].iov_len > 0);
		if (is_prefix(&out[i])) {
			EXPECT(out[i].iov_len == PREFIX_LENGTH);
			/* Only with the first byte of the line. */
			EXPECT(i + 1 < layout->parts);
			prefixes++;
		} else {
			/* Nothing is copied. */
			EXPECT(from == text + consumed);
			EXPECT(out[i].iov_len <= length - consumed);
			consumed += out[i].iov_len;
		}
		memcpy(got->bytes + got->length, from, out[i].iov_len);
		got->length += out[i].iov_len;
		produced += out[i].iov_len;
	}
	got->prefixes += prefixes;
	EXPECT(layout->consumed == consumed);
	EXPECT(layout->produced == produced);
	EXPECT(layout->chunks == prefixes);
}

/* It stops early only if, and when, the budget or the room is used up. */
static void
check_end(const struct frame_layout *layout, size_t length, bool in_line)
{
	if (length == 0) {
		EXPECT(layout->parts == 0);
		EXPECT(in_line == trial.in_line);
		return;
	}
	EXPECT(layout->consumed > 0);
	if (trial.budget > 0)
		EXPECT(layout->produced <= trial.budget ||
		       layout->produced - trial.budget <= PREFIX_LENGTH);
	else
		EXPECT(layout->produced <= PREFIX_LENGTH + 1);
	if (layout->consumed < length && layout->produced < trial.budget)
		EXPECT(layout->parts + (in_line ? 1 : 2) > trial.room);
}

/* The bytes from `text` to the end as they lie in spans. */
static size_t
lay_spans(const char *text, size_t offset, size_t length, struct iovec *spans)
{
	const size_t ends[SPANS] = { trial.cuts[0], trial.cuts[1], length };
	size_t count = 0;

	for (size_t i = 0; i < SPANS; i++) {
		size_t from = i ? ends[i - 1] : 0;

		if (from < offset)
			from = offset < ends[i] ? offset : ends[i];
		/* Used bytes are removed, as from an evbuffer. */
		if (from == ends[i] && offset > 0)
			continue;
		spans[count++] =
			(struct iovec){ (char *)text + from, ends[i] - from };
	}
	return count;
}

/* Calls again and again with what is left. */
static void
lay_all(struct stream *got, const char *text, size_t length, size_t spare_room)
{
	size_t offset = 0;

	do {
		struct iovec spans[SPANS], out[ROOM_MAX];
		size_t count = lay_spans(text, offset, length, spans);

		trial.room = count + 1 + spare_room;
		trial.in_line = got->in_line;
		struct frame_layout layout =
			frame_layout(&frame, &got->in_line, spans, count,
				     trial.budget, out, trial.room);
		coalesce(got, out, &layout, text + offset, length - offset);
		check_end(&layout, length - offset, got->in_line);
		offset += layout.consumed;
	} while (offset < length);
}

static void
expect_equal(const struct stream *got, const struct stream *expected)
{
	EXPECT(got->length == expected->length);
	EXPECT(memcmp(got->bytes, expected->bytes, got->length) == 0);
	EXPECT(got->prefixes == expected->prefixes);
	EXPECT(got->in_line == expected->in_line);
}

static void
check_spans(const char *text, size_t length)
{
	static const size_t budgets[] = { 0, 1, 5, SIZE_MAX };
	static const size_t spare_rooms[] = { 0, 1, ROOM_MAX - SPANS - 1 };

	for (size_t i = 0; i < 2 * 4 * 3; i++) {
		struct stream got = { .in_line = i % 2 };
		struct stream expected = { .in_line = i % 2 };

		trial.budget = budgets[i / 2 % 4];
		model(&expected, text, length);
		lay_all(&got, text, length, spare_rooms[i / 8]);
		expect_equal(&got, &expected);
	}
}

/* The same in three calls, as TCP may cut it. */
static void
check_calls(const char *text, size_t length)
{
	const size_t ends[SPANS] = { trial.cuts[0], trial.cuts[1], length };
	struct stream got = { 0 }, expected = { 0 };
	size_t from = 0;

	trial.budget = SIZE_MAX;
	trial.room = ROOM_MAX;
	model(&expected, text, length);
	for (size_t i = 0; i < SPANS; i++) {
		struct iovec out[ROOM_MAX];
		struct iovec span = { (char *)text + from, ends[i] - from };

		trial.in_line = got.in_line;
		struct frame_layout layout = frame_layout(&frame, &got.in_line,
							  &span, 1, SIZE_MAX,
							  out, ROOM_MAX);
		coalesce(&got, out, &layout, text + from, span.iov_len);
		check_end(&layout, span.iov_len, got.in_line);
		EXPECT(layout.consumed == span.iov_len);
		from = ends[i];
	}
	expect_equal(&got, &expected);
}

/* Every text of letters and LFs up to a length, cut at every two places. */
static void
for_every_cut(void (*check)(const char *text, size_t length))
{
	char text[LENGTH_MAX + 1];

	for (size_t length = 0; length <= LENGTH_MAX; length++)
		for (unsigned bits = 0; bits < 1u << length; bits++) {
			for (size_t i = 0; i < length; i++)
				text[i] = bits >> i & 1 ? '\n' : 'x';
			text[length] = '\0';
			trial.text = text;
			for (size_t a = 0; a <= length; a++)
				for (size_t b = a; b <= length; b++) {
					trial.cuts[0] = a;
					trial.cuts[1] = b;
					check(text, length);
				}
		}
}

TEST(test_every_cut_into_spans, for_every_cut(check_spans))

TEST(test_every_cut_into_calls, for_every_cut(check_calls))

START_TEST(test_only_lf_ends_a_line)
{
	char text[256];
	struct iovec span = { text, 256 }, out[8];
	bool in_line = false;

	/* LF is the eleventh of them. */
	for (int i = 0; i < 256; i++)
		text[i] = (char)i;
	struct frame_layout layout =
		frame_layout(&frame, &in_line, &span, 1, SIZE_MAX, out, 8);
	ck_assert_uint_eq(layout.parts, 4);
	ck_assert_uint_eq(out[1].iov_len, 11);
	ck_assert_uint_eq(out[3].iov_len, 245);
	ck_assert(in_line);
}
END_TEST

START_TEST(test_long_line_has_one_prefix)
{
	enum { LENGTH = 1 << 20, BUDGET = 1000 };
	char *text = malloc(LENGTH);
	struct iovec span = { text, LENGTH }, out[3];
	size_t prefixes = 0, calls = 0;
	bool in_line = false;

	memset(text, 'x', LENGTH);
	while (span.iov_len > 0) {
		struct frame_layout layout = frame_layout(
			&frame, &in_line, &span, 1, BUDGET, out, 3);

		ck_assert_uint_eq(layout.produced, span.iov_len < BUDGET ?
							   span.iov_len :
							   BUDGET);
		prefixes += layout.chunks;
		span.iov_base = (char *)span.iov_base + layout.consumed;
		span.iov_len -= layout.consumed;
		calls++;
	}
	ck_assert_uint_eq(prefixes, 1);
	ck_assert_uint_eq(calls, LENGTH / BUDGET + 1);
	free(text);
}
END_TEST

/* Input is bounded so that its output does not exceed the requested size. */
START_TEST(test_input_is_bounded_by_its_output)
{
	static const size_t outputs[] = { 0, 1, 100, 1024, 65536, 262144 };

	for (size_t prefix = 1; prefix <= 1024; prefix += 31)
		for (size_t i = 0; i < sizeof(outputs) / sizeof(*outputs);
		     i++) {
			struct frame lines = { .prefix_length = prefix,
					       .chunk_size = 1000,
					       .kind = FRAME_LINE };
			size_t bytes = frame_input(&lines, outputs[i]);

			if (bytes > FRAME_LINES_LEAST)
				ck_assert_uint_le(bytes * (prefix + 1),
						  outputs[i]);
			else
				ck_assert_uint_eq(bytes, FRAME_LINES_LEAST);
			ck_assert_uint_gt((bytes + 1) * (prefix + 1),
					  outputs[i]);
		}
}
END_TEST

START_TEST(test_input_of_chunks_is_whole_chunks)
{
	static const size_t cases[][4] = {
		/* prefix, chunk, output, input */
		{ 4, 1000, 0, 1000 },
		{ 4, 1000, 2007, 1000 },
		{ 4, 1000, 2008, 2000 },
		{ 0, 1000, 262144, 262000 },
		{ 4, 1, 50, 10 },
		{ 1024, 65536, 10, 65536 },
		{ 4, 1000, 262144, 261000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct frame chunks = { .prefix_length = cases[i][0],
					.chunk_size = cases[i][1] };

		ck_assert_uint_eq(frame_input(&chunks, cases[i][2]),
				  cases[i][3]);
	}
}
END_TEST

/* RFC 862: without a prefix, bytes are passed on unchanged. */
START_TEST(test_no_prefix_ignores_lines)
{
	static char text[] = "one\ntwo\n\nthree";
	struct frame none = { .prefix = "",
			      .chunk_size = 1,
			      .kind = FRAME_LINE };
	struct iovec span = { text, sizeof(text) - 1 }, out[2];
	bool in_line = false;
	struct frame_layout layout =
		frame_layout(&none, &in_line, &span, 1, SIZE_MAX, out, 2);

	ck_assert_uint_eq(layout.parts, 1);
	ck_assert_uint_eq(layout.consumed, sizeof(text) - 1);
	ck_assert_uint_eq(layout.produced, sizeof(text) - 1);
}
END_TEST

SUITE(test_every_cut_into_spans, test_every_cut_into_calls,
      test_only_lf_ends_a_line, test_long_line_has_one_prefix,
      test_input_is_bounded_by_its_output, test_input_of_chunks_is_whole_chunks,
      test_no_prefix_ignores_lines)
