/*
 * delay_buffer: where the echo of a session that misbehaves on purpose waits, between
 * what makes it and what sends it, until its fault (echo/fault.h) lets it go.
 *
 * Detours belong to one worker, whose thread alone touches them.
 */
#ifndef ECHOD_TCP_DELAY_BUFFER_H
#define ECHOD_TCP_DELAY_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct delay_buffer;
struct evbuffer;
struct fault_params;
struct loop_timers;
struct wheel_timer;

/*
 * The terms are borrowed.  When more may go, one of `timers` is due, of which
 * delay_buffer_owner() knows the owner.  NULL where memory is out.
 */
struct delay_buffer *delay_buffer_new(struct loop_timers *timers,
				      const struct fault_params *params,
				      void *owner);
void delay_buffer_free(struct delay_buffer *delay); /* NULL is fine */
void *delay_buffer_owner(struct wheel_timer *timer);

/* Where the echo is to go instead; then delay_buffer_come() tells how much has. */
struct evbuffer *delay_buffer_buffer(struct delay_buffer *delay);
void delay_buffer_come(struct delay_buffer *delay, size_t bytes);

/*
 * Moves what may go, as the fault leaves it, but at most `room` bytes, to
 * `output`.  Returns how many bytes that were, or -1 where memory is out: then it
 * cannot go on.  What comes behind the end is dropped.
 */
ssize_t delay_buffer_release(struct delay_buffer *delay,
			     struct evbuffer *output, size_t room);

/* What is there, in bytes. */
size_t delay_buffer_held(const struct delay_buffer *delay);

/* The timer is set: it is for no other reason that bytes are held. */
bool delay_buffer_waits(const struct delay_buffer *delay);

/* All has gone that is to go before the end. */
bool delay_buffer_is_over(const struct delay_buffer *delay);

/* Has the timer expire at the next tick, whether anything may go then or not. */
void delay_buffer_wake(struct delay_buffer *delay);

#endif
