/*
 * alloc_faults: memory allocations of the daemon that fail, by a library that
 * is preloaded into it. One daemon, or one other program, at a time.
 */
#ifndef ECHOD_TESTS_ALLOC_FAULTS_H
#define ECHOD_TESTS_ALLOC_FAULTS_H

#include <stdbool.h>
#include <stdio.h>

struct daemon;

/* daemon_spawn() with "-e"; skips the test if nothing can be preloaded. */
struct daemon *alloc_faults_spawn(const char *config);

/*
 * popen(3) of another program of the build, for its output and errors; skips
 * as well.
 */
FILE *alloc_faults_open(const char *command);

/*
 * The n-th allocation from now on fails, in the running daemon or the next one
 * that is spawned; 0: none.
 */
void alloc_faults_fail_nth(long n);

/* From now on `bytes` bytes can be allocated, and what is freed. */
void alloc_faults_limit(long bytes);
void alloc_faults_unlimit(void);

/* Whether an allocation has failed since. */
bool alloc_faults_has_failed(void);

#endif
