/*
 * delay_buffer: holds the output of a session with fault injection until its
 * fault (echo/fault.h) allows it to be sent.
 *
 * A delay buffer belongs to one worker and is used by its thread only.
 */
#ifndef ECHOD_TCP_DELAY_BUFFER_H
#define ECHOD_TCP_DELAY_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct delay_buffer;
struct evbuffer;
struct fault_params;
struct timers;
struct wheel_timer;

/*
 * All arguments are borrowed.  When more bytes can be released, a timer of
 * `timers` expires; delay_buffer_owner() returns the `owner` for that timer.
 * NULL: out of memory.
 */
struct delay_buffer *delay_buffer_new(struct timers *timers,
				      const struct fault_params *params,
				      void *owner);
void delay_buffer_free(struct delay_buffer *delay); /* NULL is fine */
void *delay_buffer_owner(struct wheel_timer *timer);

/*
 * The caller appends output to the buffer, and then calls delay_buffer_add()
 * with the number of bytes it has appended.
 */
struct evbuffer *delay_buffer_buffer(struct delay_buffer *delay);
void delay_buffer_add(struct delay_buffer *delay, size_t bytes);

/*
 * Moves the bytes that can be sent now to `output`, at most `room` of them,
 * corrupted as the fault says.  Bytes behind the end of the fault are dropped.
 * Returns how many bytes have been moved, or -1 when out of memory: the session
 * cannot go on then.
 */
ssize_t delay_buffer_release(struct delay_buffer *delay,
			     struct evbuffer *output, size_t room);

/* Bytes in the buffer. */
size_t delay_buffer_length(const struct delay_buffer *delay);

/*
 * The timer is set: bytes are held until their time, not for lack of room; or
 * delay_buffer_expire() was called.
 */
bool delay_buffer_is_timed(const struct delay_buffer *delay);

/* All bytes before the end of the fault have been released. */
bool delay_buffer_is_over(const struct delay_buffer *delay);

/* The timer expires at the next tick, even if nothing can be released then. */
void delay_buffer_expire(struct delay_buffer *delay);

#endif
