/*
 * Urgent data (tcp(7), unix(7)): each byte of it is echoed in its place, and an
 * urgent mark is not taken for the end of the stream.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef HAVE_TLS
#include "support/certificates.h"
#include "support/tls_client.h"
#endif
#include "support/client.h"
#include "support/daemon.h"
#include "support/proxy_headers.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; workers = 1; "
#define RAW LISTEN "prefix = \"\"; "
#define PIECE 65536

/* A client that sends the pattern with urgent bytes at fixed distances. */
struct client {
	int fd;
	struct framing framing;
	uint64_t sent;
	uint64_t step;
};

/* Sends up to the next mark, or the mark, as far as the socket takes it. */
static void
send_some(struct client *client, uint64_t length)
{
	uint64_t before_mark = client->step - 1 - client->sent % client->step;
	uint64_t most = length - client->sent;
	bool urgent = before_mark == 0;
	ssize_t sent;

	if (urgent)
		most = 1;
	else if (most > before_mark)
		most = before_mark;
	if (most > PIECE)
		most = PIECE;
	sent = send(client->fd, pattern_from(client->sent), most,
		    MSG_DONTWAIT | MSG_NOSIGNAL | (urgent ? MSG_OOB : 0));
	ck_assert_msg(sent > 0 || errno == EAGAIN, "send: %s", strerror(errno));
	client->sent += sent > 0 ? (uint64_t)sent : 0;
}

static void
receive_some(struct client *client)
{
	char data[PIECE];
	ssize_t got = recv(client->fd, data, sizeof(data), 0);

	ck_assert_msg(got > 0, "after %llu bytes: %s",
		      (unsigned long long)client->framing.position,
		      got < 0 ? strerror(errno) : "the end");
	framing_feed(&client->framing, data, (size_t)got);
}

/* Sends up to `length` bytes in all, and reads the echo of all of them. */
static void
exchange(struct client *client, uint64_t length)
{
	struct pollfd ready = { .fd = client->fd };

	while (client->framing.position < length) {
		ready.events = POLLIN | (client->sent < length ? POLLOUT : 0);
		ck_assert_int_eq(poll(&ready, 1, 40000), 1);
		if (ready.revents & POLLOUT)
			send_some(client, length);
		else
			receive_some(client);
	}
}

/* Sends FIN, and expects the end of the echo of `length` bytes. */
static void
finish(struct client *client, uint64_t length)
{
	client_finish(client->fd);
	client_receive(client->fd, &client->framing, length, PIECE);
	close(client->fd);
}

static struct client
connected(int fd, const char *prefix, uint64_t step)
{
	return (struct client){
		.fd = fd,
		.framing = framing_of(prefix, 1000),
		.step = step,
	};
}

