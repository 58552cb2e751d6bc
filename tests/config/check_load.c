/* config_load(): which files are read, and which are refused. */
#include "config/config.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "config/lint.h"
#include "support/snapshot.h"

static char directory[32];
static char path[64];

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
expect_not_loaded(const char *name, const char *expected)
{
	struct error_list errors;

	error_list_init(&errors, "conf");
	ck_assert_msg(!config_load(name, &errors), "%s was loaded", name);
	ck_assert_str_eq(snapshot_errors(&errors), expected);
	error_list_free(&errors);
}

static struct config *
loaded(void)
{
	struct error_list errors;
	struct config *config;

	error_list_init(&errors, "conf");
	config = config_load(path, &errors);
	ck_assert_msg(config && !error_any(&errors), "%s",
		      snapshot_errors(&errors));
	error_list_free(&errors);
	return config;
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
	ck_assert_ptr_null(config_load(path, &errors));
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

/* Opening a FIFO for reading waits for a writer: this would hang. */
START_TEST(test_not_a_regular_file)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	make_directory();
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_not_loaded(path, " not a regular file");
	unlink(path);

	ck_assert_int_eq(mkdir(path, 0700), 0);
	expect_not_loaded(path, " not a regular file");
	rmdir(path);

	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	expect_not_loaded(path, " No such device or address");
	close(fd);

	expect_not_loaded("/dev/zero", " not a regular file");
	expect_not_loaded("/dev/null", " not a regular file");
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
      test_missing_file, test_not_a_regular_file, test_largest_size,
      test_nul_byte, test_many_settings_are_parsed_in_time,
      test_libconfig_never_lacks_memory)
