/* TLS: how connections end, and reloads of the certificate. */
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/alloc_faults.h"
#include "support/certificates.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/notify_socket.h"
#include "support/suite.h"
#include "support/tls_client.h"

static void
finish_before_the_echo(SSL *client)
{
	tls_say(client, "Hello\n");
	tls_finish(client);
	tls_hear(client, "GOT:Hello\n");
	tls_expect_end(client);
}

/* A client that reads on after its close_notify gets the pending echo. */
TEST(test_echo_after_close_notify,
     tls_check("", finish_before_the_echo, " reason=eof in=6 out=10 "))
FAULT(12, test_echo_after_close_notify)

static void
finish_without_close_notify(SSL *client)
{
	tls_say(client, "Hello\n");
	client_finish(SSL_get_fd(client));
	tls_hear(client, "GOT:Hello\n");
	tls_expect_end(client);
}

/* FIN without close_notify is common. */
TEST(test_fin_without_close_notify,
     tls_check("", finish_without_close_notify, " reason=eof in=6 out=10 "))
FAULT(47, test_fin_without_close_notify)

START_TEST(test_reset_is_no_error)
{
	struct daemon *daemon = tls_start("", "");
	SSL *client = tls_connect(daemon, &tls_any);

	tls_say_hello(client);
	client_reset(SSL_get_fd(client));
	SSL_free(client);
	daemon_wait_line(daemon, " reason=reset in=6 out=10 ");
	ck_assert_uint_eq(daemon_count_lines(daemon, "[Ee]rror"), 0);
	tls_stop(daemon);
}
END_TEST

/* A record that is not encrypted. */
/*
 * A part of the echo goes to a client that has closed, whose host answers with
 * RST. The rest cannot be sent. The test cannot choose when the RST arrives:
 * some of many clients get it at that moment.
 */
START_TEST(test_write_after_peer_reset)
{
	enum { CLIENTS = 40 };
	struct daemon *daemon =
		tls_start("", "output_limit = 1024; write_timeout = 0; "
			      "framing = \"line\"; workers = 1;");

	for (int i = 0; i < CLIENTS; i++) {
		SSL *client = tls_connect(daemon, i % 2 ? &tls_old : &tls_any);

		ck_assert_int_eq(SSL_write(client, pattern_from(0), 1400),
				 1400);
		tls_drop(client);
	}
	daemon_wait_lines(daemon, "^Connection closed .* in=1400 ", CLIENTS);
	tls_stop(daemon);
}
END_TEST