static void
end(struct daemon *daemon)
{
	ck_assert_uint_eq(daemon_counter(daemon, "closed.eof"),
			  daemon_counter(daemon, "connections"));
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

static const uint64_t steps[] = { 1, 2, 1000, 4097, 65536, 100001 };
#define STEPS (sizeof(steps) / sizeof(*steps))

/* Bulk, of which few bytes or many are urgent. */
static uint64_t
length_of(uint64_t step)
{
	return step < 1000 ? 20000 : 2000000;
}

static void
check_tcp(const char *config, const char *header, const char *prefix,
	  size_t chunk_size)
{
	struct daemon *daemon = daemon_start(config);

	for (size_t i = 0; i < STEPS; i++) {
		uint64_t length = length_of(steps[i]);
		struct client client =
			connected(client_connect(daemon_port(daemon, 0)),
				  prefix, steps[i]);

		client.framing.chunk_size = chunk_size;
		client_say(client.fd, header);
		/* Without FIN, and with FIN right after the last mark. */
		exchange(&client, length - length % steps[i]);
		finish(&client, client.sent);
	}
	daemon_wait_counter(daemon, "closed.eof", STEPS);
	end(daemon);
}

TEST(test_raw, check_tcp(RAW, "", "", 1))

TEST(test_chunks, check_tcp(LISTEN, "", "GOT:", 1000))

TEST(test_lines, check_tcp(LISTEN "framing = \"line\";", "", "GOT:", 10000000))

TEST(test_proxy, check_tcp(RAW "proxy_protocol = { from = \"127.0.0.1\"; };",
			   header_v1.bytes, "", 1))

TEST(test_buffered, check_tcp(RAW "fault = { delay = 0.001; };", "", "", 1))

/*
 * In bulk the mark and the FIN after it can arrive together: bytes queued
 * between them are not lost.
 */
static void
check_end(struct daemon *daemon, int fd, uint64_t before, uint64_t behind)
{
	struct client client = connected(fd, "", UINT64_MAX);
	uint64_t mark = 2000000 + before;

	exchange(&client, 2000000);
	daemon_pause(daemon);
	client.step = mark + 1;
	while (client.sent < mark + 1)
		send_some(&client, mark + 1);
	client.step = UINT64_MAX;
	while (client.sent < mark + 1 + behind)
		send_some(&client, mark + 1 + behind);
	client_finish(client.fd);
	daemon_resume(daemon);
	client_receive(client.fd, &client.framing, client.sent, PIECE);
	close(client.fd);
}

START_TEST(test_mark_before_end)
{
	static const uint64_t lengths[] = { 0, 1, 5000, 20000 };
	struct daemon *daemon = daemon_start(RAW);

	for (int i = 0; i < 16; i++)
		check_end(daemon, client_connect(daemon_port(daemon, 0)),
			  lengths[i / 4], lengths[i % 4]);
	daemon_wait_counter(daemon, "closed.eof", 16);
	end(daemon);
}
END_TEST

/* The urgent mark is inside the header, at any position. */
START_TEST(test_mark_in_header)
{
	struct daemon *daemon =
		daemon_start(RAW "proxy_protocol = { from = \"127.0.0.1\"; };");
	size_t length = header_v1.length;

	for (size_t at = 0; at < length; at++) {
		int fd = client_connect(daemon_port(daemon, 0));

		client_send(fd, header_v1.bytes, at);
		ck_assert_int_eq(send(fd, header_v1.bytes + at, 1, MSG_OOB), 1);
		client_send(fd, header_v1.bytes + at + 1, length - at - 1);
		client_say(fd, "Hello\n");
		client_finish(fd);
		client_hear(fd, "Hello\n");
		client_expect_eof(fd);
		close(fd);
	}
	daemon_wait_counter(daemon, "closed.eof", length);
	end(daemon);
}
END_TEST

static bool
has_urgent_unix(void)
{
	int fds[2];
	bool has;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	has = send(fds[0], "!", 1, MSG_OOB) == 1;
	close(fds[0]);
	close(fds[1]);
	return has;
}

/* On a unix socket the last byte of a send is the mark. */
static void
check_unix(const char *settings)
{
	char name[48], config[160];
	struct daemon *daemon;

	if (!has_urgent_unix())
		skip("the kernel has no urgent data for unix sockets");
	snprintf(name, sizeof(name), "@echod-check-urgent-%d", getpid());
	snprintf(config, sizeof(config),
		 "listen = \"unix:%s\"; prefix = \"\"; %s", name, settings);
	daemon = daemon_start(config);
	for (size_t i = 0; i < STEPS; i++) {
		uint64_t length = length_of(steps[i]);
		struct client client =
			connected(client_connect_unix(name), "", steps[i]);

		exchange(&client, length - length % steps[i]);
		finish(&client, client.sent);
	}
	check_end(daemon, client_connect_unix(name), 5000, 5000);
	check_end(daemon, client_connect_unix(name), 5000, 0);
	daemon_wait_counter(daemon, "closed.eof", STEPS + 2);
	end(daemon);
}

TEST(test_unix, check_unix(""))

TEST(test_unix_buffered, check_unix("fault = { delay = 0.001; };"))

/* Each byte of a record in turn is the urgent one. */
#ifdef HAVE_TLS
START_TEST(test_tls)
{
	struct daemon *daemon = tls_start("", "");
	SSL *client = tls_connect(daemon, &tls_any);
	int fd = SSL_get_fd(client);
	BIO *records = BIO_new(BIO_s_mem());
	char *record;
	size_t length;

	SSL_set0_wbio(client, records);
	for (size_t at = 0; at == 0 || at < length; at++) {
		tls_say(client, "Hello\n");
		length = (size_t)BIO_get_mem_data(records, &record);
		client_send(fd, record, at);
		ck_assert_int_eq(send(fd, record + at, 1, MSG_OOB), 1);
		client_send(fd, record + at + 1, length - at - 1);
		(void)BIO_reset(records);
		tls_hear(client, "GOT:Hello\n");
	}
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST
#else
TEST(test_tls, skip("built without TLS"))
#endif

SUITE(test_raw, test_chunks, test_lines, test_proxy, test_buffered,
      test_mark_before_end, test_mark_in_header, test_unix, test_unix_buffered,
      test_tls)
