/*
 * scarce: a daemon whose memory the test has a hand on, by a library that is
 * preloaded into it.  One at a time.
 */
#ifndef ECHOD_TESTS_SCARCE_H
#define ECHOD_TESTS_SCARCE_H

#include <stdbool.h>

struct daemon;

/* daemon_spawn() with "-e"; skips the test where nothing can be preloaded. */
struct daemon *scarce_spawn(const char *config);

/*
 * From now on, and in the next one that is spawned, the n-th allocation fails;
 * 0 for none.
 */
void scarce_fail_nth(long n);

/* There are so many bytes from now on, and what is freed. */
void scarce_leave(long bytes);
void scarce_leave_all(void);

/* Whether an allocation has failed since. */
bool scarce_has_failed(void);

#endif
