/*
 * A client of the status port.  Two digits come first: the size of the pieces
 * that are sent (see pieces[]) and how the client ends (enum ending).  The rest
 * is sent as it is.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "addr/listen_address.h"
#include "admin/http_status.h"
#include "base/error.h"
#include "base/string_list.h"
#include "fixture.h"
#include "fuzz.h"
#include "listen/listening_set.h"

/* A client has ten seconds, checked once a second. */
#define DEADLINES_S 13

/* More answers than a test has requests. */
#define ANSWER_MAX (1024 * 1024)

static char answer[ANSWER_MAX + 1];

/* For /metrics and /config. */
static char *
text_of(void *owner, size_t *length)
{
	char *text = strdup("echod_up 1\n");

	(void)owner;
	*length = text ? strlen(text) : 0;
	return text;
}

static bool
is_draining(void *owner)
{
	(void)owner;
	return false;
}

/* Makes the status server. */
static void
make_server(const char *listen)
{
	static const struct http_status_content content = {
		.metrics = text_of,
		.configuration = text_of,
		.is_draining = is_draining,
	};
	static struct listening_set *set;
	static const struct string_list no_hosts;
	static struct http_status *status;
	struct error_list errors;
	char text[192];
	int error;

	snprintf(text, sizeof(text),
		 "listen = \"%s-echo\"; status = { listen = \"%s\"; };", listen,
		 listen);
	error_list_init(&errors, "conf");
	set = listening_set_open(fixture_config(text), NULL, NULL, 1, &errors,
				 &error);
	FUZZ_EXPECT(set);
	error_list_free(&errors);
	status = http_status_new(fixture_base(), &content);
	FUZZ_EXPECT(status && http_status_prepare(status, set));
	http_status_serve(status, &no_hosts);
}

/* Starts the server if it is not running; returns its address. */
static const char *
server(void)
{
	static char listen[64];

	if (!*listen) {
		snprintf(listen, sizeof(listen), "unix:@echod-fuzz-http-%d",
			 (int)getpid());
		make_server(listen);
	}
	return listen;
}

static int
connect_to_server(void)
{
	struct listen_address listen_address;
	struct sockaddr_un un;
	socklen_t length;
	char reason[192];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	FUZZ_EXPECT(fd >= 0);
	FUZZ_EXPECT(!listen_address_parse(server(), &listen_address, reason,
					  sizeof(reason)));
	length = listen_address_sockaddr(&listen_address, &un);
	FUZZ_EXPECT(connect(fd, (struct sockaddr *)&un, length) == 0);
	return fd;
}

/* A client, and what it has heard so far. */
struct client {
	int fd;
	size_t heard;
	bool ended;
};

static void
hear(struct client *client)
{
	ssize_t got;

	while (!client->ended) {
		FUZZ_EXPECT(client->heard < ANSWER_MAX);
		got = recv(client->fd, answer + client->heard,
			   ANSWER_MAX - client->heard, 0);
		if (got < 0 && errno == EAGAIN)
			break;
		if (got > 0)
			client->heard += (size_t)got;
		else
			client->ended = true;
	}
	answer[client->heard] = '\0';
}

/* Until nothing has come in two passes. */
static void
listen_on(struct client *client)
{
	for (unsigned quiet = 0; quiet < 3; quiet++) {
		size_t before = client->heard;

		fixture_turn();
		hear(client);
		if (client->heard > before)
			quiet = 0;
	}
}

static void
say(struct client *client, const uint8_t *bytes, size_t size, size_t piece)
{
	while (size > 0 && !client->ended) {
		size_t most = size < piece ? size : piece;
		ssize_t sent = send(client->fd, bytes, most, MSG_NOSIGNAL);

		if (sent > 0) {
			bytes += sent;
			size -= (size_t)sent;
		}
		fixture_turn();
		hear(client);
	}
}

