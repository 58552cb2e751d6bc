#include "tcp/proxy_protocol.h"

#include <string.h>

#include "fuzz.h"

static enum proxy_protocol_state
parse(const uint8_t *data, size_t size, struct proxy_protocol_header *header)
{
	uint8_t *copy = malloc(size ? size : 1);
	enum proxy_protocol_state state;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	state = proxy_protocol_parse(copy, size, header);
	free(copy);
	return state;
}

static void
check(enum proxy_protocol_state state,
      const struct proxy_protocol_header *header, size_t size)
{
	char text[ADDRESS_TEXT_SIZE];

	if (state == PROXY_PROTOCOL_INVALID)
		FUZZ_EXPECT(header->reason);
	if (state == PROXY_PROTOCOL_MORE)
		FUZZ_EXPECT(size < PROXY_PROTOCOL_MAX);
	if (state != PROXY_PROTOCOL_DONE)
		return;
	FUZZ_EXPECT(header->length <= size);
	FUZZ_EXPECT(header->length <= PROXY_PROTOCOL_MAX);
	FUZZ_EXPECT(!header->local || !header->proxied);
	if (header->proxied) {
		address_format(&header->source, text);
		address_format(&header->destination, text);
	}
}

/* One byte after the other: the answer comes once, and stays. */
void
fuzz_proxy_protocol(const uint8_t *data, size_t size)
{
	struct proxy_protocol_header header, before = { 0 };
	enum proxy_protocol_state state, last = PROXY_PROTOCOL_MORE;

	/* Past the longest header and some of what may follow it. */
	if (size > PROXY_PROTOCOL_MAX + 16)
		size = PROXY_PROTOCOL_MAX + 16;
	for (size_t i = 0; i <= size; i++) {
		state = parse(data, i, &header);
		check(state, &header, i);
		if (last != PROXY_PROTOCOL_MORE) {
			FUZZ_EXPECT(state == last);
			FUZZ_EXPECT(header.length == before.length);
			FUZZ_EXPECT(header.reason == before.reason);
		} else if (state == PROXY_PROTOCOL_DONE) {
			FUZZ_EXPECT(header.length == i);
		}
		last = state;
		before = header;
	}
}
