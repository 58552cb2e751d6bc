#include "control/examples.h"

#include <dirent.h>
#include <unistd.h>

#include "support/suite.h"

static char directory[4096];

/* What is written, to be freed; NULL: there is no such example. */
static char *
printed(const char *name)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool found;

	ck_assert_ptr_nonnull(out);
	found = examples_print(name, out);
	ck_assert_int_eq(fclose(out), 0);
	if (found)
		return text;
	ck_assert_uint_eq(size, 0);
	free(text);
	return NULL;
}

static char *
listed(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	examples_print_list(out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

/* Calls `check` for each file of etc/examples.  Returns their number. */
static int
each_file(void (*check)(const char *name))
{
	struct dirent *entry;
	DIR *files;
	int count = 0;

	snprintf(directory, sizeof(directory), "%s/etc/examples",
		 getenv("TOP_SRCDIR"));
	files = opendir(directory);
	ck_assert_ptr_nonnull(files);
	while ((entry = readdir(files))) {
		if (*entry->d_name == '.')
			continue;
		check(entry->d_name);
		count++;
	}
	closedir(files);
	ck_assert_int_gt(count, 0);
	return count;
}

static void
expect_file(const char *file, const char *name)
{
	char path[8192], *text = printed(name);
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	in = fopen(path, "r");
	ck_assert_ptr_nonnull(in);
	ck_assert_msg(text != NULL, "no %s", name);
	for (const char *at = text; *at; at++)
		ck_assert_msg(fgetc(in) == (unsigned char)*at,
			      "%s differs at byte %td", name, at - text);
	ck_assert_msg(fgetc(in) == EOF, "%s is too short", name);
	fclose(in);
	free(text);
}

static void
expect_printed(const char *file)
{
	char stem[256];

	snprintf(stem, sizeof(stem), "%.*s", (int)strcspn(file, "."), file);
	expect_file(file, file);
	expect_file(file, stem);
}

START_TEST(test_every_file_is_printed_with_and_without_its_suffix)
{
	each_file(expect_printed);
}
END_TEST

START_TEST(test_other_names_are_refused)
{
	static const char *const names[] = {
		"",	     ".",  "none", "tls.",  "tls.con",
		"tls.conf~", "tl", "tlss", ".conf", "etc/examples/tls.conf",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		ck_assert_msg(!printed(names[i]), "%s", names[i]);
}
END_TEST

static void
expect_title(const char *name)
{
	char *list = listed(), *line = list, *next;
	size_t length = strlen(name);

	while (strncmp(line + 2, name, length) != 0 ||
	       line[2 + length] != ' ') {
		next = strchr(line, '\n');
		ck_assert_msg(next && next[1], "no %s in:\n%s", name, list);
		line = next + 1;
	}
	line += 2 + length;
	line += strspn(line, " ");
	ck_assert_msg(*line != '\n' && *line != '#', "the title of %s", name);
	free(list);
}

START_TEST(test_the_list_has_a_line_for_each_file)
{
	int count = each_file(expect_title);
	char *list = listed(), *rest = list, *line;

	while ((line = strsep(&rest, "\n")) && rest) {
		ck_assert_int_eq(strncmp(line, "  ", 2), 0);
		/* A terminal with 80 columns does not fold it. */
		ck_assert_msg(strlen(line) <= 80, "%s", line);
		count--;
	}
	ck_assert_int_eq(count, 0);
	free(list);
}
END_TEST

/* As the build runs it: the title of a file with this name and this text. */
static void
expect_embedded(const char *name, const char *text, const char *title)
{
	char folder[] = "/tmp/echod-embed.XXXXXX", path[256], command[8192];
	FILE *file;
	char line[1024];
	bool found = false;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
	snprintf(command, sizeof(command),
		 "\"$TOP_SRCDIR/src/control/embed-examples\" %s 2>&1", path);
	file = popen(command, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file))
		found = found || strstr(line, title);
	ck_assert_int_eq(pclose(file) == 0, title[0] == '"');
	ck_assert_msg(found, "no %s for: %s", title, text);
	unlink(path);
	rmdir(folder);
}

START_TEST(test_titles)
{
	expect_embedded("a.conf", "# One.\n# Two.\n", "\"One\"");
	expect_embedded("a.yml", "---\n# A \"quoted\" \\ title\na: 1\n",
			"\"A \\\"quoted\\\" \\\\ title\"");
	expect_embedded("a.json",
			"{\n  \"panels\": [\n    {\n"
			"      \"title\": \"A panel\"\n    }\n  ],\n"
			"  \"title\": \"The \\\"dashboard\\\"\",\n"
			"  \"x\": [ {\n    \"title\": \"Another\"\n } ]\n}\n",
			"\"The \\\"dashboard\\\"\"");
	expect_embedded("a.conf", "a = 1;\n", "a.conf has no title");
	expect_embedded("a.json", "# {}\n", "a.json has no title");
}
END_TEST

SUITE(test_every_file_is_printed_with_and_without_its_suffix,
      test_other_names_are_refused, test_the_list_has_a_line_for_each_file,
      test_titles)
