/*
 * fail_alloc: what a test (alloc_faults.h) and the library that it preloads into the
 * daemon share: a file in memory, named by the environment.
 */
#ifndef ECHOD_TESTS_FAIL_ALLOC_H
#define ECHOD_TESTS_FAIL_ALLOC_H

#include <stdatomic.h>
#include <stdbool.h>

#define FAIL_ALLOC_FILE "FAIL_ALLOC_FILE"

struct fail_alloc {
	atomic_long until;  /* the one that this counts down to 0 fails */
	atomic_ulong calls; /* so many there have been */
	atomic_ulong failed;
	atomic_bool counted; /* whether there are only so many bytes left */
	atomic_long left;
};

#endif