START_TEST(test_invalid_record_closes)
{
	struct daemon *daemon = tls_start("", "");
	SSL *client = tls_connect(daemon, &tls_any);
	static const char record[] = "\27\3\3\0\40"
				     "0123456789abcdef0123456789abcdef";

	tls_say_hello(client);
	client_send(SSL_get_fd(client), record, sizeof(record) - 1);
	daemon_wait_line(daemon, " reason=tls_failed in=6 out=10 ");
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST

START_TEST(test_idle_timeout)
{
	struct daemon *daemon = tls_start("", "idle_timeout = 1.0;");
	SSL *client = tls_connect(daemon, &tls_any);

	tls_say_hello(client);
	tls_expect_end(client);
	daemon_wait_line(daemon, " reason=idle_timeout ");
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST
FAULT(11, test_idle_timeout)

START_TEST(test_never_reads)
{
	struct daemon *daemon =
		tls_start("", "write_timeout = 1.0; output_limit = 65536;");
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);
	SSL *client = tls_open(fd, &tls_any);
	int done = 1;

	/* Until the client's socket is full or the daemon reads no more. */
	while (done > 0) {
		struct pollfd pollfd = { fd, POLLOUT, 0 };

		if (poll(&pollfd, 1, 200) == 1)
			done = SSL_write(client, pattern_from(0), 16384);
		else
			done = daemon_count_lines(
				       daemon, " reason=write_timeout ") == 0;
	}
	daemon_wait_line(daemon, " reason=write_timeout ");
	ERR_clear_error();
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST
FAULT(8, test_never_reads)

static void
send_pattern(SSL *client, size_t length)
{
	const int piece = 10000;

	for (size_t sent = 0; sent < length; sent += (size_t)piece)
		ck_assert_int_eq(SSL_write(client, pattern_from(sent), piece),
				 piece);
}

/* One record for each byte. */
static void
send_byte_by_byte(SSL *client, size_t from, size_t to)
{
	for (; from < to; from++)
		ck_assert_int_eq(SSL_write(client, pattern_from(from), 1), 1);
}

/* Reads at most `most` bytes once; false at the end. */
static bool
receive(SSL *client, struct framing *framing, int most)
{
	char data[16384];
	int got = SSL_read(client, data, most);

	if (got > 0)
		framing_feed(framing, data, (size_t)got);
	else
		ck_assert_int_eq(SSL_get_error(client, got),
				 SSL_ERROR_ZERO_RETURN);
	return got > 0;
}

/* Reads the rest of the echo and its end. */
static void
receive_rest(SSL *client, struct framing *framing, size_t length)
{
	while (receive(client, framing, 16384))
		continue;
	framing_end(framing, length);
	client_expect_eof(SSL_get_fd(client));
}

/* Slower than a buffer is emptied, but reading: the connection is kept. */
START_TEST(test_slow_reader_is_kept)
{
	struct daemon *daemon = tls_start("", "write_timeout = 2.0;");
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);
	SSL *client = tls_open(fd, &tls_any);
	struct framing framing = framing_of("GOT:", 1000);
	const size_t length = 200000;

	send_pattern(client, length);
	tls_finish(client);
	/* About six seconds of it. */
	for (int i = 0; i < 60; i++) {
		poll(NULL, 0, 100);
		ck_assert(receive(client, &framing, 1024));
	}
	receive_rest(client, &framing, length);
	daemon_wait_line(daemon, " reason=eof ");
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST

/*
 * With one byte in a record, the records have more than twenty times as many
 * bytes. A peer that reads some of them is reading, although more and more
 * output is pending.
 */
START_TEST(test_slow_reader_of_small_records_is_kept)
{
	enum { ROUNDS = 40, SENT = 300, READ = 100 };
	struct daemon *daemon =
		tls_start("", "write_timeout = 2.0; prefix = \"\";");
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);
	SSL *client = tls_open(fd, &tls_any);
	struct framing framing = framing_of("", 1000);

	/* About four seconds of it. */
	for (size_t i = 0; i < ROUNDS; i++) {
		send_byte_by_byte(client, i * SENT, (i + 1) * SENT);
		for (int j = 0; j < READ; j++)
			ck_assert(receive(client, &framing, 1));
		poll(NULL, 0, 100);
	}
	tls_finish(client);
	receive_rest(client, &framing, ROUNDS * SENT);
	daemon_wait_line(daemon, " reason=eof in=12000 out=12000 ");
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST

/*
 * The daemon has received everything, close_notify too, and could send only a
 * part.
 */
START_TEST(test_close_notify_does_not_stop_pending_echo)
{
	struct daemon *daemon = tls_start("", "workers = 1; "
					      "output_limit = 20000000;");
	int fd = client_connect_small(daemon_port(daemon, 0), 4096);
	SSL *client = tls_open(fd, &tls_any), *other;
	struct framing framing = framing_of("GOT:", 1000);
	const size_t length = 8000000;

	send_pattern(client, length);
	tls_finish(client);
	daemon_wait_counter(daemon, "bytes_in", length);
	/* When others are served, the daemon has seen the end. */
	other = tls_connect(daemon, &tls_any);
	tls_say_hello(other);
	tls_drop(other);
	receive_rest(client, &framing, length);
	daemon_wait_line(daemon, " reason=eof in=8000000 ");
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST
FAULT(12, test_close_notify_does_not_stop_pending_echo)

/* Received bytes are echoed, and an incomplete record when it is complete. */
START_TEST(test_drain_sends_close_notify)
{
	struct daemon *daemon = tls_start("", "drain = { grace = 30.0; };");
	SSL *idle = tls_connect(daemon, &tls_any);
	SSL *busy = tls_connect(daemon, &tls_old);
	SSL *shaking =
		tls_client(client_connect(daemon_port(daemon, 0)), &tls_any);

	tls_say_hello(idle);
	tls_say_hello(busy);
	/* In its own segment, and sent before the signal. */
	tls_say(busy, "One\n");
	daemon_signal(daemon, SIGTERM);
	tls_hear(busy, "GOT:One\n");
	tls_expect_end(busy);
	tls_expect_end(idle);
	tls_drop(busy);
	tls_drop(idle);
	/* A connection in the backlog is accepted and served. */
	ck_assert_int_eq(SSL_connect(shaking), 1);
	tls_say_hello(shaking);
	tls_expect_end(shaking);
	tls_drop(shaking);
	daemon_wait_line(daemon, "^Drained closed=[0-9]+ forced=0$");
	ck_assert_int_eq(daemon_end(daemon), 0);
	tls_clean();
}
END_TEST

/* The encrypted bytes in the kernel are more than their echo. */
START_TEST(test_drain_echoes_unread_input)
{
	enum { RECORDS = 100 };
	struct daemon *daemon =
		tls_start("", "drain = { grace = 30.0; }; prefix = \"\";");
	SSL *clients[] = { tls_connect(daemon, &tls_any),
			   tls_connect(daemon, &tls_old) };

	daemon_wait_lines(daemon, "^Connection from ", 2);
	daemon_pause(daemon);
	for (size_t i = 0; i < 2; i++)
		send_byte_by_byte(clients[i], 0, RECORDS);
	daemon_signal(daemon, SIGTERM);
	daemon_resume(daemon);
	for (size_t i = 0; i < 2; i++) {
		struct framing framing = framing_of("", 1000);

		receive_rest(clients[i], &framing, RECORDS);
		tls_drop(clients[i]);
	}
	daemon_wait_line(daemon, "^Drained closed=2 forced=0$");
	ck_assert_int_eq(daemon_end(daemon), 0);
	tls_clean();
}
END_TEST

/* The records of a client, in memory, to be sent in pieces. */
static size_t
record_of(SSL *client, const char *text, unsigned char *bytes, size_t size)
{
	BIO *out = BIO_new(BIO_s_mem());
	int length;

	BIO_up_ref(SSL_get_wbio(client));
	BIO *socket = SSL_get_wbio(client);
	SSL_set0_wbio(client, out);
	tls_say(client, text);
	length = BIO_read(out, bytes, (int)size);
	ck_assert_int_gt(length, 8);
	SSL_set0_wbio(client, socket);
	return (size_t)length;
}

START_TEST(test_drain_waits_for_incomplete_record)
{
	struct daemon *daemon = tls_start("", "drain = { grace = 30.0; };");
	/* A record's header, or a longer part of a record. */
	static const size_t pieces[] = { 5, 20 };
	SSL *clients[2];
	unsigned char records[2][256];
	size_t lengths[2];

	for (size_t i = 0; i < 2; i++) {
		clients[i] = tls_connect(daemon, i ? &tls_old : &tls_any);
		tls_say_hello(clients[i]);
		lengths[i] = record_of(clients[i], "Half\n", records[i],
				       sizeof(records[i]));
		client_send(SSL_get_fd(clients[i]), records[i], pieces[i]);
	}
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, "^Draining ");
	for (size_t i = 0; i < 2; i++) {
		client_send(SSL_get_fd(clients[i]), records[i] + pieces[i],
			    lengths[i] - pieces[i]);
		tls_hear(clients[i], "GOT:Half\n");
		tls_expect_end(clients[i]);
		tls_drop(clients[i]);
	}
	ck_assert_int_eq(daemon_end(daemon), 0);
	tls_clean();
}
END_TEST

/*
 * A record that is never completed is not echoed and does not delay the drain.
 */
START_TEST(test_drain_times_out_incomplete_record)
{
	struct daemon *daemon = tls_start(
		"", "idle_timeout = 1.5; drain = { grace = 3600.0; };");
	SSL *client = tls_connect(daemon, &tls_any);
	unsigned char record[256];

	record_of(client, "Half\n", record, sizeof(record));
	client_send(SSL_get_fd(client), record, 5);
	daemon_wait_line(daemon, "^Connection from ");
	daemon_signal(daemon, SIGTERM);
	daemon_wait_line(daemon, " reason=idle_timeout in=0 out=0 ");
	tls_drop(client);
	ck_assert_int_eq(daemon_end(daemon), 0);
	tls_clean();
}
END_TEST

/* Replaces the server's files with NAME.pem and NAME.key. */
static void
replace(const char *name)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "cd %s && cp %s.pem server.pem && cp %s.key server.key",
		 tls_directory(), name, name);
	ck_assert_int_eq(system(command), 0);
}

