/*
 * fail_alloc: shared memory of a test (alloc_faults.c) and the library
 * preloaded into the daemon. The environment names its file.
 */
#ifndef ECHOD_TESTS_FAIL_ALLOC_H
#define ECHOD_TESTS_FAIL_ALLOC_H

#include <stdatomic.h>
#include <stdbool.h>

#define FAIL_ALLOC_FILE "FAIL_ALLOC_FILE"

struct fail_alloc {
	atomic_long until;  /* counts down; the allocation at 0 fails */
	atomic_ulong calls; /* number of allocations */
	atomic_ulong failed;
	atomic_bool counted; /* whether `left` limits the memory */
	atomic_long left;
};

#endif
