/*
 * A TLS connection from its first byte on.  The client is OpenSSL's, driven by
 * a script that can change, cut, repeat and insert bytes on the wire.  Two
 * digits come first: the version of TLS, and the prefix with the server's
 * SO_SNDBUF.  Then there are steps, each a letter and its arguments (see
 * steps[]).
 */
#include <errno.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timers.h"
#include "config/config.h"
#include "fixture.h"
#include "fuzz.h"
#include "model.h"
#include "tcp/connection_limits.h"
#include "tcp/connection_setup.h"
#include "tcp/session.h"

#define STEPS_MAX 128
#define SAID_MAX (96 * 1024)
#define WIRE_MAX (256 * 1024)

static const char *const prefixes[] = { "", "GOT:" };
#define CONFIGS (sizeof(prefixes) / sizeof(*prefixes))

static struct play {
	struct session_context sessions;
	struct connection_setup_context setups;
	struct stats stats;
	struct limits *limits;
	struct limit *limit;
	struct config *configs[CONFIGS];
	SSL_CTX *context; /* of clients */

	struct script script;
	struct model model;
	struct stats before;
	SSL *client;
	BIO *from, *to; /* records for the client, and of it */
	uint8_t *wire;	/* what it has yet to send */
	size_t on_wire; /* bytes of it */
	int fd;		/* the client's; -1 once it has gone */
	int server;	/* while there is a session, or what comes before */
	uint64_t said;
	bool tampered;	 /* the script has changed what the client sent */
	bool broken;	 /* the client cannot decrypt any more */
	bool left;	 /* close_notify has been written */
	bool finished;	 /* FIN has been sent */
	bool heard_left; /* close_notify has come */
	bool heard_end;
	bool drained;
} play;

/* ---- what is made once */

static void
write_certificate(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	FILE *out = fopen(path, "w");
	X509_NAME *name;

	FUZZ_EXPECT(key && certificate && out);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 7 * 86400);
	name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"localhost", -1, -1,
				   0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	FUZZ_EXPECT(X509_sign(certificate, key, EVP_sha256()) > 0);
	FUZZ_EXPECT(PEM_write_X509(out, certificate));
	FUZZ_EXPECT(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL));
	fclose(out);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void
make_configs(void)
{
	char path[] = "/tmp/echod-fuzz-tls.XXXXXX";
	char text[512];
	int fd = mkstemp(path);

	FUZZ_EXPECT(fd >= 0);
	close(fd);
	write_certificate(path);
	for (unsigned i = 0; i < CONFIGS; i++) {
		snprintf(text, sizeof(text),
			 "listen = \"127.0.0.1:0\"; prefix = \"%s\"; "
			 "output_limit = 8192; idle_timeout = 3.0; "
			 "tls = { certificate = \"%s\"; "
			 "handshake_timeout = 1.0; };",
			 prefixes[i], path);
		play.configs[i] = fixture_config(text);
	}
	unlink(path);
}

static void
on_opened(struct connection_setup_context *host,
	  const struct connection_info *info)
{
	FUZZ_EXPECT(host == &play.setups);
	FUZZ_EXPECT(session_new(&play.sessions, info));
}

static void
make_hosts(void)
{
	FUZZ_EXPECT(session_context_init(&play.sessions, fixture_base(), 0));
	FUZZ_EXPECT(
		connection_setup_context_init(&play.setups, fixture_base(), 0));
	play.setups.opened = on_opened;
	play.limits = limits_new();
	play.limit = limit_new(play.limits, "main", &play.stats);
	play.context = SSL_CTX_new(TLS_client_method());
	play.wire = malloc(WIRE_MAX);
	FUZZ_EXPECT(play.limit && play.context && play.wire);
	make_configs();
}

/* ---- one connection */

static void
begin(struct script script)
{
	struct connection_info info = { 0 };
	enum refuse_reason reason;
	int fds[2];
	int version = script_digit(&script) % 2 ? TLS1_2_VERSION :
						  TLS1_3_VERSION;
	unsigned digit = script_digit(&script);
	struct config *config = play.configs[digit % CONFIGS];
	int small = 4608;

	play.script = script;
	play.model = (struct model){ .frame = fixture_listener(config)->frame };
	play.before = play.stats;
	play.on_wire = 0;
	play.said = 0;
	play.tampered = play.broken = play.left = play.finished = false;
	play.heard_left = play.heard_end = play.drained = false;
	play.client = SSL_new(play.context);
	play.from = BIO_new(BIO_s_mem());
	play.to = BIO_new(BIO_s_mem());
	FUZZ_EXPECT(play.client && play.from && play.to);
	SSL_set_bio(play.client, play.from, play.to);
	SSL_set_max_proto_version(play.client, version);
	SSL_set_connect_state(play.client);

	fixture_pair(fds);
	play.fd = fds[0];
	if (digit / CONFIGS % 2)
		setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &small,
			   sizeof(small));
	info.fd = play.server = fds[1];
	info.limit = play.limit;
	info.listener = fixture_listener(config);
	FUZZ_EXPECT(limit_enter(play.limit, &info.peer, 0, &info.id, &reason));
	FUZZ_EXPECT(connection_setup_new(&play.setups, &info));
}

