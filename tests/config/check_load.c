/* config_load(): which files and streams are read, and which are refused. */
#include "config/config.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "config/source.h"
#include "support/snapshot.h"

static char directory[32];
static char path[64];
static int pipe_fds[2];

static void
make_directory(void)
{
	strcpy(directory, "/tmp/check_load.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/echod.conf", directory);
}

static void
remove_directory(void)
{
	if (unlink(path) < 0)
		rmdir(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void
write_file(const void *bytes, size_t length)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
}

static void
expect_not_loadable(struct config_source *source, const char *expected)
{
	struct error_list errors;

	error_list_init(&errors, "conf");
	ck_assert_ptr_null(config_load(source, &errors));
	ck_assert_str_eq(snapshot_errors(&errors), expected);
	error_list_free(&errors);
}

static void
expect_not_loaded(const char *name, const char *expected)
{
	struct config_source source = { .file = name };

	expect_not_loadable(&source, expected);
	source_free(&source);
}

static struct config *
loaded_from(struct config_source *source)
{
	struct error_list errors;
	struct config *config;

	error_list_init(&errors, "conf");
	config = config_load(source, &errors);
	ck_assert_msg(config && !error_any(&errors), "%s",
		      snapshot_errors(&errors));
	error_list_free(&errors);
	return config;
}

static struct config *
loaded(void)
{
	struct config_source source = { .file = path };

	return loaded_from(&source);
}

START_TEST(test_regular_file)
{
	static const char text[] = "workers = 3;\nprefix = \"file:\";";

	make_directory();
	write_file(text, strlen(text));
	struct config *config = loaded();
	ck_assert_uint_eq(config->workers, 3);
	ck_assert_str_eq(named(config, "main")->prefix, "file:");
	config_unref(config);

	write_file("", 0);
	expect_not_loaded(
		path, " the file contains no settings; for the defaults, write "
		      "listen = \"*:25000\";");
	remove_directory();
}
END_TEST

START_TEST(test_errors_name_the_file)
{
	struct error_list errors;

	make_directory();
	write_file("\nworkers = -1;", 14);
	error_list_init(&errors, path);
	struct config_source source = { .file = path };
	ck_assert_ptr_null(config_load(&source, &errors));
	ck_assert_uint_eq(errors.count, 1);
	char expected[128];
	snprintf(expected, sizeof(expected),
		 "%s:2: workers: -1 is not in 0-1024", path);
	ck_assert_str_eq(errors.items[0].text, expected);
	error_list_free(&errors);
	remove_directory();
}
END_TEST

START_TEST(test_symbolic_link)
{
	char target[80];

	make_directory();
	snprintf(target, sizeof(target), "%s.real", path);
	write_file("workers = 7;", 12);
	ck_assert_int_eq(rename(path, target), 0);
	ck_assert_int_eq(symlink(target, path), 0);
	struct config *config = loaded();
	ck_assert_uint_eq(config->workers, 7);
	config_unref(config);
	unlink(target);
	remove_directory();
}
END_TEST

START_TEST(test_missing_file)
{
	make_directory();
	expect_not_loaded(path, " No such file or directory");
	expect_not_loaded("", " No such file or directory");
	expect_not_loaded("/dev/null/echod.conf", " Not a directory");
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(test_not_a_text)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	make_directory();
	ck_assert_int_eq(mkdir(path, 0700), 0);
	expect_not_loaded(path, " Is a directory");
	rmdir(path);

	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	expect_not_loaded(path, " No such device or address");
	close(fd);

	expect_not_loaded("/dev/zero",
			  " the file is larger than 1048576 bytes");
	expect_not_loaded("/dev/null",
			  " the file contains no settings; for the defaults, "
			  "write listen = \"*:25000\";");
	remove_directory();
}
END_TEST

/* The error of a missing default file names the way out. */
START_TEST(test_no_default_file)
{
	struct config_source source = { 0 };

	if (access(ECHOD_CONFIG_FILE, F_OK) == 0)
		skip("there is " ECHOD_CONFIG_FILE " here");
	ck_assert_str_eq(source_name(&source), ECHOD_CONFIG_FILE);
	expect_not_loadable(&source,
			    " No such file or directory; without a file, "
			    "start with --listen '*:25000'");
	source.prefix = "no address";
	expect_not_loadable(&source,
			    " No such file or directory; without a file, "
			    "start with --listen '*:25000'");
}
END_TEST

/* Text that arrives in two parts, with the writer's end open between them. */
static void *
write_parts(void *argument)
{
	int fd = argument ? open(path, O_WRONLY) : pipe_fds[1];

	ck_assert_int_eq(write(fd, "workers = 3;", 12), 12);
	/* Until the reader has taken the first part. */
	for (int left = 1; left > 0;)
		ck_assert_int_eq(ioctl(fd, FIONREAD, &left), 0);
	ck_assert_int_eq(write(fd, "prefix = \"pipe:\";", 17), 17);
	close(fd);
	return NULL;
}

static void
expect_stream(struct config_source *source, bool fifo)
{
	pthread_t writer;
	struct config *config;

	ck_assert_int_eq(pthread_create(&writer, NULL, write_parts,
					fifo ? path : NULL),
			 0);
	ck_assert(!source_is_fixed(source));
	for (int i = 0; i < 2; i++) {
		/* A stream is at its end the second time. */
		config = loaded_from(source);
		ck_assert_uint_eq(config->workers, 3);
		ck_assert_str_eq(named(config, "main")->prefix, "pipe:");
		config_unref(config);
		ck_assert(source_is_fixed(source));
	}
	pthread_join(writer, NULL);
	source_free(source);
}

START_TEST(test_named_pipe)
{
	struct config_source source = { .file = path };

	make_directory();
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_stream(&source, true);
	remove_directory();
}
END_TEST

/* As from <(...) of a shell. */
START_TEST(test_pipe)
{
	struct config_source source = { .file = path };

	ck_assert_int_eq(pipe(pipe_fds), 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", pipe_fds[0]);
	expect_stream(&source, false);
}
END_TEST

START_TEST(test_standard_input)
{
	struct config_source source = { .file = "-" };

	/* A process can inherit it as non-blocking. */
	ck_assert_int_eq(pipe2(pipe_fds, O_NONBLOCK), 0);
	dup2(pipe_fds[0], STDIN_FILENO);
	expect_stream(&source, false);
}
END_TEST

/* A reload must never wait: the daemon would hang. */
START_TEST(test_only_the_first_load_reads_a_pipe)
{
	struct config_source source = { .file = path };

	make_directory();
	write_file("workers = 3;", 12);
	config_unref(loaded_from(&source));
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_not_loadable(&source, " not a regular file");
	remove_directory();
}
END_TEST

static void
expect_address(const struct config_address *item, const char *text, int line)
{
	char buffer[LISTEN_ADDRESS_TEXT_SIZE];

	ck_assert_str_eq(listen_address_format_short(&item->address, buffer),
			 text);
	ck_assert_int_eq(item->line, line);
}

START_TEST(test_options_without_a_file)
{
	struct config_source source = {
		.listen = { "127.0.0.1:7", "udp:127.0.0.1:7" },
		.listen_count = 2,
		.prefix = "",
		.status = "[::1]:80",
	};
	struct config *config = loaded_from(&source);
	const struct config_entry *entry = config->listeners;

	ck_assert_uint_eq(config->listener_count, 1);
	ck_assert_uint_eq(entry->listen.count, 2);
	expect_address(&entry->listen.items[0], "127.0.0.1:7",
		       ERROR_COMMAND_LINE);
	expect_address(&entry->listen.items[1], "udp:127.0.0.1:7",
		       ERROR_COMMAND_LINE);
	ck_assert_str_eq(entry->settings->prefix, "");
	ck_assert_str_eq(config->status.listen, "[::1]:80");
	ck_assert_str_eq(source_name(&source), "command line");
	config_unref(config);
}
END_TEST

START_TEST(test_options_override_the_file)
{
	static const char text[] =
		"prefix = \"file\"; status = { listen = \"*:1\"; };\n"
		"listen = [ \"*:2\", \"*:3\" ]; chunk_size = 5;\n"
		"listeners = ( { name = \"a\"; listen = \"*:4\"; } );";
	struct config_source source = {
		.file = path,
		.listen = { "*:7" },
		.listen_count = 1,
		.prefix = "option",
		.status = "",
	};

	make_directory();
	write_file(text, strlen(text));
	struct config *config = loaded_from(&source);
	ck_assert_uint_eq(config->listener_count, 2);
	ck_assert_uint_eq(config->listeners[0].listen.count, 1);
	expect_address(&config->listeners[0].listen.items[0], "*:7",
		       ERROR_COMMAND_LINE);
	expect_address(&config->listeners[1].listen.items[0], "*:4", 3);
	ck_assert_str_eq(named(config, "main")->prefix, "option");
	ck_assert_uint_eq(named(config, "main")->chunk_size, 5);
	ck_assert_str_eq(named(config, "a")->prefix, "option");
	ck_assert_str_eq(config->status.listen, "");
	config_unref(config);

	/* An option does not hide that the file has been truncated. */
	write_file("", 0);
	expect_not_loadable(&source,
			    " the file contains no settings; for the defaults, "
			    "write listen = \"*:25000\";");
	write_file("status = 5;", 11);
	expect_not_loadable(&source,
			    "1: status: a group, { ... }, is expected, "
			    "this is an integer");
	remove_directory();
}
END_TEST

START_TEST(test_errors_of_options)
{
	static const char text[] =
		"\nlisteners = ( { name = \"a\"; listen = \"*:8\"; } );";
	static const char *const expected[] = {
		"command line: listen: port \"70000\" is not in 1-65535",
		"command line: prefix: \"%{no}\" is not known",
		"command line: status.listen: *:7 overlaps with *:7 of the "
		"command line",
		"conf:2: listeners[0].listen: *:8 overlaps with *:8 of the "
		"command line",
	};
	struct config_source source = {
		.file = path,
		.listen = { "*:70000", "*:7", "*:8" },
		.listen_count = 3,
		.prefix = "%{no}",
		.status = "*:7",
	};
	struct error_list errors;

	make_directory();
	write_file(text, strlen(text));
	error_list_init(&errors, "conf");
	ck_assert_ptr_null(config_load(&source, &errors));
	ck_assert_uint_eq(errors.count, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_msg(strncmp(errors.items[i].text, expected[i],
				      strlen(expected[i])) == 0,
			      "%s", errors.items[i].text);
	error_list_free(&errors);
	remove_directory();
}
END_TEST

START_TEST(test_largest_size)
{
	char *bytes = malloc(FILE_SIZE_MAX + 1);

	ck_assert_int_eq(FILE_SIZE_MAX, 1 << 20);
	make_directory();
	memset(bytes, '\n', FILE_SIZE_MAX + 1);
	memcpy(bytes + FILE_SIZE_MAX - 12, "workers = 5;", 12);
	write_file(bytes, FILE_SIZE_MAX);
	struct config *config = loaded();
	ck_assert_uint_eq(config->workers, 5);
	config_unref(config);

	write_file(bytes, FILE_SIZE_MAX + 1);
	expect_not_loaded(path, " the file is larger than 1048576 bytes");
	free(bytes);
	remove_directory();
}
END_TEST

START_TEST(test_nul_byte)
{
	static const char text[] = "workers = 1;\nprefix = \"a\0b\";\n";

	make_directory();
	write_file(text, sizeof(text) - 1);
	expect_not_loaded(path, "2: a NUL byte: this is not a text file");
	write_file("workers = 1;\n\0", 14);
	expect_not_loaded(path, "2: a NUL byte: this is not a text file");
	remove_directory();
}
END_TEST

START_TEST(test_many_settings_are_parsed_in_time)
{
	enum { LINES = 60000 };
	char *bytes = malloc(LINES * 16);
	size_t length = 0;

	make_directory();
	for (int i = 0; i < LINES; i++)
		length += (size_t)sprintf(bytes + length, "a%05d = 1;\n", i);
	write_file(bytes, length);
	free(bytes);
	expect_not_loaded(path, "4097: more than 4096 settings");
	remove_directory();
}
END_TEST

/* ---- what libconfig takes */

/* `begin`, `count` times `unit`, and `end`, to be freed. */
static char *
repeat(const char *begin, const char *unit, size_t count, const char *end)
{
	size_t length = strlen(unit);
	char *text = malloc(strlen(begin) + count * length + strlen(end) + 1);
	char *at = stpcpy(text, begin);

	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, unit);
	strcpy(at, end);
	return text;
}

static rlim_t
address_space(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Parses with `bytes` bytes of memory left; false if that was too little. */
static bool
parse_within(const char *text, rlim_t bytes)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	struct error_list errors;
	struct config *config;
	bool enough;

	malloc_trim(0);
	limit.rlim_cur = address_space() + bytes;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	error_list_init(&errors, "conf");
	config = config_parse(text, strlen(text), &errors);
	enough = !errors.out_of_memory;
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	config_unref(config);
	error_list_free(&errors);
	return enough;
}

/*
 * libconfig does not survive a failed allocation of its own. The largest files
 * are parsed with little more memory than config_parse() requests first. They
 * are refused, or there is enough.
 */
START_TEST(test_libconfig_never_lacks_memory)
{
	enum { SETTINGS = 4000, STEP = 65536, MOST = 256 };
	char *texts[] = {
		repeat("", "a = 1;\n", SETTINGS, ""),
		repeat("a = ( ", "{ b = ( ); }, ", SETTINGS / 3, "1 );"),
		repeat("a = \"", "x", FILE_SIZE_MAX - 100, "\";"),
		repeat("a = ", "\"xyz\" ", FILE_SIZE_MAX / 6 - 100, ";"),
		repeat("a = [ ", "1, ", SETTINGS, "1 ];"),
		repeat("", "\n", FILE_SIZE_MAX - 100, "workers = 1;"),
	};

#ifdef SUITE_SANITIZED
	skip("a sanitizer wants all of the address space");
#endif
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		unsigned refused = 0, parsed = 0;

		for (rlim_t n = 0; n < MOST && parsed < 3; n++)
			if (parse_within(texts[i], n * STEP))
				parsed++;
			else
				refused++;
		ck_assert_msg(refused > 10 && parsed == 3,
			      "text %zu: %u refused, %u parsed", i, refused,
			      parsed);
		free(texts[i]);
	}
}
END_TEST
FAULT(26, test_libconfig_never_lacks_memory)

SUITE(test_regular_file, test_errors_name_the_file, test_symbolic_link,
      test_missing_file, test_not_a_text, test_no_default_file, test_named_pipe,
      test_pipe, test_standard_input, test_only_the_first_load_reads_a_pipe,
      test_options_without_a_file, test_options_override_the_file,
      test_errors_of_options, test_largest_size, test_nul_byte,
      test_many_settings_are_parsed_in_time, test_libconfig_never_lacks_memory)
