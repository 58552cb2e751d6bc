/* The command line: what it prints, where, and how it exits. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "support/sockets.h"
#include "support/suite.h"

#define NOBODY 65534
#define CANNOT_RUN 127

static char directory[] = "/tmp/echod-command.XXXXXX";
static char config_file[64], output_file[64], error_file[64];

/* The result of the last run(). */
static char output[65536], errors[65536];

static void
make_directory(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	/* An unprivileged echod must be able to open its file. */
	ck_assert_int_eq(chmod(directory, 0755), 0);
	snprintf(config_file, sizeof(config_file), "%s/conf", directory);
	snprintf(output_file, sizeof(output_file), "%s/out", directory);
	snprintf(error_file, sizeof(error_file), "%s/err", directory);
}

static void
remove_directory(void)
{
	unlink(config_file);
	unlink(output_file);
	unlink(error_file);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void
write_config(const char *text, size_t length)
{
	FILE *file = fopen(config_file, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
}

static void
read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static void
become_nobody(void)
{
	if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		_exit(126);
}

static _Noreturn void
become_echod(const char **arguments, bool nobody, const char *to)
{
	/* Opened here, because another user may not enter this directory. */
	int echod = open(getenv("ECHOD"), O_RDONLY);

	arguments[0] = "echod";
	if (to)
		dup2(open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600),
		     STDOUT_FILENO);
	dup2(open(error_file, O_WRONLY | O_CREAT | O_TRUNC, 0600),
	     STDERR_FILENO);
	if (!to)
		close(STDOUT_FILENO);
	if (nobody)
		become_nobody();
	fexecve(echod, (char **)arguments, environ);
	_exit(CANNOT_RUN);
}

/* Runs echod to its end, its output closed if there is no `to`. */
static int
run_to(const char *to, bool nobody, const char **arguments)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		become_echod(arguments, nobody, to);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	read_file(error_file, errors, sizeof(errors));
	ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == CANNOT_RUN && nobody)
		skip("no other user may run echod here");
	return WEXITSTATUS(status);
}

static int
run_as(bool nobody, const char **arguments)
{
	int status = run_to(output_file, nobody, arguments);

	read_file(output_file, output, sizeof(output));
	return status;
}

#define run(...) run_as(false, (const char *[]){ NULL, __VA_ARGS__, NULL })
#define run_nobody(...) \
	run_as(true, (const char *[]){ NULL, __VA_ARGS__, NULL })
#define configure(text) write_config(text, strlen(text))

static void expect_text(const char *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* `text` has this in it, where %s may stand for the file. */
static void
expect_text(const char *text, const char *format, ...)
{
	char wanted[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(wanted, sizeof(wanted), format, arguments);
	va_end(arguments);
	ck_assert_msg(strstr(text, wanted) != NULL, "no \"%s\" in: %s", wanted,
		      text);
}

START_TEST(test_version)
{
	const char *options[] = { "-V", "--version" };

	make_directory();
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(run(options[i]), 0);
		expect_text(output, "echod %s\nlibevent 2.", PACKAGE_VERSION);
		/* The version that runs can be another. */
		expect_text(output, "\nbuilt with libconfig 1.");
		ck_assert_ptr_null(strstr(output, "\nlibconfig"));
		ck_assert_str_eq(errors, "");
	}
	remove_directory();
}
END_TEST

START_TEST(test_help)
{
	const char *options[] = { "-h", "--help" };

	make_directory();
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(run(options[i]), 0);
		expect_text(output, "Usage: echod [-c FILE] [-l ADDRESS]...");
		expect_text(output, "\n  -c, --config=FILE ");
		expect_text(output, "\n  -T, --dump ");
		ck_assert_str_eq(errors, "");
	}
	remove_directory();
}
END_TEST