static void
expect_certificate(struct daemon *daemon, const char *name)
{
	SSL *client = tls_connect(daemon, &tls_any);

	ck_assert_str_eq(tls_server_name(client), name);
	tls_say_hello(client);
	tls_drop(client);
}

START_TEST(test_certificates_are_renewed)
{
	struct daemon *daemon = tls_start("", "");
	SSL *before = tls_connect(daemon, &tls_any);

	tls_say_hello(before);
	replace("renewed");
	expect_certificate(daemon, "localhost");
	daemon_signal(daemon, SIGHUP);
	daemon_wait_line(daemon, "^Listeners changed=main$");
	daemon_wait_line(daemon, " reloaded ");
	expect_certificate(daemon, "renewed");
	/* The open connection is not affected. */
	tls_say_hello(before);
	tls_finish(before);
	tls_expect_end(before);
	tls_drop(before);
	tls_stop(daemon);
}
END_TEST

/* With invalid files the running configuration stays. */
START_TEST(test_invalid_certificate_is_refused)
{
	static const char *const changes[] = {
		"rm server.pem",
		"rm server.key",
		"cp renewed.pem server.pem",
		"cp locked.key server.key",
		"head -c 100 server.pem >x && mv x server.pem",
		": >server.key",
	};
	int manager = notify_open();
	struct daemon *daemon;
	SSL *before;

	daemon = daemon_start_prepared(tls_config(TLS_LISTEN
						  "tls = { " TLS_SERVER "};"),
				       notify_prepare);
	before = tls_connect(daemon, &tls_any);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		char command[256];

		snprintf(command, sizeof(command),
			 "cd %s && cp server.pem s.pem && cp server.key s.key "
			 "&& %s",
			 tls_directory(), changes[i]);
		ck_assert_int_eq(system(command), 0);
		daemon_forget(daemon);
		daemon_signal(daemon, SIGHUP);
		daemon_wait_line(daemon, "Reload failed.*keeping the running "
					 "configuration");
		daemon_wait_line(daemon, "conf:1: tls\\.(certificate|key): ");
		notify_await(manager, "STATUS=reload refused: ");
		tls_say_hello(before);
		expect_certificate(daemon, "localhost");
		snprintf(command, sizeof(command),
			 "cd %s && mv s.pem server.pem && mv s.key server.key",
			 tls_directory());
		ck_assert_int_eq(system(command), 0);
	}
	tls_drop(before);
	notify_close(manager);
	tls_stop(daemon);
}
END_TEST
FAULT(48, test_invalid_certificate_is_refused)

