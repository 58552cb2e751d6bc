/*
 * alloc_faults: a daemon whose memory the test has a hand on, by a library that is
 * preloaded into it.  One at a time.
 */
#ifndef ECHOD_TESTS_ALLOC_FAULTS_H
#define ECHOD_TESTS_ALLOC_FAULTS_H

#include <stdbool.h>

struct daemon;

/* daemon_spawn() with "-e"; skips the test where nothing can be preloaded. */
struct daemon *alloc_faults_spawn(const char *config);

/*
 * From now on, and in the next one that is spawned, the n-th allocation fails;
 * 0 for none.
 */
void alloc_faults_fail_nth(long n);

/* There are so many bytes from now on, and what is freed. */
void alloc_faults_limit(long bytes);
void alloc_faults_unlimit(void);

/* Whether an allocation has failed since. */
bool alloc_faults_has_failed(void);

#endif
