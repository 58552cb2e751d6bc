/*
 * Addresses at a reload: an address moves between a listener and the status
 * port, in both directions. An address that the daemon already uses is not
 * opened twice. A unix socket whose file was deleted or replaced is bound
 * again.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/sockets.h"
#include "support/suite.h"

#define OTHER "{ name = \"other\"; listen = \"127.0.0.1:0\"; }"
#define REQUEST "GET /healthz HTTP/1.0\r\n\r\n"

static char directory[] = "/tmp/echod-addresses.XXXXXX";
static char file[64];

static void
make_directory(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/sock", directory);
}

static void
stop(struct daemon *daemon)
{
	ck_assert_int_eq(daemon_stop(daemon), 0);
	if (*file)
		ck_assert_int_eq(rmdir(directory), 0);
}

/* A configuration in which `place` is a listener's, or the status port's. */
static const char *
configured(const char *listen_address, bool is_status)
{
	static char text[256];

	snprintf(text, sizeof(text),
		 is_status ? "listeners = ( " OTHER " ); "
			     "status = { listen = \"%s\"; };" :
			     "listeners = ( " OTHER ", { name = \"it\"; "
			     "listen = \"%s\"; } );",
		 listen_address);
	return text;
}

static void
reload(struct daemon *daemon, const char *config)
{
	const char *said = daemon_reload(daemon, config);

	ck_assert_msg(strstr(said, " reloaded ") != NULL, "%s", said);
}

static void
expect_echo(int fd)
{
	client_say_hello(fd);
	close(fd);
}

static void
expect_status(int fd)
{
	client_say(fd, REQUEST);
	client_hear(fd, "HTTP/1.0 200 OK\r\n");
	close(fd);
}

static int
connect_to(const char *listen_address)
{
	return strncmp(listen_address, "unix:", 5) == 0 ?
		       client_connect_unix(listen_address + 5) :
		       client_connect((unsigned)strtoul(
			       strrchr(listen_address, ':') + 1, NULL, 10));
}

/* To the other owner and back, and once more with the same owner. */
static void
check_passing(const char *listen_address)
{
	static const bool is_status[] = { true, false, false, true, true };
	struct daemon *daemon = daemon_start(configured(listen_address, false));
	int held = connect_to(listen_address);

	client_say_hello(held);
	for (size_t i = 0; i < sizeof(is_status); i++) {
		reload(daemon, configured(listen_address, is_status[i]));
		for (int n = 0; n < 3; n++) {
			if (is_status[i])
				expect_status(connect_to(listen_address));
			else
				expect_echo(connect_to(listen_address));
		}
	}
	/* Sessions from before the reload continue. */
	client_say_hello(held);
	close(held);
	daemon_wait_counter(daemon, "closed.eof", 1 + 2 * 3);
	stop(daemon);
}

static void
check_passing_port(const char *host)
{
	char listen_address[64];
	uint16_t port;
	int reserved = reserve_port(&port);

	snprintf(listen_address, sizeof(listen_address), "%s:%u", host, port);
	check_passing(listen_address);
	close(reserved);
}

TEST(test_tcp_passes, check_passing_port("127.0.0.1"))

TEST(test_every_address_passes, check_passing_port("*"))

START_TEST(test_unix_path_passes)
{
	char listen_address[80];

	make_directory();
	snprintf(listen_address, sizeof(listen_address), "unix:%s", file);
	check_passing(listen_address);
}
END_TEST

START_TEST(test_unix_name_passes)
{
	char listen_address[80];

	snprintf(listen_address, sizeof(listen_address),
		 "unix:@echod-addresses-%d", getpid());
	check_passing(listen_address);
}
END_TEST

static void
expect_mode(unsigned mode)
{
	struct stat st;

	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, mode);
}

/* The status socket has mode 0666; a listener's file has its `mode`. */
START_TEST(test_rights_pass)
{
	char with_mode[256], with_status[256];
	struct daemon *daemon;

	make_directory();
	snprintf(with_mode, sizeof(with_mode),
		 "listen = \"unix:%s\"; mode = \"0600\";", file);
	snprintf(
		with_status, sizeof(with_status),
		"listen = \"127.0.0.1:0\"; status = { listen = \"unix:%s\"; };",
		file);
	daemon = daemon_start(with_mode);
	expect_mode(0600);
	reload(daemon, with_status);
	expect_mode(0666);
	reload(daemon, with_mode);
	expect_mode(0600);
	stop(daemon);
}
END_TEST

/* Port 0 became this port, and the reload keeps it. */
START_TEST(test_own_address_is_busy)
{
	struct daemon *daemon = daemon_start("listeners = ( " OTHER
					     ", { name = \"it\"; "
					     "listen = \"127.0.0.1:0\"; } );");
	char listen_address[64], config[256];

	snprintf(listen_address, sizeof(listen_address), "127.0.0.1:%u",
		 daemon_port(daemon, 0));
	for (int is_status = 0; is_status < 2; is_status++) {
		snprintf(config, sizeof(config), "%s",
			 configured(listen_address, is_status));
		ck_assert_ptr_nonnull(strstr(daemon_reload(daemon, config),
					     "keeping the running"));
		ck_assert_uint_eq(daemon_count_lines(daemon,
						     "cannot listen on "
						     ".*: Address already in "
						     "use"),
				  1);
		expect_echo(connect_to(listen_address));
	}
	ck_assert_int_eq(daemon_stop(daemon), 0);
}
END_TEST

