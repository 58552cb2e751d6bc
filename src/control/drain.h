/*
 * drain: the orderly end of the daemon.  The steps, in the order of echod(8):
 *
 * 1. Go on accepting for drain.delay; the health check fails from now on.
 * 2. On all workers, close the inherited listening sockets; connections in
 *    their queues are left to the next process.  From now on drain.grace runs.
 * 3. Let the sessions end: the remaining echo, then FIN.  Close the other
 *    listening sockets gracefully (listen/graceful_close.h): the kernel refuses
 *    new connections, and those that have begun get time to complete.
 * 4. Accept what is queued, and close these sockets.
 * 5. End with the last session.
 * 6. If drain.grace is over before that, or at a second signal, stop: close all
 *    that is left at once.
 * 7. If a worker does not stop within three seconds, abandon it: end without
 *    it.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_DRAIN_H
#define ECHOD_CONTROL_DRAIN_H

#include <stdbool.h>

struct broadcast;
struct event;
struct event_base;
struct reload;

struct drain {
	/* Set by the owner. */
	struct event_base *base; /* its loop is left at the end */
	/* Its graceful_close must call drain_close_listeners(). */
	struct reload *reload;

	/* For the owner to read: the drain has ended by step 7. */
	bool abandoned;

	/* Its own. */
	enum {
		DRAIN_NOT_BEGUN,
		DRAIN_ACCEPTING,  /* steps 1 and 2 */
		DRAIN_HANDSHAKES, /* step 3 */
		DRAIN_SESSIONS,	  /* steps 4 and 5 */
		DRAIN_STOPPING,	  /* steps 6 and 7 */
	} phase;
	struct broadcast *steps;    /* 2, 4 and 5, one after the other */
	struct broadcast *sessions; /* 3 */
	struct broadcast *stop;	    /* 6 */
	struct event *timer;
	void (*expired)(struct drain *drain); /* what the timer is for */
};

/*
 * Initializes a drain that is zeroed except for the owner's members.  False:
 * out of memory.  The caller must call drain_destroy() in any case.
 */
bool drain_init(struct drain *drain);

/* To be called after the pool has been freed. */
void drain_destroy(struct drain *drain);

bool drain_has_begun(const struct drain *drain);

/* Step 1. */
void drain_begin(struct drain *drain);

/* Step 4 if step 3 is under way; else has no effect. */
void drain_close_listeners(struct drain *drain);

/* Step 6.  Repeating it has no effect. */
void drain_stop(struct drain *drain);

#endif
