#include "probe/chunk_server.h"

#include <string.h>

#include "support/suite.h"

static struct pattern pattern;

unsigned char
server_byte(uint32_t seed, uint64_t position)
{
	size_t length;

	return *pattern_at(&pattern, seed, position, &length);
}

void
server_put(struct server *server, const void *data, size_t length)
{
	ck_assert_uint_le(server->length + length, ROOM);
	memcpy(server->echo + server->length, data, length);
	server->length += length;
}

void
server_put_prefix(struct server *server)
{
	if (!server->once || server->length == 0)
		server_put(server, server->prefix, strlen(server->prefix));
}

static void
put_chunk(struct server *server, const unsigned char *data, size_t length)
{
	if (++server->chunks == FAULTY && server->mistake) {
		server->mistake(server, data, length);
		return;
	}
	server_put_prefix(server);
	server_put(server, data, length);
}

static void
put_chunks(struct server *server, size_t from, size_t to)
{
	while (from < to) {
		size_t length = to - from;

		if (length > server->chunk_size)
			length = server->chunk_size;
		put_chunk(server, server->payload + from, length);
		from += length;
	}
}

void
server_serve(struct server *server)
{
	size_t position = 0;

	server->params.pattern = &pattern;
	server->length = server->chunks = 0;
	for (unsigned m = 0; m < MESSAGES; m++) {
		size_t end =
			position + message_size(&server->params.sizes, SEED, m);

		ck_assert_uint_le(end, ROOM);
		for (; position < end; position++)
			server->payload[position] = server_byte(SEED, position);
		if (server->params.lines)
			server->payload[end - 1] = '\n';
		server->ends[m] = end;
	}
	for (unsigned m = 0; m < MESSAGES; m++) {
		size_t from = m == 0 ? 0 : server->ends[m - 1];

		if (server->steps || server->params.lines)
			put_chunks(server, from, server->ends[m]);
		else if (m == 0)
			put_chunks(server, 0, position);
		if (m == MESSAGES - 1 && server->surplus)
			server_put(server, server->surplus,
				   strlen(server->surplus));
		server->echo_ends[m] = server->length;
	}
}

/* ---- framings */

const struct kind kinds[KINDS] = {
	{ "chunks",
	  { .framing = { "GOT:", 4, CHUNK, false }, .prefix = "GOT:" } },
	{ "a prefix of one byte",
	  { .framing = { ">", 1, CHUNK, false }, .prefix = ">" } },
	{ "any chunk",
	  { .framing = { "GOT:", 4, SIZE_MAX, false }, .prefix = "GOT:" } },
	{ "no prefix",
	  { .framing = { "", 0, SIZE_MAX, false }, .prefix = "" } },
	{ "lines",
	  { .framing = { "GOT:", 4, SIZE_MAX, true },
	    .params.lines = true,
	    .prefix = "GOT:" } },
	{ "lines without prefix",
	  { .framing = { "", 0, SIZE_MAX, true },
	    .params.lines = true,
	    .prefix = "" } },
	{ "learned",
	  { .framing = { NULL, 0, CHUNK, false }, .prefix = "host-1 > " } },
	{ "learned, empty",
	  { .framing = { NULL, 0, SIZE_MAX, false }, .prefix = "" } },
	{ "learned, once",
	  { .framing = { NULL, 0, SIZE_MAX, false },
	    .prefix = "Welcome to a server\r\n",
	    .once = true } },
	{ "learned, lines",
	  { .framing = { NULL, 0, SIZE_MAX, true },
	    .params.lines = true,
	    .prefix = "GOT:" } },
	{ "learned, lines without prefix",
	  { .framing = { NULL, 0, SIZE_MAX, true },
	    .params.lines = true,
	    .prefix = "" } },
};

const struct message_sizes sizes[SIZES] = {
	{ .least = 125, .most = 125 },
	{ .least = 8, .most = 8 },
	{ .least = 8, .most = 120 },
	{ .least = 8, .most = 20, .step = 3 },
};

void
server_init(struct server *server, const struct kind *kind, bool steps)
{
	enum pattern_alphabet alphabet = PATTERN_ALL;
	int excluded = -1;

	*server = kind->server;
	server->steps = steps;
	server->chunk_size = server->params.lines ? SIZE_MAX : CHUNK;
	server->params.sizes = sizes[0];
	if (server->params.lines)
		alphabet = PATTERN_TEXT;
	else if (!server->framing.prefix)
		alphabet = PATTERN_NO_TEXT;
	if (server->framing.prefix && *server->prefix)
		excluded = (unsigned char)*server->prefix;
	pattern_init(&pattern, alphabet, excluded);
}