static void
expect_cut(SSL *client)
{
	tls_say(client, "Hello\n");
	tls_hear(client, "GOT:He");
	tls_expect_end(client);
}

static void
expect_reset(SSL *client)
{
	tls_say(client, "Hello\n");
	tls_hear(client, "GOT:He");
	tls_expect_reset(client);
}

/* Faults apply to the echo, whose end is close_notify or RST. */
START_TEST(test_fault_injection)
{
	tls_check("fault = { end = \"close\"; after = 6; };", expect_cut,
		  " reason=fault in=6 out=6 ");
	tls_check("fault = { end = \"reset\"; after = 6; };", expect_reset,
		  " reason=fault in=6 out=6 ");
}
END_TEST

/* A connection releases all of its resources. */
START_TEST(test_no_descriptor_leak)
{
	struct daemon *daemon = tls_start("handshake_timeout = 2.0;", "");
	SSL *first = tls_connect(daemon, &tls_any);
	size_t before;

	tls_say_hello(first);
	before = daemon_count(daemon, "fd");
	for (int i = 0; i < 50; i++) {
		SSL *client = tls_connect(daemon, i % 2 ? &tls_old : &tls_any);
		int fd = client_connect(daemon_port(daemon, 0));

		tls_say_hello(client);
		tls_drop(client);
		client_say(fd, i % 3 ? "rubbish" : "\26\3\1\1\1\1");
		close(fd);
	}
	daemon_wait_lines(daemon, "^Connection closed ", 100);
	daemon_wait_descriptors(daemon, before);
	tls_drop(first);
	tls_stop(daemon);
}
END_TEST

