/* Interoperability with common TLS clients. */
#include <stdio.h>
#include <stdlib.h>

#include "support/certificates.h"
#include "support/daemon.h"
#include "support/suite.h"

/* The output of a shell command; returns its status, as wait(2) has it. */
static int
run(const char *command, char *output, size_t size)
{
	FILE *pipe = popen(command, "r");
	size_t length;

	ck_assert_ptr_nonnull(pipe);
	length = fread(output, 1, size - 1, pipe);
	output[length] = '\0';
	return pclose(pipe);
}

/*
 * Runs `command` with the daemon's port in $PORT and compares its output.  If
 * that fails, shows the standard error.
 */
static void
expect_output(struct daemon *daemon, const char *command, const char *expected)
{
	char line[1024], got[1024], errors[4096];
	int status;

	snprintf(line, sizeof(line), "PORT=%u; cd %s; exec 2>errors; %s",
		 daemon_port(daemon, 0), tls_directory(), command);
	status = run(line, got, sizeof(got));
	snprintf(line, sizeof(line), "cat %s/errors", tls_directory());
	run(line, errors, sizeof(errors));
	ck_assert_msg(status == 0 && strcmp(got, expected) == 0,
		      "status %d, output \"%s\" instead of \"%s\": %s", status,
		      got, expected, errors);
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
		      "openssl s_client -connect 127.0.0.1:$PORT -quiet "
		      "-no_ign_eof -alpn echo -servername a.example "
		      "-CAfile server.pem -verify_return_error "
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
		      "ncat --ssl 127.0.0.1 $PORT <pipe | tee answer",
		      "TLSv1.3:Hello\n");
	stop(daemon, LAST);
}
END_TEST

/* socat sends close_notify at the end of its input and reads on. */
START_TEST(test_socat)
{
	struct daemon *daemon = start("%{tls.version}:");

	need("socat");
	expect_output(daemon,
		      "echo Hello | timeout 30 socat -t 20 - "
		      "OPENSSL:127.0.0.1:$PORT,cafile=server.pem,"
		      "commonname=localhost",
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
		      "--logfile=log --port=$PORT --sni-hostname=localhost "
		      "--verify-hostname=localhost 127.0.0.1 <pipe | "
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
		"plain = socket.create_connection(('127.0.0.1',"
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
