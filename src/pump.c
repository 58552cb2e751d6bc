#include "pump.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

/* libevent reads into few chains; more spans than this wait a turn. */
#define SPANS 16
#define PARTS 256

struct pump {
	struct iovec parts[PARTS];
};

struct pump *
pump_new(void)
{
	return calloc(1, sizeof(struct pump));
}

void
pump_free(struct pump *pump)
{
	free(pump);
}

static size_t
peek(struct evbuffer *input, struct iovec spans[SPANS])
{
	int count = evbuffer_peek(input, -1, NULL, spans, SPANS);

	return count < 0 ? 0 : count > SPANS ? SPANS : (size_t)count;
}

enum pump_state
pump_run(struct pump *pump, struct bufferevent *bev, const struct frame *frame,
	 size_t output_limit, struct pump_tally *tally)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	struct evbuffer *output = bufferevent_get_output(bev);
	struct iovec spans[SPANS];

	while (evbuffer_get_length(input) > 0) {
		size_t waiting = evbuffer_get_length(output);
		if (waiting >= output_limit)
			return PUMP_FULL;

		struct frame_layout layout = frame_layout(
			frame, spans, peek(input, spans),
			output_limit - waiting, pump->parts, PARTS);

		/* Copied, so that small pieces do not cost a chain each. */
		if (evbuffer_add_iovec(output, pump->parts,
				       (int)layout.parts) != layout.produced)
			return PUMP_FAILED;
		evbuffer_drain(input, layout.consumed);
		tally->in += layout.consumed;
		tally->out += layout.produced;
		tally->chunks += layout.chunks;
	}
	return PUMP_EMPTY;
}