/* evhttp takes the version, which may be any, from the request. */
static bool
has_code(const char *text, const char *code)
{
	const char *found = strchr(text, ' ');

	return strncmp(text, "HTTP/", 5) == 0 && found &&
	       strncmp(found + 1, code, 3) == 0;
}

/* One answer; returns how long it is. */
static size_t
check_answer(const char *text, size_t length)
{
	static const char *const codes[] = { "200", "400", "404", "405",
					     "411", "413", "414", "417",
					     "421", "431", "501", "503" };
	const char *end = strstr(text, "\r\n\r\n");
	const char *size = strstr(text, "\r\nContent-Length: ");
	bool known = false;

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		known |= has_code(text, codes[i]);
	FUZZ_EXPECT(known);
	FUZZ_EXPECT(end);
	/* An error page of evhttp's own ends with the connection. */
	if (!size || size > end)
		return length;
	return (size_t)(end + 4 - text) + strtoul(size + 18, NULL, 10);
}

/* Each answer is whole.  After HEAD, Content-Length does not count. */
static void
check_answers(const struct client *client, bool with_head)
{
	size_t at = 0;

	while (at < client->heard) {
		at += check_answer(answer + at, client->heard - at);
		if (with_head)
			return;
	}
	FUZZ_EXPECT(at == client->heard);
}

/* Requests with the status code of their answer. */
static const struct {
	const char *request;
	const char *code;
} plain[] = {
	{ "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "200" },
	{ "GET /healthz HTTP/1.0\r\n\r\n", "200" },
	{ "HEAD /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "200" },
	{ "GET /metrics HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200" },
	{ "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421" },
	{ "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n", "404" },
	{ "DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "405" },
	{ "OPTIONS / HTTP/1.1\r\nHost: localhost\r\n\r\n", "200" },
	{ "GET //localhost/metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n",
	  "421" },
	{ "GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", "200" },
	{ "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", "405" },
};

static void
check_code(const uint8_t *said, size_t size)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		size_t length = strlen(plain[i].request);

		if (size >= length &&
		    memcmp(said, plain[i].request, length) == 0)
			FUZZ_EXPECT(strncmp(answer + 9, plain[i].code, 3) == 0);
	}
}

/* Bytes a pass of the loop. */
static const size_t pieces[] = { 65536, 1, 7, 100 };

/* How it ends: it waits to be answered, or sends FIN, or is gone. */
enum ending { WAITS, FINISHES, LEAVES, ENDINGS };

static void
wait_for_end(struct client *client)
{
	for (int i = 0; i < DEADLINES_S && !client->ended; i++) {
		fixture_advance(1000);
		listen_on(client);
	}
	FUZZ_EXPECT(client->ended);
}

static void
exchange(struct script *script)
{
	struct client client = { .fd = connect_to_server() };
	size_t piece = pieces[script_digit(script) % 4];
	enum ending ending = script_digit(script) % ENDINGS;
	const uint8_t *said = script->data + script->at;
	size_t size = script->size - script->at;

	say(&client, said, size, piece);
	if (ending == FINISHES)
		shutdown(client.fd, SHUT_WR);
	if (ending != LEAVES) {
		listen_on(&client);
		wait_for_end(&client);
		if (client.heard > 0)
			check_code(said, size);
		check_answers(&client, memmem(said, size, "HEAD", 4));
	}
	close(client.fd);
}

void
fuzz_http(const uint8_t *data, size_t size)
{
	struct script script = { data, size, 0 };
	int lowest;

	if (size < 2)
		return;
	fixture_freeze();
	server();
	lowest = fixture_lowest_descriptor();
	exchange(&script);
	/* The server sees once a second that a client has gone. */
	for (int i = 0; i < 3; i++) {
		fixture_advance(1000);
		fixture_turn();
	}
	FUZZ_EXPECT(fixture_lowest_descriptor() == lowest);
	fixture_thaw();
}
