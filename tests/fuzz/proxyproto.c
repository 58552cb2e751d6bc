#include "proxyproto.h"

#include <string.h>

#include "fuzz.h"

static enum proxyproto_state
parse(const uint8_t *data, size_t size, struct proxyproto_header *header)
{
	uint8_t *copy = malloc(size ? size : 1);
	enum proxyproto_state state;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	state = proxyproto_parse(copy, size, header);
	free(copy);
	return state;
}

static void
check(enum proxyproto_state state, const struct proxyproto_header *header,
      size_t size)
{
	char text[ADDRESS_TEXT_SIZE];

	if (state == PROXYPROTO_INVALID)
		FUZZ_EXPECT(header->reason);
	if (state == PROXYPROTO_MORE)
		FUZZ_EXPECT(size < PROXYPROTO_MAX);
	if (state != PROXYPROTO_DONE)
		return;
	FUZZ_EXPECT(header->length <= size);
	FUZZ_EXPECT(header->length <= PROXYPROTO_MAX);
	FUZZ_EXPECT(!header->local || !header->proxied);
	if (header->proxied) {
		address_format(&header->source, text);
		address_format(&header->destination, text);
	}
}

/* One byte after the other: the answer comes once, and stays. */
void
fuzz_proxyproto(const uint8_t *data, size_t size)
{
	struct proxyproto_header header, before = { 0 };
	enum proxyproto_state state, last = PROXYPROTO_MORE;

	/* Past the longest header and some of what may follow it. */
	if (size > PROXYPROTO_MAX + 16)
		size = PROXYPROTO_MAX + 16;
	for (size_t i = 0; i <= size; i++) {
		state = parse(data, i, &header);
		check(state, &header, i);
		if (last != PROXYPROTO_MORE) {
			FUZZ_EXPECT(state == last);
			FUZZ_EXPECT(header.length == before.length);
			FUZZ_EXPECT(header.reason == before.reason);
		} else if (state == PROXYPROTO_DONE) {
			FUZZ_EXPECT(header.length == i);
		}
		last = state;
		before = header;
	}
}
