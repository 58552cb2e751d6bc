/*
 * fail_alloc: what check_allocation and the library that it preloads into the
 * daemon share: a file in memory, named by the environment.
 */
#ifndef ECHOD_TESTS_FAIL_ALLOC_H
#define ECHOD_TESTS_FAIL_ALLOC_H

#include <stdatomic.h>

#define FAIL_ALLOC_FILE "FAIL_ALLOC_FILE"

struct fail_alloc {
	atomic_long until;  /* the one that this counts down to 0 fails */
	atomic_ulong calls; /* so many there have been */
	atomic_ulong failed;
};

#endif