START_TEST(test_usage)
{
	make_directory();
	ck_assert_int_eq(run("-x"), EX_USAGE);
	expect_text(errors, "'x'");
	ck_assert_int_eq(run("--no-such-option"), EX_USAGE);
	expect_text(errors, "--no-such-option");
	ck_assert_int_eq(run("-c"), EX_USAGE);
	ck_assert_int_eq(run("-t", "-T"), EX_USAGE);
	ck_assert_int_eq(run("-t", "argument"), EX_USAGE);
	ck_assert_int_eq(run("--listen"), EX_USAGE);
	ck_assert_int_eq(run("-c", config_file, "-c", "-"), EX_USAGE);
	ck_assert_int_eq(run("-p", "a", "--prefix=b"), EX_USAGE);
	expect_text(errors, "once only");
	ck_assert_int_eq(run("-t", "-c", ""), EX_USAGE);
	expect_text(errors, "-c needs the name of a file");
	ck_assert_int_eq(run("-r", "1", "-c", config_file), EX_USAGE);
	expect_text(errors, "--reload cannot be combined");
	ck_assert_int_eq(run("-t", "-r", "1"), EX_USAGE);
	expect_text(errors, "--reload cannot be combined");
	ck_assert_int_eq(run("-r", "1", "-T"), EX_USAGE);
	expect_text(errors, "--reload cannot be combined");
	ck_assert_int_eq(run("-r", "1", "-r", "2"), EX_USAGE);
	expect_text(errors, "--reload cannot be combined");
	ck_assert_int_eq(run("-E", "tls", "-t"), EX_USAGE);
	expect_text(errors, "--example cannot be combined");
	ck_assert_int_eq(run("-t", "-E", "tls"), EX_USAGE);
	expect_text(errors, "--example cannot be combined");
	expect_text(errors, "Try 'echod --help'");
	ck_assert_str_eq(output, "");
	remove_directory();
}
END_TEST

START_TEST(test_example)
{
	static const char *const lists[][3] = {
		{ "--example=none", NULL, "there is no example \"none\"\n" },
		{ "-E", "", "there is no example \"\"\n" },
		{ "--example", NULL, "requires an argument\n" },
	};

	make_directory();
	ck_assert_int_eq(run("--example", "tls"), 0);
	expect_text(output, "# Plain TCP on one port and TLS on another.\n");
	ck_assert_str_eq(errors, "");
	ck_assert_int_eq(run("-E", "tls.conf"), 0);
	expect_text(output, "# Plain TCP on one port and TLS on another.\n");
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(run(lists[i][0], lists[i][1]), EX_USAGE);
		expect_text(errors, "%s", lists[i][2]);
		expect_text(errors, "\n  tls.conf  ");
		expect_text(errors, "  Plain TCP on one port and TLS on ");
		ck_assert_str_eq(output, "");
	}
	remove_directory();
}
END_TEST

START_TEST(test_full_disk)
{
	const char *example[] = { NULL, "-E", "tls", NULL };
	const char *dump[] = { NULL, "-T", "-c", config_file, NULL };
	const char *help[] = { NULL, "-h", NULL };

	make_directory();
	if (access("/dev/full", W_OK) < 0)
		skip("no /dev/full here");
	configure("listen = \"127.0.0.1:1\";");
	ck_assert_int_eq(run_to("/dev/full", false, dump), EX_OSERR);
	expect_text(errors, "No space left on device");
	ck_assert_int_eq(run_to("/dev/full", false, help), EX_OSERR);
	ck_assert_int_eq(run_to("/dev/full", false, example), EX_OSERR);
	remove_directory();
}
END_TEST

/* Nor must a file that echod opened itself take the place of its output. */
START_TEST(test_closed_output)
{
	const char *dump[] = { NULL, "-T", "-c", config_file, NULL };

	make_directory();
	configure("listen = \"127.0.0.1:1\";");
	ck_assert_int_eq(run_to(NULL, false, dump), EX_OSERR);
	expect_text(errors, "standard output: Bad file descriptor");
	remove_directory();
}
END_TEST

START_TEST(test_valid)
{
	make_directory();
	configure("listen = \"127.0.0.1:1\";");
	ck_assert_int_eq(run("-t", "-c", config_file), 0);
	expect_text(output, "%s: the configuration is valid\n", config_file);
	ck_assert_str_eq(errors, "");
	ck_assert_int_eq(run("--test", "--config", config_file), 0);
	remove_directory();
}
END_TEST

