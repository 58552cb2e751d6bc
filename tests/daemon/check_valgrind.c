/*
 * The whole daemon under valgrind(1), with every kind of client, a reload and
 * a drain: no invalid access, no uninitialized value, no leak.
 */
#include <signal.h>
#include <sys/stat.h>

#include "support/daemon.h"
#include "support/try_client.h"

#define LISTENERS(more) \
	"workers = 2; status = { listen = \"127.0.0.1:0\"; }; " \
	"listen = [ \"127.0.0.1:0\", \"udp:127.0.0.1:0\" ]; " \
	"listeners = ( " \
	"{ name = \"raw\"; listen = \"127.0.0.1:0\"; prefix = \"\"; }, " \
	"{ name = \"line\"; listen = \"127.0.0.1:0\"; framing = \"line\"; " \
	"prefix = \"%{listener}:%{conn}:\"; per_source = 100; }, " \
	"{ name = \"proxied\"; listen = \"127.0.0.1:0\"; " \
	"proxy_protocol = { from = \"127.0.0.1\"; }; } " more " );"

static char directory[] = "/tmp/echod-valgrind.XXXXXX";
static char wrapper[64];

/* Exit status 99 if valgrind has found anything. */
static void
set_up(void)
{
	FILE *file;

#ifdef SUITE_SANITIZED
	skip("a sanitizer looks at the same, and does not go with it");
#endif
	if (system("valgrind -q true >/dev/null 2>&1") != 0)
		skip("there is no valgrind");
	/* The valgrind of Debian 12 cannot read clang's debug information. */
	if (system("valgrind -q \"$ECHOD\" -V >/dev/null 2>&1") != 0)
		skip("valgrind cannot run what this compiler has made");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(wrapper, sizeof(wrapper), "%s/echod", directory);
	file = fopen(wrapper, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file,
		"#!/bin/sh\n"
		"exec valgrind -q --error-exitcode=99 --leak-check=full "
		"--errors-for-leak-kinds=definite "
		"--show-leak-kinds=definite %s \"$@\"\n",
		getenv("ECHOD"));
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(wrapper, 0700), 0);
	setenv("ECHOD", wrapper, 1);
}

static void
talk(unsigned port, const char *words, const char *answer)
{
	int fd = client_connect(port);

	client_say(fd, words);
	client_finish(fd);
	client_hear(fd, answer);
	client_expect_eof(fd);
	close(fd);
}

static void
use(struct daemon *daemon)
{
	ck_assert(try_hello(daemon_port(daemon, 0)));
	/* valgrind is slow: the first answer may take more than a second. */
	for (int i = 0; i < 10 && !try_datagram(daemon_port(daemon, 1)); i++)
		continue;
	ck_assert(try_bulk(daemon_port(daemon, 0), "GOT:", 1000000));
	ck_assert(try_bulk(daemon_port(daemon, 2), "", 1000000));
	client_reset(client_connect(daemon_port(daemon, 2)));
	talk(daemon_port(daemon, 4),
	     "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nHello\n", "GOT:Hello\n");
	ck_assert(!try_hello(daemon_port(daemon, 4)));
}

static void
ask(unsigned port)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n"
				      "Host: localhost\r\n"
				      "Connection: close\r\n\r\n";
	int fd = client_connect(port);

	client_say(fd, request);
	client_hear(fd, "HTTP/1.1 200 OK\r\n");
	client_wait_closed(fd);
	close(fd);
}

START_TEST(test_session)
{
	struct daemon *daemon;
	const char *line;
	int fd;

	set_up();
	daemon = daemon_start(LISTENERS(""));
	line = daemon_wait_line(daemon, "^Status on http://.*:[0-9]+/$");
	ask((unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10));
	use(daemon);
	fd = client_connect(daemon_port(daemon, 3));
	client_say(fd, "one\ntw");
	client_reset(fd);
	ck_assert_ptr_nonnull(strstr(
		daemon_reload(daemon, LISTENERS(", { name = \"more\"; listen "
						"= \"127.0.0.1:0\"; }")),
		" reloaded "));
	use(daemon);
	ck_assert_ptr_nonnull(
		strstr(daemon_reload(daemon, "nonsense = 1;"), "keeping"));
	fd = client_connect(daemon_port(daemon, 0));
	client_say(fd, "Hello");
	client_hear(fd, "GOT:Hello");
	daemon_signal(daemon, SIGTERM);
	client_expect_eof(fd);
	close(fd);
	ck_assert_uint_eq(daemon_count_lines(daemon, "^==[0-9]+== "), 0);
	ck_assert_int_eq(daemon_end(daemon), 0);
	unlink(wrapper);
	rmdir(directory);
}
END_TEST
FAULT(50, test_session)

SUITE(test_session)
