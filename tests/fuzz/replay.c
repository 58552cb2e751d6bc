/*
 * replay: runs every target with its corpus, TOP_SRCDIR/tests/fuzz/corpus/NAME,
 * each input whole and cut at every byte, and reports as TAP.
 *
 *	replay NAME FILE...
 *
 * runs one with files, as the fuzzer leaves one that ends in a crash.
 */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

/* Enough for every input that is worth keeping. */
#define INPUT_MAX (64 * 1024)

static uint8_t input[INPUT_MAX];

static size_t
read_input(const char *path)
{
	FILE *in = fopen(path, "rb");
	size_t size;

	if (!in) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	size = fread(input, 1, sizeof(input), in);
	FUZZ_EXPECT(size < sizeof(input));
	fclose(in);
	return size;
}

static void
run_cut(const struct fuzz_target *target, const char *path)
{
	size_t size = read_input(path);

	for (size_t i = 0; i <= size; i++)
		target->run(input, i);
}

static unsigned
run_corpus(const struct fuzz_target *target, const char *top)
{
	char path[4096];
	unsigned count = 0;
	struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", top,
		 target->name);
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s/%s", top,
			 target->name, entry->d_name);
		run_cut(target, path);
		count++;
	}
	if (directory)
		closedir(directory);
	return count;
}

static int
run_all(void)
{
	const char *top = getenv("TOP_SRCDIR");
	unsigned n = 0;

	for (const struct fuzz_target *target = fuzz_targets; target->name;
	     target++) {
		unsigned count = run_corpus(target, top ? top : ".");

		printf("%s %u - %s: %u inputs, cut at every byte\n",
		       count ? "ok" : "not ok", ++n, target->name, count);
		fflush(stdout);
	}
	printf("1..%u\n", n);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	const struct fuzz_target *target;

	if (argc == 1)
		return run_all();
	target = fuzz_find(argv[1]);
	if (!target) {
		fprintf(stderr, "%s: there is no such target\n", argv[1]);
		return EXIT_FAILURE;
	}
	for (int i = 2; i < argc; i++)
		target->run(input, read_input(argv[i]));
	return EXIT_SUCCESS;
}