/* All errors in one run, each with file and line, on standard error. */
static void
expect_all_errors(void)
{
	const char *last = errors;
	const char *wanted[] = { ":1: listen: ", ":2: prefx: ",
				 ":3: chunk_size: ", ":5: log.level: " };
	char text[128];

	for (int i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "%s%s", config_file, wanted[i]);
		ck_assert_msg(strstr(last, text) != NULL, "no %s in: %s", text,
			      errors);
		last = strstr(last, text);
	}
	expect_text(errors, "70000");
	expect_text(errors, "prefix");
	ck_assert_str_eq(output, "");
}

START_TEST(test_errors)
{
	make_directory();
	configure("listen = \"*:70000\";\nprefx = \"GOT:\";\nchunk_size = 0;\n"
		  "log = {\n  level = \"loud\";\n};\n");
	ck_assert_int_eq(run("-t", "-c", config_file), EX_CONFIG);
	expect_all_errors();
	ck_assert_int_eq(run("-T", "-c", config_file), EX_CONFIG);
	expect_all_errors();
	ck_assert_int_eq(run("-c", config_file), EX_CONFIG);
	expect_all_errors();
	ck_assert_int_eq(run("-e", "-c", config_file), EX_CONFIG);
	expect_all_errors();
	remove_directory();
}
END_TEST

static void
check_refused(const char *text, size_t length, const char *listen_address,
	      const char *reason)
{
	write_config(text, length);
	ck_assert_int_eq(run("-t", "-c", config_file), EX_CONFIG);
	expect_text(errors, "%s%s", config_file, listen_address);
	expect_text(errors, "%s", reason);
}

#define refused(text, listen_address, reason) \
	check_refused(text, sizeof(text) - 1, listen_address, reason)

START_TEST(test_traps)
{
	make_directory();
	refused("", ": ", "the file contains no settings; for the defaults");
	refused("# listen = \"*:7\";\n\n/* no more */", ": ", "no setting");
	refused("workers = ;\n", ":1: workers: ", "the value is missing");
	refused("prefix = GOT;\n",
		":1: prefix: ", "text is in double quotes: \"GOT\"");
	refused("\n/* workers = 1;\n", ":2: ", "comment");
	refused("workers = 1;\0 x", ":1: ", "NUL");
	refused("\n@include \"/etc/passwd\"\n", ":2: ", "@include");
	refused("\nworkers = 0x100000001;\n", ":2: ", "");
	refused("workers = 5000000000;\n", ":1: ", "");
	refused("workers = \"1\";\n", ":1: workers: ", "");
	refused("listen = [ \"127.0.0.1:7\",\n\"127.0.0.1:7\" ];\n",
		":2: ", "");
	refused("listen = \"localhost:7\";\n", ":1: listen: ", "");
	refused("listeners = (\n{ name = \"a\"; listen = \"*:7\";\n"
		"backlog = 0; } );\n",
		":3: ", "backlog");
	remove_directory();
}
END_TEST

START_TEST(test_no_regular_file)
{
	make_directory();
	ck_assert_int_eq(run("-t", "-c", config_file), EX_CONFIG);
	expect_text(errors, "echod: %s: No such file or directory\n",
		    config_file);
	ck_assert_int_eq(run("-t", "-c", directory), EX_CONFIG);
	expect_text(errors, "%s: ", directory);
	ck_assert_int_eq(run("-t", "-c", "/dev/zero"), EX_CONFIG);
	expect_text(errors, "/dev/zero: the file is larger than");
	remove_directory();
}
END_TEST

START_TEST(test_too_large)
{
	static char text[1024 * 1024 + 1];

	make_directory();
	memset(text, '\n', sizeof(text));
	memcpy(text, "workers = 1;", strlen("workers = 1;"));
	write_config(text, sizeof(text) - 1);
	ck_assert_int_eq(run("-t", "-c", config_file), 0);
	write_config(text, sizeof(text));
	ck_assert_int_eq(run("-t", "-c", config_file), EX_CONFIG);
	expect_text(errors, "%s: ", config_file);
	remove_directory();
}
END_TEST