static unsigned
open_count(void)
{
	return play.setups.count + play.sessions.count;
}

/* Gathers what the client wants to send. */
static void
coalesce(void)
{
	int got = BIO_read(play.to, play.wire + play.on_wire,
			   (int)(WIRE_MAX - play.on_wire));

	if (got > 0)
		play.on_wire += (size_t)got;
}

/* Goes on with the handshake, or reads what has come. */
static void
go_on(void)
{
	static uint8_t data[16384];
	int got = 1;

	while (got > 0 && !play.broken) {
		ERR_clear_error();
		got = SSL_read(play.client, data, sizeof(data));
		if (got > 0) {
			model_hear(&play.model, data, (size_t)got);
			FUZZ_EXPECT(play.model.echoed <= play.said);
			continue;
		}
		switch (SSL_get_error(play.client, got)) {
		case SSL_ERROR_ZERO_RETURN:
			play.heard_left = true;
			break;
		case SSL_ERROR_WANT_READ:
		case SSL_ERROR_WANT_WRITE:
			break;
		default:
			play.broken = true;
		}
	}
	coalesce();
}

/* Returns how many bytes of TLS have come. */
static size_t
hear(size_t most)
{
	static uint8_t data[16384];
	ssize_t got;

	if (play.fd < 0 || play.heard_end)
		return 0;
	got = recv(play.fd, data, most < sizeof(data) ? most : sizeof(data), 0);
	if (got <= 0) {
		play.heard_end = got == 0 || errno != EAGAIN;
		return 0;
	}
	if (!play.broken)
		BIO_write(play.from, data, (int)got);
	go_on();
	return (size_t)got;
}

static size_t
send_some(size_t most)
{
	ssize_t sent;

	if (most > play.on_wire)
		most = play.on_wire;
	if (play.fd < 0 || play.finished || most == 0)
		return 0;
	sent = send(play.fd, play.wire, most, MSG_NOSIGNAL);
	if (sent <= 0)
		return 0;
	play.on_wire -= (size_t)sent;
	memmove(play.wire, play.wire + sent, play.on_wire);
	return (size_t)sent;
}

/* Bytes that the server has not taken yet. */
static int
unread_by_server(void)
{
	int bytes = 0;

	if (open_count() > 0)
		ioctl(play.server, FIONREAD, &bytes);
	return bytes;
}

/* Client and server, until no byte moves. */
static void
exchange(void)
{
	unsigned passes = 0, quiet = 0;

	go_on();
	while (quiet < 3) {
		size_t moved = send_some(SIZE_MAX);
		int unread = unread_by_server();

		fixture_turn();
		moved += hear(SIZE_MAX);
		quiet = moved > 0 || unread_by_server() != unread ? 0 :
								    quiet + 1;
		FUZZ_EXPECT(++passes < 10000);
	}
}

/* ---- the steps of a script */

static void
step_say(void)
{
	size_t size = script_size(&play.script);

	if (size > SAID_MAX - play.said)
		size = SAID_MAX - play.said;
	if (play.broken || play.left || size == 0 ||
	    play.on_wire > WIRE_MAX / 4 || !SSL_is_init_finished(play.client))
		return;
	if (size > FIXTURE_RUN)
		size = FIXTURE_RUN;
	ERR_clear_error();
	if (SSL_write(play.client, fixture_pattern(play.said), (int)size) > 0)
		play.said += size;
	coalesce();
}

static void
step_send(void)
{
	send_some(script_size(&play.script));
}

static void
step_hear(void)
{
	hear(script_size(&play.script));
}

static void
step_change(void)
{
	size_t at = script_size(&play.script) - 1;
	uint8_t bits = script_next(&play.script);

	if (at >= play.on_wire || bits == 0)
		return;
	play.wire[at] ^= bits;
	play.tampered = true;
}

static void
step_cut(void)
{
	size_t size = script_size(&play.script);

	if (size > play.on_wire)
		return;
	play.on_wire -= size;
	play.tampered = true;
}

static void
step_double(void)
{
	if (play.on_wire == 0 || play.on_wire > WIRE_MAX / 4)
		return;
	memcpy(play.wire + play.on_wire, play.wire, play.on_wire);
	play.on_wire *= 2;
	play.tampered = true;
}

static void
step_add(void)
{
	size_t size;
	const uint8_t *bytes = script_bytes(&play.script, &size);

	if (size == 0 || play.on_wire > WIRE_MAX / 4)
		return;
	memcpy(play.wire + play.on_wire, bytes, size);
	play.on_wire += size;
	play.tampered = true;
}