static struct daemon *
start_with_file(bool is_status, char config[256])
{
	char listen_address[80];

	make_directory();
	snprintf(listen_address, sizeof(listen_address), "unix:%s", file);
	strcpy(config, configured(listen_address, is_status));
	return daemon_start(config);
}

/* A client in the backlog of the socket that had the file is served. */
static void
check_deleted(bool is_status)
{
	char config[256];
	struct daemon *daemon = start_with_file(is_status, config);
	int queued;

	daemon_pause(daemon);
	daemon_configure(daemon, config);
	daemon_signal(daemon, SIGHUP);
	/* Behind the signal, so that echod has not seen it when it reloads. */
	queued = client_connect_unix(file);
	ck_assert_int_eq(unlink(file), 0);
	daemon_resume(daemon);
	daemon_wait_line(daemon, " reloaded ");
	(is_status ? expect_status : expect_echo)(queued);
	(is_status ? expect_status : expect_echo)(client_connect_unix(file));
	stop(daemon);
}

TEST(test_deleted_file, check_deleted(false))

TEST(test_deleted_file_of_status, check_deleted(true))

/* Another program has taken the path: the error names the file. */
static void
check_replaced(bool is_status)
{
	char config[256];
	struct daemon *daemon = start_with_file(is_status, config);
	FILE *other;

	ck_assert_int_eq(unlink(file), 0);
	other = fopen(file, "w");
	ck_assert_ptr_nonnull(other);
	fclose(other);
	daemon_reload(daemon, config);
	daemon_wait_line(daemon,
			 is_status ? "status\\.listen: cannot listen on "
				     "unix:/.*: a file that is not a socket "
				     "is in the way$" :
				     ":1: listen: cannot listen on unix:/.*: "
				     "a file that is not a socket is in the "
				     "way$");
	ck_assert_int_eq(unlink(file), 0);
	reload(daemon, config);
	if (is_status)
		expect_status(client_connect_unix(file));
	else
		expect_echo(client_connect_unix(file));
	stop(daemon);
}

TEST(test_replaced_file, check_replaced(false))

TEST(test_replaced_file_of_status, check_replaced(true))

static void
hide_proc(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/proc", "tmpfs", 0, NULL) < 0)
		_exit(99);
}

static void
may_hide_proc(void)
{
#ifdef SUITE_SANITIZED
	skip("a sanitizer needs /proc");
#endif
	if (system("unshare -m mount -t tmpfs none /proc 2>/dev/null") != 0)
		skip("mount namespaces need privilege");
}

static struct daemon *
start_without_proc(const char *config)
{
	return daemon_start_prepared(config, hide_proc);
}

/* A unix socket gets its owner and mode; what needs /proc is logged. */
START_TEST(test_without_proc)
{
	char config[256], changed[256];
	struct daemon *daemon;

	may_hide_proc();
	make_directory();
	snprintf(config, sizeof(config),
		 "listen = \"unix:%s\"; mode = \"0640\";", file);
	snprintf(changed, sizeof(changed),
		 "listen = \"unix:%s\"; mode = \"0666\";", file);
	daemon = start_without_proc(config);
	expect_mode(0640);
	expect_echo(client_connect_unix(file));
	daemon_reload(daemon, changed);
	daemon_wait_line(daemon, "cannot set mode, owner and group of "
				 "unix:/.*: /proc is not mounted$");
	expect_echo(client_connect_unix(file));
	stop(daemon);
}
END_TEST

/* The owner of one file can be changed, the mode of the other cannot. */
START_TEST(test_refused_rights)
{
	char config[512], changed[512];
	struct daemon *daemon;
	struct stat st;

	may_hide_proc();
	make_directory();
	snprintf(
		config, sizeof(config),
		"listeners = ( { name = \"a\"; listen = \"unix:%s\"; }, "
		"{ name = \"b\"; listen = \"unix:%s/b\"; mode = \"0640\"; } );",
		file, directory);
	snprintf(changed, sizeof(changed),
		 "listeners = ( { name = \"a\"; listen = \"unix:%s\"; "
		 "owner = \"nobody\"; }, { name = \"b\"; "
		 "listen = \"unix:%s/b\"; mode = \"0666\"; } );",
		 file, directory);
	daemon = start_without_proc(config);
	ck_assert_ptr_nonnull(
		strstr(daemon_reload(daemon, changed), "keeping the running"));
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_uid, geteuid());
	/* The status port would be for all: its error has its name. */
	snprintf(changed, sizeof(changed),
		 "listeners = ( { name = \"a\"; listen = \"unix:%s\"; } ); "
		 "status = { listen = \"unix:%s/b\"; };",
		 file, directory);
	daemon_reload(daemon, changed);
	daemon_wait_line(daemon, ": status.listen: cannot set mode, owner and "
				 "group of unix:.*: /proc is not mounted$");
	stop(daemon);
}
END_TEST

/* The file of a killed daemon is replaced, without /proc as well. */
START_TEST(test_dead_file_without_proc)
{
	char config[128];
	struct daemon *daemon;

	may_hide_proc();
	make_directory();
	snprintf(config, sizeof(config), "listen = \"unix:%s\";", file);
	daemon_kill(daemon_start(config));
	daemon = start_without_proc(config);
	expect_echo(client_connect_unix(file));
	stop(daemon);
}
END_TEST

SUITE(test_tcp_passes, test_every_address_passes, test_unix_path_passes,
      test_unix_name_passes, test_rights_pass, test_own_address_is_busy,
      test_deleted_file, test_deleted_file_of_status, test_replaced_file,
      test_replaced_file_of_status, test_without_proc, test_refused_rights,
      test_dead_file_without_proc)
