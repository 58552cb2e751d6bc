/*
 * Preloaded into the daemon by scarce.h: of all allocations of memory one fails,
 * or those for which too little is left, as the test says.
 *
 * Those of libconfig are let through.  Its version 1.5 does not look at what
 * malloc() returns, and later ones call exit(): see PARSER_MEMORY in config.c.
 */
#include "fail_alloc.h"

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
static _Thread_local bool in_libconfig;

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

/* Whether this one is to fail, by its number. */
static bool
is_its_turn(void)
{
	atomic_fetch_add(&shared->calls, 1);
	return atomic_fetch_sub(&shared->until, 1) == 1;
}

/* Whether there is too little left for it. */
static bool
is_too_much(size_t size)
{
	return atomic_load(&shared->counted) &&
	       atomic_load(&shared->left) < (long)size;
}

static bool
fails(size_t size)
{
	if (!shared || in_libconfig || !(is_its_turn() || is_too_much(size)))
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
	bool was = in_libconfig;

	in_libconfig = true;
	NEXT(config_init)(config);
	in_libconfig = was;
}

int
config_read_string(config_t *config, const char *text)
{
	bool was = in_libconfig;
	int done;

	in_libconfig = true;
	done = NEXT(config_read_string)(config, text);
	in_libconfig = was;
	return done;
}
