/*
 * udp_fixture: a batch and its socket, and clients that send and receive runs
 * of datagrams.
 */
#ifndef ECHOD_TESTS_UDP_FIXTURE_H
#define ECHOD_TESTS_UDP_FIXTURE_H

#include "support/datagrams.h"
#include "udp/udp_batch.h"

struct fixture {
	struct udp_batch *batch;
	struct udp_batch_socket socket;
	unsigned port;
};

static inline void
begin(struct fixture *fixture, const char *text)
{
	int fd = udp_socket(text);

	fixture->batch = udp_batch_new();
	ck_assert_ptr_nonnull(fixture->batch);
	ck_assert_int_eq(udp_batch_open(&fixture->socket, fd), 0);
	fixture->port = udp_port(fd);
}

static inline void
end(struct fixture *fixture)
{
	close(fixture->socket.fd);
	udp_batch_free(fixture->batch);
}

static inline int
client_of(const struct fixture *fixture, const char *host)
{
	return udp_client(host, fixture->port);
}

/* Loopback delivers within the call: what was sent is there. */
static inline void
receive(struct fixture *fixture, size_t most)
{
	ck_assert(is_readable(fixture->socket.fd));
	ck_assert_int_eq(
		udp_batch_receive(fixture->batch, &fixture->socket, most), 0);
}

static inline const struct udp_batch_datagram *
next(struct fixture *fixture)
{
	const struct udp_batch_datagram *got = udp_batch_next(fixture->batch);

	ck_assert_ptr_nonnull(got);
	return got;
}

/* The rest of the batch. */
static inline unsigned
count_rest(struct fixture *fixture)
{
	unsigned count = 0;

	while (udp_batch_next(fixture->batch))
		count++;
	return count;
}

static inline struct udp_batch_result
echo(struct fixture *fixture, const char *prefix)
{
	struct iovec part = { (char *)prefix, strlen(prefix) };

	receive(fixture, UDP_BATCH_DATAGRAM_MAX);
	while (udp_batch_next(fixture->batch))
		udp_batch_answer(fixture->batch, &part, -1);
	return udp_batch_send(fixture->batch);
}

static inline void
check_result(struct udp_batch_result result, unsigned sent, unsigned unsent)
{
	ck_assert_uint_eq(result.sent, sent);
	ck_assert_uint_eq(result.unsent, unsent);
}

/* The n-th text of a run: all of one length. */
static inline const char *
text_of(unsigned n)
{
	static char text[16];

	snprintf(text, sizeof(text), "number %03u", n);
	return text;
}

static inline void
say_run(int client, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		udp_say(client, text_of(i));
}

/*
 * Sends a run and "end", which is shorter, in one call: on loopback they stay
 * one message.
 */
static inline void
say_joined(int client, unsigned count)
{
	char data[4096] = "";

	for (unsigned i = 0; i < count; i++)
		strcat(data, text_of(i));
	strcat(data, "end");
	udp_send_joined(client, data, strlen(data), (int)strlen(text_of(0)));
}

static inline void
begin_joining(struct fixture *fixture, const char *text)
{
	begin(fixture, text);
	udp_batch_join(&fixture->socket);
	if (udp_joins(fixture->socket.fd) != 1)
		skip("the kernel has no UDP_GRO");
}

static inline void
hear_texts(int client, const char *prefix, unsigned count)
{
	char text[2048];

	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s%s", prefix, text_of(i));
		udp_hear(client, text);
	}
}

static inline void
hear_run(int client, const char *prefix, unsigned count)
{
	hear_texts(client, prefix, count);
	udp_hear_nothing(client);
}

static inline void
hear_joined(int client, const char *prefix, unsigned count)
{
	char end_text[2048];

	hear_texts(client, prefix, count);
	snprintf(end_text, sizeof(end_text), "%send", prefix);
	udp_hear(client, end_text);
}

#endif