/* A whole record, not encrypted. */
static void
step_record(void)
{
	uint8_t type = script_next(&play.script);
	size_t size;
	const uint8_t *bytes = script_bytes(&play.script, &size);
	uint8_t head[5] = { type, 3, 3, (uint8_t)(size >> 8), (uint8_t)size };

	if (play.on_wire > WIRE_MAX / 4)
		return;
	memcpy(play.wire + play.on_wire, head, sizeof(head));
	memcpy(play.wire + play.on_wire + sizeof(head), bytes, size);
	play.on_wire += sizeof(head) + size;
	play.tampered = true;
}

static void
step_new_keys(void)
{
	if (play.broken || play.left || !SSL_is_init_finished(play.client) ||
	    SSL_version(play.client) != TLS1_3_VERSION)
		return;
	SSL_key_update(play.client, SSL_KEY_UPDATE_REQUESTED);
	SSL_do_handshake(play.client);
	coalesce();
}

static void
step_leave(void)
{
	if (play.broken || !SSL_is_init_finished(play.client))
		return;
	ERR_clear_error();
	SSL_shutdown(play.client);
	play.left = true;
	coalesce();
}

static void
step_finish(void)
{
	if (play.fd >= 0)
		shutdown(play.fd, SHUT_WR);
	play.finished = true;
}

static void
step_go(void)
{
	if (play.fd >= 0)
		close(play.fd);
	play.fd = -1;
}

static void
step_drain(void)
{
	struct session *session = LIST_FIRST(&play.sessions.sessions);

	play.drained = true;
	if (session)
		session_drain(session);
}

static void
step_wait(void)
{
	for (int ticks = script_next(&play.script) % 64; ticks > 0; ticks--) {
		fixture_advance(TIMERS_TICK_MS);
		fixture_turn();
	}
}

static const struct script_step steps[] = {
	{ 's', step_say },	/* SIZE, once there has been a handshake */
	{ 'f', step_send },	/* SIZE, bytes of TLS that go on their way */
	{ 'h', step_hear },	/* SIZE, bytes of TLS */
	{ 't', fixture_turn },	/* one pass of the server's loop */
	{ '.', exchange },	/* all that can be */
	{ 'x', step_change },	/* SIZE - 1: where; BYTE: which bits */
	{ 'c', step_cut },	/* SIZE, off the end */
	{ 'd', step_double },	/* what is to be sent */
	{ 'a', step_add },	/* BYTE, how many; and these */
	{ 'r', step_record },	/* BYTE, its type; BYTE, how many; and these */
	{ 'k', step_new_keys }, /* for both sides */
	{ 'N', step_leave },	/* close_notify */
	{ 'F', step_finish },	/* FIN */
	{ 'R', step_go },	/* close; RST if bytes are unread */
	{ 'D', step_drain },	/* the session is drained */
	{ 'w', step_wait },	/* BYTE, ticks */
	{ 0 },
};

/* ---- the end */

static uint64_t
times(enum close_reason reason)
{
	return play.stats.closed[reason] - play.before.closed[reason];
}

/* It has ended once, and not for a failure of echod. */
static void
check_reason(void)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < CLOSE_REASON_COUNT; i++)
		all += times(i);
	FUZZ_EXPECT(all == 1);
	FUZZ_EXPECT(times(CLOSE_error) == 0);
	FUZZ_EXPECT(times(CLOSE_vanished) == 0);
	FUZZ_EXPECT(times(CLOSE_drain) == 0 || play.drained);
}

/* An undisturbed client gets the whole echo, close_notify and FIN. */
static void
check_echo(bool complete)
{
	if (!complete || times(CLOSE_eof) == 0)
		return;
	FUZZ_EXPECT(play.model.echoed == play.said);
	FUZZ_EXPECT(play.model.prefix_at == 0);
	FUZZ_EXPECT(play.heard_left);
	FUZZ_EXPECT(play.heard_end);
}

static bool
finish(void)
{
	bool complete;

	exchange();
	step_leave();
	exchange();
	/* All that the client has to send has been sent. */
	complete = !play.tampered && !play.broken && !play.finished &&
		   play.left && play.on_wire == 0 && play.fd >= 0;
	step_finish();
	exchange();
	if (complete)
		FUZZ_EXPECT(open_count() == 0);
	/* handshake_timeout is one second, idle_timeout three. */
	for (int i = 0; i < 5 && open_count() > 0; i++) {
		fixture_advance(1000);
		exchange();
	}
	FUZZ_EXPECT(open_count() == 0);
	exchange();
	return complete;
}

void
fuzz_tls(const uint8_t *data, size_t size)
{
	int lowest;
	bool complete;

	fixture_freeze();
	if (!play.limit)
		make_hosts();
	lowest = fixture_lowest_descriptor();
	begin((struct script){ data, size, 0 });
	script_run(&play.script, steps, STEPS_MAX);
	complete = finish();
	check_reason();
	check_echo(complete);
	SSL_free(play.client);
	ERR_clear_error();
	step_go();
	FUZZ_EXPECT(limits_count(play.limits) == 0);
	FUZZ_EXPECT(fixture_lowest_descriptor() == lowest);
	fixture_thaw();
}
