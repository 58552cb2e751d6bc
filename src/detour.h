/*
 * detour: where the echo of a session that misbehaves on purpose waits, between
 * what makes it and what sends it, until its fault (fault.h) lets it go.
 *
 * Detours belong to one worker, whose thread alone touches them.
 */
#ifndef ECHOD_DETOUR_H
#define ECHOD_DETOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct detour;
struct evbuffer;
struct fault_terms;
struct timers;
struct wheel_timer;

/*
 * The terms are borrowed.  When more may go, one of `timers` is due, of which
 * detour_owner() knows the owner.  NULL where memory is out.
 */
struct detour *detour_new(struct timers *timers,
			  const struct fault_terms *terms, void *owner);
void detour_free(struct detour *detour); /* NULL is fine */
void *detour_owner(struct wheel_timer *timer);

/* Where the echo is to go instead; then detour_come() tells how much has. */
struct evbuffer *detour_buffer(struct detour *detour);
void detour_come(struct detour *detour, size_t bytes);

/*
 * Moves what may go, as the fault leaves it, but at most `room` bytes, to
 * `output`.  Returns how many bytes that were, or -1 where memory is out: then it
 * cannot go on.  What comes behind the end is dropped.
 */
ssize_t detour_release(struct detour *detour, struct evbuffer *output,
		       size_t room);

/* What is there, in bytes. */
size_t detour_held(const struct detour *detour);

/* The timer is set: it is for no other reason that bytes are held. */
bool detour_waits(const struct detour *detour);

/* All has gone that is to go before the end. */
bool detour_is_over(const struct detour *detour);

/* Has the timer expire at the next tick, whether anything may go then or not. */
void detour_wake(struct detour *detour);

#endif