/* -T prints a file with the same meaning. */
START_TEST(test_dump)
{
	static char first[sizeof(output)];

	make_directory();
	configure("listen = [ \"*:1\", \"[::1]:2\" ]; prefix = "
		  "\"\\x01\\\"%{host} "
		  "\\\\\\r\\n\"; idle_timeout = 0.25; max_connections = 7; "
		  "log = { facility = \"local1\"; rate = 0; };"
		  "listeners = ( { name = \"b\"; listen = \"*:3\"; "
		  "max_connections = 5; chunk_size = 65536; } );");
	ck_assert_int_eq(run("-T", "-c", config_file), 0);
	ck_assert_str_eq(errors, "");
	expect_text(output, "facility = \"local1\";");
	expect_text(output, "idle_timeout = 0.25;");
	expect_text(output, "name = \"main\";");
	expect_text(output, "name = \"b\";");
	expect_text(output, "write_timeout = 30.0;");
	strcpy(first, output);

	configure(first);
	ck_assert_int_eq(run("--dump", "-c", config_file), 0);
	ck_assert_str_eq(output, first);
	remove_directory();
}
END_TEST

/* -t binds nothing, so an address in use is no error. */
START_TEST(test_address_in_use)
{
	char config[200];
	unsigned port;
	int fd = listening_socket(&port);

	make_directory();
	snprintf(config, sizeof(config), "\nlisten = \"127.0.0.1:%u\";", port);
	configure(config);
	ck_assert_int_eq(run("-t", "-c", config_file), 0);
	ck_assert_int_eq(run("-e", "-c", config_file), EX_OSERR);
	expect_text(errors,
		    "%s:2: listen: cannot listen on tcp:127.0.0.1:%u: "
		    "Address already in use",
		    config_file, port);
	close(fd);
	remove_directory();
}
END_TEST

START_TEST(test_no_such_address)
{
	make_directory();
	/* TEST-NET-1 of RFC 5737 is assigned to no host. */
	configure("\nlisten = \"192.0.2.1:0\";");
	ck_assert_int_eq(run("-t", "-c", config_file), 0);
	ck_assert_int_eq(run("-e", "-c", config_file), EX_OSERR);
	expect_text(errors, "%s:2: listen: cannot listen on tcp:192.0.2.1:0: ",
		    config_file);
	remove_directory();
}
END_TEST

static bool
low_ports_are_free_to_all(void)
{
	FILE *file =
		fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
	int start = 1024;

	if (file && fscanf(file, "%d", &start) != 1)
		start = 1024;
	if (file)
		fclose(file);
	return start <= 1;
}

START_TEST(test_no_permission)
{
	make_directory();
	configure("\nlisten = \"127.0.0.1:1\";");
	if (low_ports_are_free_to_all())
		skip("every user may bind low ports here");
	/* If the test runs as root, it becomes the user nobody. */
	if (getuid() == 0)
		ck_assert_int_eq(run_nobody("-e", "-c", config_file),
				 EX_NOPERM);
	else
		ck_assert_int_eq(run("-e", "-c", config_file), EX_NOPERM);
	expect_text(errors,
		    "%s:2: listen: cannot listen on tcp:127.0.0.1:1: "
		    "Permission denied",
		    config_file);
	remove_directory();
}
END_TEST

START_TEST(test_unprivileged)
{
	make_directory();
	if (getuid() != 0)
		skip("only root can become another user");
	configure("listen = \"*:7\";");
	ck_assert_int_eq(run_nobody("-t", "-c", config_file), 0);
	ck_assert_int_eq(chmod(config_file, 0600), 0);
	ck_assert_int_eq(run_nobody("-t", "-c", config_file), EX_CONFIG);
	expect_text(errors, "%s: ", config_file);
	expect_text(errors, "Permission denied");
	remove_directory();
}
END_TEST

SUITE(test_version, test_help, test_usage, test_example, test_full_disk,
      test_closed_output, test_valid, test_errors, test_traps,
      test_no_regular_file, test_too_large, test_dump, test_address_in_use,
      test_no_such_address, test_no_permission, test_unprivileged)
