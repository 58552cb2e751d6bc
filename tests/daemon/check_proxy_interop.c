/* Real proxies in front of the daemon: haproxy, and nginx's stream module. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/sockets.h"
#include "support/suite.h"

#define LISTEN "listen = \"127.0.0.1:0\"; "
#define FROM "proxy_protocol = { from = \"127.0.0.1\"; }; "

/* The descriptor at which a proxy inherits its listening socket. */
#define INHERITED 9

struct proxy {
	pid_t pid;
	unsigned port; /* where it listens */
	char file[300];
	char pid_file[300]; /* nginx's, which it removes itself */
};

static void write_file(const char *path, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
write_file(const char *path, const char *format, ...)
{
	FILE *out = fopen(path, "w");
	va_list arguments;

	ck_assert_ptr_nonnull(out);
	va_start(arguments, format);
	vfprintf(out, format, arguments);
	va_end(arguments);
	fclose(out);
}

static void
start(struct proxy *proxy, int front, const char *const *argv)
{
	proxy->pid = fork();
	ck_assert_int_ge(proxy->pid, 0);
	if (proxy->pid > 0) {
		close(front);
		return;
	}
	/* On SIGTERM nginx's master ends its worker. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(front, INHERITED);
	close_range(INHERITED + 1, ~0U, 0);
	dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
	execvp(argv[0], (char **)argv);
	_exit(127);
}

/* False if the program is not installed or lacks a module. */
static bool
has(const char *command)
{
	return system(command) == 0;
}

static void
start_haproxy(struct proxy *proxy, const struct daemon *daemon,
	      const char *server_options)
{
	const char *argv[] = { "haproxy", "-db", "-f", proxy->file, NULL };
	int front = listening_socket(&proxy->port);

	snprintf(proxy->file, sizeof(proxy->file), "%s/haproxy.cfg",
		 daemon_directory(daemon));
	write_file(proxy->file,
		   "defaults\n"
		   "  mode tcp\n"
		   "  timeout connect 20s\n"
		   "  timeout client 60s\n"
		   "  timeout server 60s\n"
		   "listen front\n"
		   "  bind fd@%d\n"
		   "  server echod 127.0.0.1:%u %s\n",
		   INHERITED, daemon_port(daemon, 0), server_options);
	start(proxy, front, argv);
}

static void
start_nginx(struct proxy *proxy, const struct daemon *daemon)
{
	const char *argv[] = { "nginx", "-c",	     proxy->file,
			       "-e",	"/dev/null", NULL };
	int front = listening_socket(&proxy->port);

	snprintf(proxy->file, sizeof(proxy->file), "%s/nginx.conf",
		 daemon_directory(daemon));
	snprintf(proxy->pid_file, sizeof(proxy->pid_file), "%s/nginx.pid",
		 daemon_directory(daemon));
	write_file(proxy->file,
		   "include /usr/share/nginx/modules-available/"
		   "mod-stream.conf;\n"
		   "daemon off;\n"
		   "%s"
		   "worker_processes 1;\n"
		   "pid %s;\n"
		   "error_log /dev/null;\n"
		   "events { }\n"
		   "stream {\n"
		   "  server {\n"
		   "    listen 127.0.0.1:%u;\n"
		   "    proxy_pass 127.0.0.1:%u;\n"
		   "    proxy_protocol on;\n"
		   "    proxy_half_close on;\n"
		   "  }\n"
		   "}\n",
		   getuid() == 0 ? "user root;\n" : "", proxy->pid_file,
		   proxy->port, daemon_port(daemon, 0));
	/* nginx inherits sockets as it does in an upgrade of its binary. */
	setenv("NGINX", "9;", 1);
	start(proxy, front, argv);
}

static void
stop(struct proxy *proxy)
{
	kill(proxy->pid, SIGTERM);
	waitpid(proxy->pid, NULL, 0);
	unlink(proxy->file);
}

/* The client's address is logged, and its bytes are echoed. */
static void
expect_served(struct daemon *daemon, const struct proxy *proxy)
{
	struct framing framing = framing_of("", 1);
	int fd = client_connect(proxy->port);
	char pattern[160];

	client_say(fd, "Hello\n");
	client_hear(fd, "Hello\n");
	snprintf(pattern, sizeof(pattern),
		 "^Connection from 127\\.0\\.0\\.1:%u listener=main "
		 "conn=[0-9]+ via=127\\.0\\.0\\.1:[0-9]+ peer=",
		 client_port(fd));
	daemon_wait_line(daemon, pattern);
	close(fd);

	fd = client_connect(proxy->port);
	client_exchange(fd, &framing, 100000, 5000);
	close(fd);
}

static void
try_haproxy(const char *server_options)
{
	struct daemon *daemon = daemon_start(LISTEN FROM "prefix = \"\";");
	struct proxy proxy;

	if (!has("haproxy -v >/dev/null 2>&1"))
		skip("haproxy is not installed");
	start_haproxy(&proxy, daemon, server_options);
	expect_served(daemon, &proxy);
	stop(&proxy);
	ck_assert_uint_eq(daemon_counter(daemon, "closed.proxy_invalid"), 0);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

TEST(test_haproxy_send_proxy, try_haproxy("send-proxy"))

TEST(test_haproxy_send_proxy_v2, try_haproxy("send-proxy-v2"))

TEST(test_haproxy_options,
     try_haproxy("send-proxy-v2 proxy-v2-options crc32c,unique-id,"
		 "authority"))

START_TEST(test_nginx)
{
	struct daemon *daemon = daemon_start(LISTEN FROM "prefix = \"\";");
	struct proxy proxy;

	if (!has("nginx -v >/dev/null 2>&1 && "
		 "test -f /usr/share/nginx/modules-available/mod-stream.conf"))
		skip("nginx with its stream module is not installed");
	start_nginx(&proxy, daemon);
	expect_served(daemon, &proxy);
	stop(&proxy);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

/* Health checks with a header and without one pass; nothing is logged. */
static void
try_health_checks(const char *server_options)
{
	struct daemon *daemon = daemon_start(LISTEN FROM "allow = \"::1\";");
	struct proxy proxy;

	if (!has("haproxy -v >/dev/null 2>&1"))
		skip("haproxy is not installed");
	start_haproxy(&proxy, daemon, server_options);
	while (daemon_counter(daemon, "connections") < 5)
		;
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Connection"), 0);
	ck_assert_uint_eq(daemon_counter(daemon, "closed.proxy_invalid"), 0);
	ck_assert_uint_eq(daemon_counter(daemon, "refused.denied"), 0);
	stop(&proxy);
	ck_assert_int_eq(daemon_stop(daemon), 0);
}

TEST(test_health_checks, try_health_checks("send-proxy-v2 check inter 50"))

TEST(test_bare_health_checks,
     try_health_checks("send-proxy-v2 no-check-send-proxy check "
		       "port 0 inter 50"))

SUITE(test_haproxy_send_proxy, test_haproxy_send_proxy_v2, test_haproxy_options,
      test_nginx, test_health_checks, test_bare_health_checks)
