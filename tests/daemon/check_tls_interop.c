/* Interoperability with common TLS clients. */
#include <stdio.h>
#include <stdlib.h>

#include "support/certificates.h"
#include "support/daemon.h"
#include "support/suite.h"

/* Runs `command` with the daemon's port in $PORT and compares its output. */
static void
expect_output(struct daemon *daemon, const char *command, const char *expected)
{
	char line[1024], got[1024];
	size_t length;
	FILE *pipe;

	snprintf(line, sizeof(line), "PORT=%u; cd %s; exec 2>&1; %s",
		 daemon_port(daemon, 0), tls_directory(), command);
	pipe = popen(line, "r");
	ck_assert_ptr_nonnull(pipe);
	length = fread(got, 1, sizeof(got) - 1, pipe);
	got[length] = '\0';
	ck_assert_int_eq(pclose(pipe), 0);
	ck_assert_str_eq(got, expected);
}

/* A missing client is skipped. */
static void
need(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1",
		 program);
	if (system(command) != 0) {
		snprintf(command, sizeof(command), "%s is not installed",
			 program);
		skip(command);
	}
}

static struct daemon *
start(const char *prefix)
{
	return daemon_start(tls_config(TLS_LISTEN "tls = { " TLS_SERVER "}; "
						  "prefix = \"%s\";",
				       prefix));
}

static void
stop(struct daemon *daemon, const char *end)
{
	if (end)
		daemon_wait_line(daemon, end);
	ck_assert_int_eq(daemon_stop(daemon), 0);
	tls_clean();
}

#define LAST "^Connection closed .* reason=eof in=6 "

/* The client ends with its input, so it waits for a line first. */
#define AFTER_THE_ANSWER \
	"mkfifo pipe answer; " \
	"{ exec 3>pipe; echo Hello >&3; read line <answer; exec 3>&-; } & " \
	"timeout 30 "

START_TEST(test_openssl_s_client)
{
	struct daemon *daemon = start("%{tls.version} %{tls.sni}:");

	need("openssl");
	expect_output(daemon,
		      AFTER_THE_ANSWER
		      "openssl s_client -connect localhost:$PORT -quiet "
		      "-no_ign_eof -alpn echo -servername a.example "
		      "-CAfile server.pem -verify_return_error 2>/dev/null "
		      "<pipe | tee answer",
		      "TLSv1.3 a.example:Hello\n");
	stop(daemon, LAST);
}
END_TEST

START_TEST(test_ncat)
{
	struct daemon *daemon = start("%{tls.version}:");

	need("ncat");
	expect_output(daemon,
		      AFTER_THE_ANSWER
		      "ncat --ssl localhost $PORT <pipe | tee answer",
		      "TLSv1.3:Hello\n");
	stop(daemon, LAST);
}
END_TEST

/* socat sends close_notify at the end of its input and reads on. */
START_TEST(test_socat)
{
	struct daemon *daemon = start("%{tls.version}:");

	need("socat");
	/* The version of Debian 13 warns that it checks no revocation list. */
	expect_output(daemon,
		      "echo Hello | timeout 30 socat -t 20 - "
		      "OPENSSL:localhost:$PORT,cafile=server.pem 2>/dev/null",
		      "TLSv1.3:Hello\n");
	stop(daemon, LAST);
}
END_TEST

START_TEST(test_gnutls_cli)
{
	struct daemon *daemon = start("%{tls.version} %{tls.sni}:");

	need("gnutls-cli");
	expect_output(daemon,
		      AFTER_THE_ANSWER
		      "gnutls-cli --x509cafile=server.pem --alpn=echo "
		      "--logfile=log --port=$PORT localhost <pipe | "
		      "grep --line-buffered TLSv | tee answer",
		      "TLSv1.3 localhost:Hello\n");
	stop(daemon, LAST);
}
END_TEST

START_TEST(test_python)
{
	static const char program[] =
		"cat >client.py <<'END'\n"
		"import os, socket, ssl\n"
		"context = ssl.create_default_context(cafile='server.pem')\n"
		"context.hostname_checks_common_name = True\n"
		"context.set_alpn_protocols(['echo'])\n"
		"plain = socket.create_connection(('localhost',"
		" int(os.environ['PORT'])), 30)\n"
		"with context.wrap_socket(plain, server_hostname='localhost')"
		" as client:\n"
		"    client.sendall(b'Hello\\n')\n"
		"    got = b''\n"
		"    while not got.endswith(b'\\n'):\n"
		"        got += client.recv(100)\n"
		"    print(got.decode().strip(), client.version(),"
		" client.selected_alpn_protocol())\n"
		"    client.unwrap()\n"
		"END\n"
		"export PORT; timeout 30 python3 client.py";
	struct daemon *daemon = start("%{tls.version}:");

	need("python3");
	if (system("python3 -c 'import ssl' 2>/dev/null") != 0)
		skip("python3 has no ssl");
	expect_output(daemon, program, "TLSv1.3:Hello TLSv1.3 echo\n");
	stop(daemon, LAST);
}
END_TEST

SUITE(test_openssl_s_client, test_ncat, test_socat, test_gnutls_cli,
      test_python)
