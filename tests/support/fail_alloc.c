/*
 * Preloaded into the daemon by alloc_faults.c: makes one memory allocation
 * fail, or all for which too little memory is left.
 * Those of libconfig are let through. Its version 1.5 does not check the
 * result of malloc(), and later ones call exit(): see PARSER_MEMORY in
 * config.c.
 * Those after main() are let through as well: in a build with coverage, gcov
 * writes its files then, and does not check the result of malloc() either.
 */
#include "support/fail_alloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The C library's own, by names that need no dlsym(), which allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static struct fail_alloc *shared;
static _Thread_local bool exempt; /* none of this thread fails */

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv(FAIL_ALLOC_FILE);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *memory = MAP_FAILED;

	if (fd >= 0) {
		memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0);
		close(fd);
	}
	if (memory != MAP_FAILED)
		shared = memory;
}

/* Whether this allocation is the n-th. */
static bool
is_its_turn(void)
{
	atomic_fetch_add(&shared->calls, 1);
	return atomic_fetch_sub(&shared->until, 1) == 1;
}

/* Whether too little memory is left for it. */
static bool
is_too_much(size_t size)
{
	return atomic_load(&shared->counted) &&
	       atomic_load(&shared->left) < (long)size;
}

static bool
fails(size_t size)
{
	if (!shared || exempt || !(is_its_turn() || is_too_much(size)))
		return false;
	atomic_fetch_add(&shared->failed, 1);
	errno = ENOMEM;
	return true;
}

static void *
count(void *memory)
{
	if (shared)
		atomic_fetch_sub(&shared->left,
				 (long)malloc_usable_size(memory));
	return memory;
}

static void
count_off(void *memory)
{
	if (shared)
		atomic_fetch_add(&shared->left,
				 (long)malloc_usable_size(memory));
}

void *
malloc(size_t size)
{
	return fails(size) ? NULL : count(__libc_malloc(size));
}

void *
calloc(size_t count_of, size_t size)
{
	return fails(count_of * size) ? NULL :
					count(__libc_calloc(count_of, size));
}

void *
realloc(void *memory, size_t size)
{
	if (fails(size))
		return NULL;
	count_off(memory);
	return count(__libc_realloc(memory, size));
}

void
free(void *memory)
{
	count_off(memory);
	__libc_free(memory);
}

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

/* One may call the other. */
void
config_init(config_t *config)
{
	bool was = exempt;

	exempt = true;
	NEXT(config_init)(config);
	exempt = was;
}

int
config_read_string(config_t *config, const char *text)
{
	bool was = exempt;
	int done;

	exempt = true;
	done = NEXT(config_read_string)(config, text);
	exempt = was;
	return done;
}

typedef int main_function(int argc, char **argv, char **environment);

static main_function *daemon_main;

static int
main_and_after(int argc, char **argv, char **environment)
{
	int status = daemon_main(argc, argv, environment);

	exempt = true;
	return status;
}

/* Starts the process, and calls exit() with the result of main(). */
int __libc_start_main(main_function *function, int argc, char **argv,
		      void (*init)(void), void (*fini)(void),
		      void (*rtld_fini)(void), void *stack_end);

int
__libc_start_main(main_function *function, int argc, char **argv,
		  void (*init)(void), void (*fini)(void),
		  void (*rtld_fini)(void), void *stack_end)
{
	daemon_main = function;
	return NEXT(__libc_start_main)(main_and_after, argc, argv, init, fini,
				       rtld_fini, stack_end);
}