/* True if the connection is served. */
static bool
try_hello(SSL *client)
{
	char got[10];
	bool served = SSL_connect(client) == 1 &&
		      SSL_write(client, "Hello\n", 6) == 6 &&
		      SSL_read(client, got, sizeof(got)) == sizeof(got) &&
		      memcmp(got, "GOT:Hello\n", sizeof(got)) == 0;

	ERR_clear_error();
	return served;
}

/*
 * Waits until the worker has released a dropped connection: its memory would
 * count as free for the next one.  libevent frees a bufferevent in the turn of
 * the loop after the descriptor is closed.  `plain` allocates nothing.
 */
static void
wait_released(const struct daemon *daemon, size_t descriptors, int plain)
{
	daemon_wait_descriptors(daemon, descriptors);
	for (int turn = 0; turn < 2; turn++)
		client_say_hello(plain);
}

/* Memory runs out a little later each time, until there is enough. */
START_TEST(test_out_of_memory)
{
	enum { STEP = 8 };
	struct daemon *daemon = alloc_faults_spawn(
		tls_config(TLS_LISTEN "workers = 1; log = { rate = 0; }; "
				      "listeners = ( { name = \"tls\"; "
				      "listen = \"127.0.0.1:0\"; "
				      "tls = { " TLS_SERVER "}; } );"));
	unsigned lost = 0, port;
	size_t before;
	SSL *first;
	int plain;

	/*
	 * OpenSSL 3.0 loads an algorithm when it is first used.  If that fails
	 * for lack of memory, the algorithm stays unsupported in this process.
	 */
	daemon_wait_started(daemon);
	plain = client_connect(daemon_port(daemon, 0));
	client_say_hello(plain);
	before = daemon_count(daemon, "fd");
	port = daemon_port(daemon, 1);
	first = tls_open(client_connect(port), &tls_any);
	tls_say_hello(first);
	tls_drop(first);
	for (long bytes = 0, failed = 1; failed; bytes += STEP) {
		SSL *client;

		wait_released(daemon, before, plain);
		/* First: the handshake frees a buffer of the set-up. */
		alloc_faults_limit(bytes);
		client = tls_client(client_connect(port), &tls_any);
		failed = !try_hello(client);
		lost += (unsigned)failed;
		/* Until a session succeeds without a failed allocation. */
		failed |= alloc_faults_has_failed();
		alloc_faults_unlimit();
		tls_drop(client);
	}
	ck_assert_uint_gt(lost, 100);
	close(plain);
	tls_stop(daemon);
}
END_TEST
FAULT(26, test_out_of_memory)

SUITE(test_echo_after_close_notify, test_fin_without_close_notify,
      test_reset_is_no_error, test_write_after_peer_reset,
      test_invalid_record_closes, test_idle_timeout, test_never_reads,
      test_slow_reader_is_kept, test_slow_reader_of_small_records_is_kept,
      test_close_notify_does_not_stop_pending_echo,
      test_drain_sends_close_notify, test_drain_echoes_unread_input,
      test_drain_waits_for_incomplete_record,
      test_drain_times_out_incomplete_record, test_certificates_are_renewed,
      test_invalid_certificate_is_refused, test_fault_injection,
      test_no_descriptor_leak, test_out_of_memory)
